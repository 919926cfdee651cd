"""TrainerMetrics as transformers.Trainer calls it, with a processor that does what transformers' do."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.map_scenes import batch

SIZE = (480, 640)


@pytest.fixture(scope="module")
def kinds(need: Callable[[str], Any]) -> Any:
    """TrainerMetrics and MeanAveragePrecision."""
    need("torchmetrics")
    from pymetrics.detection import MeanAveragePrecision, TrainerMetrics

    return TrainerMetrics, MeanAveragePrecision


class Processor:
    """The scores of the best class of each query, and boxes at the image's size."""

    def post_process_object_detection(self, outputs: Any, threshold: float, target_sizes: Any) -> Any:
        assert threshold == 0.0
        scores, labels = outputs.logits.softmax(-1)[..., :-1].max(-1)
        x, y, w, h = outputs.pred_boxes.unbind(-1)
        height, width = target_sizes.unbind(1)
        boxes = [
            b * s[:, None]
            for b, s in ((x - w / 2, width), (y - h / 2, height), (x + w / 2, width), (y + h / 2, height))
        ]
        import torch

        return [
            {"scores": s, "labels": k, "boxes": b}
            for s, k, b in zip(scores, labels, torch.stack(boxes, -1), strict=True)
        ]


def step(seed: int, n_images: int = 2, n_queries: int = 6, n_classes: int = 2, **more: Any) -> Any:
    """What the Trainer passes for one batch; queries near the objects, and some elsewhere."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    logits = torch.rand(n_images, n_queries, n_classes + 1, generator=generator) * 4
    boxes = torch.rand(n_images, n_queries, 4, generator=generator) * 0.2 + 0.3
    labels = []
    for image in range(n_images):
        n = 1 + (seed + image) % 4
        labels.append(
            {
                "boxes": boxes[image, :n] + 0.01, "class_labels": logits[image, :n, :n_classes].argmax(-1),
                "orig_size": torch.tensor(SIZE), "iscrowd": torch.zeros(n).long(), "area": torch.rand(n),
            } | more
        )  # fmt: skip
    return SimpleNamespace(predictions=({"loss": 1}, logits, boxes, logits), label_ids=labels)


@pytest.mark.parametrize("n_classes", [1, 2])
def test_batches(kinds: Any, n_classes: int) -> None:
    """The numbers of the whole after the last batch, and again for the next evaluation."""
    trainer_metrics, metric = kinds
    metrics, whole = trainer_metrics(Processor(), class_names=True), metric(thresholds="coco")
    steps = [step(seed, n_classes=n_classes) for seed in range(3)]
    for of in steps:
        outputs = SimpleNamespace(logits=of.predictions[1], pred_boxes=of.predictions[2])
        import torch

        sizes = torch.stack([label["orig_size"] for label in of.label_ids])
        found = Processor().post_process_object_detection(outputs, 0.0, sizes)
        scale = torch.tensor([SIZE[1], SIZE[0]] * 2)
        target = []
        for label in of.label_ids:
            center, size = label["boxes"][:, :2], label["boxes"][:, 2:]
            corners = torch.cat((center - 0.5 * size, center + 0.5 * size), 1) * scale
            target.append({"boxes": corners, "labels": label["class_labels"], "iscrowd": label["iscrowd"]})
        whole.update(found, target)
    for _ in range(2):
        given = [metrics(of, compute_result=i == 2) for i, of in enumerate(steps)]
        assert given[:2] == [{}, {}]
        assert given[2] == whole.scalars(class_names=True)
        assert given[2]["map"] > 0
        assert {f"map/{k}" for k in range(n_classes)} <= given[2].keys()
    bare = SimpleNamespace(predictions=steps[0].predictions[1:], label_ids=steps[0].label_ids)
    assert metrics(bare) == metrics(steps[0])
    arrays = SimpleNamespace(predictions=[p.numpy() for p in bare.predictions], label_ids=bare.label_ids)
    assert metrics(arrays) == metrics(steps[0])


def test_labels_that_were_cut(kinds: Any) -> None:
    """accelerate cuts the tensors of a smaller last batch, those in labels too."""
    metrics = kinds[0](Processor())
    metrics(step(1, n_images=4), compute_result=False)
    cut = step(2, n_images=1)
    cut.label_ids[0] = {key: value[:1] for key, value in cut.label_ids[0].items()}
    with pytest.raises(ValueError, match=r"orig_size of label 0 must be \(height, width\).*accelerate cuts"):
        metrics(cut)
    cut = step(2, n_images=2)
    cut.label_ids = [{key: value[:2] for key, value in label.items()} for label in cut.label_ids]
    with pytest.warns(UserWarning, match="the last batch has 2 images, and no label has more than 2 objects"):
        metrics(cut)


def test_what_is_refused(kinds: Any) -> None:
    trainer_metrics, metric = kinds
    for arguments in ({"box_format": "cxcywh"}, {"iou_type": "segm"}):
        with pytest.raises(ValueError, match='`metric` to be of boxes with box_format "xyxy"'):
            trainer_metrics(Processor(), metric(**arguments))
    of = step(1)
    with pytest.raises(ValueError, match=r"label_ids must be one dict for each of 2 images: pass TrainingArguments"):
        trainer_metrics(Processor())(SimpleNamespace(predictions=of.predictions, label_ids=[of.label_ids]))
    own = metric(max_detection_thresholds=[1, 10, 300])
    own.update(*batch(1))
    assert trainer_metrics(Processor(), own).metric is own
