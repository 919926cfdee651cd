"""TrainerMetrics in a real transformers.Trainer, and outputs of real image processors; run by `make integrations`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.absent import need_module

SIZE = 32  # of the images that the model sees, in pixels
N_IMAGES = 6


@pytest.fixture(scope="module")
def transformers() -> Any:
    """The package, with what its Trainer needs."""
    for name in ("torchmetrics", "accelerate", "scipy"):
        need_module(name)
    return need_module("transformers")


def small_model(transformers: Any, n_classes: int) -> Any:
    """A detector with random weights."""
    import torch

    torch.manual_seed(1)
    config = transformers.YolosConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=[SIZE, SIZE],
        patch_size=8, num_detection_tokens=9, use_mid_position_embeddings=False, num_labels=n_classes,
    )  # fmt: skip
    return transformers.YolosForObjectDetection(config).eval()


def examples(model: Any, n_classes: int) -> list[dict[str, Any]]:
    """Images, each with some of the boxes that the model finds there as ground truth."""
    import torch

    generator = torch.Generator().manual_seed(2)
    found = []
    for i in range(N_IMAGES):
        pixels = torch.rand(3, SIZE, SIZE, generator=generator)
        with torch.no_grad():
            boxes = model(pixels[None]).pred_boxes[0, : 1 + i % 3]
        labels = {
            "boxes": (boxes + 0.02 * i).clamp(0, 1), "class_labels": torch.arange(len(boxes)) % n_classes,
            "orig_size": torch.tensor([480 + i, 640]), "image_id": torch.tensor([i]),
            "iscrowd": torch.zeros(len(boxes), dtype=torch.int64), "area": torch.ones(len(boxes)),
        }  # fmt: skip
        found.append({"pixel_values": pixels, "labels": labels})
    return found


def collate(items: list[dict[str, Any]]) -> dict[str, Any]:
    import torch

    return {"pixel_values": torch.stack([item["pixel_values"] for item in items]),
            "labels": [item["labels"] for item in items]}  # fmt: skip


def corners(boxes: Any, size: Any) -> Any:
    """Centre and size in parts of the image, as corners in pixels."""
    import torch

    height, width = size.tolist()
    x, y, w, h = boxes.unbind(1)
    return torch.stack((x - 0.5 * w, y - 0.5 * h, x + 0.5 * w, y + 0.5 * h), 1) * torch.tensor([width, height] * 2)


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [1, 3])
def test_trainer(transformers: Any, n_classes: int, tmp_path: Path) -> None:
    """evaluate() gives the numbers of the whole, twice; with one class torchmetrics' `classes` has no axis there."""
    import torch

    from pymetrics.detection import MeanAveragePrecision, TrainerMetrics

    model = small_model(transformers, n_classes)
    data = examples(model, n_classes)
    processor = transformers.YolosImageProcessor()
    names = {k: f"kind {k}" for k in range(n_classes)}
    arguments = transformers.TrainingArguments(
        str(tmp_path), per_device_eval_batch_size=2, batch_eval_metrics=True, eval_do_concat_batches=False,
        remove_unused_columns=False, report_to=[], use_cpu=True, disable_tqdm=True, label_names=["labels"],
    )  # fmt: skip
    trainer = transformers.Trainer(
        model, arguments, data_collator=collate, eval_dataset=data,
        compute_metrics=TrainerMetrics(processor, class_names=names),
    )  # fmt: skip
    metric = MeanAveragePrecision(thresholds="coco")
    for i in range(0, N_IMAGES, 2):
        batch = collate(data[i : i + 2])
        with torch.no_grad():
            outputs = model(batch["pixel_values"])
        sizes = torch.stack([label["orig_size"] for label in batch["labels"]])
        preds = processor.post_process_object_detection(outputs, threshold=0.0, target_sizes=sizes)
        target = [
            {"boxes": corners(label["boxes"], label["orig_size"]), "labels": label["class_labels"]}
            for label in batch["labels"]
        ]
        metric.update(preds, target)
    expected = metric.scalars(class_names=names)
    assert 0 < expected["map"] < 1
    assert "map/kind_0" in expected
    for _ in range(2):
        found = trainer.evaluate()
        assert {key: found.get(f"eval_{key}") for key in expected} == expected


def test_instance_segmentation(transformers: Any) -> None:
    """What Mask2FormerImageProcessor makes of a model's outputs goes into update() as it is."""
    import torch
    from transformers.models.mask2former.modeling_mask2former import Mask2FormerForUniversalSegmentationOutput

    from pymetrics.detection import MeanAveragePrecision

    generator = torch.Generator().manual_seed(3)
    outputs = Mask2FormerForUniversalSegmentationOutput(
        class_queries_logits=torch.randn(2, 6, 4, generator=generator) * 3,
        masks_queries_logits=torch.randn(2, 6, 96, 96, generator=generator) * 3,
    )
    processor = transformers.Mask2FormerImageProcessor()
    found = processor.post_process_instance_segmentation(outputs, threshold=0.3, target_sizes=[(40, 50), (30, 60)])
    assert [set(item) for item in found] == [{"segmentation", "segments_info"}] * 2
    assert all(item["segments_info"] for item in found)
    dicts = []
    for item in found:
        info = item["segments_info"]
        masks = torch.stack([item["segmentation"] == segment["id"] for segment in info])
        labels, scores = torch.tensor([s["label_id"] for s in info]), torch.tensor([s["score"] for s in info])
        dicts.append({"masks": masks, "labels": labels, "scores": scores.double()})
    target = [{"masks": item["masks"][1:], "labels": item["labels"][1:]} for item in dicts]
    values = []
    for preds in (found, dicts):
        metric = MeanAveragePrecision(iou_type="segm")
        metric.update(preds, target)
        values.append(metric.scalars())
    assert values[0] == values[1]
    assert values[0]["map"] > 0
