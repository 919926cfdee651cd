"""A data set that is read but not yet parsed into dicts: its text, and the columns of the C++ reader.

Each value of the data set is parsed once, when it is first asked for, and then shared.
"""

from __future__ import annotations

import json
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.build_columns import last_of_each_id
from ..formats.boxes import RawBoxes
from ..formats.coco_file import Document
from ..formats.ids import positions
from ..formats.mask_text import kept_masks, with_escapes
from ..formats.source import Source, SourceAxes
from ..kernels import arrays
from .copies import deep_copy
from .dict_columns import index
from .params import OF_MASKS, Params

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Ann = dict[str, Any]
_opening = threading.RLock()


def opening() -> threading.RLock:
    """The lock that is held while dicts are made, so that several threads get the same ones."""
    return _opening


def _renew_lock() -> None:
    global _opening
    _opening = threading.RLock()  # no thread of a forked child could release the old lock


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class Text:
    """A file's text. It is never changed."""

    def __init__(self, document: Document) -> None:
        self.data = document.text
        self._masks = document.source.shape.runs if document.source.shape.name == "masks" else None

    def parsed(self, begin: int, end: int) -> Any:
        """The JSON value that stands there."""
        return json.loads(self._json(begin, end))

    def first_record(self) -> Any:
        """The first object of a list of objects."""
        size = 4096
        while True:
            head = self._json(0, size, "replace")
            try:
                return json.JSONDecoder().raw_decode(head, head.index("{"))[0]
            except ValueError:  # cut off
                if size >= len(self.data):
                    raise
                size *= 16

    def _json(self, begin: int, end: int, errors: str = "strict") -> str:
        data = self.data[begin:end]
        if self._masks is not None:
            data = with_escapes(data, self._masks.begins - begin, self._masks.ends - begin)
        return str(data.data, "utf-8", errors)

    def __deepcopy__(self, memo: Any) -> Text:
        return self


class Section:
    """One value of a data set: a place in the text until it is asked for, then what stands there.

    Do not modify the list that `value()` returns. Code that publishes it copies the list first. The dicts in it are
    shared, so changes of a dict are visible everywhere.
    """

    def __init__(self, text: Text | None, span: tuple[int, int] = (0, 0), value: Any = None) -> None:
        # If both text and value are set, the value was not given out yet.
        self._text, self._span, self._value = text, span, value

    @property
    def is_made(self) -> bool:
        return self._text is None

    def value(self) -> Any:
        """The value, which from now on is shared with the caller."""
        with opening():
            value, self._text = self.peek(), None
        return value

    def peek(self) -> Any:
        """The value, for immediate reading. The caller must not store it."""
        with opening():
            if self._text is not None and self._value is None:
                self._value = self._text.parsed(*self._span)
            return self._value

    def copied(self) -> Section:
        """A deep copy; parsed again from the text if the value was not given out."""
        if self._text is None:
            return Section(None, value=deep_copy(self._value))
        return Section(self._text, self._span)


