"""Accumulator: evaluation batch by batch, shard by shard, with the bits of one pass."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..formats.table_options import TableOptions
from . import stages
from .cells import group
from .columns import Columns
from .data_warnings import warn_of_zero_ids
from .kept_data import joined_data, owned
from .matches import Matches, areas_to_keep, arrange_matches, match_rows
from .merging import chunk_positions, merged, no_matches, nothing, without_images
from .outcomes import Outcomes
from .protocol import Protocol, as_protocol
from .read_sources import read_columns
from .result import Result
from .shapes import as_shape

DUPLICATES = ("error", "first")


class Accumulator:
    """Collects the outcomes of batches of images; `compute` gives what one evaluation of all of them would give.

    Each batch is matched when it comes, so that what is kept is small: the outcomes, not the boxes. Any split into
    updates, any sharding and any order of merging give the same bits, for equal scores are ordered by image id. (With
    duplicates="first" the order decides which copy of an image counts.)

    Args:
        protocol: "coco", "lvis", "torchmetrics", or a pymetrics.Protocol.
        iou_type: "bbox"; "obb", rotated boxes; "segm", masks; "boundary", masks by Boundary IoU; "keypoints" or
            "keypoints_crowd", poses.
        keep_matches: also keep which ground truth each detection took, for `result.matches`: True for the area range
            "all", or the names of area ranges. Rows are then numbered within each image.
        keep_data: also keep the data, for what reads more than outcomes: `result.confusion`, other IoU thresholds,
            `analysis.tide`. Rows are then numbered within each image. Bytes and `gather` leave the data behind.
        max_dets, iou_thresholds, recall_thresholds, area_ranges: in place of the protocol's, as `pymetrics.evaluate`.
        sigmas, boundary_dilation_ratio: of keypoints and of Boundary IoU, as `pymetrics.evaluate`.
        duplicates: an image that comes again is an error, or with "first" is left out (samplers that fill up the last
            batch send some images twice).

    Raises:
        ValueError: an argument is not one of these.
    """

    def __init__(
        self,
        protocol: str | Protocol = "coco",
        iou_type: str = "bbox",
        *,
        duplicates: str = "error",
        keep_matches: bool | Sequence[str] = False,
        keep_data: bool = False,
        max_dets: Iterable[int] | None = None,
        iou_thresholds: Iterable[float] | None = None,
        recall_thresholds: Iterable[float] | None = None,
        area_ranges: Mapping[str, tuple[float, float]] | None = None,
        sigmas: Iterable[float] | None = None,
        boundary_dilation_ratio: float | None = None,
    ) -> None:
        if duplicates not in DUPLICATES:
            raise ValueError(f"duplicates must be one of {DUPLICATES}, got {duplicates!r}")
        self.shape = as_shape(iou_type, sigmas=sigmas, boundary_dilation_ratio=boundary_dilation_ratio)
        self.protocol = as_protocol(protocol, max_dets, iou_thresholds, recall_thresholds, area_ranges, iou_type)
        self.duplicates = duplicates
        self.keep_matches = areas_to_keep(keep_matches, self.protocol)
        if keep_data not in (True, False):
            raise TypeError(f"keep_data must be True or False, got {keep_data!r}")
        self.keep_data = bool(keep_data)
        self._chunks: list[Outcomes] = []
        self._matches: list[Matches] = []
        self._data: list[Columns] = []  # of the chunks, in the order in which they came
        self._seen: set[Any] = set()
        self._category: Any = None  # the first id of one
        self._group_of: dict[Any, str] = {}  # of categories that are in one
        self._warned: set[str] = {"lvis"} if self.protocol.federated else set()
        self._lock = threading.RLock()

    def update(
        self,
        gt: Any,
        dt: Any,
        *,
        box_format: str | None = None,
        normalized: bool = False,
        image_sizes: Any = None,
        use_ignore: bool = False,
        class_map: Mapping[Any, Any] | None = None,
        columns: str | Mapping[str, Any] | None = None,
        order: str | None = None,
        images: Any = None,
        categories: Any = None,
    ) -> None:
        """Add a batch of whole images; the arguments are those of `pymetrics.evaluate`.

        With the protocol "lvis" gt is a dict of LVIS that holds the batch's images and annotations, and all categories.
        In lists of one dict per image, images without image_id are numbered on from those that came before. Of the
        warnings that count rows, each is given once, for the first batch that it is about.

        Raises:
            TypeError, ValueError: as `pymetrics.evaluate`; or an image came before. Nothing is added then.
        """
        first = gt[0] if isinstance(gt, (list, tuple)) and gt else None
        if (
            self.duplicates == "first"
            and isinstance(first, Mapping)
            and first.keys() & {"boxes", "masks", "keypoints"}
            and "image_id" not in first
        ):
            raise ValueError("gt[0] has no 'image_id', by which duplicates=\"first\" knows an image that comes again")
        whole: dict[str, Any] | None = None
        if self.protocol.federated:
            from .federated import by_rule, data_set

            use_ignore = True
            gt, whole = data_set(gt, class_map)
        with self._lock:
            data = read_columns(
                gt, dt, self.shape, self.protocol, box_format=box_format, normalized=normalized,
                image_sizes=image_sizes, use_ignore=use_ignore, class_map=class_map, first_image=self.n_images,
                number_by_image=bool(self.keep_matches) or self.keep_data, given=self._warned,
                tables=TableOptions(columns, order, images, categories),
            )  # fmt: skip
            if whole is not None:
                data = by_rule(data, whole["images"], whole["categories"], self.protocol.limit)
            cells = group(data, self.protocol.limit)
            outcomes, _ = stages.match(data, cells, self.protocol)
            warn_of_zero_ids(outcomes, data)
            matches = match_rows(data, cells, self.protocol, self.keep_matches) if self.keep_matches else None
            self._add(outcomes, matches, [owned(data)] if self.keep_data else [])

    def merge(self, other: Accumulator) -> None:
        """Add all that another accumulator holds; it stays as it is.

        Raises:
            TypeError: other is not an Accumulator, or its ids are strings and these integers, or the other way round.
            ValueError: it follows another protocol or IoU type, or holds an image that is here too.
        """
        if not isinstance(other, Accumulator):
            raise TypeError(f"other must be an Accumulator, got {type(other).__name__}")
        if other.keep_matches != self.keep_matches:
            raise ValueError(
                f"other keeps the matches of the area ranges {other.keep_matches}, this one of {self.keep_matches}: "
                "give both the same keep_matches"
            )
        if other.keep_data != self.keep_data:
            raise ValueError(
                f"other has keep_data={other.keep_data}, this one {self.keep_data}: give both the same (bytes hold no "
                "data)"
            )
        with other._lock:
            outcomes, matches, data = other.outcomes(), other.matches(), list(other._data)
        with self._lock:
            self._add(outcomes, matches, data)

    def gather(self, group: Any = None) -> Accumulator:
        """An accumulator of the images of all processes of torch.distributed; this one stays as it is.

        To be called by every process of the group, with any number of images, none included. What goes over is
        to_bytes(), in two collectives: the lengths, then the bytes, padded to the longest.

        Args:
            group: a process group; None: all processes.

        Raises:
            ValueError: the processes follow different protocols, or an image is there twice, unless duplicates="first".
            RuntimeError: a process died or did not come within the group's time-out.
        """
        from .exchange import exchange_bytes

        return type(self).merge_all(exchange_bytes(self.to_bytes(), group), duplicates=self.duplicates)

    @classmethod
    def merge_all(cls, parts: Iterable[Accumulator | bytes], *, duplicates: str = "error") -> Accumulator:
        """One accumulator of all images of many, which are merged in one pass; they stay as they are.

        Any order of the parts gives the same `to_bytes()`; with duplicates="first" the order decides which copy of an
        image counts.

        Args:
            parts: accumulators, or what `to_bytes` gave of them, at least one. An iterator is read once, so that only
                the outcomes of its parts are in memory.
            duplicates: an image that is in two parts is an error, or with "first" is taken of the first of them.

        Raises:
            TypeError: parts[i] is neither an Accumulator nor bytes, or ids are integers in one and strings in another.
            ValueError: there are no parts; parts[i] is damaged, follows another protocol or IoU type, keeps other
                matches or data, gives a category another name, or holds an image that came before.
        """
        whole: Accumulator | None = None
        names: dict[Any, str] = {}
        for i, part in enumerate(parts):
            try:
                is_bytes = isinstance(part, (bytes, bytearray, memoryview))
                found = Accumulator.from_bytes(part) if is_bytes else part  # type: ignore[arg-type]
                if not isinstance(found, Accumulator):
                    raise TypeError(f"it must be an Accumulator or bytes, got {type(part).__name__}")
                if whole is None:
                    whole = cls(
                        found.protocol, found.iou_type, duplicates=duplicates, keep_matches=found.keep_matches,
                        keep_data=found.keep_data,
                    )  # fmt: skip
                    whole.shape = found.shape
                whole.merge(found)
                for category, name in found.outcomes().category_names.items():
                    if names.setdefault(category, name) != name:
                        raise ValueError(f"category {category!r} is named {name!r}, and was {names[category]!r} before")
            except (TypeError, ValueError) as error:
                if whole is None and duplicates not in DUPLICATES:
                    raise
                raise type(error)(f"parts[{i}]: {error}") from error
        if whole is None:
            raise ValueError("parts must hold at least one Accumulator, or its bytes")
        return whole

    def outcomes(self) -> Outcomes:
        """All outcomes so far, in the order of (category, image id)."""
        with self._lock:
            if len(self._chunks) != 1:
                self._merge_chunks()
            return self._chunks[0]

    def matches(self) -> Matches | None:
        """All matches so far, in the order of (category, image id); None where they are not kept."""
        with self._lock:
            self.outcomes()
            return self._matches[0] if self._matches else None

    def _merge_chunks(self) -> None:
        if not self._chunks:
            self._chunks = [nothing(self.protocol, self.shape)]
            self._matches = [no_matches(self._chunks[0], self.keep_matches)] if self.keep_matches else []
            return
        whole, matches = merged(self._chunks), self._matches
        if matches:
            image_ids, category_ids = whole.image_ids, whole.category_ids
            places = chunk_positions(self._chunks, image_ids, category_ids)
            matches = [arrange_matches(matches, places, image_ids, category_ids)]
        self._chunks, self._matches = [whole], matches  # together, when both are made: each may be interrupted

    def compute(self) -> Result:
        """The Result of all images so far; more may follow."""
        with self._lock:
            columns = joined_data(self._data) if self._data else None
            return Result(self.outcomes(), columns, matches=self.matches())

    def reset(self) -> None:
        """Forget all images."""
        with self._lock:
            self._chunks, self._matches, self._data, self._seen, self._category = [], [], [], set(), None
            self._group_of = {}

    @property
    def iou_type(self) -> str:
        """The name of the shape."""
        return self.shape.iou_type

    @property
    def n_images(self) -> int:
        """The images so far."""
        return len(self._seen)

    def to_bytes(self) -> bytes:
        """All outcomes and matches so far, for a file or another machine; not the data of keep_data."""
        from .serialization import outcomes_to_bytes

        with self._lock:
            return outcomes_to_bytes(self.outcomes().on_host(), self.matches())

    @classmethod
    def from_bytes(cls, data: bytes, *, duplicates: str = "error") -> Accumulator:
        """The inverse of to_bytes. Raises ValueError for bytes that are damaged, foreign or of a newer version."""
        from .serialization import outcomes_from_bytes

        outcomes, matches = outcomes_from_bytes(data)
        areas = () if matches is None else matches.protocol.area_names
        accumulator = cls(outcomes.protocol, outcomes.iou_type, duplicates=duplicates, keep_matches=areas)
        accumulator.shape = outcomes.shape
        accumulator._add(outcomes, matches, [])
        return accumulator

    def __getstate__(self) -> dict[str, Any]:
        own = {
            "protocol", "shape", "duplicates", "keep_matches", "_chunks", "_matches", "_seen", "_category", "_group_of",
            "_lock",
        }  # fmt: skip
        attributes = {name: value for name, value in vars(self).items() if name not in own}
        return {"data": self.to_bytes(), "duplicates": self.duplicates, "attributes": attributes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(vars(Accumulator.from_bytes(state["data"], duplicates=state["duplicates"])))
        vars(self).update(state.get("attributes", {}))

    def __repr__(self) -> str:
        return f"<pymetrics.Accumulator of {self.n_images} images>"

    def _add(self, outcomes: Outcomes, matches: Matches | None, data: list[Columns]) -> None:
        if (outcomes.protocol, outcomes.shape) != (self.protocol, self.shape):
            ours, theirs = (
                {"iou_type": one.shape.iou_type, **one.shape.params, **one.protocol.to_dict()}
                for one in (self, outcomes)
            )
            names = [name for name in ours if ours[name] != theirs.get(name)]
            raise ValueError(f"other follows another protocol than this one: they differ in {', '.join(names)}")
        ids = outcomes.image_ids.tolist()
        one = next(iter(self._seen), ids[0] if ids else None)
        if ids and isinstance(one, str) != isinstance(ids[0], str):
            raise TypeError(f"image ids must all be integers or all strings, got {ids[0]!r} after {one!r}")
        category = next(iter(outcomes.category_ids.tolist()), None)
        if None not in (category, self._category) and isinstance(category, str) != isinstance(self._category, str):
            raise TypeError(
                f"category ids must be all integers or all strings, got {category!r} after {self._category!r}"
            )
        again = self._seen.intersection(ids)
        if again and self.duplicates == "error":
            raise ValueError(
                f"image {min(again)!r} came before ({len(again)} of {len(ids)} images did): an image comes whole, in "
                'one update; duplicates="first" leaves out those that come again'
            )
        groups = self._groups_with(outcomes)
        if again:
            outcomes, matches = without_images(outcomes, matches, again)
        self._group_of = groups
        self._category = category if self._category is None else self._category
        self._chunks.append(outcomes)
        if matches is not None:
            self._matches.append(matches)
        self._data += data
        self._seen.update(ids)

    def _groups_with(self, outcomes: Outcomes) -> dict[Any, str]:
        """The group of each category that is in one, so far and in these outcomes. Raises ValueError: in two."""
        found = dict(self._group_of)
        for name, members in outcomes.category_groups.items():
            for category in members:
                if found.setdefault(category, name) != name:
                    before = found[category]
                    raise ValueError(f"category {category!r} is of group {name!r} here, and was of {before!r} before")
        return found
