"""CrowdPose's nine numbers: those of all images, and the average precision of less and more crowded ones."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..evaluation.result import Result
from ..formats.coco import list_of
from ..formats.json_files import read_json
from .counted import require_result
from .slices import slices

NAMES = ("easy", "medium", "hard")


def crowdpose(result: Result, images: Any, first: float = 0.2, second: float = 0.8) -> dict[str, float]:
    """The numbers of a CrowdPose summary: those of the result, then map_easy, map_medium, map_hard.

    Each of the three is the average precision of the images of a part alone, rounded to four digits as in
    faster-coco-eval and xtcocotools; -1 where the part has no ground truth. A part is where crowdIndex is below
    `first`, below `second`, or not.

        result = pymetrics.evaluate(gt, dt, iou_type="keypoints_crowd")
        pymetrics.analysis.crowdpose(result, gt)

    Args:
        result: of iou_type "keypoints_crowd", usually; any has these numbers.
        images: dicts of `id` and `crowdIndex`, one for each image of the result, as CrowdPose's files have them; or the
            COCO dict or the path of the file that holds them.
        first, second: the bounds of crowdIndex.

    Raises:
        OSError: the file cannot be read.
        TypeError, ValueError: an image has no id or crowdIndex; an image of the result is not there.
    """
    outcomes, index_of = require_result(result).outcomes, _crowd_indices(images)
    parts: dict[str, list[Any]] = {name: [] for name in NAMES}
    for id in outcomes.image_ids.tolist():
        if id not in index_of:
            raise ValueError(f"images do not hold image {id!r} of the result")
        index = index_of[id]
        parts[NAMES[0 if index < first else 1 if index < second else 2]].append(id)
    return dict(result) | {f"map_{row['name']}": round(row["map"], 4) for row in slices(result, parts)}


def _crowd_indices(images: Any) -> dict[Any, float]:
    """crowdIndex by image id."""
    if isinstance(images, (str, os.PathLike)):
        images = read_json(images, "images")
    if isinstance(images, Mapping):
        images = list_of(images, "images")
    if not isinstance(images, Sequence):
        raise TypeError(f"images must be dicts of id and crowdIndex, or a COCO dict; got {type(images).__name__}")
    found = {}
    for i, image in enumerate(images):
        for key in ("id", "crowdIndex"):
            if not isinstance(image, Mapping) or key not in image:
                raise ValueError(f"images[{i}] has no {key!r}")
        index = image["crowdIndex"]
        if isinstance(index, bool) or not isinstance(index, (int, float)) or index != index:
            raise ValueError(f"images[{i}]['crowdIndex'] must be a number, got {index!r}")
        found[image["id"]] = float(index)
    return found
