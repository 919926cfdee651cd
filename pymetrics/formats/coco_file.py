"""COCO JSON files to Sources, by the C++ reader: no dict is made.

It takes plain, regular files, which nearly all are. Whatever else a file holds (NaN, a key twice, ids that are no
integers, a missing key, an error) is left to the standard library's reader (coco.py), so that nothing depends on which
of the two read it. Why a file was left is logged by the logger "pymetrics" at the level DEBUG.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np

from .. import _config
from .._records import record
from .boxes import BoxFormat, RawBoxes
from .coco import XYWH, named_categories, where_of
from .image_names import ImageNames
from .json_files import GZIP, read_json, unpack
from .options import COMPARED, ReadOptions
from .source import Source, SourceAxes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Input = int | bytes | NDArray[np.uint8]  # a file's number, bytes, or a Document's text
    Found = tuple[Source, dict[str, tuple[int, int]], bool]  # source, spans, is_plain

CHUNK = 1 << 17  # bytes that one thread reads at a time: they and their rows fit into its cache
SHORTEST = 46  # characters of the shortest annotation, '{"image_id":1,"category_id":1,"bbox":[1,1,1,1]}', less one
SHORTEST_IMAGE = 8  # '{"id":1}'
T = TypeVar("T")


OTHER = 2  # in the place of an iscrowd that is neither 0 nor 1, and of an `ignore` that is no number
CROWD, HAS_AREA, HAS_ID, PLAIN_CROWD, OTHER_CROWD, IGNORED, OTHER_IGNORE, LVIS = (1 << i for i in range(8))  # of flags


class FastPathDeclined(Exception):  # noqa: N818
    """The standard library's reader has to read the file; the message says why."""


@record
class Document:
    """The columns of a file and its text, from which other values can be parsed later.

    spans: where the value of each key stands in the text, in its order; of a list of results, that of "annotations".
    is_plain: every iscrowd is there, and 0 or of at least 1; every area that counts is there.
    text: uint8, not to be written to; the file and native.TEXT_PAD zero bytes behind. Where the source has masks their
        escapes are undone in it (mask_text.with_escapes).
    """

    source: Source
    spans: dict[str, tuple[int, int]]
    is_plain: bool
    text: NDArray[np.uint8]


def read_file(path: str | os.PathLike[str], options: ReadOptions, chunk: int = CHUNK) -> Source | None:
    """What a file holds: a data set ("gt") or a list of results ("dt"); None: use the other reader.

    It equals what coco.ground_truth and coco.results make of the parsed file.
    """
    box_format = options.format("xywh")
    if options.iou_type not in ("bbox", *COMPARED):
        return None

    def source_of(file: BinaryIO, size: int) -> Source:
        source: Input
        if file.peek(len(GZIP)).startswith(GZIP):  # type: ignore[attr-defined]
            source, size = _unpacked(file)
        else:
            source = file.fileno() if hasattr(os, "pread") else file.read()
        if options.argument == "gt" and isinstance(source, int):
            source = _text_of(source, size)
        if options.compares == "masks":
            found = _with_masks(source, size, options.argument, box_format, chunk)
        elif options.compares == "keypoints":
            from .keypoint_file import read_poses

            found = read_poses(source, size, options.argument, chunk)
        else:
            found = _read(source, size, options.argument, box_format, chunk)[0]
        if has_other_crowds(found):
            raise FastPathDeclined("an iscrowd that is neither 0 nor 1")
        if options.use_ignore:
            if has_other_ignore(found):
                raise FastPathDeclined("an `ignore` that is no number")
            found = with_ignore(found)
        if options.compares == "keypoints" and options.argument == "gt":
            from .keypoints import with_unlabelled_ignored

            return with_unlabelled_ignored(found)
        return found

    return _with_file(path, options.argument, source_of)


def open_file(path: str | os.PathLike[str], options: ReadOptions) -> Any:
    """What a COCO JSON file holds: a Source where the C++ reader takes it, else the parsed dict or list.

    Raises:
        OSError: the file cannot be read.
        ValueError: it does not hold JSON, or neither a dict nor a list.
    """
    source = read_file(path, options)
    if source is not None:
        return source
    content = read_json(path, options.argument)
    if not isinstance(content, (dict, list)):
        kind = "a COCO dict" if options.argument == "gt" else "a list of results"
        raise ValueError(f"{options.argument}: {os.fspath(path)!r} must hold {kind}, got {type(content).__name__}")
    return content


