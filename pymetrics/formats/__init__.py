"""Formats: what users hold. FORMATS lists every kind of source that is read; one module each reads it.

A reader's module is imported when it reads something: the first evaluation of a process pays for no other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._records import record
from .boxes import LAYOUTS, RawBoxes, as_box_format
from .columns import Detections, GroundTruths
from .detect import KINDS, WITH_SPLITS, detect, may_be_json
from .options import ReadOptions
from .source import Source

if TYPE_CHECKING:
    from .rows import Rows

ORDER = "ground truth comes first, detections second"
SIDES = {"gt": "ground truth", "dt": "detections"}
RESULT_KEYS = {"bbox", "category_id", "score", "segmentation", "keypoints"}


@record
class Format:
    """One kind of source.

    name: as in errors. side: which side of an evaluation it can be.
    recognises: whether a source is of this kind; it looks at types and at the first item only.
    scored: whether it holds scores, as detections do; None where it is empty.
    read: the Source of one side. It raises TypeError or ValueError, which name the argument, the row and the value.
    """

    name: str
    side: Literal["gt", "dt", "either"]
    recognises: Callable[[Any], bool]
    scored: Callable[[Any], bool | None]
    read: Callable[[Any, ReadOptions], Source]


def _is_empty(source: Any) -> bool:
    if isinstance(source, (list, tuple)):
        return not source
    return hasattr(source, "__array__") and 0 in _shape(source) and not _is_table(source, 6, 7)


def _read_empty(source: Any, options: ReadOptions) -> Source:
    if options.images is not None:
        return _read_items(source, options)
    no_ids = np.empty(0, np.int64)
    box_format = options.format("xywh")
    no_boxes = RawBoxes(np.empty((0, box_format.n_columns)), box_format)
    scores = np.empty(0) if options.argument == "dt" else None
    return Source(lambda name, _: f"{options.argument}.{name}", no_ids, no_ids, no_boxes, scores)


def _shape(source: Any) -> tuple[int, ...]:
    return tuple(np.shape(source))


def _is_table(source: Any, *widths: int) -> bool:
    if isinstance(source, (list, tuple, Mapping)) or not hasattr(source, "__array__"):
        return False
    shape = _shape(source)
    return len(shape) == 2 and shape[1] in widths


def _is_list_of_dicts(source: Any) -> bool:
    return isinstance(source, (list, tuple)) and bool(source) and isinstance(source[0], Mapping)


def _is_result(first: Mapping[str, Any]) -> bool:
    """Whether it is a result of COCO's, and not an image's."""
    return not first.keys() & {"boxes", "labels"} and bool(first.keys() & RESULT_KEYS)


def _own_format(source: Detections | GroundTruths, options: ReadOptions) -> Source:
    if options.compares == "masks":
        return source.masks_source()
    if options.compares == "keypoints":
        return source.poses_source()
    found = source.source
    if source.boxes is None:
        what, right = ("keypoints", "keypoints") if source.masks is None else ("masks", "segm")
        raise ValueError(f"{options.argument} holds {what} alone, but iou_type is {options.iou_type!r}: say {right!r}")
    own = as_box_format(source.box_format, options.normalized, options.iou_type)
    if options.box_format is not None and options.format("xyxy") != own:
        raise ValueError(
            f"box_format is {options.box_format!r}, but {options.argument} says {source.box_format!r} itself; leave "
            "box_format to it"
        )
    return found if own == found.shape.format else found.with_shape(RawBoxes(found.shape.values, own))


def _read_source(source: Source, options: ReadOptions) -> Source:
    if source.side != options.argument:
        raise ValueError(
            f"{options.argument} must be {SIDES[options.argument]}, got what was read as {source.side!r}, "
            f"{SIDES[source.side]}; {ORDER}"
        )
    if isinstance(source.shape, RawBoxes) and source.shape.format.layout in LAYOUTS.get(options.iou_type, ()):
        own = source.shape.format
        if (options.box_format is not None or options.normalized) and options.format(own.layout) != own:
            raise ValueError(
                f"box_format={options.box_format!r}, normalized={options.normalized} do not change boxes that were "
                f"read before: {options.argument} was read as {own.layout}, {own.unit}; say them to pymetrics.read "
                "alone"
            )
    if options.use_ignore and source.unread_ignore is not None:
        raise ValueError(f"{options.argument} was read without use_ignore=True, which pymetrics.read takes, too")
    return source


def _is_open_table(source: Any) -> bool:
    tables = sys.modules.get(f"{__name__}.tables")  # imported by `opened` where there is one
    return tables is not None and isinstance(source, tables.Table)


def _read_table(source: Any, options: ReadOptions) -> Source:
    from . import tables

    return tables.read_table(source, options)


def _read_dataset(source: Any, options: ReadOptions) -> Source:
    from . import coco

    return coco.ground_truth(source, options) if options.argument == "gt" else coco.scored_annotations(source, options)


def _read_items(source: Any, options: ReadOptions) -> Source:
    from . import per_image

    return per_image.targets(source, options) if options.argument == "gt" else per_image.predictions(source, options)


def _is_list_of_outputs(source: Any) -> bool:
    from . import detectors

    return isinstance(source, (list, tuple)) and bool(source) and detectors.is_output(source[0])


def _has_scores(source: Any) -> bool | None:
    from . import detectors

    first = detectors.as_item(source[0])
    return "scores" in first if len(first["labels"]) else None


def _read_outputs(source: Any, options: ReadOptions) -> Source:
    from . import detectors

    return _read_items([detectors.as_item(item) for item in source], options)


def _read_results(source: Any, options: ReadOptions) -> Source:
    from . import coco

    return coco.results(source, options)


def _read_array(source: Any, options: ReadOptions) -> Source:
    from . import arrays

    read = arrays.ground_truth_array if options.argument == "gt" else arrays.detection_array
    return read(source, options)


def _first_has_score(annotations: Any) -> bool | None:
    first = annotations[0] if isinstance(annotations, (list, tuple)) and annotations else None
    return "score" in first if isinstance(first, Mapping) else None


EMPTY = Format("an empty list or array", "either", _is_empty, lambda _: None, _read_empty)
OUTPUTS = Format("a list of what detectors return", "either", _is_list_of_outputs, _has_scores, _read_outputs)
TABLE = Format("a table", "either", _is_open_table, lambda source: source.scored, _read_table)
ITEMS = Format(
    "a list of one dict per image", "either", _is_list_of_dicts, lambda source: "scores" in source[0], _read_items
)
FORMATS = (
    Format(
        "a Source",
        "either",
        lambda source: isinstance(source, Source),
        lambda source: source.scores is not None,
        _read_source,
    ),
    TABLE,
    Format("Detections", "dt", lambda source: isinstance(source, Detections), lambda _: True, _own_format),
    Format("GroundTruths", "gt", lambda source: isinstance(source, GroundTruths), lambda _: False, _own_format),
    Format(
        "a COCO dict",
        "either",
        lambda source: isinstance(source, Mapping),
        lambda source: _first_has_score(source.get("annotations")),
        _read_dataset,
    ),
    EMPTY,
    OUTPUTS,
    Format(
        "a list of results",
        "dt",
        lambda source: _is_list_of_dicts(source) and _is_result(source[0]),
        _first_has_score,
        _read_results,
    ),
    ITEMS,
    Format(
        "a ground-truth array (N, 6)",
        "gt",
        lambda source: _is_table(source, 6),
        lambda _: False,
        _read_array,
    ),
    Format("a detections array (N, 7)", "dt", lambda source: _is_table(source, 7), lambda _: True, _read_array),
)


def opened(source: Any, options: ReadOptions) -> Any:
    """What a path leads to, as a Source, a table or parsed, and what a COCO object holds; anything else as it is."""
    is_path = isinstance(source, (str, os.PathLike))
    is_file_of_tables = is_path and options.kind in (None, "parquet") and not os.fsdecode(source).endswith(".json")
    if is_file_of_tables or hasattr(source, "__arrow_c_stream__"):
        from .tables import open_table

        table = open_table(source, options)
        if table is not None:
            return table
    if is_path:
        return _open_path(source, options)
    read = getattr(source, "evaluation_source", None)  # of our COCO, which then makes no dicts
    found = read(options) if callable(read) else None
    if found is not None:
        return found
    dataset = getattr(source, "dataset", None)
    return dataset if isinstance(dataset, dict) else source


def order_of_tables(
    gt: Any, dt: Any, gt_options: ReadOptions, dt_options: ReadOptions
) -> tuple[ReadOptions, ReadOptions]:
    """The options of both sides, of which one at least is a table, with the order of its rows decided.

    Raises:
        ValueError: rows of a table have no order.
    """
    from . import tables

    return tables.with_order(gt, dt, gt_options, dt_options)


def _open_path(path: str | os.PathLike[str], options: ReadOptions) -> Any:
    kind = options.kind or ("coco" if may_be_json(path) else detect(path, options.argument))
    if kind == "coco":
        from .coco_file import open_file

        return open_file(path, options)
    return read_rows(path, options.argument, kind, options.split).source(options)


def as_kind(format: str | None, source: Any) -> str | None:
    """A format that the user names, of a path. Raises ValueError where there is none of that name, or no path."""
    if format is None:
        return None
    if format not in KINDS:
        raise ValueError(f"format must be one of {', '.join(KINDS)}; got {format!r}")
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(f"format={format!r} is of paths, got {type(source).__name__}")
    return format


def read_rows(path: str | os.PathLike[str], side: Literal["gt", "dt"], kind: str, split: str | None = None) -> Rows:
    """What a path of another format than COCO's holds. kind: a key of KINDS but "coco".

    Raises:
        OSError: a file cannot be read.
        ValueError: something in it is wrong; the message names the file, the line and the value.
    """
    if split is not None and kind not in WITH_SPLITS:
        raise ValueError(f"split is of YOLO data sets and VOC folders alone; {side} is {KINDS[kind]}")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{side}: no such file: {os.fspath(path)!r}")
    reader = import_module(f".{kind}", __name__)
    found: Rows = reader.read(path, side, split) if kind in WITH_SPLITS else reader.read(path, side)
    return found


def format_of(source: Any, argument: str) -> Format:
    """The format of a source that is open. Raises TypeError or ValueError where there is none."""
    if isinstance(source, Mapping) and "boxes" in source:
        raise TypeError(f"{argument} must be a list with one dict per image, got a single dict")
    if type(source).__name__ == "DataFrame":
        raise TypeError(
            f"{argument} is a DataFrame without Arrow's interface, __arrow_c_stream__: update its library (pandas 2.2 "
            "and polars 1.3 have it)"
        )
    for entry in FORMATS:
        if entry.recognises(source):
            return entry
    if isinstance(source, (list, tuple)):
        raise TypeError(f"{argument}[0] must be a dict, got {type(source[0]).__name__}")
    if not hasattr(source, "__array__"):
        raise TypeError(
            f"{argument} must be a path, a COCO dict or list, an array, Detections or GroundTruths, or a list of one "
            f"dict per image; got {type(source).__name__}"
        )
    raise ValueError(f"{argument} must have shape (N, {6 if argument == 'gt' else 7}), got {_shape(source)}")


def check_sides(gt: Any, gt_format: Format, dt: Any, dt_format: Format) -> None:
    """Refuse what stands on the wrong side. Raises ValueError."""
    gt_scored, dt_scored = gt_format.scored(gt), dt_format.scored(dt)
    if gt_scored and dt_scored is False:
        raise ValueError(f"gt and dt are swapped: gt holds scores, dt holds none; {ORDER}")
    if gt_format.side == "dt":
        raise ValueError(f"gt must be ground truth, got {gt_format.name}; {ORDER}")
    if dt_format.side == "gt":
        raise ValueError(f"dt must be detections, got {dt_format.name}; {ORDER}")
    if dt_format.name == "a COCO dict" and dt_scored is False:
        raise ValueError(f"dt must be detections, got a COCO dict without scores; {ORDER}")
