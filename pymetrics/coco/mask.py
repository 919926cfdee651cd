"""Masks under pycocotools' names: `from pymetrics.coco import mask`.

A mask is a dict of `size`, [height, width], and `counts`, its compressed runs (bytes, or str as JSON has it). Functions
take one dict, or a list of them. The same bytes come out as from pycocotools 2.0.11; what it would read or write out of
bounds, or never end with, is a ValueError here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _config, kernels
from ..formats.runs import (
    RunColumns,
    box_corners,
    of_any_bitmaps,
    of_lists,
    of_polygons,
    of_texts,
    polygon_points,
)
from ..formats.values import as_array

__all__ = ["area", "decode", "encode", "encode_many", "frPyObjects", "iou", "merge", "toBbox", "to_polygons"]
Rle = dict[str, Any]


def encode(bimask: Any) -> Any:
    """Bitmaps to masks.

    Args:
        bimask: uint8 or bool, (height, width) or (height, width, N), in any order of memory; numpy or torch. Every
            change of value begins a run, whatever the values.

    Returns:
        A dict of size and counts (bytes); of three dimensions a list of N dicts; of other numbers of dimensions None,
        as in pycocotools.

    Raises:
        ValueError: another dtype.
    """
    if len(bimask.shape) == 2:
        found = _by_native("encode_rles", bimask, 1)
        if found is not None:
            return found
        return encode_many(as_array(bimask, "bimask")[None])[0]
    if len(bimask.shape) == 3:
        return encode_many(np.moveaxis(as_array(bimask, "bimask"), 2, 0))
    return None


def encode_many(bitmaps: Any) -> list[Rle]:
    """Bitmaps (N, height, width), as models and data sets hold them, to a list of N masks.

    Args:
        bitmaps: uint8 or bool; numpy or torch, on a GPU too. In C order, or column by column, they are not copied.

    Raises:
        ValueError: another dtype, or another number of dimensions.
    """
    pixels = as_array(bitmaps, "bitmaps")
    if pixels.ndim != 3:
        raise ValueError(f"bitmaps must have shape (N, height, width), got {pixels.shape}")
    if pixels.dtype not in (np.uint8, np.bool_):
        raise ValueError(f"masks must be uint8 or bool, got dtype {pixels.dtype}")
    return to_rles(of_any_bitmaps(pixels)) if len(pixels) else []


def decode(rleObjs: Any) -> NDArray[np.uint8]:
    """Masks to bitmaps of 0 and 1.

    Returns:
        uint8 (height, width); of a list (height, width, N). In Fortran order, as pycocotools' are.

    Raises:
        ValueError: the runs do not sum to height * width, or masks are of different sizes.
    """
    if not isinstance(rleObjs, list):
        return decode([rleObjs])[:, :, 0]
    found: NDArray[np.uint8] | None = _by_native(
        "decode_rles", rleObjs, _config.get_num_threads() if len(rleObjs) > 1 else 1
    )
    if found is not None:
        return found.transpose(2, 1, 0)
    runs = _from_rles(rleObjs)
    runs.check(_name)
    if (runs.sizes != runs.sizes[:1]).any():
        row = int(np.argmax((runs.sizes != runs.sizes[:1]).any(axis=1)))
        raise ValueError(
            f"{_name(row)} has the size {runs.sizes[row].tolist()}, {_name(0)} {runs.sizes[0].tolist()}: "
            "one array holds masks of one size"
        )
    return runs.pixels().transpose(2, 1, 0)


def area(rleObjs: Any) -> Any:
    """The pixels of masks: np.uint32; of a list uint32 (N,)."""
    if not isinstance(rleObjs, list):
        return area([rleObjs])[0]
    found = _by_native("measure_rles", rleObjs, False)
    if found is not None:
        return found
    return _from_rles(rleObjs).measures.areas


def toBbox(rleObjs: Any) -> NDArray[np.float64]:
    """Bounding boxes x, y, width, height in pixels: float64 (4,); of a list (N, 4)."""
    if not isinstance(rleObjs, list):
        box: NDArray[np.float64] = toBbox([rleObjs])[0]
        return box
    found: NDArray[np.float64] | None = _by_native("measure_rles", rleObjs, True)
    if found is not None:
        return found
    return _from_rles(rleObjs).measures.boxes


def merge(rleObjs: list[Rle], intersect: Any = False) -> Rle:
    """The union of masks, or what they share, as one mask. Masks of different sizes give a mask of size [0, 0].

    Raises:
        ValueError: the runs of one of several masks do not sum to height * width.
    """
    found: Rle | None = _by_native("merge_rles", rleObjs, bool(intersect))
    if found is not None:
        return found
    runs = _from_rles(rleObjs)
    if len(runs) > 1:
        runs.check(_name)
    return to_rles(runs.merged(np.array([0, len(runs)]), bool(intersect)))[0]


def iou(dt: Any, gt: Any, pyiscrowd: Any) -> Any:
    """Overlaps of masks, or of boxes x, y, width, height.

    Args:
        dt, gt: lists of masks, lists of boxes of 4 numbers, or arrays (N, 4).
        pyiscrowd: for each of gt, whether it is a crowd: then the union is the detection's own area.

    Returns:
        float64 (len(dt), len(gt)) in Fortran order; [] where one side is empty. -1 where masks of different sizes have
        boxes that overlap.

    Raises:
        Exception, TypeError: dt and gt are of different kinds, or of none of these, as in pycocotools.
        AssertionError: pyiscrowd has another length than gt.
        ValueError: the runs of a mask do not sum to height * width.
    """
    crowd = np.array(pyiscrowd, np.uint8)
    found = _by_native("iou_rles", dt, gt, crowd, 1) if crowd.ndim == 1 else None
    if found is not None:
        return found
    dt, gt = _comparable(dt, "dt"), _comparable(gt, "gt")
    n_dt, n_gt = len(dt), len(gt)
    if n_dt == 0 or n_gt == 0:
        return []
    if type(dt) is not type(gt):
        raise Exception("dt and gt must be of one kind, masks or boxes")
    if crowd.ndim != 1:
        raise ValueError(f"pyiscrowd must have shape (N,), got {crowd.shape}")
    if len(crowd) != n_gt:
        raise AssertionError(f"pyiscrowd must have as many flags as gt has masks or boxes, {n_gt}, got {len(crowd)}")
    out = np.empty(n_dt * n_gt)
    ends = np.array([0, n_dt]), np.array([0, n_gt]), np.array([0, n_dt * n_gt])
    if isinstance(dt, RunColumns):
        dt.check(lambda row: f"dt[{row}]")
        gt.check(lambda row: f"gt[{row}]")
        dt_rows, gt_rows = np.arange(n_dt, dtype=np.int32), np.arange(n_gt, dtype=np.int32)
        kernels.mask_iou(*dt.for_overlaps, dt_rows, *gt.for_overlaps, gt_rows, crowd, *ends, 0.0, out, 0, 1)
    else:
        kernels.box_iou(dt, gt, crowd, *ends, 0, out, 0, 1)
    return np.asfortranarray(out.reshape(n_dt, n_gt))  # computed by detection; pycocotools' order


def frPyObjects(pyobj: Any, h: Any, w: Any) -> Any:
    """Polygons, boxes or lists of runs to masks.

    Args:
        pyobj: a list of polygons [x, y, x, y, ...]; boxes, an array (N, 4) or a list of lists of 4 numbers; a dict with
            `counts` as a list of runs, or a list of such. The first of a list decides what all are. One polygon or box
            may come without a list around it (BOXES_AS_LISTS).
        h, w: height and width of the masks of polygons and boxes.

    Returns:
        A list of dicts of size and counts (bytes); a dict where pyobj is a single object.

    Raises:
        Exception: pyobj is none of these; IndexError: it is an empty list, as in pycocotools.
        OverflowError: a run or a side is below 0, or a run above 2**32 - 1.
        ValueError: a coordinate is not finite, or 2**27 or more in size.
    """
    if isinstance(pyobj, dict) and "counts" in pyobj and "size" in pyobj:
        return frPyObjects([pyobj], h, w)[0]
    if isinstance(pyobj, list):
        first = pyobj[0]
        if isinstance(first, dict) and "counts" in first and "size" in first:
            sizes = np.array([_size(rle["size"]) for rle in pyobj], np.int64).reshape(-1, 2)
            return to_rles(of_lists([rle["counts"] for rle in pyobj], sizes, _object))
        if np.ndim(first) == 0 and not isinstance(first, (str, dict)) and len(pyobj) >= 4:
            return frPyObjects([pyobj], h, w)[0]
    found = _by_native("draw_rles", pyobj, h, w, _config.get_num_threads() if len(pyobj) > 16 else 1)
    if found is not None:
        return found
    size = _size((h, w))
    if isinstance(pyobj, np.ndarray) or (isinstance(pyobj, list) and _length(pyobj[0]) == 4):
        boxes = np.array(pyobj, np.float64)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"boxes must have shape (N, 4), got {boxes.shape}")
        points, offsets = box_corners(boxes)
    elif isinstance(pyobj, list) and _length(pyobj[0]) > 4:
        points, offsets = polygon_points(pyobj, _object)
    else:
        raise Exception("expected polygons, boxes or lists of runs: the type of pyobj is not supported")
    sizes = np.empty((len(offsets) - 1, 2), np.int64)
    sizes[:] = size
    return to_rles(of_polygons(points, offsets, sizes, _object))


def to_polygons(rle: Rle) -> list[list[float]]:
    """A mask to polygons, as COCO has them: x1, y1, x2, y2, ... for each of its parts that do not touch.

    They run along the edges of pixels, so that merge(frPyObjects(to_polygons(rle), height, width)) is the mask again.
    Holes are filled, for COCO's polygons have none. An empty mask has no polygons.

    Raises:
        ImportError: OpenCV is not installed: pip install 'pymetrics-detection[opencv]'.
        KeyError, TypeError, ValueError: rle is no mask.
    """
    from .outlines import polygons_of

    if not isinstance(rle, dict):
        raise TypeError(f"rle must be one mask, a dict of size and counts, got {type(rle).__name__}")
    return polygons_of(decode(rle))


def _by_native(name: str, *args: Any) -> Any:
    """What the C++ part makes of masks as dicts; None: they are left to the code here, which says what is wrong."""
    return None if _config.native is None else getattr(_config.native, name)(*args)


def _name(row: int) -> str:
    return f"rleObjs[{row}]"


def _object(row: int) -> str:
    return f"pyobj[{row}]"


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (list, tuple, np.ndarray)) else -1


def _size(size: Any) -> tuple[int, int]:
    height, width = int(size[0]), int(size[1])
    if height < 0 or width < 0:
        raise OverflowError(f"height and width must be at least 0, got {height} and {width}")
    return height, width


def _from_rles(rles: Any) -> RunColumns:
    """The masks of dicts. Raises KeyError, TypeError, ValueError."""
    sizes, texts = np.empty((len(rles), 2), np.int64), list[bytes]()
    for row, rle in enumerate(rles):
        counts = rle["counts"]
        if isinstance(counts, str):
            counts = counts.encode()
        if not isinstance(counts, bytes):
            raise TypeError(f"{_name(row)}['counts'] must be bytes or str, got {type(counts).__name__}")
        texts.append(counts)
        sizes[row] = _size(rle["size"])
    return of_texts(texts, sizes, _name)


def to_rles(runs: RunColumns) -> list[Rle]:
    """Columns of runs as dicts of size and counts."""
    return [{"size": size, "counts": text} for size, text in zip(runs.sizes.tolist(), runs.texts(), strict=True)]


def _comparable(objects: Any, name: str) -> Any:
    """Masks as RunColumns, boxes as float64 (N, 4)."""
    if isinstance(objects, np.ndarray):
        if len(objects) and (objects.ndim != 2 or objects.shape[1] != 4):
            raise Exception(f"{name}: an array must hold boxes, (N, 4), got shape {objects.shape}")
        return np.ascontiguousarray(objects, np.float64)
    if not isinstance(objects, list):
        raise Exception(f"{name} must be a list of masks or boxes, or an array of boxes; got {type(objects).__name__}")
    if all(len(each) == 4 and isinstance(each, (list, np.ndarray)) for each in objects):
        return np.array(objects, np.float64)
    if all(isinstance(each, dict) for each in objects):
        return _from_rles(objects)
    raise Exception(f"{name} must hold boxes of 4 numbers, or masks")
