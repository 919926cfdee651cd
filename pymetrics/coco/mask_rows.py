"""Masks in COCO's dicts: to columns of runs, and to RLEs in the dicts where pycocotools writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..formats.masks import RawMasks, raw_masks
from ..formats.values import Where
from . import mask

Ann = dict[str, Any]


def read_masks(rows: Sequence[Ann], images: Mapping[Any, Ann], where: Where) -> RawMasks:
    """The masks of annotations, all as runs that sum to their sizes. images: by id, with height and width.

    Raises:
        KeyError: an annotation has no segmentation, or the image of a polygon no height or width.
        TypeError, ValueError: a segmentation is no mask.
    """
    raw = raw_masks([row["segmentation"] for row in rows], where)
    raw.check(where)
    if not raw.needs_sizes:
        return RawMasks(raw.columns(None, where))
    is_polygon = [isinstance(row["segmentation"], (list, tuple)) for row in rows]
    found = (images[row["image_id"]] if own else None for row, own in zip(rows, is_polygon, strict=True))
    sizes = [(0, 0) if image is None else (image["height"], image["width"]) for image in found]
    return RawMasks(raw.columns(np.array(sizes, np.float64), where))


def write_rles(rows: Sequence[Ann], images: Mapping[Any, Ann], where: Where) -> None:
    """Replace each segmentation by its RLE, as pycocotools' _prepare does. What is an RLE stays as it is.

    NO_RLES: an evaluation of all images at once does not come here.
    """
    others = [row for row in rows if not is_rle(row["segmentation"])]
    if others:
        for row, rle in zip(others, mask.to_rles(read_masks(others, images, where).runs.decoded()), strict=True):
            row["segmentation"] = rle


def is_rle(segmentation: Any) -> bool:
    """Whether it is a dict of compressed runs."""
    return isinstance(segmentation, Mapping) and isinstance(segmentation.get("counts"), (bytes, str))


def overlaps(dts: Sequence[Ann], gts: Sequence[Ann]) -> Any:
    """float64 (D, G): the overlaps of all pairs of RLEs."""
    crowd = [int(gt["iscrowd"]) != 0 for gt in gts]
    return mask.iou([dt["segmentation"] for dt in dts], [gt["segmentation"] for gt in gts], crowd)


def complete_masks(anns: Sequence[Ann]) -> None:
    """Write area, bbox (where it is missing), id and iscrowd into results with masks, as pycocotools does.

    Raises:
        KeyError, TypeError, ValueError: a row has no compressed RLE; nothing is written then.
    """
    rles = [ann["segmentation"] for ann in anns]
    areas, boxes = mask.area(rles), mask.toBbox(rles)
    for i, (ann, area) in enumerate(zip(anns, areas, strict=True)):
        ann["area"] = area
        if "bbox" not in ann:
            ann["bbox"] = boxes[i].copy()
        ann["id"] = i + 1
        ann["iscrowd"] = 0
