"""Files of LVIS of which there are no dicts: what is kept of them, and what LVISEval reads of that."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...evaluation import federated
from ...evaluation.cells import group
from ...evaluation.columns import Axes, Columns, Side
from ...evaluation.shapes import as_shape
from ...formats.boxes import RawBoxes
from ...formats.coco_file import OTHER, read_document
from ...formats.source import Source, SourceAxes
from ..dict_columns import complete_boxes
from ..lazy_dataset import Ann, Kept, Section, Selection, Text, select
from ..mask_rows import complete_masks
from ..params import Params

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

READ_BY = ("get_ann_ids", "load_anns")  # the methods that LVISEval would read annotations by


class LvisKept(Kept):
    """A data set or results of LVIS, unopened. The source of results has the rows of the file."""

    _defaulted: Array | None = None  # bool (N,): whose `ignore` is written when they are made, where it is missing

    def default_ignore(self, rows: Array) -> None:
        """Write `ignore` of 0 into these ground truths, bool (N,), at once or when their dicts are made."""
        if self.sections["annotations"].is_made:
            _write_ignore(self.annotations(), rows)
        else:
            self._defaulted = rows if self._defaulted is None else self._defaulted | rows

    def _finish(self, annotations: list[Ann]) -> None:
        super()._finish(annotations)
        if self._defaulted is not None:
            _write_ignore(annotations, self._defaulted)


def _write_ignore(annotations: list[Ann], rows: Array) -> None:
    for row in np.flatnonzero(rows).tolist():
        annotations[row].setdefault("ignore", 0)


def kept_data_set(path: Any) -> LvisKept | None:
    """A data set in a file; None where json has to read it."""
    document = read_document(path, "gt") if isinstance(path, (str, os.PathLike)) else None
    found = None if document is None else LvisKept.of_data_set(document)
    return found if isinstance(found, LvisKept) else None


def kept_results(path: Any, max_dets: int) -> LvisKept | None:
    """Results in a file, still without the other values of their data set; None where json has to read them."""
    document = read_document(path, "dt") if isinstance(path, (str, os.PathLike)) else None
    if document is None or max_dets == 0:
        return None
    source, text = document.source, Text(document)
    are_boxes = isinstance(source.shape, RawBoxes)
    if not are_boxes and source.shape.name != "masks":
        return None
    finish = partial(_limit_and_complete, complete_boxes if are_boxes else complete_masks, max_dets)
    section = Section(text, document.spans["annotations"])
    found = LvisKept(source, text, {"annotations": section}, (), True, finish)
    if max_dets >= 0:
        assert source.scores is not None
        found.order = limited_rows(source.image, source.scores, max_dets)
    return found


def _limit_and_complete(how: Callable[[list[Ann]], None], max_dets: int, anns: list[Ann]) -> None:
    if max_dets >= 0:
        anns[:] = limited(anns, max_dets)
    complete(anns, how)


def complete(anns: list[Ann], how: Callable[[list[Ann]], None]) -> None:
    """As loadRes does, but iscrowd stays what it was."""
    flags = [ann.get("iscrowd") for ann in anns]
    how(anns)
    for ann, flag in zip(anns, flags, strict=True):
        if flag is None:
            del ann["iscrowd"]
        else:
            ann["iscrowd"] = flag


def limited(anns: list[Ann], max_dets: int) -> list[Ann]:
    """The detections by image; of an image that has more than max_dets, those of the highest scores, in order."""
    by_image: dict[Any, list[Ann]] = {}
    for ann in anns:
        by_image.setdefault(ann["image_id"], []).append(ann)
    kept: list[Ann] = []
    for rows in by_image.values():
        if len(rows) > max_dets:
            rows = sorted(rows, key=lambda ann: ann["score"], reverse=True)[:max_dets]
        kept += rows
    return kept


def limited_rows(image: Array, scores: Array, max_dets: int) -> Array | None:
    """The rows that `limited` leaves, in its order; None where that is all of them in theirs."""
    starts = np.append(0, np.flatnonzero(image[1:] != image[:-1]) + 1)
    ids, first, run_image = np.unique(image[starts], return_index=True, return_inverse=True)
    lengths = np.diff(np.append(starts, len(image)))
    if len(ids) == len(starts) and lengths.max() <= max_dets:
        return None
    place = np.empty(len(ids), np.int32)
    place[np.argsort(first)] = np.arange(len(ids))  # of images by their first detection
    at = np.repeat(place[run_image], lengths)
    n_of_image = np.zeros(len(ids), np.int64)
    np.add.at(n_of_image, place[run_image], lengths)
    one, boxes = np.zeros(len(image), np.int32), np.zeros((len(image), 4))
    keys = np.where(n_of_image[at] > max_dets, scores, 0.0)  # other images stay in the order of the file
    none = Side(one[:0], one[:0], boxes[:0], scores[:0], np.empty(0, np.uint8), scores[:0])
    rows = Side(at, one, boxes, scores[:0], np.empty(0, np.uint8), keys)
    axes = Axes(np.arange(len(ids)), np.zeros(1, np.int64), {})
    columns = Columns(none, rows, axes, as_shape("bbox"))
    found: Array = group(columns, max_dets, by="image").dt_rows
    return found


class LvisSelection(Selection):
    """What params name of an unopened LVIS. Rows of ground truths that are ignored have `crowd` set."""

    kept: LvisKept

    def source(self, axes: SourceAxes) -> Source:
        found = super().source(axes)
        if found.scores is None:
            return replace(found, crowd=np.zeros(len(found), bool))  # LVIS_WITHOUT_CROWDS
        return replace(found, ids=np.arange(len(found)) + 1)

    def default_ignore(self) -> None:
        """Write what LVISEval writes into the ground truths."""
        assert self.category is not None
        self.kept.default_ignore((self.image >= 0) & (self.category >= 0))

    def in_columns(self) -> list[Ann]:
        self.open()
        return self.kept.annotations()


def selected(data_set: Any, own: type, p: Params) -> LvisSelection | None:
    """What params name of a data set or of results; None where its dicts have to be read.

    own: the class whose methods read it. p: its values under COCO's names.
    """
    if any(name in vars(data_set) or getattr(type(data_set), name) is not getattr(own, name) for name in READ_BY):
        return None
    kept = data_set._unopened()
    found = select(kept, data_set._open, p) if isinstance(kept, LvisKept) else None
    if found is None or found.order is not None:
        return None
    assert isinstance(kept, LvisKept)
    rows, image = found.rows, found.image
    if rows.scores is None:
        ignored = rows.unread_ignore
        if rows.area is None or rows.no_area is not None or (ignored is not None and bool((ignored == OTHER).any())):
            return None
        ignored = np.zeros(len(rows), bool) if ignored is None else ignored != 0
        rows = replace(rows, crowd=ignored)
        image = np.where(federated.has_area(rows.area), image, np.int32(-1))
    return LvisSelection(kept, rows, found.open, image, found.category, kept.order, None)
