"""What the user holds, both sides, to Sources."""

from __future__ import annotations

from typing import Any

from ..formats import EMPTY, ITEMS, check_sides, format_of, opened
from ..formats.options import ReadOptions
from ..formats.source import Source


def read_sources(
    gt: Any,
    dt: Any,
    iou_type: str = "bbox",
    box_format: str | None = None,
    normalized: bool = False,
    first_image: int = 0,
    use_ignore: bool = False,
) -> tuple[Source, Source]:
    """Ground truth and detections of any kind; the arguments are those of pymetrics.evaluate.

    first_image: the number of the first image, where gt is a list per image without image ids.

    Raises:
        OSError, TypeError, ValueError: what the user gave cannot be read; the message says what.
    """
    gt_options = ReadOptions("gt", iou_type, box_format, normalized, first_image, use_ignore=use_ignore)
    gt, dt = opened(gt, gt_options), opened(dt, ReadOptions("dt", iou_type, box_format, normalized))
    gt_format, dt_format = format_of(gt, "gt"), format_of(dt, "dt")
    check_sides(gt, gt_format, dt, dt_format)
    if gt_format is EMPTY and dt_format is ITEMS:
        gt_format = ITEMS
    gt_source = gt_format.read(gt, gt_options)
    images = gt_source.axes.images if gt_format is ITEMS else None
    return gt_source, dt_format.read(dt, ReadOptions("dt", iou_type, box_format, normalized, images=images))
