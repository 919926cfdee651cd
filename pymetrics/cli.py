"""The command pymetrics: eval, explain, demo, config.

Exit codes: 0 all went well; 1 the evaluation failed, because of what the files hold, or the output cannot be written;
2 the command line is wrong, or names a path that does not exist or is a folder, or an environment variable is wrong;
130 Ctrl-C; 141 the process that reads the output has closed the pipe.
Tables go to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shlex
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pymetrics

from . import _config
from .cli_explain import add_explain
from .cli_files import EvaluationError, blaming, check_file, json_target, write_json

if TYPE_CHECKING:
    from .evaluation.result import Result

EXAMPLES = """examples:
  pymetrics eval --gt instances_val2017.json --dt detections.json
  pymetrics eval --gt gt.json --dt old=runs/1/dt.json --dt new=runs/2/dt.json
  pymetrics eval --gt gt.json --dt dt.json --json - | jq .detectors.dt.metrics.map
  pymetrics eval --gt gt.json --dt dt.json --per-class --json result.json
"""
EXIT_CODES = "exit codes: 0 evaluated, 1 evaluation failed, 2 bad arguments or environment variables"


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (None: sys.argv[1:]) and return the exit code; argparse's own exits are raised."""
    printed = io.StringIO()  # help and version: argparse would not say that they cannot be written
    try:
        with contextlib.redirect_stdout(printed):
            options = _parser().parse_args(argv)
    except SystemExit:
        _print(printed.getvalue())
        raise
    problem = _config.environment_error()
    if sys.stdout is None:
        _say("pymetrics: cannot write the output: standard output is closed")
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the terminal has no letters for
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            if not problem or options.run is _show_config:
                options.run(options.parser, options)
        sys.stdout.flush()
    except EvaluationError as error:
        _say(f"pymetrics: {error}")
        return 1
    except KeyboardInterrupt:
        _say("pymetrics: interrupted")
        return 130
    except OSError as error:  # of an input: see blaming
        return _cannot_write(error)
    if problem:
        _say(f"pymetrics: {problem}")
        return 2
    return 0


def _print(text: str) -> None:
    """Raises SystemExit where it cannot be written."""
    try:
        if text and sys.stdout is not None:
            sys.stdout.write(text)
            sys.stdout.flush()
    except OSError as error:
        raise SystemExit(_cannot_write(error)) from None


def _cannot_write(error: OSError) -> int:
    # Python flushes stdout once more at exit: give it a place where that works.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 141
    _say(f"pymetrics: cannot write the output: {error.strerror or error}")
    return 1


def _parser() -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="pymetrics",
        description="How good are these detections?",
        epilog=EXAMPLES + EXIT_CODES,
        formatter_class=plain,
    )
    parser.add_argument("--version", action="version", version=f"pymetrics {pymetrics.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    evaluate = commands.add_parser(
        "eval",
        help="evaluate detections against ground truth",
        description="Evaluate COCO result files. One detector: pycocotools' twelve lines; several: a table of them.",
        epilog=EXAMPLES + EXIT_CODES,
        formatter_class=plain,
    )
    evaluate.add_argument("--gt", required=True, metavar="FILE", help="ground truth, COCO JSON")
    evaluate.add_argument(
        "--dt",
        required=True,
        action="append",
        metavar="[NAME=]FILE",
        help="detections, COCO JSON; may be repeated; the name is the file's, where none is given",
    )
    evaluate.add_argument(
        "--iou-type",
        default="bbox",
        type=_iou_type,
        choices=_IouTypes(),
        metavar="TYPE",
        help="what overlaps: %(choices)s (default: bbox)",
    )
    evaluate.add_argument(
        "--protocol", default="coco", metavar="NAME", help="what is counted: coco (default), lvis or torchmetrics"
    )
    evaluate.add_argument(
        "--box-format", metavar="FORMAT", help="layout of the boxes in all files (default, of bbox: xywh)"
    )
    evaluate.add_argument(
        "--max-dets",
        type=int,
        nargs="+",
        metavar="N",
        help="limits on the detections of one image and category (default: 1 10 100; of keypoints: 20)",
    )
    evaluate.add_argument(
        "--boundary-dilation-ratio",
        type=float,
        metavar="R",
        help="of iou type boundary: how deep a boundary is, in parts of the image's diagonal (default: 0.02)",
    )
    evaluate.add_argument(
        "--sigmas",
        type=float,
        nargs="+",
        metavar="S",
        help="of keypoints: how far off each may be, in parts of the object's size (default: those of COCO's 17)",
    )
    evaluate.add_argument(
        "--class-map",
        nargs="+",
        metavar="FROM=TO",
        help="rename or merge categories of both sides, by id or name; or one JSON file that holds {FROM: TO, ...}",
    )
    evaluate.add_argument(
        "--use-ignore", action="store_true", help="read the key 'ignore' of annotations: they do not count"
    )
    evaluate.add_argument("--no-cats", action="store_true", help="take all categories for one")
    evaluate.add_argument("--per-class", action="store_true", help="print a table of the categories, too")
    evaluate.add_argument(
        "--json", metavar="FILE", help="write all numbers as JSON; - writes them to stdout and the tables to stderr"
    )
    evaluate.set_defaults(run=_evaluate, parser=evaluate)

    add_explain(commands)

    demo = commands.add_parser("demo", help="evaluate two simulated detectors on a generated sample")
    demo.add_argument("--out", metavar="FOLDER", help="write the sample's files there")
    demo.set_defaults(run=_demo, parser=demo)

    config = commands.add_parser("config", help="show backends, threads and environment variables")
    config.set_defaults(run=_show_config, parser=config)
    return parser


