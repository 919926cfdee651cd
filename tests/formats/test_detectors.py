"""What detectors return, in evaluate and in MeanAveragePrecision: the numbers of the same data as dicts.

The real packages are tested where they are installed; detectron2, which no registry has, by a stand-in of what is read.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.absent import need_module

import pymetrics

SIZE = (40, 50)


def image(rng: Any, n: int) -> dict[str, Any]:
    """n objects: boxes as corners, their rectangles as masks, labels, scores."""
    low = rng.integers(0, 20, (n, 2))
    boxes = np.concatenate((low, low + rng.integers(5, 20, (n, 2))), 1).astype(np.float64)
    masks = np.zeros((n, *SIZE), np.bool_)
    for mask, (x, y, right, bottom) in zip(masks, boxes.astype(int), strict=True):
        mask[y:bottom, x:right] = True
    return {"boxes": boxes, "masks": masks, "labels": rng.integers(0, 3, n), "scores": rng.random(n)}


def scene() -> tuple[Any, Any]:
    """gt and dt, per image; one image without detections."""
    rng = np.random.default_rng(1)
    gt = [image(rng, n) for n in (3, 2, 4)]
    dt = [
        {**item, "boxes": item["boxes"] + rng.integers(0, 4), "scores": rng.random(len(item["labels"]))} for item in gt
    ]
    dt[1] = image(rng, 0)
    return gt, dt


def supervision(item: Any, is_gt: bool) -> Any:
    sv = need_module("supervision")
    return sv.Detections(
        xyxy=item["boxes"], class_id=item["labels"], confidence=None if is_gt else item["scores"], mask=item["masks"]
    )


def ultralytics(item: Any, is_gt: bool) -> Any:
    results = need_module("ultralytics.engine.results")
    import torch

    rows = np.column_stack((item["boxes"], item["scores"], item["labels"]))
    masks = torch.tensor(item["masks"]) if len(item["masks"]) else None
    return results.Results(
        np.zeros((*SIZE, 3), np.uint8), path="", names={0: "a", 1: "b", 2: "c"}, boxes=torch.tensor(rows), masks=masks
    )


class Instances:
    """Stand-in of detectron2.structures.Instances."""

    def __init__(self, **fields: Any) -> None:
        self.image_size, self._fields = SIZE, fields

    def get_fields(self) -> dict[str, Any]:
        return self._fields


def instances(item: Any, is_gt: bool) -> Any:
    side = "gt" if is_gt else "pred"
    fields = {
        f"{side}_boxes": SimpleNamespace(tensor=item["boxes"]), f"{side}_classes": item["labels"],
        f"{side}_masks": SimpleNamespace(tensor=item["masks"]),
    }  # fmt: skip
    return Instances(**fields) if is_gt else {"instances": Instances(**fields, scores=item["scores"])}


def segments(item: Any, is_gt: bool) -> Any:
    """As transformers' post_process_instance_segmentation gives it; segments do not overlap there."""
    whole, info = np.full(SIZE, -1), []
    for k, (mask, label, score) in enumerate(zip(item["masks"], item["labels"], item["scores"], strict=True)):
        whole[mask] = k
        info.append({"id": k, "label_id": int(label)} | ({} if is_gt else {"score": float(score)}))
    return {"segmentation": whole, "segments_info": info}


def disjoint(items: Any) -> Any:
    """The same with masks that do not overlap: later ones above earlier ones."""
    for item in items:
        for k in range(len(item["masks"])):
            item["masks"][k] &= ~item["masks"][k + 1 :].any(axis=0)
    return items


@pytest.mark.parametrize("make", [supervision, ultralytics, instances])
def test_boxes(make: Any) -> None:
    gt, dt = scene()
    expected = pymetrics.evaluate(
        [_without(item, "scores", "masks") for item in gt], [_without(d, "masks") for d in dt]
    )
    found = pymetrics.evaluate(
        gt if make is ultralytics else [make(item, True) for item in gt], [make(item, False) for item in dt]
    )
    assert found.stats.tolist() == expected.stats.tolist()
    assert 0 < found["map"] < 1


@pytest.mark.parametrize("make", [supervision, instances, segments])
def test_masks(make: Any) -> None:
    gt, dt = (disjoint(items) for items in scene())
    expected = pymetrics.evaluate([_without(item, "scores") for item in gt], dt, iou_type="segm")
    found = pymetrics.evaluate(
        [make(item, True) for item in gt], [make(item, False) for item in dt], iou_type="segm"
    )  # fmt: skip
    assert found.stats.tolist() == expected.stats.tolist()


