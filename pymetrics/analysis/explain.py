"""Why two tools give different numbers for the same boxes: one rule at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from ..evaluation.read_sources import read_sources
from ..formats.boxes import as_raw_boxes
from .counted import require_number
from .data_checks import DataCheck, data_checks
from .rule_numbers import METRICS, STATES, Number, RuleNumbers
from .rules import RULES, Rules, as_rules, in_words

if TYPE_CHECKING:
    from .._arrays import F64

N_EXAMPLES = 5
WIDTH = 99  # of the last lines
SMALL = 0.00005  # changes below it are printed with an exponent
NOTE = "Each rule is changed with those above it. Another order would share the difference out differently."
COLUMNS = ("rule", "from", "to", "before", "after", "change", "detections")


@record
class Difference:
    """Why `a` and `b` give different numbers. `print` shows it as a table.

    a, b: the Rules. metric: the name of the number. before, after: a's number and b's.

    rows: a dict for each rule that matters, in the order in which they were changed: rule, from, to (values of the
        field of Rules), before, after, change (after less before), detections (how many are counted otherwise, or are
        no longer what they were, true or false positives at the threshold nearest to .5), examples: five of these at
        most, those of the highest scores, each image, file_name (None where the data has none), category, score, dt
        (the row in the detections), before, after. Each row's `after` is the next row's `before`.
    reported: what `a` printed; or None. Then the last row is "not explained", from it to `before`.
    without_effect: the names of rules that differ, without any effect.
    checks: what may be wrong with the data, each with a cure; see DataCheck.
    """

    a: Rules
    b: Rules
    metric: str
    before: float
    after: float
    rows: list[dict[str, Any]]
    reported: float | None
    without_effect: list[str]
    checks: list[DataCheck]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for check in self.checks:
            yield f"check the data: {check.message}"
            yield f"  {check.cure}"
        if self.reported is not None:
            yield f"reported    {self.reported:.4f}"
        yield f"{self.metric} of a  {self.before:.4f}  {self.a}"
        yield f"{self.metric} of b  {self.after:.4f}  {self.b}"
        yield ""
        lines = [list(COLUMNS)]
        for row in self.rows:
            values = (f"{row['before']:.4f}", f"{row['after']:.4f}", _signed(row["change"]))
            ends = [in_words(row["rule"], row[end]) for end in ("from", "to")] if row["rule"] in RULES else ["", ""]
            lines.append([row["rule"], *ends, *values, str(row["detections"])])
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (f"{cell:{'<' if j < 3 else '>'}{widths[j]}}" for j, cell in enumerate(line))
            yield "  ".join(cells).rstrip()
        yield ""
        if self.without_effect:
            yield fill(f"without effect: {', '.join(self.without_effect)}", WIDTH, subsequent_indent="  ")
        yield NOTE

    def __repr__(self) -> str:
        first = f", most by {self.rows[0]['rule']}" if self.rows else ""
        return (
            f"<Difference {self.metric} {self.before:.4f} of {self.a.name}, {self.after:.4f} of {self.b.name}{first}>"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings, for JSON."""
        return {
            "a": {name: _plain(getattr(self.a, name)) for name in ("name", *RULES)},
            "b": {name: _plain(getattr(self.b, name)) for name in ("name", *RULES)},
            "metric": self.metric, "before": self.before, "after": self.after, "reported": self.reported,
            "rows": [{name: _plain(value) for name, value in row.items()} for row in self.rows],
            "without_effect": self.without_effect, "checks": [check.to_dict() for check in self.checks],
        }  # fmt: skip


