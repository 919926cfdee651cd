"""A gate for continuous integration: lowest values, and a comparison with an earlier run."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import blaming, is_once_only
from .options import check_input, key_of, kinds_of
from .tables import UNDEFINED

if TYPE_CHECKING:
    from ..evaluation.protocol import Protocol
    from ..evaluation.result import Result

BASELINE = "baseline"


class GateError(Exception):
    """A detector does not pass; the message says so."""


@dataclass
class Check:
    """One line of the gate."""

    passed: bool
    text: str
    content: dict[str, Any]  # for JSON

    @property
    def line(self) -> str:
        """The text, and whether that is enough."""
        return f"{'passed' if self.passed else 'FAILED'}: {self.text}"


@dataclass
class Gate:
    """What a detector has to reach.

    minima: the lowest value by key. baseline: the path of an earlier run; None: there is none. numbers: what it holds,
    where that is numbers alone; then they may fall by tolerance.
    """

    minima: dict[str, float]
    baseline: str | None
    numbers: dict[str, Any] | None
    tolerance: float

    def __bool__(self) -> bool:
        return bool(self.minima) or self.baseline is not None


def add_gate_options(parser: argparse.ArgumentParser) -> None:
    """Options that make the command exit with 3."""
    group = parser.add_argument_group("gate (exit code 3)")
    group.add_argument(
        "--min",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="fail where a number is lower, or undefined: map=0.40; may be repeated",
    )
    group.add_argument(
        "--baseline",
        metavar="FILE",
        help="fail where a detector is reliably worse than an earlier one: a file of --save, or its detections; or a "
        "JSON of numbers, with --tolerance",
    )
    group.add_argument(
        "--tolerance", type=float, metavar="X", help="by how much the metric may be lower than in a JSON of numbers"
    )


def gate_of(parser: argparse.ArgumentParser, options: argparse.Namespace, protocol: Protocol) -> Gate:
    """What the options demand. Refuses keys that the protocol lacks, and numbers without a tolerance."""
    minima: dict[str, float] = {}
    for text in options.min:
        name, equals, value = text.partition("=")
        if not equals:
            parser.error(f"argument --min: {text!r} must be KEY=VALUE, such as map=0.40")
        key = key_of(parser, "--min", name, protocol)
        if not 0 <= _number(parser, "--min", value) <= 1:
            parser.error(f"argument --min: {text!r}: the value must be from 0 to 1")
        minima[key] = max(float(value), minima.get(key, 0.0))
    numbers = None
    if options.baseline is not None:
        if is_once_only(options.baseline):
            parser.error("argument --baseline: must be a file, not standard input or a pipe")
        check_input(parser, "--baseline", options.baseline, kinds_of(parser, options)["dt"])
        numbers = _numbers_in(options.baseline)
    if numbers is not None and options.tolerance is None:
        parser.error(
            f"argument --baseline: {options.baseline!r} holds numbers alone, so that chance cannot be considered: say "
            "with --tolerance by how much the metric may fall, or give a file that --save has written"
        )
    if numbers is None and options.tolerance is not None:
        parser.error("argument --tolerance: is for a --baseline that holds numbers alone")
    if numbers is not None and not 0 <= options.tolerance <= 1:
        parser.error(f"argument --tolerance: must be from 0 to 1, got {options.tolerance}")
    return Gate(minima, options.baseline, numbers, options.tolerance or 0.0)


def _number(parser: argparse.ArgumentParser, option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        parser.error(f"argument {option}: {text!r} is no number")


def _numbers_in(path: str) -> dict[str, Any] | None:
    """The content of a JSON file that holds an object and no data set; None: it holds something else."""
    if Path(path).is_dir():
        return None
    with blaming(path):
        with open(path, "rb") as file:
            if file.read(256).lstrip()[:1] != b"{":
                return None
        content = json.loads(Path(path).read_bytes())
    return None if "annotations" in content else content


def checks_of(
    gate: Gate,
    results: Mapping[str, Result],
    evaluate: Callable[[str], Result],
    metric: str,
    n: int,
    seed: int,
) -> list[Check]:
    """The checks of each detector. evaluate: the Result of a path of detections. metric, n, seed: as of compare."""
    found = [
        _at_least(name, key, result[key], minimum)
        for name, result in results.items()
        for key, minimum in gate.minima.items()
    ]
    if gate.baseline is None:
        return found
    with blaming(gate.baseline):
        if gate.numbers is not None:
            return found + [_within(gate, name, metric, result) for name, result in results.items()]
        return found + _compared(_load(gate.baseline, evaluate), results, metric, n, seed)


def _at_least(name: str, key: str, value: float, minimum: float) -> Check:
    passed = value != UNDEFINED and value >= minimum
    content = {"detector": name, "key": key, "value": _defined(value), "minimum": minimum, "passed": passed}
    if value == UNDEFINED:
        return Check(passed, f"{name}: {key} is undefined, and must be at least {minimum:g}", content)
    words = "at least" if passed else "below"
    return Check(passed, f"{name}: {key} {value:.6g} is {words} {minimum:g}", content)


def _within(gate: Gate, name: str, metric: str, result: Result) -> Check:
    assert gate.numbers is not None
    old, new = _old_number(gate.numbers, name, metric, result), result[metric]
    passed = new != UNDEFINED and new >= old - gate.tolerance
    now = "undefined" if new == UNDEFINED else f"{new:.6g}"
    text = f"{name}: {metric} {now}, before {old:.6g}, tolerance {gate.tolerance:g}; chance was not considered"
    content = {"detector": name, "key": metric, "value": _defined(new), "before": old, "tolerance": gate.tolerance}
    return Check(passed, text, content | {"passed": passed})


def _old_number(numbers: dict[str, Any], name: str, metric: str, result: Result) -> float:
    """The metric in what --json has written, in Result.to_json, or in an object of numbers by key."""
    detectors = numbers.get("detectors")
    if isinstance(detectors, dict):
        if name not in detectors and len(detectors) != 1:
            raise ValueError(f"it holds the detectors {', '.join(detectors)}, of which none is called {name!r}")
        numbers = detectors.get(name, next(iter(detectors.values())))
    if isinstance(numbers, dict):
        numbers = numbers.get("metrics", numbers)
    key = next(row.coco_key for row in result.rows if row.key == metric)
    value = next((numbers[k] for k in (metric, key) if k in numbers), None) if isinstance(numbers, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"it has no number from 0 to 1 called {metric} or {key}")
    return float(value)


def _load(path: str, evaluate: Callable[[str], Result]) -> Result:
    from ..evaluation.result import Result
    from ..evaluation.serialization import MAGIC

    if not Path(path).is_dir():
        with open(path, "rb") as file:
            if file.read(len(MAGIC)) == MAGIC:
                return Result.load(path)
    return evaluate(path)


def _compared(old: Result, results: Mapping[str, Result], metric: str, n: int, seed: int) -> list[Check]:
    from ..analysis import compare

    first = BASELINE
    while first in results:
        first = f"the {first}"
    found = []
    for pair in compare({first: old, **results}, metric, "first", n, seed).pairs:
        difference = pair.differences[metric]
        lost = results[pair.second][metric] == UNDEFINED != old[metric]
        passed = not lost and not (pair.reliable and difference.value < 0)
        content = {
            "detector": pair.second, "key": metric, "difference": _number_or_none(difference.value),
            "low": _number_or_none(difference.low), "high": _number_or_none(difference.high), "p": pair.p_corrected,
            "verdict": pair.verdict, "passed": passed,
        }  # fmt: skip
        found.append(Check(passed, pair.verdict, content))
    return found


def _defined(value: float) -> float | None:
    return None if value == UNDEFINED else value


def _number_or_none(difference: float) -> float | None:
    return None if math.isnan(difference) else difference