def _evaluate(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    from .evaluation.protocol import as_protocol
    from .evaluation.shapes import as_shape
    from .formats import opened
    from .formats.options import ReadOptions

    path_of = _detectors(parser, options.dt)
    for option, path in [("--gt", options.gt), *(("--dt", path) for path in path_of.values())]:
        check_file(parser, option, path)
    target = json_target(parser, options.json, (options.gt, *path_of.values()))
    try:
        ReadOptions("gt", options.iou_type, options.box_format).format("xywh")
        shape_params = {"sigmas": options.sigmas, "boundary_dilation_ratio": options.boundary_dilation_ratio}
        as_shape(options.iou_type, **shape_params)
        protocol = as_protocol(options.protocol, options.max_dets, iou_type=options.iou_type)
        if protocol.federated and options.no_cats:
            raise ValueError(f"argument --no-cats: the protocol {options.protocol} is one of categories")
        protocol = replace(protocol, use_cats=not options.no_cats)
    except ValueError as error:
        parser.error(str(error))

    class_map = _class_map(parser, options.class_map)
    results = {}
    with blaming(options.gt):
        ground_truth = options.gt
        if not protocol.federated:  # which reads more of the file
            read_options = ReadOptions("gt", options.iou_type, options.box_format, use_ignore=options.use_ignore)
            ground_truth = opened(options.gt, read_options)  # once for all
    for name, path in path_of.items():
        start = time.perf_counter()
        with blaming(f"{path} against {options.gt}"):
            results[name] = pymetrics.evaluate(
                ground_truth,
                path,
                iou_type=options.iou_type,
                protocol=protocol,
                box_format=options.box_format,
                use_ignore=options.use_ignore,
                class_map=class_map,
                **shape_params,
            )
        n_dt, n_images = (len(rows) for rows in (results[name].outcomes.scores, results[name].outcomes.image_ids))
        _say(f"{name}: {n_dt} detections counted on {n_images} images in {time.perf_counter() - start:.2f} s")
    _print_tables(results, sys.stderr if options.json == "-" else sys.stdout, options.per_class)
    if options.json is not None:
        write_json({"detectors": {name: result.to_dict() for name, result in results.items()}}, target)


def _demo(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    from . import demo

    ground_truth, detections = demo.generate()
    if options.out is not None:
        try:
            gt, *dts = demo.write(Path(options.out), ground_truth, detections)
        except OSError as error:
            parser.error(f"argument --out: {error}")
        _say(f"try: {shlex.join(['pymetrics', 'eval', '--gt', str(gt), *(f'--dt={dt}' for dt in dts)])}")
    print("This sample is GENERATED: made-up boxes, two simulated detectors. It says nothing about any real model.")
    results = {}
    for name, found in detections.items():
        results[name] = pymetrics.evaluate(ground_truth, found)
        print(f"\n{name}: {len(found)} simulated detections on {len(ground_truth['images'])} made-up images")
        print(results[name].summary("n/a"))
    print()
    _print_comparison(results, sys.stdout)


def _show_config(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    pymetrics.show_config()


class _IouTypes:
    """The names in SHAPES, imported when they are asked for: --version loads no numpy."""

    def __iter__(self) -> Iterator[str]:
        from .evaluation.shapes import SHAPES

        return iter(SHAPES)


def _iou_type(value: str) -> str:
    if value not in _IouTypes():
        names = ", ".join(map(repr, _IouTypes()))
        raise argparse.ArgumentTypeError(f"must be one of {names}, the only ones there are yet; got {value!r}")
    return value


def _detectors(parser: argparse.ArgumentParser, values: list[str]) -> dict[str, str]:
    """Path by detector's name. A path that exists may hold '='; otherwise what stands before the first is the name."""
    path_of: dict[str, str] = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not equals or os.path.exists(value):
            name, path = Path(value).stem, value
        if not name or not path:
            parser.error(f"argument --dt: {value!r} must be FILE or NAME=FILE")
        if name in path_of:
            parser.error(f"argument --dt: two detectors are named {name!r}; tell them apart with --dt NAME=FILE")
        path_of[name] = path
    return path_of


def _class_map(parser: argparse.ArgumentParser, values: list[str] | None) -> dict[str, Any] | None:
    """New category by old one: from one JSON file, or from values FROM=TO."""
    if values is None:
        return None
    if len(values) == 1 and (os.path.exists(values[0]) or "=" not in values[0]):
        check_file(parser, "--class-map", values[0])
        try:
            found = json.loads(Path(values[0]).read_bytes())
        except (OSError, ValueError) as error:
            parser.error(f"argument --class-map: {values[0]!r} is not JSON: {error}")
        if not isinstance(found, dict):
            parser.error(f"argument --class-map: {values[0]!r} must hold an object, got {type(found).__name__}")
        return found
    class_map: dict[str, Any] = {}
    for value in values:
        old, equals, new = value.partition("=")
        if not equals or not old or not new:
            parser.error(f"argument --class-map: {value!r} must be FROM=TO")
        if class_map.setdefault(old, new) != new:
            parser.error(f"argument --class-map: {old!r} stands there twice")
    return class_map


def _print_tables(results: dict[str, Result], file: TextIO, per_class: bool) -> None:
    if len(results) == 1:
        print(next(iter(results.values())).summary("n/a"), file=file)
    else:
        _print_comparison(results, file)
    if per_class:
        for name, result in results.items():
            print(f"\n{name}", file=file)
            header = ["id", "name", *result, "n_gt", "n_dt"]
            lines = [[_cell(row[key]) for key in header] for row in result.per_class]
            _print_lines(_aligned([header, *lines], n_left=2), file)


def _print_comparison(results: dict[str, Result], file: TextIO) -> None:
    """A row per detector and a column per number; the best of each column is bold on a terminal."""
    rows = {name: result.scalars(keys="coco", undefined="keep") for name, result in results.items()}
    header = list(next(iter(rows.values())))
    table = _aligned([["", *header], *([name, *map(_cell, row.values())] for name, row in rows.items())], n_left=1)
    if file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        for j, key in enumerate(header, 1):
            best = max(row[key] for row in rows.values())
            for i, row in enumerate(rows.values(), 1):
                if row[key] == best != -1:
                    table[i][j] = f"\033[1m{table[i][j]}\033[0m"
    _print_lines(table, file)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "n/a" if value == -1 else f"{value:0.3f}"
    return "" if value is None else str(value)


def _aligned(lines: list[list[str]], n_left: int) -> list[list[str]]:
    """The cells padded to columns: the first n_left flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    formats = [f"{'<' if j < n_left else '>'}{width}" for j, width in enumerate(widths)]
    return [[format(cell, how) for cell, how in zip(line, formats, strict=True)] for line in lines]


def _print_lines(table: list[list[str]], file: TextIO) -> None:
    print(*("  ".join(line).rstrip() for line in table), sep="\n", file=file)


def _say(message: str) -> None:
    if sys.stderr is not None:  # print would take standard output instead
        print(message, file=sys.stderr)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _say(f"pymetrics: warning: {message}")