class Kept:
    """A data set or results, unopened.

    order: the rows of the source that the annotations are, in their order; None where they are all, in its order.
    source: its annotations as columns. sections: its values by key. image_ids: of the images, in their order.
    is_plain: whether evaluation may read the columns, for no annotation lacks what it would miss.
    complete: what is done to the annotations when they are made. text: the file's.
    """

    def __init__(
        self,
        source: Source,
        text: Text,
        sections: dict[str, Section],
        image_ids: Iterable[Any],
        is_plain: bool = True,
        complete: Callable[[list[Ann]], None] | None = None,
    ) -> None:
        self.source, self.text, self.sections, self.image_ids = source, text, sections, list(image_ids)
        self.is_plain, self._complete = is_plain, complete
        self.order: Array | None = None
        self._marked: Array | None = None  # rows that are to be marked when they are made: 1; as poses: 2

    @classmethod
    def of_data_set(cls, document: Document) -> Kept | None:
        """None where annotations have no ids, which a COCO needs."""
        text, source = Text(document), document.source
        if source.ids is None or source.axes.images is None:
            return None
        sections = {key: Section(text, span) for key, span in document.spans.items()}
        return cls(source, text, sections, source.axes.images.tolist(), document.is_plain)

    @cached_property
    def poses(self) -> Source | None:
        """The annotations with poses in place of boxes; None: their dicts have to be read."""
        if self.source.shape.name == "masks":
            return None
        if not isinstance(self.source.shape, RawBoxes):
            return self.source
        from ..formats.keypoint_file import poses_of_text

        found = poses_of_text(self.text.data, "gt" if self.source.scores is None else "dt")
        return None if found is None else replace(self.source, shape=found.shape, area=found.area)

    @cached_property
    def masks(self) -> Source | None:
        """The annotations with masks in place of boxes, all as runs or texts; None: their dicts have to be read."""
        if self.source.shape.name == "masks":
            return self.source
        if not isinstance(self.source.shape, RawBoxes):
            return None
        from .lazy_masks import with_masks

        return with_masks(self.source, self.text.data)

    def masks_as_read(self) -> Source | None:
        """What pymetrics.evaluate reads of a file with masks; None: their dicts have to be read."""
        if self.source.shape.name == "masks":
            return self.evaluation_source()
        found = kept_masks(self.text.data, self.source.side) if isinstance(self.source.shape, RawBoxes) else None
        return None if found is None else replace(self.evaluation_source(), shape=found.shape, area=found.area)

    def annotations(self) -> list[Ann]:
        """The annotations as dicts, in the order of the file."""
        section = self.sections["annotations"]
        with opening():
            if not section.is_made:  # they are made when they are complete, whatever comes between (Ctrl-C)
                self._finish(section.peek())
            found: list[Ann] = section.value()
        return found

    def _finish(self, annotations: list[Ann]) -> None:
        """Write into annotations that were just parsed what is to be there."""
        if self._complete is not None:
            self._complete(annotations)
        if self._marked is not None:
            for kind in (1, 2):
                _mark(annotations, np.flatnonzero(self._marked == kind), kind == 2)

    def mark_ignored(self, rows: Array, as_poses: bool) -> None:
        """As evaluation_input.mark_ignored, at once or when the dicts are made. rows: numbers of annotations."""
        if self.sections["annotations"].is_made:
            _mark(self.sections["annotations"].value(), rows, as_poses)
            return
        if self._marked is None:
            self._marked = np.zeros(len(self.source), np.uint8)
        self._marked[rows] = 2 if as_poses else 1

    def evaluation_source(self) -> Source:
        """The annotations as pymetrics.evaluate reads them: `ignore` as mark_ignored writes it."""
        marked, crowd = self._marked, self.source.crowd
        unread: Any = self.source.unread_ignore
        as_poses = marked is not None and bool((marked == 2).any())
        if marked is None or (unread is None and not as_poses):
            return self.source
        if as_poses and self.poses is not None:
            crowd = np.where(marked == 2, crowd | self.poses.shape.without_keypoints(), crowd)
        unread = np.zeros(len(marked), np.bool_) if unread is None else unread
        return replace(self.source, unread_ignore=np.where(marked != 0, crowd, unread))

    def images(self) -> dict[Any, Ann]:
        """The images by id."""
        return dict(zip(self.image_ids, self.sections["images"].value(), strict=True))

    def names(self) -> dict[Any, Any]:
        """The names of the categories that have one, by id."""
        categories = self.sections["categories"].peek()
        return {category["id"]: category["name"] for category in categories if "name" in category}

    def categories(self) -> dict[Any, Ann]:
        """The categories by id."""
        return {category["id"]: category for category in self.sections["categories"].value()}

    def images_by_category(self) -> defaultdict[Any, list[Any]]:
        """The image ids of the annotations, by category."""
        found: defaultdict[Any, list[Any]] = defaultdict(list)
        rows = slice(None) if self.order is None else self.order
        for category, image in zip(self.source.category[rows].tolist(), self.source.image[rows].tolist(), strict=True):
            found[category].append(image)
        return found

    def opened(self, by_image: str, by_category: str) -> dict[str, Any]:
        """The public attributes; the names of the annotations by image and of the image ids by category."""
        by_id, of_image, _ = index(self.annotations(), with_categories=False)
        values = {key: section.value() for key, section in self.sections.items()}
        return {
            "dataset": {key: list(value) if type(value) is list else value for key, value in values.items()},
            "anns": by_id,
            "cats": self.categories(),
            "imgs": self.images(),
            by_image: of_image,
            by_category: self.images_by_category(),
        }


