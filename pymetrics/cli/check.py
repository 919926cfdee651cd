"""The command pymetrics check."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .files import blaming, check_inputs, json_target, write_json
from .gate import GateError

EXAMPLES = """examples:
  pymetrics check instances_val2017.json
  pymetrics check data/data.yaml runs/detect/val/labels
  pymetrics check gt.json dt.json --strict --json findings.json

exit codes: 0 no error found, 3 errors (with --strict: or warnings) found, 1 the file cannot be read, 2 bad arguments
"""


def add_check(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    check = commands.add_parser(
        "check",
        help="name what is wrong with ground truth, and with detections beside it",
        description="Name what is wrong with ground truth (ids, lists, boxes, areas, masks, keypoints), and with "
        "detections beside it; each with what it does to the numbers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("gt", metavar="GT", help="ground truth: a file or folder; its format is recognised")
    check.add_argument("dt", metavar="DT", nargs="?", help="detections")
    check.add_argument("--format", metavar="FORMAT", help="of GT, where it is not recognised")
    check.add_argument("--split", metavar="NAME", help="which part of GT: train, val, ...")
    check.add_argument(
        "--image-sizes", metavar="PATH", help="folder of images, or file of image,height,width, where GT has none"
    )
    check.add_argument("--strict", action="store_true", help="exit with 3 for warnings, too")
    check.add_argument(
        "--json", metavar="FILE", help="write the findings as JSON; - writes them to stdout and the lines to stderr"
    )
    check.set_defaults(run=_check, parser=check)


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    from ..analysis.check import check
    from ..formats.detect import KINDS

    if options.format is not None and options.format not in KINDS:
        parser.error(f"argument --format: must be one of {', '.join(KINDS)}; got {options.format!r}")
    inputs = check_inputs(parser, {"GT": options.gt, "DT": options.dt, "--image-sizes": options.image_sizes})
    target = json_target(parser, options.json, inputs)
    with blaming(options.gt, "check"):
        found = check(
            options.gt, options.dt, format=options.format, split=options.split, image_sizes=options.image_sizes
        )
    print(found, file=sys.stderr if options.json == "-" else sys.stdout)
    content = found.to_dict()
    if options.json is not None:
        write_json(content, target)
    counts = content["counts"]
    if counts["error"] or (options.strict and counts["warning"]):
        errors, warnings = (f"{n} {'kind' if n == 1 else 'kinds'}" for n in (counts["error"], counts["warning"]))
        raise GateError(f"{errors} of errors and {warnings} of warnings in {options.gt!r}")
