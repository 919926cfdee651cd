"""The command pymetrics eval."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .evaluated import evaluate_all
from .files import json_target, write_json
from .options import add_data_options, detectors
from .tables import print_tables

EXAMPLES = """examples:
  pymetrics eval --gt instances_val2017.json --dt detections.json
  pymetrics eval --gt gt.json --dt old=runs/1/dt.json --dt new=runs/2/dt.json
  pymetrics eval --gt gt.json --dt dt.json --json - | jq .detectors.dt.metrics.map
  pymetrics eval --gt gt.json --dt dt.json --per-class --json result.json
"""
EXIT_CODES = "exit codes: 0 evaluated, 1 evaluation failed, 2 bad arguments or environment variables"


def add_evaluate(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    evaluate = commands.add_parser(
        "eval",
        help="evaluate detections against ground truth",
        description="Evaluate COCO result files. One detector: pycocotools' twelve lines; several: a table of them.",
        epilog=EXAMPLES + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_options(evaluate)
    evaluate.add_argument("--per-class", action="store_true", help="print a table of the categories, too")
    evaluate.add_argument(
        "--json", metavar="FILE", help="write all numbers as JSON; - writes them to stdout and the tables to stderr"
    )
    evaluate.set_defaults(run=_evaluate, parser=evaluate)


def _evaluate(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    path_of = detectors(parser, options)
    target = json_target(parser, options.json, (options.gt, *path_of.values()))
    results = evaluate_all(parser, options, path_of)
    print_tables(results, sys.stderr if options.json == "-" else sys.stdout, options.per_class)
    if options.json is not None:
        write_json({"detectors": {name: result.to_dict() for name, result in results.items()}}, target)
