"""tm_to_coco and coco_to_tm: COCO files of the metric's data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.map_scenes import batch, differences

import pymetrics


@pytest.fixture(scope="module")
def make(need: Callable[[str], Any]) -> Callable[..., Any]:
    """make(**arguments): our metric."""
    need("torchmetrics")
    from pymetrics.detection import MeanAveragePrecision

    return MeanAveragePrecision


def test_written_files(make: Any, need: Callable[[str], Any], tmp_path: Path) -> None:
    """The same as torchmetrics', but with categories; they evaluate to the metric's numbers."""
    need("torchvision"), need("pycocotools")
    from torchmetrics.detection import MeanAveragePrecision as Theirs

    data = batch(1, n_images=10)
    ours, theirs = make(thresholds="coco"), Theirs()
    for metric, name in ((ours, "ours"), (theirs, "theirs")):
        metric.update(*data)
        metric.tm_to_coco(str(tmp_path / name))

    def content(name: str) -> Any:
        return json.loads((tmp_path / f"{name}.json").read_text())

    assert content("ours_preds") == content("theirs_preds")
    assert (tmp_path / "ours_preds.json").read_text() == (tmp_path / "theirs_preds.json").read_text()
    found, expected = content("ours_target"), content("theirs_target")
    assert {key: found[key] for key in ("images", "annotations")} == {
        key: expected[key] for key in ("images", "annotations")
    }
    assert [category["id"] for category in found["categories"]] == ours.compute()["classes"].tolist()
    result = pymetrics.evaluate(str(tmp_path / "ours_target.json"), str(tmp_path / "ours_preds.json"))
    assert result.stats.tolist() == ours.result().stats.tolist()


def test_read_files(make: Any, need: Callable[[str], Any], tmp_path: Path) -> None:
    """What was written comes back as torchmetrics reads it: images with ground truth, boxes as xywh."""
    need("torchvision"), need("pycocotools")
    from torchmetrics.detection import MeanAveragePrecision as Theirs

    metric = make()
    metric.update(*batch(2, n_images=10, empty=0.3))
    metric.tm_to_coco(str(tmp_path / "data"))
    paths = str(tmp_path / "data_preds.json"), str(tmp_path / "data_target.json")
    found, expected = make().coco_to_tm(*paths), Theirs().coco_to_tm(*paths)
    for ours, theirs in zip(found, expected, strict=True):
        assert differences(ours, theirs) == []
    again = make(box_format="xywh")
    again.update(*found)
    assert again.compute()["map"] > 0


GROUND_TRUTH = {
    "images": [{"id": 1}],
    "categories": [{"id": 1}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4], "iscrowd": 0, "area": 16}],
}
RESULT = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 4], "score": 0.5}


@pytest.mark.parametrize(
    ("target", "preds", "error", "match"),
    [
        (GROUND_TRUTH, GROUND_TRUTH, TypeError, "coco_preds must hold a list of results, got dict"),
        ([RESULT], [RESULT], TypeError, "coco_target must hold a COCO dict, got list: the predictions come first"),
        (GROUND_TRUTH, [RESULT, {**RESULT, "image_id": 2}], ValueError, r"coco_preds\[1\] is of image 2"),
        (GROUND_TRUTH, [{"image_id": 1}], ValueError, r"coco_preds\[0\] has no 'category_id'"),
        (
            {"images": [], "annotations": [RESULT]},
            [],
            ValueError,
            r"coco_target\['annotations'\]\[0\] has no 'iscrowd'",
        ),
        ({"images": []}, [], ValueError, "coco_target has no 'annotations'"),
    ],
)
def test_bad_files(make: Any, tmp_path: Path, target: Any, preds: Any, error: type[Exception], match: str) -> None:
    for name, content in (("target", target), ("preds", preds)):
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(error, match=match):
        make().coco_to_tm(str(tmp_path / "preds"), str(tmp_path / "target"))
    with pytest.raises(FileNotFoundError, match="coco_target: no such file"):
        make().coco_to_tm(str(tmp_path / "preds"), str(tmp_path / "none"))
    with pytest.raises(ValueError, match="`iou_type` to be one of"):
        make().coco_to_tm("", "", iou_type="obb")
