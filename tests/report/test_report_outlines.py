"""What the gallery draws over thumbnails: boxes, rotated boxes and masks as paths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.report_scenes import Elements, odd_data

import pymetrics
from pymetrics.report.gallery import encode
from pymetrics.report.outlines import box_path, mask_path


def area_of(path: str) -> float:
    """The area inside a path of straight lines, by the shoelace formula; holes count negative."""
    total = 0.0
    for part in path.split("z")[:-1]:
        points = [tuple(map(int, point.split())) for point in part.removeprefix("M").split("L")]
        total += sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, points[1:] + points[:1], strict=True)) / 2
    return abs(total)


def test_boxes() -> None:
    assert box_path((10.2, 20.6, 30.0, 41.9), 1.0) == "M10 21H30V42H10z"
    assert box_path((10.2, 20.6, 30.0, 41.9), 0.5) == "M5 10H15V21H5z"
    assert box_path((0, 10, 10, 0, 20, 10, 10, 20), 1.0) == "M0 10L10 0L20 10L10 20z"


@pytest.mark.parametrize("scale", [1.0, 0.75])
def test_masks_keep_their_area(scale: float) -> None:
    y, x = np.mgrid[:480, :640]
    disk = (x - 300) ** 2 + (y - 200) ** 2 < 120**2
    ring = disk & ~((x - 300) ** 2 + (y - 200) ** 2 < 60**2)
    for mask in (disk, ring, disk & (x < 300)):
        path = mask_path(mask, scale)
        assert area_of(path) == pytest.approx(mask.sum() * scale**2, rel=0.06)
        assert len(path) < 2500
    assert mask_path(ring, 1.0).count("z") == 2
    assert mask_path(np.zeros((50, 60), bool), 1.0) == ""


def test_masks_and_rotated_boxes_in_a_report(tmp_path: Path) -> None:
    need_module("PIL")
    ground_truth, detections = odd_data(("a", "b"))
    for row in (*ground_truth["annotations"], *detections):
        x, y, w, h = row["bbox"]
        row["segmentation"] = [[x, y, x + w, y, x + w / 2, y + h]]
    result = pymetrics.evaluate(ground_truth, detections, iou_type="segm")
    result.report(tmp_path / "segm.html", images=lambda id: np.zeros((48, 64, 3), np.uint8))
    assert all(path.count("L") > 3 for path in paths_of(tmp_path / "segm.html"))
    boxes = np.array([[30.0, 20, 20, 8, 0.5], [40, 30, 10, 12, 1.0]])
    gt = pymetrics.GroundTruths([1, 2], boxes, labels=[1, 1], box_format="cxcywhr")
    dt = pymetrics.Detections([1, 2], boxes + 5, [0.5, 0.75], [1, 1], box_format="cxcywhr")
    rotated = pymetrics.evaluate(gt, dt, iou_type="obb")
    rotated.report(tmp_path / "obb.html", images=lambda id: np.zeros((48, 64, 3), np.uint8))
    assert [path.count("L") for path in paths_of(tmp_path / "obb.html")] == [3] * 4


def paths_of(page: Path) -> list[str]:
    found = Elements(page.read_text(encoding="utf-8")).of("path")
    paths = [path["d"] or "" for path in found if re.match("gt|tp|fp", path.get("class") or "")]
    assert paths
    return paths


def test_thumbnails_share_the_room() -> None:
    image: Any = need_module("PIL.Image")
    rng = np.random.default_rng(0)
    pictures = [image.fromarray(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)) for _ in range(6)]
    sizes = []
    for room in (10**9, 200_000, 60_000, 20_000):
        found = encode(pictures, room)
        sizes.append(sum(map(len, found)))
        assert len(found) == 6
        assert sizes[-1] <= room
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) >= 3
