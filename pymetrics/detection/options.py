"""The arguments of MeanAveragePrecision that torchmetrics' does not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..evaluation.protocol import COCO_AREA_NAMES
from .state_columns import STATES
from .validation import check_bool, check_choice

IMAGE_ID = "groundtruth_image_id"
POSES = ("detection_keypoints", "groundtruth_keypoints")


def checked(
    *, count_empty_images: Any, area_ranges: Any, max_dets: Any, duplicates: Any, sigmas: Any, data_warnings: Any
) -> dict[str, Any]:
    """The arguments as Settings has them. Raises ValueError or TypeError where one is wrong."""
    check_bool("count_empty_images", count_empty_images)
    check_bool("data_warnings", data_warnings)
    if duplicates is not None:
        check_choice("duplicates", duplicates, ("first", "error"))
    if max_dets is not None:
        _check_limits(max_dets)
    return {
        "count_empty_images": count_empty_images,
        "area_ranges": () if area_ranges is None else _checked_ranges(area_ranges),
        "last_limit": max_dets is not None,
        "duplicates": duplicates,
        "sigmas": None if sigmas is None else tuple(float(sigma) for sigma in sigmas),
        "data_warnings": data_warnings,
    }


def _check_limits(max_dets: Any) -> None:
    try:
        limits = [int(limit) for limit in max_dets]
    except (TypeError, ValueError):
        limits = []
    if not limits or min(limits) < 1 or len(set(limits)) < len(limits) or limits != list(max_dets):
        raise ValueError(
            f"Expected argument `max_dets` to hold whole numbers from 1 on, all different, but got {max_dets}"
        )


def _checked_ranges(area_ranges: Any) -> tuple[tuple[str, tuple[float, float]], ...]:
    if not isinstance(area_ranges, Mapping):
        raise TypeError(f"Expected argument `area_ranges` to be a dict of (lowest, highest), but got {area_ranges!r}")
    found = {}
    for name, given in area_ranges.items():
        try:
            low, high = map(float, given)
        except (TypeError, ValueError):
            low, high = 1.0, 0.0
        if not low <= high:
            raise ValueError(
                f"Expected argument `area_ranges` to hold pairs (lowest, highest) but got {given!r} for {name!r}"
            )
        if not isinstance(name, str) or name in COCO_AREA_NAMES or name.isdigit() or name == "per_class":
            raise ValueError(f"Expected argument `area_ranges` to have names of its own but got {name!r}")
        found[name] = (low, high)
    return tuple(found.items())


def states_of(iou_types: Sequence[str], duplicates: str | None) -> tuple[str, ...]:
    """torchmetrics' nine states, and what the arguments of ours need."""
    more = POSES if "keypoints" in iou_types else ()
    return (*STATES, *more, *(() if duplicates is None else (IMAGE_ID,)))


def image_ids(target: Sequence[Mapping[str, Any]]) -> list[torch.Tensor]:
    """The `image_id` of each target, int64 (1,), wherever it is. Raises ValueError."""
    found = []
    for i, item in enumerate(target):
        if "image_id" not in item:
            raise ValueError(f"Expected all dicts in `target` to contain the `image_id` key: sample {i} has none")
        id = item["image_id"]
        if isinstance(id, torch.Tensor):
            is_right = id.numel() == 1 and not id.is_floating_point() and not id.is_complex()
        else:
            is_right = isinstance(id, int)
        if not is_right:
            raise ValueError(f"Expected `image_id` of sample {i} in targets to be an integer, but got {id!r}")
        found.append(torch.as_tensor(id).detach().reshape(1).to(torch.int64))
    return found
