"""panoptic_quality and modified_panoptic_quality: torchmetrics' functions of these names, with the same numbers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ...detection import segments


def panoptic_quality(
    preds: Any,
    target: Any,
    things: Collection[int],
    stuffs: Collection[int],
    allow_unknown_preds_category: bool = False,
    return_sq_and_rq: bool = False,
    return_per_class: bool = False,
) -> Any:
    """Panoptic quality of a batch; pymetrics.detection.PanopticQuality explains the arguments.

    Args:
        preds, target: the category and the instance of each pixel, (B, *spatial, 2).

    Returns:
        A float64 tensor without axes; (3,) with return_sq_and_rq; (1, C) with return_per_class; (C, 3) with both.

    Raises:
        TypeError, ValueError: an argument is wrong, or preds hold an unknown category.
    """
    categories = segments.Categories(things, stuffs)
    counts = segments.count(preds, target, categories, allow_unknown_preds_category, modified=False)
    return segments.quality(counts, return_sq_and_rq, return_per_class).to(preds.device)


def modified_panoptic_quality(
    preds: Any,
    target: Any,
    things: Collection[int],
    stuffs: Collection[int],
    allow_unknown_preds_category: bool = False,
) -> Any:
    """Panoptic quality whose stuffs are not matched; see pymetrics.detection.ModifiedPanopticQuality.

    Args:
        preds, target: the category and the instance of each pixel, (B, *spatial, 2).

    Returns:
        A float64 tensor without axes.

    Raises:
        TypeError, ValueError: as panoptic_quality.
    """
    categories = segments.Categories(things, stuffs)
    counts = segments.count(preds, target, categories, allow_unknown_preds_category, modified=True)
    return segments.quality(counts, False, False).to(preds.device)
