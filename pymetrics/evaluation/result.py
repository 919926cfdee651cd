"""Result: what the numbers are called, printed and written as."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy

from ..kernels import arrays
from . import stages
from .cells import Cells, group
from .columns import Columns
from .outcomes import Outcomes
from .protocol import Protocol, place_of
from .summary import UNDEFINED, SummaryRow
from .totals import Totals, totals_of

if TYPE_CHECKING:
    from .._arrays import F64
    from ..analysis import AtThreshold, Confusion, MissRate
    from .curves import Curves
    from .matches import Matches


class Result(Mapping[str, float]):
    """What an evaluation found; everything is computed on first use and kept.

    A mapping of torchmetrics' keys (map, map_50, map_75, map_small, ..., mar_1, mar_10, mar_100, mar_small, ...) to
    Python floats; print(result) shows pycocotools' lines. -1 stands for undefined: nothing to average. COCO's short
    names (AP, AP50, APs, AR100, ...) work in brackets, too.

    Args:
        outcomes: what matching found.
        columns: the data that was matched, where it is at hand; some analyses need it.
        cells: the columns' rows as they were grouped; None: they are grouped when they are needed.
        matches: which ground truth each detection took, where that was kept.
    """

    def __init__(
        self,
        outcomes: Outcomes,
        columns: Columns | None = None,
        cells: Cells | None = None,
        matches: Matches | None = None,
    ) -> None:
        self._outcomes = outcomes  # where they were made: on the host or on a GPU
        self._columns = columns
        self._cells = cells
        self._matches = matches

    @cached_property
    def columns(self) -> Columns | None:
        """The data that was matched, where it is at hand, on the host."""
        return None if self._columns is None else self._columns.on_host()

    @cached_property
    def cells(self) -> Cells | None:
        """The rows of the columns by image and category, where the data is at hand, on the host."""
        if self._cells is None and self._columns is not None:
            self._cells = group(self._columns, self.protocol.limit)
        return None if self._cells is None else self._cells.on_host()

    @property
    def matches(self) -> Matches:
        """Which ground truth each detection took: `matches.at(iou=.5)`, `matches.missed(iou=.5)`.

        Where they were not kept they are made from the data, for the area range "all".

        Raises:
            ValueError: neither matches nor the data are at hand, as after an Accumulator that kept none.
        """
        if self._matches is None:
            if self._columns is None or self.cells is None or self.columns is None:
                raise ValueError(
                    "no matches were kept: say Accumulator(keep_matches=True) at the start, or "
                    "evaluate(..., keep_matches=True) before the result is saved"
                )
            from .matches import areas_to_keep, match_rows

            self._matches = match_rows(self.columns, self.cells, self.protocol, areas_to_keep(True, self.protocol))
        return self._matches

    @cached_property
    def outcomes(self) -> Outcomes:
        """What matching found, on the host."""
        return self._outcomes.on_host()

    @cached_property
    def totals(self) -> Totals:
        """The axes, and the counts of images and by category."""
        return totals_of(self.outcomes)

    @property
    def protocol(self) -> Protocol:
        """How detections were matched and counted."""
        return self._outcomes.protocol

    @property
    def rows(self) -> tuple[SummaryRow, ...]:
        """The rows of the summary."""
        return self.protocol.rows

    @cached_property
    def _arrays(self) -> tuple[Any, Any]:
        precision, recall, _ = stages.accumulate(self._outcomes, keep_scores=False)
        return precision, recall

    @cached_property
    def precision(self) -> Any:
        """float64 [T, R, K, A, M]: interpolated precision at each recall threshold; -1 where no ground truth is."""
        return arrays.to_host(self._arrays[0])

    @cached_property
    def recall(self) -> Any:
        """float64 [T, K, A, M]: highest recall; -1 where no ground truth is."""
        return arrays.to_host(self._arrays[1])

    @cached_property
    def scores(self) -> Any:
        """float64 [T, R, K, A, M]: score at which each precision is reached; -1 where no ground truth is."""
        return arrays.to_host(stages.accumulate(self._outcomes)[2])

    @cached_property
    def stats(self) -> F64:
        """float64: the summary in pycocotools' order (twelve numbers for the preset "coco"); -1 where undefined."""
        stats, last = numpy.full(len(self.rows), UNDEFINED), len(self.protocol.max_dets) - 1
        places = zip(self.rows, self.protocol.places, strict=True)
        is_last = all(place is None or place[2] == last for row, place in places if row.metric == "precision")
        may_be_short = is_last and "_arrays" not in vars(self) and type(self)._arrays is Result._arrays
        parts = stages.accumulate_last(self._outcomes) if may_be_short else None
        for metric, values in zip(("precision", "recall"), parts or self._arrays, strict=True):
            for members in {row.categories for row in self.rows}:
                found = [
                    (i, place)
                    for i, (row, place) in enumerate(zip(self.rows, self.protocol.places, strict=True))
                    if row.metric == metric and row.categories == members and place is not None
                ]
                if found:
                    part = values if members is None else self._of_group(values, members)
                    at = [(t, a, min(m, part.shape[-1] - 1)) for _, (t, a, m) in found]
                    stats[[i for i, _ in found]] = arrays.to_host(stages.means(part, at))
        return stats

    def _of_group(self, values: Any, group: str) -> Any:
        places = self._members(group)
        # take keeps the order of the axes in memory, which indexing does not
        return values.take(places, -3) if isinstance(values, numpy.ndarray) else values[..., places, :, :]

    def _members(self, group: str) -> list[int]:
        """The positions on axis K of the categories of a group; none where the data has no such group."""
        members = set(self._outcomes.category_groups.get(group, ()))
        return [k for k, id in enumerate(self._outcomes.category_ids.tolist()) if id in members]

    @cached_property
    def _value_of(self) -> dict[str, float]:
        return {row.key: float(value) for row, value in zip(self.rows, self.stats, strict=True)}

    def __getitem__(self, key: str) -> float:
        key_of = {row.coco_key: row.key for row in self.rows}
        if key_of.get(key, key) not in self._value_of:
            raise KeyError(f"{key!r} is not one of {', '.join(self._value_of)}, nor of {', '.join(key_of)}")
        return self._value_of[key_of.get(key, key)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._value_of)

    def __len__(self) -> int:
        return len(self._value_of)

    def __reduce__(self) -> Any:
        return Result, (self.outcomes, self.columns, None, self._matches)  # the rest is quicker to compute than to send

    def class_means(self, row: SummaryRow) -> F64:
        """One row of a summary for each category: float64 (K,), bit for bit numpy.mean of that category's slice."""
        place, values = place_of(row, self.protocol), self.recall if row.metric == "recall" else self.precision
        means = numpy.full(len(self._outcomes.category_ids), UNDEFINED)
        if place is None:
            return means
        t, area, m = place
        part = values[..., area, m]  # (T, R, K) or (T, K)
        part = part if t is None else part[t : t + 1]
        lines = numpy.ascontiguousarray(numpy.moveaxis(part, -1, 0)).reshape(part.shape[-1], math.prod(part.shape[:-1]))
        members = slice(None) if row.categories is None else self._members(row.categories)
        means[members] = lines.mean(axis=1)[members]
        return means  # the entries of a category are all -1 or none is, so that -1 stays -1

    @cached_property
    def per_class(self) -> list[dict[str, Any]]:
        """One row per category, in the order of axis K: id, name, every key of the summary, n_gt, n_dt.

        name is None where the data has none; -1 stands for undefined. n_gt counts the ground truths of the area range
        "all" that count (crowds do not), n_dt the detections, at most max_dets[-1] per image.
        """
        totals, name_of = self.totals, self.totals.category_names
        table: dict[str, list[Any]] = {row.key: self.class_means(row).tolist() for row in self.rows}
        table["n_gt"], table["n_dt"] = totals.n_gt.tolist(), totals.n_dt.tolist()
        ids = totals.category_ids.tolist()
        lines = zip(*table.values(), strict=True)
        return [
            {"id": id_, "name": name_of.get(id_), **dict(zip(table, line, strict=True))}
            for id_, line in zip(ids, lines, strict=True)
        ]

    @cached_property
    def per_image(self) -> list[dict[str, Any]]:
        """One row per image evaluated, ascending ids: id, n_gt, n_dt, tp, fp, fn, precision, recall, f1.

        Counted at the IoU threshold .5 (the first, where the protocol has no .5) and the area range "all", over all
        categories and every detection that max_dets[-1] lets through, whatever its score. n_gt: ground truths that
        count; n_dt: detections, of which those that a crowd or an ignored ground truth absorbs are neither tp nor fp.
        -1 where undefined: precision without counted detections, recall without ground truths, f1 without either.
        """
        return self.at(-math.inf, self.protocol.main_iou).images

    def at(self, score: float = 0.5, iou: float = 0.5) -> AtThreshold:
        """Precision, recall, F1 and counts of the detections that reach a score; see `pymetrics.analysis.at`."""
        from ..analysis import at

        return at(self, score, iou)

    def best_threshold(
        self,
        objective: str | Mapping[str, float] = "f1",
        iou: float = 0.5,
        average: str = "macro",
        per_class: bool = False,
    ) -> Any:
        """The score from which on detections should count; see `pymetrics.analysis.best_threshold`."""
        from ..analysis import best_threshold

        return best_threshold(self, objective, iou, average, per_class)

    def miss_rate(self, iou: float = 0.5) -> MissRate:
        """Miss rate over false positives per image, and its log-average; see `pymetrics.analysis.miss_rate`."""
        from ..analysis import miss_rate

        return miss_rate(self, iou)

    def confusion(self, iou: float | None = None, score: float | None = None, rule: str = "protocol") -> Confusion:
        """Which categories the detections confuse, with background; see `pymetrics.analysis.confusion`."""
        from ..analysis import confusion

        return confusion(self, iou, score, rule)

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        name: str = "model",
        images: Any = None,
        cost: Mapping[str, float] | None = None,
        slices: Mapping[str, Any] | None = None,
        title: str | None = None,
        class_names: Mapping[Any, str] | None = None,
    ) -> None:
        """Write one HTML file about this result; `pymetrics.compare(...).report` writes one about several.

        name: of the model. cost: any of latency_ms, parameters, peak_bytes. The rest as
        `pymetrics.report.write_report`.
        """
        from ..report import write_report

        costs = None if cost is None else {name: cost}
        write_report(
            path, {name: self}, images=images, costs=costs, slices=slices, title=title, class_names=class_names
        )

    def figures(self) -> dict[str, Any]:
        """Matplotlib figures by name (precision_recall, confidence, ...); see `pymetrics.report.figures`."""
        from ..report.figures import figures

        return figures(self)

    def _repr_html_(self) -> str:
        from ..report.notebook import table_of

        return table_of(self)

    def why(self, key: str) -> str | None:
        """Why a number is -1, in words; None where it is defined. See `pymetrics.analysis.why`."""
        from ..analysis import why

        return why(self, key)

    def curves(self, iou: float | None = None, area: str | None = None, max_dets: int | None = None) -> Curves:
        """Precision over recall of each category and their mean, at one IoU threshold, area range and limit.

        Its `.confidence` holds precision, recall and F1 against confidence.

        Args:
            iou: one of the protocol's thresholds; None for .5 (the first, where the protocol has no .5).
            area: the name of one of its area ranges; None for "all" (the first, where none has that name).
            max_dets: one of its limits; None for the last.

        Raises:
            ValueError: the protocol does not have it.
        """
        from .curves import curves

        return curves(self.precision, self.scores, self.outcomes, iou, area, max_dets)

    def scalars(
        self,
        prefix: str = "",
        keys: Literal["torchmetrics", "coco"] = "torchmetrics",
        class_names: Mapping[int, str] | bool | None = None,
        undefined: Literal["drop", "keep", "nan"] = "drop",
    ) -> dict[str, float]:
        """A flat dict of Python floats that every experiment tracker takes.

        Args:
            prefix: goes before every key, for instance "val/".
            keys: "torchmetrics" (map, map_50, map_small, mar_100, ...) or "coco" (AP, AP50, APs, AR100, ...).
            class_names: name by category id; adds "map/<name>" ("AP/<name>") per category. True takes the names of
                the data; an id without a name stands for itself. In names, what is neither a letter, a digit nor an
                underscore becomes an underscore, since trackers refuse or mistreat it; names that are then equal get
                "_<id>" ("_<place on axis K>" where ids are strings), or all do where that makes new equals.
            undefined: "drop" leaves undefined values out, "keep" gives -1.0, "nan" gives NaN.

        Raises:
            ValueError: keys or undefined is none of the above.
            TypeError: class_names is neither a mapping nor a bool.
        """
        from .scalars import scalars

        return scalars(self, prefix, keys, class_names, undefined)

    def summary(self, undefined: str = "-1.000") -> str:
        """pycocotools' lines, with `undefined` in place of numbers that do not exist; print(result) shows the same."""
        protocol = self.protocol
        values = (undefined if value == UNDEFINED else f"{value:0.3f}" for value in self.stats)
        lines = (
            row.line(protocol.iou_thresholds, protocol.max_dets, value)
            for row, value in zip(self.rows, values, strict=True)
        )
        return "\n".join(lines)

    __str__ = summary

    def __repr__(self) -> str:
        counts = f"{self.totals.n_images} images, {len(self.totals.category_ids)} categories"
        return f"<Result {self.totals.iou_type} map={self['map']:0.3f} map_50={self['map_50']:0.3f} of {counts}>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write outcomes, names, protocol and the matches that were kept; 24 to 30 bytes a detection without these.

        The file is written beside `path` and then renamed, so that no half-written file is left.

        Raises:
            OSError: the file cannot be written.
        """
        from ..formats.write_file import write_file
        from .serialization import outcomes_to_bytes

        write_file(path, outcomes_to_bytes(self.outcomes, self._matches))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Result:
        """The inverse of save: a Result with the same numbers, without the data (`columns` is None).

        Raises:
            OSError: the file cannot be read.
            ValueError: it is damaged or of another kind.
        """
        from .serialization import outcomes_from_bytes

        with open(path, "rb") as file:
            data = file.read()
        try:
            outcomes, matches = outcomes_from_bytes(data)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r}: {error}") from error
        return cls(outcomes, matches=matches)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings: metrics, per_class, counts, protocol, iou_type. None where undefined."""
        from .as_json import to_dict

        return to_dict(self)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """to_dict() as JSON with sorted keys and full doubles; equal results give equal text. Written to `path`."""
        import json

        text = json.dumps(self.to_dict(), indent=2, sort_keys=True, allow_nan=False)
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        return text
