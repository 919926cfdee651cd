"""What explain_difference says of data with a planted fault, and that it says nothing of others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pymetrics
from pymetrics import explain_difference
from pymetrics.analysis import Rules
from pymetrics.analysis.data_checks import data_checks
from pymetrics.evaluation.read_sources import read_sources

FILES = ["coco_yolact100/dt_yolact_base", "coco_yolact100/dt_yolact_resnet50", "generated/dt_coarse"]
Rows = list[dict[str, Any]]


class Content:
    """The content of ground truth and detections, and what faults are made of."""

    def __init__(self, data: Any, name: str) -> None:
        self.folder = name.split("/")[0]
        self.gt = json.loads(data(f"{self.folder}/gt.json").read_text(encoding="utf-8"))
        self.dt = json.loads(data(f"{name}.json").read_text(encoding="utf-8"))
        self.images = sorted(image["id"] for image in self.gt["images"])
        self.categories = sorted(category["id"] for category in self.gt["categories"])
        self.sizes = {image["id"]: (image["width"], image["height"]) for image in self.gt["images"]}

    def checks(self, dt: Rows) -> list[Any]:
        return [check for check in data_checks(*read_sources(self.gt, dt)) if check.kind != "missing_images"]

    def edited(self, key: str, change: Callable[..., Any]) -> Rows:
        return [{**row, key: change(row[key], *self.sizes[row["image_id"]])} for row in self.dt]


@pytest.fixture(params=FILES)
def content(request: pytest.FixtureRequest, data: Any) -> Content:
    return Content(data, request.param)


def test_sound_data(content: Content) -> None:
    assert content.checks(content.dt) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("cure", "change"),
    [
        ("add_1", lambda of, k: k - 1),
        ("subtract_1", lambda of, k: k + 1),
        ("from_0", lambda of, k: of.categories.index(k)),
        ("from_1", lambda of, k: of.categories.index(k) + 1),
    ],
)
def test_other_category_ids(content: Content, cure: str, change: Any) -> None:
    dt = content.edited("category_id", lambda k, *_: change(content, k))
    (check,) = content.checks(dt)
    assert (check.kind, check.rules) == ("category_ids", {"category_map": cure})
    assert f"category_map={cure!r}" in check.cure
    cured = explain_difference(content.gt, dt, "coco", Rules("coco", **check.rules))
    assert cured.after == pymetrics.evaluate(content.gt, content.dt)["map"]
    assert [row["rule"] for row in cured.rows] == ["category_map"]
    assert cured.checks[0].to_dict() == check.to_dict()
    assert str(cured).startswith(f"check the data: {check.message}\n  {check.cure}\n")


@pytest.mark.parametrize(
    ("layout", "change"),
    [
        ("xyxy", lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]),
        ("cxcywh", lambda b: [b[0] + b[2] / 2, b[1] + b[3] / 2, b[2], b[3]]),
    ],
)
def test_another_layout(content: Content, layout: str, change: Any) -> None:
    dt = content.edited("bbox", lambda box, *_: change(box))
    (check,) = content.checks(dt)
    assert (check.kind, check.rules) == ("layout", {"dt_layout": layout})
    assert f"box_format='{layout}' where dt is read" in check.cure
    gt = {**content.gt, "annotations": [{**row, "bbox": change(row["bbox"])} for row in content.gt["annotations"]]}
    (check,) = [c for c in data_checks(*read_sources(gt, content.dt)) if c.kind != "missing_images"]
    assert (check.kind, check.rules, check.cure) == ("layout", {}, f"say box_format='{layout}' where gt is read")


@pytest.mark.parametrize("factor", [0.5, 1.6])
def test_boxes_of_a_smaller_image(content: Content, factor: float) -> None:
    (check,) = content.checks(content.edited("bbox", lambda box, *_: [x * factor for x in box]))
    assert (check.kind, check.rules) == ("scale", {})
    assert check.cure == "scale the boxes of dt back to the pixels of gt's images"


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("of images resized to 416 x 320", lambda w, h: (416 / w, 320 / h, 0, 0)),
        ("of images whose longer side was resized to 320", lambda w, h: (320 / max(w, h), 320 / max(w, h), 0, 0)),
        (
            "of images resized into the middle of 416 x 416",
            lambda w, h: (416 / max(w, h), 416 / max(w, h), 208 - 208 * w / max(w, h), 208 - 208 * h / max(w, h)),
        ),
        ("in parts of the image", lambda w, h: (1 / w, 1 / h, 0, 0)),
    ],
)
@pytest.mark.parametrize("name", FILES[:2])
def test_boxes_of_resized_images(data: Any, name: str, words: str, change: Any) -> None:
    content = Content(data, name)

    def resized(box: list[float], w: int, h: int) -> list[float]:
        fx, fy, x, y = change(w, h)
        return [box[0] * fx + x, box[1] * fy + y, box[2] * fx, box[3] * fy]

    (check,) = content.checks(content.edited("bbox", resized))
    assert check.kind == "scale"
    assert words in check.message


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("add 1 to the image ids of dt", lambda of, i: i - 1),
        ("subtract 1 from the image ids of dt", lambda of, i: i + 1),
        ("take 0 to 99 for gt's sorted image ids", lambda of, i: of.images.index(i)),
        ("take 1 to 100 for gt's sorted image ids", lambda of, i: of.images.index(i) + 1),
    ],
)
def test_other_image_ids(content: Content, words: str, change: Any) -> None:
    if "take" in words and content.folder == "generated":
        content.gt["images"] = [{**image, "id": 7 * image["id"]} for image in content.gt["images"]]
        content.gt["annotations"] = [{**row, "image_id": 7 * row["image_id"]} for row in content.gt["annotations"]]
        words = words.replace("99", str(len(content.images) - 1)).replace("100", str(len(content.images)))
    dt = content.edited("image_id", lambda i, *_: change(content, i))
    (check,) = data_checks(*read_sources(content.gt, dt))
    assert (check.kind, check.rules) == ("image_ids", {})
    assert check.cure.startswith(f"{words}, which makes it ")
    with pytest.raises(ValueError, match=f"is not an image of gt; .* of their image: {words}, which makes it "):
        explain_difference(content.gt, dt)


def test_missing_images(data: Any) -> None:
    content = Content(data, "generated/dt_good")
    kept = content.images[:20]
    dt = [row for row in content.dt if row["image_id"] in kept]
    with_objects = {row["image_id"] for row in content.gt["annotations"]}
    missing = sorted(with_objects - {row["image_id"] for row in dt})
    (check,) = data_checks(*read_sources(content.gt, dt))
    assert check.kind == "missing_images"
    shown = ", ".join(map(str, missing[:3]))
    assert check.message == (
        f"{len(missing)} of {len(with_objects)} images with ground truth have no detection ({shown}, ...)"
    )
    found = explain_difference(content.gt, dt, "coco", Rules("coco", **check.rules))
    assert found.rows[0]["rule"] == "images"
    assert found.rows[0]["change"] > 0


def test_nothing_to_compare() -> None:
    gt, dt = np.array([[1, 0, 0, 10, 10, 1]]), np.array([[1, 0, 0, 10, 10, 0.9, 1]])
    assert data_checks(*read_sources(gt, dt[:0])) == []
    assert data_checks(*read_sources(gt, dt)) == []
    relative = [{"image_id": 1, "boxes": np.array([[0.1, 0.1, 0.2, 0.2]]), "labels": np.array([1])}]
    scored = [{**relative[0], "scores": np.array([0.5])}]
    assert data_checks(*read_sources(relative, scored, box_format="yolo")) == []
    found = explain_difference(relative, scored, "coco", "coco", box_format="yolo", image_sizes=(100, 200))
    assert found.after == pytest.approx(1)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_one_fault_at_a_time(data: Any) -> None:
    """Categories are told when the layout is right."""
    content = Content(data, "generated/dt_coarse")
    dt = content.edited("category_id", lambda k, *_: k + 1)
    dt = [{**row, "bbox": [*row["bbox"][:2], *np.add(row["bbox"][:2], row["bbox"][2:])]} for row in dt]
    assert [check.kind for check in data_checks(*read_sources(content.gt, dt))] == ["layout", "missing_images"]
    rows = [{**row, "bbox": [*row["bbox"][:2], *np.subtract(row["bbox"][2:], row["bbox"][:2])]} for row in dt]
    assert [check.kind for check in data_checks(*read_sources(content.gt, rows))] == ["category_ids", "missing_images"]
