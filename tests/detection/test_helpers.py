"""The private names that subclasses of torchmetrics' metric call, against torchmetrics' own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from helpers.map_scenes import batch, differences


@pytest.fixture(scope="module")
def backends(need: Callable[[str], Any]) -> Any:
    """Our metric's class, torchmetrics' and its CocoBackend on pycocotools."""
    need("torchmetrics"), need("torchvision"), need("pycocotools")
    from torchmetrics.detection import MeanAveragePrecision as Theirs
    from torchmetrics.detection.helpers import CocoBackend

    from pymetrics.detection import MeanAveragePrecision as Ours

    return Ours, Theirs, CocoBackend("pycocotools")


def states(metric: Any) -> tuple[Any, ...]:
    names = ("labels", "box", "mask", "crowds", "area")
    return (
        *(getattr(metric, f"groundtruth_{name}") for name in names),
        *(getattr(metric, f"detection_{name}") for name in ("labels", "box", "mask", "scores")),
    )


@pytest.mark.parametrize("average", ["macro", "micro"])
@pytest.mark.parametrize("box_format", ["xyxy", "xywh", "cxcywh"])
def test_datasets(backends: Any, box_format: str, average: str) -> None:
    """The same images, annotations and categories; the evaluation that a subclass makes of them gives our numbers."""
    ours, theirs = (kind(box_format=box_format, average=average) for kind in backends[:2])
    for metric in (ours, theirs):
        metric.update(*batch(1, box_format=box_format, dtype="float16"))
    pairs = ours._coco_backend._get_coco_datasets(*states(ours), average=average)
    expected = theirs._coco_backend._get_coco_datasets(*states(theirs), average=average)
    for found, other in zip(pairs, expected, strict=True):
        for key in ("images", "annotations", "categories"):
            assert found.dataset[key] == other.dataset[key], key
        assert list(found.dataset["annotations"][0]) == list(other.dataset["annotations"][0])
        assert found.anns.keys() == other.anns.keys()
    evaluation = ours._coco_backend.cocoeval(pairs[1], pairs[0], iouType="bbox")
    evaluation.params.iouThrs, evaluation.params.recThrs = ours.iou_thresholds, ours.rec_thresholds
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    values, limits = ours.compute(), ours.max_detection_thresholds
    named = ours._coco_backend._coco_stats_to_tensor_dict(evaluation.stats, "", limits)
    assert {key: value.item() for key, value in named.items()} == {key: values[key].item() for key in named}
    other = backends[2]._coco_stats_to_tensor_dict(evaluation.stats.tolist(), "bbox_", [1, 2, 3])
    assert differences(ours._coco_backend._coco_stats_to_tensor_dict(evaluation.stats, "bbox_", [1, 2, 3]), other) == []


def test_without_images(backends: Any) -> None:
    ours, theirs = (kind() for kind in backends[:2])
    for metric in (ours, theirs):
        metric.update([], [])
    for found, other in zip(*(m._coco_backend._get_coco_datasets(*states(m)) for m in (ours, theirs)), strict=True):
        assert found.dataset["images"] == other.dataset["images"] == []
        assert found.dataset["categories"] == other.dataset["categories"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("labels", [[1.5, 2.0]]),
        ("scores", [[1, 2]]),
        ("boxes", [[[1.0, 2, 3, 4, 5], [1.0, 2, 3, 4, 5]]]),
    ],
)
def test_wrong_states(backends: Any, name: str, values: Any) -> None:
    import torch

    given = {"labels": [[1, 2]], "boxes": [[[1.0, 2, 3, 4]] * 2], "scores": [[0.5, 0.6]]} | {name: values}
    arguments = {key: [torch.tensor(value) for value in part] for key, part in given.items()}
    texts = []
    for backend in (backends[0](box_format="xywh")._coco_backend, backends[2]):
        with pytest.raises(ValueError, match="Invalid input") as caught:
            backend._get_coco_format(all_labels=[1, 2], **arguments)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]
