"""The command pymetrics eval."""

from __future__ import annotations

import argparse
from typing import Any

from .evaluated import evaluate_all
from .files import readable
from .options import add_data_options, add_rule_options, files_of, rules_of
from .outputs import add_output_options, print_results, screen_of, targets_of, write_results

EXAMPLES = """examples:
  pymetrics eval instances_val2017.json detections.json
  pymetrics eval gt.json old=runs/1/dt.json new=runs/2/dt.json
  pymetrics eval --gt gt.json --dt dt.json --json - | jq .detectors.dt.metrics.map
  zcat dt.json.gz | pymetrics eval gt.json - --per-class --csv classes.csv
"""
EXIT_CODES = "exit codes: 0 evaluated, 1 evaluation failed, 2 bad arguments or environment variables"


def add_evaluate(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    evaluate = commands.add_parser(
        "eval",
        usage="pymetrics eval GT [NAME=]DT ... [options]",
        help="evaluate detections against ground truth",
        description="Evaluate COCO result files. One detector: pycocotools' twelve lines; several: a table of them.",
        epilog=EXAMPLES + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_options(evaluate)
    add_rule_options(evaluate)
    add_output_options(evaluate)
    evaluate.set_defaults(run=_evaluate, parser=evaluate)


def _evaluate(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    gt, path_of = files_of(parser, options)
    targets = targets_of(parser, options, (gt, *path_of.values()), len(path_of))
    _, rules = rules_of(parser, options)
    with readable((gt, *path_of.values())) as paths:
        results = evaluate_all(gt, path_of, rules, paths)
    print_results(results, options, screen_of(targets))
    write_results(results, options, targets)
