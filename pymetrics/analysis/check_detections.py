"""What is wrong with detections, alone and beside their ground truth."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..evaluation.read_sources import read, read_sources
from ..formats.ids import joined_ids, label_positions, positions
from ..formats.source import Source
from .data_checks import data_checks
from .finding import Collector, Finding

LIMIT = 100  # detections of an image and category, of which COCO's protocol counts those of the highest scores
TABLE = (
    ("dt_unlisted_images", "error", "{n} detections are on images that gt does not list", "evaluate refuses it"),
    ("dt_unlisted_categories", "warning", "{n} detections are of categories that gt does not list",
     "they are left out"),
    ("dt_scores", "note", "{n} detections have a score outside of [0, 1]", "none: scores are only compared"),
    ("dt_empty_boxes", "note", "{n} detections have a box without width or height", "they find nothing"),
    ("dt_duplicates", "warning", "{n} detections have the image, category, box and score of another one",
     "one of them is right, the others are wrong"),
    ("dt_many", "note", "{n} pairs of image and category have more than 100 detections",
     "those of the lowest scores are not counted (max_dets)"),
    ("dt_none", "warning", "there are no detections", "all objects are missed"),
    ("dt_one_score", "warning", "all detections have one score", "they are in no order: average precision says little"),
)  # fmt: skip


def detection_findings(gt: Any, dt: Any, format: str | None, split: str | None) -> list[Finding]:
    """All of TABLE that is found, and what data_checks finds. The other arguments are those of check."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            truth: Any = gt if isinstance(gt, Mapping) else read(gt, "gt", format=format, split=split)
            gt_source, dt_source = (source.on_host() for source in read_sources(truth, dt))
            dt_source.check()
        except (ValueError, TypeError) as error:
            effect = "evaluate refuses it with this message"
            return [Finding("error", "dt_unreadable", str(error), effect, 1, [])]
        found = _rows(gt_source, dt_source)
        checks = [
            Finding("warning", check.kind, check.message, f"numbers are too low; {check.cure}", 1, [])
            for check in data_checks(gt_source, dt_source)
        ]
    return found + checks


def _rows(gt: Source, dt: Source) -> list[Finding]:
    found = Collector()
    n = len(dt)
    if not n:
        found.add("dt_none", "detections")
        return found.findings(TABLE)
    known = joined_ids(gt.image if gt.axes.images is None else gt.axes.images)
    categories = joined_ids(gt.category if gt.axes.categories is None else gt.axes.categories)
    images, labels, scores = dt.image.tolist(), dt.category.tolist(), np.asarray(dt.scores).tolist()
    if gt.axes.images is not None:
        for row in np.flatnonzero(positions(dt.image, known) < 0).tolist():
            found.add("dt_unlisted_images", {"row": row, "image": images[row]})
    if gt.axes.categories is not None:
        try:
            places = label_positions(dt.category, categories, gt.axes.names, dt.where)
        except (TypeError, ValueError):
            places = np.full(n, -1)
        for row in np.flatnonzero(places < 0).tolist():
            found.add("dt_unlisted_categories", {"row": row, "category": labels[row]})
    for row in np.flatnonzero((np.asarray(dt.scores) < 0) | (np.asarray(dt.scores) > 1)).tolist():
        found.add("dt_scores", {"row": row, "score": scores[row]})
    boxes = np.asarray(dt.shape.values, np.float64)
    lengths = boxes[:, 2:] - (boxes[:, :2] if dt.shape.format.layout == "xyxy" else 0)
    for row in np.flatnonzero((lengths <= 0).any(axis=1)).tolist():
        found.add("dt_empty_boxes", {"row": row, "bbox": boxes[row].tolist()})
    seen: dict[Any, int] = {}
    per_cell: Counter[tuple[Any, Any]] = Counter()
    for row, key in enumerate(zip(images, labels, map(tuple, boxes.tolist()), scores, strict=True)):
        if key in seen:
            found.add("dt_duplicates", {"row": row, "as": seen[key]})
        seen.setdefault(key, row)
        per_cell[key[:2]] += 1
    for (image, category), count in per_cell.items():
        if count > LIMIT:
            found.add("dt_many", {"image": image, "category": category, "detections": count})
    if n > 1 and len(set(scores)) == 1:
        found.add("dt_one_score", {"score": scores[0]})
    return found.findings(TABLE)