def read_document(path: str | os.PathLike[str], argument: str) -> Document | None:
    """What read_file gives of a file (boxes are x, y, width, height), and its text; None: as there.

    Results with keypoints and without boxes have poses.
    """

    def document_of(file: BinaryIO, size: int) -> Document:
        from .. import _native

        if argument == "gt" and hasattr(os, "pread"):
            text = _text_of(file.fileno(), size)
            return Document(*_read(text, size, argument, XYWH, CHUNK), text)
        text = np.empty(size + _native.TEXT_PAD, np.uint8)
        if not hasattr(os, "pread"):
            text[size:] = 0
            if file.readinto(text.data[:size]) != size:  # type: ignore[attr-defined]
                raise FastPathDeclined("the file became shorter")
            return Document(*_read(text, size, argument, XYWH, CHUNK), text)
        try:
            return Document(*_read(file.fileno(), size, argument, XYWH, CHUNK, text), text)
        except FastPathDeclined:  # maybe for want of boxes
            from .keypoint_file import read_poses
            from .mask_text import masks_of_results

            text, spans = _text_of(file.fileno(), size), {"annotations": (0, size)}
            try:
                masks = masks_of_results(text)
            except FastPathDeclined:
                pass
            else:
                if masks is not None:
                    return Document(masks, spans, True, text)
                text = _text_of(file.fileno(), size)
            found = read_poses(text, size, argument)
            if found.area is not None:
                raise
            return Document(found, spans, True, text)

    return _with_file(path, argument, document_of)


def _with_file(path: str | os.PathLike[str], argument: str, read: Callable[[BinaryIO, int], T]) -> T | None:
    """What `read` makes of the open file and its size; None where the file is for the other reader."""
    if _config.host_backend() != "native":
        return None
    if "\0" in os.fsdecode(path):
        return None
    try:
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):  # may be read once only
                return None
            return read(file, state.st_size)
    except OSError:
        return None
    except FastPathDeclined as reason:
        import logging

        logging.getLogger("pymetrics").debug("%s: %r goes to json.loads: %s", argument, os.fspath(path), reason)
        return None


def _unpacked(file: BinaryIO) -> tuple[NDArray[np.uint8], int]:
    """What is packed in a file of gzip's format, native.TEXT_PAD zero bytes behind it, and its length."""
    from .. import _native

    try:
        content = unpack(file.read())
    except ValueError as error:
        raise FastPathDeclined(str(error)) from error
    text = np.zeros(len(content) + _native.TEXT_PAD, np.uint8)
    text[: len(content)] = np.frombuffer(content, np.uint8)
    return text, len(content)


def _text_of(file: int, size: int) -> NDArray[np.uint8]:
    """All of an open file, and native.TEXT_PAD zero bytes."""
    from .. import _native

    text = np.empty(size + _native.TEXT_PAD, np.uint8)
    unread = _native.read_text(file, text, _config.get_num_threads())
    if unread is not None:
        raise _left(unread)
    return text


def _read(
    source: Input,
    size: int,
    argument: str,
    box_format: BoxFormat,
    chunk: int,
    text: NDArray[np.uint8] | None = None,
) -> Found:
    if argument == "gt":
        return read_ground_truth(source, size, argument, box_format, chunk)
    return read_results(source, size, argument, box_format, chunk, text), {"annotations": (0, size)}, True


def _with_masks(source: Input, size: int, argument: str, box_format: BoxFormat, chunk: int) -> Source:
    """Masks in place of boxes."""
    if isinstance(source, bytes):
        raise FastPathDeclined("masks are read with os.pread, which this system lacks")
    text = _text_of(source, size) if isinstance(source, int) else source
    found = read_masks(text, size, argument, box_format, chunk)
    # Runs of ground truth are compared as runs; its text is not needed while the results are read.
    return found.with_shape(found.shape.decoded()) if argument == "gt" else found


