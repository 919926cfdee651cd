"""Whether a source is ground truth or detections: whether it has scores."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from .detect import NO_LABELS, VOC_RESULT


def side_of(source: Any, kind: str) -> Literal["gt", "dt"]:
    """ "dt" where the first row of a source has a score. kind: its format, a key of KINDS; source: a path, or of COCO
    the parsed content.
    """
    if kind == "coco":
        return _side_of_coco(source)
    if kind == "parquet":
        from . import parquet

        return "dt" if parquet.has_scores(source) else "gt"
    path = Path(source)
    has_scores = {"yolo": _yolo_has, "voc": _voc_has, "cvat": _cvat_has, "openimages": _csv_has}.get(kind)
    return "dt" if has_scores is not None and has_scores(path) else "gt"


def _side_of_coco(content: Any) -> Literal["gt", "dt"]:
    if not isinstance(content, Mapping):
        return "dt"
    annotations = content.get("annotations")
    first = annotations[0] if isinstance(annotations, (list, tuple)) and annotations else None
    return "dt" if isinstance(first, Mapping) and "score" in first else "gt"


def _yolo_has(path: Path) -> bool:
    """Behind the class, ground truth has an even number of numbers in each row."""
    if path.is_file() or any(path.glob("*.yaml")) or any(path.glob("*.yml")):
        return False
    for root, _, names in os.walk(path):
        for name in sorted(names):
            if name.endswith(".txt") and name not in NO_LABELS:
                with open(Path(root, name), "rb") as file:
                    words = next((line.split() for line in file if line.strip()), [])
                if words:
                    return len(words) % 2 == 0
    return False


def _voc_has(path: Path) -> bool:
    for _, _, names in os.walk(path):
        if any(name.endswith(".xml") for name in names):
            return False
        if any(VOC_RESULT.fullmatch(name) for name in names):
            return True
    return False


def _cvat_has(path: Path) -> bool:
    file = path / "annotations.xml" if path.is_dir() else path
    return b'name="score"' in file.read_bytes()


def _csv_has(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.readline().lower().replace(b'"', b"").strip().removeprefix(b"\xef\xbb\xbf").split(b",")
    return bool({b"score", b"conf", b"predictionstring"} & set(head))