def explain_difference(
    gt: Any,
    dt: Any,
    a: str | Rules = "ultralytics",
    b: str | Rules = "coco",
    metric: str = "map",
    *,
    reported: float | None = None,
    box_format: str | None = None,
    normalized: bool = False,
    image_sizes: Any = None,
    use_ignore: bool = False,
) -> Difference:
    """Why do two tools give different numbers for the same boxes?

    The rules of `a` are changed to those of `b` one after another. Each time it is that one of the rules that still
    differ which moves the number most from where it stands (of equals the first in the order of the fields of Rules).
    Every number is that of a whole evaluation, so the changes add up to the difference. Another order of the rules
    would share it out differently.

    The numbers of the presets are those of the tools to the last bit: "coco" pycocotools', "torchmetrics",
    "ultralytics" those of `pymetrics.analysis.ultralytics`, "voc2007" and "voc2010" those of `pymetrics.analysis.voc`.

    Args:
        gt, dt: ground truth and detections, boxes, as pymetrics.evaluate takes them.
        a, b: the name of a preset, or pymetrics.analysis.Rules: Rules("coco", confidence=0.25).
        metric: "map", the mean over the IoU thresholds; "map_50", "map_75"; "map_small", "map_medium", "map_large",
            where the rules read areas.
        reported: the number that `a` has printed. The last row then says how much of it is not explained.
        box_format, normalized, image_sizes, use_ignore: as for pymetrics.evaluate.

    Returns:
        A Difference: `print` shows a table.

    Raises:
        TypeError: a or b is neither a name nor Rules; gt or dt is nothing that can be read.
        ValueError: a name or value is unknown or out of range; the rules lack what the metric reads; no ground truth
            counts by them; gt or dt is no boxes, or cannot be evaluated.

    >>> import numpy as np, pymetrics
    >>> gt = np.array([[1, 10, 10, 50, 50, 3], [1, 80, 10, 50, 50, 3]])
    >>> dt = np.array([[1, 10, 10, 50, 50, 0.9, 3], [1, 80, 10, 50, 50, 0.2, 3]])
    >>> rules = pymetrics.analysis.Rules("coco", confidence=0.25)
    >>> found = pymetrics.explain_difference(gt, dt, rules, "coco")
    >>> for row in found.rows:
    ...     print(row["rule"], round(row["before"], 3), row["after"], row["detections"])
    confidence 0.505 1.0 1
    """
    first, last = as_rules("a", a), as_rules("b", b)
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}; got {metric!r}")
    if reported is not None:
        reported = require_number("reported", reported, 0, 1)
    gt_source, dt_source = (
        source.on_host() for source in read_sources(gt, dt, "bbox", box_format, normalized, 0, use_ignore)
    )
    for source in (gt_source, dt_source):
        as_raw_boxes(source.shape, "bbox", source.side)  # raises where they are masks or poses
        source.check()
    checks = data_checks(gt_source, dt_source)
    numbers = RuleNumbers(gt_source, dt_source, metric, image_sizes)
    try:
        ends = [numbers.number(rules) for rules in (first, last)]
    except ValueError as error:
        hints = "".join(f"; {check.message}: {check.cure}" for check in checks)
        raise ValueError(f"{error}{hints}") from error
    for name, end in zip("ab", ends, strict=True):
        if not end.is_defined:
            raise ValueError(f"{name} has no number: by its rules no ground truth counts")
    rows, without_effect = _path(numbers, first, last)
    if reported is not None:
        change = ends[0].value - reported
        rows.append(
            {"rule": "not explained", "from": None, "to": None, "before": reported, "after": ends[0].value,
             "change": change, "detections": 0, "examples": []}
        )  # fmt: skip
    return Difference(first, last, metric, ends[0].value, ends[1].value, rows, reported, without_effect, checks)


def _path(numbers: RuleNumbers, first: Rules, last: Rules) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows, and the rules without effect."""
    rules, found = first, numbers.number(first)
    rows: list[dict[str, Any]] = []
    without_effect: list[str] = []
    left = [name for name in RULES if getattr(first, name) != getattr(last, name)]
    while left:
        numbers.keep(rules)
        steps = [(name, numbers.number(_changed(rules, last, name))) for name in left if _may_change(rules, last, name)]
        name, after = max(steps, key=lambda step: abs(step[1].value - found.value))  # of equals the first
        changed = np.flatnonzero(found.states != after.states)
        if len(changed) or after.value != found.value:
            rows.append(
                {"rule": name, "from": getattr(rules, name), "to": getattr(last, name), "before": found.value,
                 "after": after.value, "change": after.value - found.value, "detections": len(changed),
                 "examples": _examples(numbers, changed, found, after)}
            )  # fmt: skip
        else:
            without_effect.append(name)
        rules, found = _changed(rules, last, name), after
        left.remove(name)
    return rows, sorted(without_effect, key=RULES.index)


def _changed(rules: Rules, last: Rules, name: str) -> Rules:
    """The rules with that one of the last."""
    return replace(rules, **{name: getattr(last, name)})


def _may_change(rules: Rules, last: Rules, name: str) -> bool:
    """Not before the other one: without recall thresholds there is VOC's interpolation alone."""
    if name == "interpolation":
        return last.interpolation == "voc" or bool(rules.recall_thresholds)
    return name != "recall_thresholds" or rules.interpolation == "voc" or bool(last.recall_thresholds)


def _examples(numbers: RuleNumbers, rows: Any, before: Number, after: Number) -> list[dict[str, Any]]:
    dt, name_of = numbers.dt, numbers.gt.axes.image_names
    assert dt.scores is not None
    scores: F64 = np.asarray(dt.scores, np.float64)
    best = rows[np.argsort(-scores[rows], kind="stable")[:N_EXAMPLES]].tolist()
    images, categories = dt.image[best].tolist(), dt.category[best].tolist()
    return [
        {
            "image": image, "file_name": name_of.get(image), "category": category, "score": float(scores[row]),
            "dt": row, "before": STATES[before.states[row]], "after": STATES[after.states[row]],
        }
        for image, category, row in zip(images, categories, best, strict=True)
    ]  # fmt: skip


def _signed(change: float) -> str:
    """With four decimals, or where these were all 0, with one digit."""
    is_small = 0 < abs(change) < SMALL
    return (f"{change:+.0e}" if is_small else f"{change:+.4f}").replace("-", "−")


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
