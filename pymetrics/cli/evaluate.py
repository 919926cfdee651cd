"""The command pymetrics eval, and what it shares with compare."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any

from . import outputs
from .comparison import content_of, parts_of
from .evaluated import Reading, evaluate_all
from .files import blaming, readable
from .gate import BASELINE, GateError, add_gate_options, checks_of, gate_of
from .messages import progress
from .options import (
    add_comparison_options,
    add_data_options,
    add_rule_options,
    draws_of,
    files_of,
    key_of,
    kinds_of,
    rules_of,
)
from .page import add_page_options, costs_of, write_page

if TYPE_CHECKING:
    from ..evaluation.result import Result
    from .tables import Table

EXAMPLES = """examples:
  pymetrics eval instances_val2017.json detections.json
  pymetrics eval gt.json old=runs/1/dt.json new=runs/2/dt.json
  pymetrics eval --gt gt.json --dt dt.json --json - | jq .detectors.dt.metrics.map
  zcat dt.json.gz | pymetrics eval gt.json - --per-class --csv classes.csv
  pymetrics eval gt.json dt.json --min map=0.40 --baseline main.pmr --save run.pmr
"""
EXIT_CODES = (
    "exit codes: 0 evaluated, 1 evaluation failed, 2 bad arguments or environment variables, 3 a gate did not pass"
)


def add_evaluate(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    evaluate = commands.add_parser(
        "eval",
        usage="pymetrics eval GT [NAME=]DT ... [options]",
        help="evaluate detections against ground truth",
        description="Evaluate files of detections. One detector: pycocotools' twelve lines;\nseveral: a table of them.",
        epilog=EXAMPLES + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_all_options(evaluate)
    evaluate.set_defaults(run=run, parser=evaluate)


def add_all_options(parser: argparse.ArgumentParser) -> None:
    """The options of eval and of compare."""
    add_data_options(parser)
    add_rule_options(parser)
    outputs.add_output_options(parser)
    add_page_options(parser)
    add_comparison_options(parser)
    add_gate_options(parser)


def run(parser: argparse.ArgumentParser, options: argparse.Namespace, pairs: str | None = None) -> None:
    """Evaluate, compare, print, write and check. pairs: as of pymetrics.compare; None: nothing is compared.

    Raises:
        EvaluationError: what the files hold cannot be evaluated or compared, or an output cannot be written.
        GateError: a detector does not pass.
    """
    gt, path_of = files_of(parser, options, 1 if pairs is None else 2)
    inputs = [gt, *path_of.values()]
    others = [] if options.baseline is None else [options.baseline]
    targets = outputs.targets_of(parser, options, inputs + others, len(path_of))
    protocol, rules = rules_of(parser, options)
    metric = key_of(parser, "--metric", options.metric, protocol)
    n, seed = draws_of(parser, options)
    gate = gate_of(parser, options, protocol)
    costs = costs_of(parser, options)

    with readable(inputs + others) as paths:
        reading = Reading(paths, kinds_of(parser, options), options.split)

        def evaluate(path: str) -> Result:
            return evaluate_all(gt, {BASELINE: path}, rules, reading)[BASELINE]

        results = evaluate_all(gt, path_of, rules, reading)
        if pairs is not None or options.baseline is not None:
            progress(f"comparing by {n} draws of the images ...")
        checks = checks_of(gate, results, evaluate, metric, n, seed)
    parts: list[Table | str] = []
    more: dict[str, Any] = {}
    comparison = None
    if pairs is not None:
        from ..analysis import compare

        with blaming(" and ".join(path_of.values())):
            comparison = compare(results, metric, pairs, n, seed)
        parts += parts_of(comparison, results)
        more["comparison"] = content_of(comparison)
    parts += outputs.further_tables(results, options)
    if checks:
        parts.append("\n".join(check.line for check in checks))
        more["gate"] = [check.content for check in checks]
    outputs.print_results(results, parts, outputs.screen_of(targets))
    outputs.write_results(results, options, targets, more, parts)
    if (page := targets.get("html")) is not None:
        write_page(
            page, results, options.images, comparison=comparison, costs=costs, title=options.title, n=n, seed=seed,
            command=shlex.join(["pymetrics", *options.typed]),
        )  # fmt: skip
    failed = sum(not check.passed for check in checks)
    if failed:
        raise GateError("a check did not pass" if failed == 1 else f"{failed} checks did not pass")
