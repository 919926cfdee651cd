"""From files to one Result per detector."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pymetrics

from .files import blaming
from .messages import say
from .options import PARQUET

if TYPE_CHECKING:
    from ..evaluation.result import Result


@dataclass
class Reading:
    """How files are read. paths: what to read by the path given. kinds: the format of each side; None: what is found.

    split: of the ground truth.
    """

    paths: Mapping[str, str]
    kinds: Mapping[str, str | None]
    split: str | None

    def open(self, path: str, side: Literal["gt", "dt"], rules: Mapping[str, Any]) -> Any:
        """What a path leads to, as pymetrics.evaluate takes it. Parquet stays a path: it may be read in ranges."""
        from ..formats import opened
        from ..formats.options import ReadOptions
        from ..formats.tables.parquet import is_parquet

        if self.kinds[side] in (None, PARQUET) and is_parquet(self.paths[path]):
            return self.paths[path]
        is_gt = side == "gt"
        options = ReadOptions(
            side,
            rules["iou_type"],
            rules["box_format"],
            use_ignore=is_gt and rules["use_ignore"],
            kind=self.kinds[side],
            split=self.split if is_gt else None,
        )
        return opened(self.paths[path], options)


def evaluate_all(gt: str, path_of: Mapping[str, str], rules: Mapping[str, Any], reading: Reading) -> dict[str, Result]:
    """The Result of each detector, by name; one line about each on standard error. rules: as options.rules_of."""
    results = {}
    with blaming(gt):
        # Once for all; LVIS reads more of the file.
        ground_truth = reading.paths[gt] if rules["protocol"].federated else reading.open(gt, "gt", rules)
    for name, path in path_of.items():
        start = time.perf_counter()
        with blaming(f"{path} against {gt}"):
            detections = reading.open(path, "dt", rules)
            results[name] = pymetrics.evaluate(ground_truth, detections, **rules)
        say(f"{name}: {_counts(results[name], detections)} in {time.perf_counter() - start:.2f} s")
    return results


def _counts(result: Result, detections: Any) -> str:
    """How many detections count, of how many, on how many images."""
    counted, protocol = int(result.totals.n_dt.sum()), result.protocol
    on = f"on {result.totals.n_images} images"
    if result.columns is None:  # of files that were read in ranges
        return f"{counted} detections counted {on}"
    listed = result.columns.dt.category >= 0  # a warning has told of the others
    n = len(detections["annotations"]) if isinstance(detections, Mapping) else len(listed)
    if counted == n:
        return f"{counted} detections {on}"
    per = "" if protocol.federated or not protocol.use_cats else " and class"
    beside = ", of categories that were looked for there" if protocol.federated else ""
    n_listed = int(listed.sum())
    why = f" (at most {protocol.limit} per image{per}{beside})" if protocol.federated or counted < n_listed else ""
    return f"{counted} of {n} detections{why} {on}"