def _without(item: Any, *keys: str) -> Any:
    return {key: value for key, value in item.items() if key not in keys}


@pytest.mark.parametrize("box_format", ["xyxy", "cxcywh"])
@pytest.mark.parametrize("make", [supervision, ultralytics, instances])
def test_metric(need: Any, make: Any, box_format: str) -> None:
    torch = need("torch")
    need("torchmetrics")
    from pymetrics.detection import MeanAveragePrecision

    gt, dt = scene()
    tensors = [[{key: torch.tensor(value) for key, value in item.items()} for item in items] for items in (dt, gt)]
    expected, found = MeanAveragePrecision(), MeanAveragePrecision(box_format=box_format)
    expected.update(*tensors)
    found.update([make(item, False) for item in dt], [make(item, True) for item in gt])
    assert found.compute()["map"] == expected.compute()["map"]
    assert found.compute()["map_50"] > 0
    if make is not ultralytics:  # which keeps outlines
        of_masks = MeanAveragePrecision(iou_type="segm"), MeanAveragePrecision(iou_type="segm")
        of_masks[0].update(*tensors)
        of_masks[1].update([make(item, False) for item in dt], [make(item, True) for item in gt])
        assert of_masks[0].compute()["map"] == of_masks[1].compute()["map"]


def test_outlines_of_ultralytics(need: Any) -> None:
    """Its masks are outlines in pixels of the image, drawn at the image's size."""
    need("torchmetrics")
    from pymetrics.detection import MeanAveragePrecision

    item = image(np.random.default_rng(2), 3)
    metric = MeanAveragePrecision(iou_type="segm")
    metric.update([ultralytics(item, False)], [ultralytics(item, True)])
    assert metric.compute()["map"] == 1


def test_bounding_boxes_of_torchvision(need: Any) -> None:
    """Their own format counts."""
    torch = need("torch")
    tv_tensors = need("torchvision.tv_tensors")
    need("torchmetrics")
    from pymetrics.detection import MeanAveragePrecision

    corners = torch.tensor([[1.0, 2, 11, 22], [3, 4, 9, 8]])
    layouts = {
        "XYXY": corners,
        "XYWH": torch.tensor([[1.0, 2, 10, 20], [3, 4, 6, 4]]),
        "CXCYWH": torch.tensor([[6.0, 12, 10, 20], [6, 6, 6, 4]]),
    }
    more = {"labels": torch.arange(2), "scores": torch.rand(2)}
    for box_format in ("xyxy", "xywh", "cxcywh"):
        for name, values in layouts.items():
            boxes = tv_tensors.BoundingBoxes(values, format=name, canvas_size=(30, 30))
            metric = MeanAveragePrecision(box_format=box_format)
            metric.update([{"boxes": boxes, **more}], [{"boxes": layouts[box_format.upper()], **more}])
            assert torch.equal(metric.detection_box[0], layouts[box_format.upper()])
            assert type(metric.detection_box[0]) is torch.Tensor
            assert metric.compute()["map"] == 1


def test_what_lacks_classes() -> None:
    sides = SimpleNamespace(xyxy=np.zeros((1, 4)), class_id=None, confidence=None, mask=None)
    with pytest.raises(ValueError, match="Detections have no class_id"):
        pymetrics.evaluate([sides], [sides])
    with pytest.raises(ValueError, match="Instances have no gt_classes"):
        pymetrics.evaluate([Instances(gt_boxes=SimpleNamespace(tensor=np.zeros((1, 4))))], [])
    with pytest.raises(ValueError, match="Results have no boxes"):
        pymetrics.evaluate([SimpleNamespace(orig_shape=SIZE, boxes=None)], [])


def test_an_image_without_objects() -> None:
    """Of supervision's without class_id, as Detections.empty() may be."""
    empty = SimpleNamespace(xyxy=np.empty((0, 4)), class_id=None, confidence=None, mask=None)
    full = SimpleNamespace(
        xyxy=np.array([[0, 0, 9, 9.0]]), class_id=np.array([1]), confidence=np.array([0.5]), mask=None
    )
    truth = SimpleNamespace(xyxy=full.xyxy, class_id=full.class_id, confidence=None, mask=None)
    assert pymetrics.evaluate([empty, truth], [empty, full])["map"] == pytest.approx(1)
