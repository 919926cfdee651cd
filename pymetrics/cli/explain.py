"""The command pymetrics explain."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from .files import blaming, check_file, json_target, write_json

EXAMPLES = """examples:
  pymetrics explain gt.json dt.json
  pymetrics explain gt.json dt.json --a ultralytics confidence=0.25 --b coco --reported 0.512
  pymetrics explain gt.json dt.json --a voc2007 --b coco --metric map_50 --json why.json
"""


def add_explain(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    explain = commands.add_parser(
        "explain",
        help="say why two tools give different numbers for the same boxes",
        description="Change the rules of tool A to those of tool B one by one, and show what each does to the number.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explain.add_argument("gt", metavar="GT", help="ground truth, COCO JSON")
    explain.add_argument("dt", metavar="DT", help="detections, COCO JSON")
    for name, default in (("a", "ultralytics"), ("b", "coco")):
        explain.add_argument(
            f"--{name}",
            nargs="+",
            default=[default],
            metavar=("NAME", "FIELD=VALUE"),
            help=f"tool {name.upper()}: coco, torchmetrics, ultralytics, supervision, voc2007 or voc2010, and rules of "
            f"it that differ, such as confidence=0.25 (default: {default})",
        )
    explain.add_argument(
        "--metric", default="map", help="map, map_50, map_75, map_small, map_medium or map_large (default: map)"
    )
    explain.add_argument("--reported", type=float, metavar="X", help="the number that A has printed, from 0 to 1")
    explain.add_argument("--use-ignore", action="store_true", help="read the key 'ignore' of annotations")
    explain.add_argument(
        "--json", metavar="FILE", help="write everything as JSON; - writes it to stdout and the table to stderr"
    )
    explain.set_defaults(run=_explain, parser=explain)


def _explain(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    from ..analysis.counted import require_number
    from ..analysis.explain import explain_difference
    from ..analysis.rule_numbers import METRICS

    for name in ("gt", "dt"):
        check_file(parser, name.upper(), getattr(options, name))
    target = json_target(parser, options.json, (options.gt, options.dt))
    a, b = (_rules(parser, f"--{name}", getattr(options, name)) for name in ("a", "b"))
    if options.metric not in METRICS:
        parser.error(f"argument --metric: must be one of {', '.join(METRICS)}; got {options.metric!r}")
    try:
        reported = None if options.reported is None else require_number("reported", options.reported, 0, 1)
    except ValueError as error:
        parser.error(f"argument --reported: {error}")
    with blaming(f"{options.dt} against {options.gt}"):
        found = explain_difference(
            options.gt, options.dt, a, b, options.metric, reported=reported, use_ignore=options.use_ignore
        )
    print(found, file=sys.stderr if options.json == "-" else sys.stdout)
    if options.json is not None:
        write_json(found.to_dict(), target)


def _rules(parser: argparse.ArgumentParser, option: str, values: list[str]) -> Any:
    """Rules from NAME FIELD=VALUE ...; a value is JSON, or else text."""
    from ..analysis.rules import RULES, Rules

    fields: dict[str, Any] = {}
    for value in values[1:]:
        field, equals, text = value.partition("=")
        if not equals or field not in RULES:
            parser.error(f"argument {option}: {value!r} must be FIELD=VALUE, with a field of {', '.join(RULES)}")
        try:
            fields[field] = json.loads(text)
        except ValueError:
            fields[field] = text
    try:
        return Rules(values[0], **fields)
    except (ValueError, TypeError) as error:
        parser.error(f"argument {option}: {error}")