def read_masks(
    text: NDArray[np.uint8], size: int, argument: str, box_format: BoxFormat, chunk: int, *, keep: bool = False
) -> Source:
    """As read_file, of masks. The text is changed unless `keep` says that it is still needed.

    Raises:
        FastPathDeclined: the file is for the other reader.
        ValueError: runs are no runs, or do not sum to height * width.
    """
    from .mask_text import masks_of_text

    spans = np.empty((size // SHORTEST + 1, 2), np.int64)
    if argument == "gt":
        found = read_ground_truth(text, size, argument, box_format, chunk, spans)[0]
    else:
        found = with_box_areas(read_results(text, size, argument, box_format, chunk, masks=spans))
    found = found.with_shape(None)  # its boxes are not needed any more
    raw = masks_of_text(text.copy() if keep else text, spans[: len(found)], found.where)
    if isinstance(raw, tuple):
        raise _left(raw)
    return found.with_shape(raw)


def with_box_areas(found: Source) -> Source:
    """Results with the areas of their boxes, where the first has a box (BOX_AREA)."""
    boxes = found.shape.values
    has_box = ~np.isnan(boxes[:, 0])
    if not has_box[0]:
        return found
    if not has_box.all():
        raise FastPathDeclined("results with and without bbox")
    return replace(found, area=boxes[:, 2] * boxes[:, 3])


def read_results(
    source: Input,
    size: int,
    argument: str,
    box_format: BoxFormat,
    chunk: int,
    text: NDArray[np.uint8] | None = None,
    masks: NDArray[np.int64] | None = None,
    points: NDArray[np.float64] | None = None,
) -> Source:
    """text: None, or where to copy the open file. masks: None, or (room, 2), for the places of masks in the text.
    points: None, or (room, width), for keypoints.
    """
    room = size // SHORTEST + 1  # a bound; memory that no row reaches is never touched
    image, category = np.empty((2, room), np.int64)
    boxes, scores = np.empty((room, 4)), np.empty(room)
    n_threads = _config.get_num_threads()
    from .. import _native

    n = _native.read_results(source, size, chunk, image, category, boxes, scores, n_threads, text, masks, points)
    if not isinstance(n, int):
        raise _left(n)
    if n == 0:
        raise FastPathDeclined("no results")
    return Source(
        where=where_of(argument),
        image=image[:n],
        category=category[:n],
        shape=RawBoxes(boxes[:n], box_format),
        scores=scores[:n],
        is_checked=True,
    )


def read_ground_truth(
    source: Input,
    size: int,
    argument: str,
    box_format: BoxFormat,
    chunk: int,
    masks: NDArray[np.int64] | None = None,
    points: NDArray[np.float64] | None = None,
    labelled: NDArray[np.float64] | None = None,
) -> Found:
    """masks: as for _results; then boxes are not read, and the source has no shape.

    points, labelled: None, or (room, width) and (room,), for keypoints and num_keypoints; then boxes may be missing.
    """
    room = size // SHORTEST + 1
    image_room = size // SHORTEST_IMAGE + 1
    images, sizes = np.empty(image_room, np.int64), np.empty((image_room, 2))
    image_names, image_flags = np.empty((image_room, 2), np.int64), np.empty(image_room, np.uint8)
    image, category, ids = np.empty((3, room), np.int64)
    area, flags = np.empty(room), np.empty(room, np.uint8)
    boxes = np.empty((room, 4)) if masks is None else None
    outputs = (images, sizes, image_names, image_flags, image, category, boxes, area, ids, flags)
    from .. import _native

    found = _native.read_ground_truth(source, size, chunk, *outputs, _config.get_num_threads(), masks, points, labelled)
    if len(found) == 2:
        raise _left(found)
    n_images, n, categories, sections, names_of_images = found
    if isinstance(categories, bytes):
        import json

        categories = json.loads(categories)
    if n_images == 0 or n == 0 or not categories:
        raise FastPathDeclined("an empty list")
    try:
        category_ids, names = named_categories(categories, f"{argument}['categories']")
    except (TypeError, ValueError) as error:
        raise FastPathDeclined(str(error)) from error
    if category_ids.dtype.kind != "i":
        raise FastPathDeclined("ids of categories that are strings")
    sizes, has_lvis_keys = sizes[:n_images], bool(np.bitwise_or.reduce(image_flags[:n_images]) & LVIS)
    flags = flags[:n]
    some, every = int(np.bitwise_or.reduce(flags)), int(np.bitwise_and.reduce(flags))
    if (some ^ every) & HAS_ID:
        raise FastPathDeclined("annotations with and without id")

    def is_set(bit: int) -> Any:
        return (flags & np.uint8(bit)) != 0

    crowd, no_area, unread_ignore = is_set(CROWD), None, None
    is_plain = bool(every & PLAIN_CROWD)
    if some & OTHER_CROWD:
        crowd = np.where(is_set(OTHER_CROWD), np.uint8(OTHER), crowd)
    if not every & HAS_AREA:
        no_area = ~is_set(HAS_AREA)
        area[:n][no_area] = 0.0
        is_plain = is_plain and bool((crowd != 0)[no_area].all())
    if some & (IGNORED | OTHER_IGNORE):
        unread_ignore = np.where(is_set(OTHER_IGNORE), np.uint8(OTHER), is_set(IGNORED))
    found_source = Source(
        where=where_of(f"{argument}['annotations']"),
        image=image[:n],
        category=category[:n],
        shape=None if boxes is None else RawBoxes(boxes[:n], box_format),
        area=area[:n],
        no_area=no_area,
        crowd=crowd,
        unread_ignore=unread_ignore,
        ids=ids[:n] if every & HAS_ID else None,
        axes=SourceAxes(
            images=images[:n_images],
            categories=category_ids,
            unknown="warn",
            names=names,
            sizes=None if np.isnan(sizes).all() else sizes,
            has_lvis_keys=has_lvis_keys,
            image_names=ImageNames(images[:n_images], names_of_images),
        ),
        is_checked=True,
    )
    places = {key: (begin, end) for key, begin, end in sections}  # of equal keys the last, as in json
    return found_source, places, is_plain


def has_other_crowds(source: Source) -> bool:
    """Whether an iscrowd is neither 0 nor 1, which pymetrics.evaluate refuses. source: from this module."""
    return source.crowd is not None and source.crowd.dtype != np.bool_ and bool((source.crowd == OTHER).any())


def has_other_ignore(source: Source) -> bool:
    """Whether an `ignore` is no number, which is refused where it is read. source: from this module."""
    return source.unread_ignore is not None and bool((source.unread_ignore == OTHER).any())


def with_ignore(source: Source) -> Source:
    """The same with `ignore` read. source: from this module, without other `ignore`."""
    ignore = np.zeros(len(source), np.bool_) if source.unread_ignore is None else source.unread_ignore != 0
    return replace(source, ignore=ignore, unread_ignore=None)


def _left(unread: tuple[int, str]) -> FastPathDeclined:
    return FastPathDeclined(f"{unread[1]}, at byte {unread[0]}")