@dataclass
class Selection:
    """The annotations of an unopened COCO that params name: in columns at once, as dicts when they are asked for.

    rows: the annotations, with boxes, masks or poses. open: opens that COCO, if it is still unopened.
    image, category: positions on the axes of the evaluation, or -1, for every row; category is None where there is but
    one. order: the rows of the columns; None where it is all.
    stand_ins: rows that are there in the order of load_rows, where annotations share an id; else None.
    """

    kept: Kept
    rows: Source
    open: Callable[[], None]
    image: Array
    category: Array | None
    order: Array | None
    stand_ins: Array | None

    @property
    def are_poses(self) -> bool:
        return self.rows.shape.name not in ("boxes", "masks")

    def source(self, axes: SourceAxes) -> Source:
        """What COCOeval reads of the rows. axes: of the evaluation."""
        rows = self.rows
        category = np.zeros(len(rows), np.int32) if self.category is None else self.category
        columns: dict[str, Any] = {"image": self.image, "category": category, "scores": rows.scores, "area": rows.area}
        if rows.scores is None:  # of results ids count from 1
            assert rows.crowd is not None
            assert rows.area is not None
            columns |= {"crowd": rows.crowd, "ignore": rows.crowd, "area": np.where(rows.crowd, 0.0, rows.area)}
            columns |= {"ids": np.asarray(rows.ids)}
            if self.are_poses:
                columns["ignore"] = rows.crowd | rows.shape.without_keypoints()
        shape = replace(rows.shape, scales=rows.area) if self.are_poses else rows.shape
        if self.order is not None:
            columns = {name: None if column is None else column[self.order] for name, column in columns.items()}
            shape = shape.take(self.order)
        return Source(
            where=rows.where, shape=shape, indexed=True, one_row_per_id=True, axes=axes, is_checked=True, **columns
        )

    def loaded(self) -> Array:
        """The rows that load_rows gives, in its order."""
        if self.stand_ins is not None:
            return self.stand_ins
        found = self.image >= 0 if self.category is None else (self.image >= 0) & (self.category >= 0)
        rows = np.flatnonzero(found)
        return rows[np.argsort(self.image[rows], kind="stable")]

    def mark_ignored(self) -> None:
        self.kept.mark_ignored(self.loaded(), self.are_poses)

    def load_rows(self) -> list[Ann]:
        """What evaluation_input.load_rows gives."""
        return self._dicts(self.loaded())

    def in_columns(self) -> list[Ann]:
        """The dict of each row of the columns."""
        return self._dicts(self.order)

    def _dicts(self, rows: Array | None) -> list[Ann]:
        self.open()
        annotations = self.kept.annotations()
        return annotations if rows is None else [annotations[row] for row in rows.tolist()]


def select(kept: Kept, open: Callable[[], None], p: Params) -> Selection | None:
    """What params name of it; None where the ids that they name are no integers, or where they name none.

    p: sorted, as evaluate() writes it back.
    """
    image_ids, category_ids = _integers(p.imgIds), _integers(p.catIds)
    if image_ids is None or category_ids is None or not len(image_ids) or (p.useCats and not len(category_ids)):
        return None  # to getAnnIds no ids are all ids
    rows = _compared(kept, p)
    if rows is None:
        return None
    room = arrays.empties(rows.image, (len(rows), "int32"), (len(rows), "int32"))
    image = positions(rows.image, image_ids, room[0])
    category = positions(rows.category, category_ids, room[1]) if p.useCats else None
    found = last_of_each_id(rows.ids, image, category)
    stand_ins = order = None if found is None else found[1]
    if category is None:  # ONE_CATEGORY_ORDER
        order = np.arange(len(rows)) if order is None else order
        categories = rows.category[order]
        parts = [order[categories == category] for category in category_ids.tolist()]
        order = np.concatenate([order[:0], *parts])
    return Selection(kept, rows, open, image, category, order, stand_ins)


def _compared(kept: Kept, p: Params) -> Source | None:
    """The annotations with what params compare; None where their dicts have to be read."""
    if p.iouType == "bbox":
        return kept.source if isinstance(kept.source.shape, RawBoxes) else None
    if p.iouType in OF_MASKS:
        return kept.masks
    rows = kept.poses
    if rows is None or rows.shape.points.shape[1] != np.size(p.kpt_oks_sigmas):
        return None
    return rows if rows.scores is not None or rows.no_area is None else None  # every area counts


def as_loaded(rows: list[Ann] | Selection) -> list[Ann]:
    """The dicts of one side, which evaluation_input.load_rows gave or would have given."""
    return rows.load_rows() if isinstance(rows, Selection) else rows


def _mark(annotations: list[Ann], rows: Array, as_poses: bool) -> None:
    for row in rows.tolist():
        annotations[row]["ignore"] = annotations[row]["iscrowd"]  # IGNORE_OVERWRITTEN
    if as_poses:
        from .pose_rows import has_no_keypoints

        for ann in map(annotations.__getitem__, rows.tolist()):
            ann["ignore"] = has_no_keypoints(ann) or ann["ignore"]


def _integers(ids: Sequence[Any]) -> NDArray[np.int64] | None:
    try:
        found = np.asarray(ids)
    except ValueError:
        return None
    if found.ndim != 1 or (found.dtype.kind != "i" and len(found)):
        return None
    return found.astype(np.int64)
