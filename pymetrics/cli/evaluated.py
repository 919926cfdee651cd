"""From files to one Result per detector."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pymetrics

from .files import blaming
from .messages import say

if TYPE_CHECKING:
    from ..evaluation.result import Result


def evaluate_all(
    gt: str, path_of: Mapping[str, str], rules: dict[str, Any], readable: Mapping[str, str]
) -> dict[str, Result]:
    """The Result of each detector, by name; one line about each on standard error.

    rules: as options.rules_of. readable: the path to read by the path given.
    """
    results = {}
    with blaming(gt):
        # Once for all; LVIS reads more of the file.
        ground_truth = readable[gt] if rules["protocol"].federated else _opened(readable[gt], "gt", rules)
    for name, path in path_of.items():
        start = time.perf_counter()
        with blaming(f"{path} against {gt}"):
            detections = _opened(readable[path], "dt", rules)
            results[name] = pymetrics.evaluate(ground_truth, detections, **rules)
        say(f"{name}: {_counts(results[name], detections)} in {time.perf_counter() - start:.2f} s")
    return results


def _opened(path: str, side: Any, rules: dict[str, Any]) -> Any:
    from ..formats import opened
    from ..formats.options import ReadOptions

    use_ignore = side == "gt" and rules["use_ignore"]
    return opened(path, ReadOptions(side, rules["iou_type"], rules["box_format"], use_ignore=use_ignore))


def _counts(result: Result, detections: Any) -> str:
    """How many detections count, of how many, on how many images."""
    counted, protocol = len(result.outcomes.scores), result.protocol
    n = len(detections["annotations"]) if isinstance(detections, Mapping) else len(detections)
    on = f"on {result.outcomes.n_images} images"
    if counted == n:
        return f"{counted} detections {on}"
    per = "" if protocol.federated or not protocol.use_cats else " and class"
    beside = ", of categories that were looked for there" if protocol.federated else ""
    assert result.columns is not None
    n_listed = int((result.columns.dt.category >= 0).sum())  # a warning has told of the others
    why = f" (at most {protocol.limit} per image{per}{beside})" if protocol.federated or counted < n_listed else ""
    return f"{counted} of {n} detections{why} {on}"
