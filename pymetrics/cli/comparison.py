"""A comparison of detectors as tables, as sentences and as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .tables import UNDEFINED, Table

if TYPE_CHECKING:
    from ..analysis import Comparison, Interval
    from ..analysis.compare import Pair
    from ..evaluation.result import Result

N_NAMES_SHOWN = 8
N_CHANGED = 20  # images in JSON, those that changed most


def parts_of(comparison: Comparison, results: Mapping[str, Result]) -> list[Table | str]:
    """The verdicts, then a table of each pair."""
    verdicts = "\n".join(line for pair in comparison.pairs for line in (pair.verdict, *_categories(pair)))
    return [verdicts, *(_table(pair, results) for pair in comparison.pairs)]


def _categories(pair: Pair) -> list[str]:
    """One line on the categories that are reliably better, and one on those that are worse."""
    lines = []
    for word, sign in (("better", 1), ("worse", -1)):
        rows = [row for row in pair.per_class if row["reliable"] and row["difference"].value * sign > 0]
        rows.sort(key=lambda row: -abs(row["difference"].value))
        names = [str(row["id"] if row["name"] is None else row["name"]) for row in rows]
        if names:
            more = f" and {len(names) - N_NAMES_SHOWN} more" if len(names) > N_NAMES_SHOWN else ""
            lines.append(f"  reliably {word}: {', '.join(names[:N_NAMES_SHOWN])}{more}")
    return lines


def _table(pair: Pair, results: Mapping[str, Result]) -> Table:
    first, second = results[pair.first], results[pair.second]
    rows = []
    for row in first.rows:
        found = pair.differences[row.key]
        interval = "n/a" if math.isnan(found.low) else f"{found.low:+.3f} to {found.high:+.3f}"
        difference = "n/a" if math.isnan(found.value) else f"{found.value:+.3f}"
        rows.append([row.coco_key, first[row.key], second[row.key], difference, interval])
    header = ["", pair.first, pair.second, "difference", "95 % interval"]
    return Table(header, rows, caption=f"{pair.second} less {pair.first}")


def content_of(comparison: Comparison) -> dict[str, Any]:
    """For JSON: each detector's intervals, and the pairs; None where undefined."""
    return {
        "metric": comparison.metric,
        "n": comparison.n,
        "seed": comparison.seed,
        "intervals": {
            name: {key: _interval(one) for key, one in found.items()} for name, found in comparison.intervals.items()
        },
        "pairs": [_pair(pair) for pair in comparison.pairs],
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "first": pair.first,
        "second": pair.second,
        "verdict": pair.verdict,
        "reliable": pair.reliable,
        "p": pair.p,
        "p_corrected": pair.p_corrected,
        "n_images": pair.n_images,
        "differences": {key: _difference(one) for key, one in pair.differences.items()},
        "per_class": [row | {"difference": _difference(row["difference"])} for row in pair.per_class],
        "changed": pair.changed[:N_CHANGED],
    }


def _difference(one: Interval) -> dict[str, float | None]:
    return {key: None if math.isnan(value) else value for key, value in _ends(one).items()}


def _interval(one: Interval) -> dict[str, float | None]:
    return {key: None if value == UNDEFINED else value for key, value in _ends(one).items()}


def _ends(one: Interval) -> dict[str, float]:
    return {"value": one.value, "low": one.low, "high": one.high}
