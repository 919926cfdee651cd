"""What MeanAveragePrecision refuses: torchmetrics' exceptions and texts; at update() what torchmetrics finds late."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.map_scenes import batch, complaint

Classes = tuple[Any, Any]
OURS = (  # arguments of ours alone
    "thresholds", "count_empty_images", "area_ranges", "max_dets", "duplicates", "sigmas", "data_warnings",
    "compute_on",
)  # fmt: skip


@pytest.fixture(scope="module")
def classes(need: Callable[[str], Any]) -> Classes:
    """Our class and torchmetrics'."""
    need("torchmetrics"), need("torchvision"), need("pycocotools")
    from torchmetrics.detection import MeanAveragePrecision as Theirs

    from pymetrics.detection import MeanAveragePrecision as Ours

    return Ours, Theirs


def test_signature(classes: Classes) -> None:
    def of(method: Any) -> list[tuple[str, Any, Any]]:
        parameters = inspect.signature(method).parameters.values()
        return [(p.name, p.kind, p.default) for p in parameters if p.name not in OURS]

    ours, theirs = classes
    for name in ("__init__", "update", "compute", "plot", "forward", "reset"):
        assert of(getattr(ours, name)) == of(getattr(theirs, name)), name
    for name in OURS:
        assert inspect.signature(ours).parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    constants = ("is_differentiable", "higher_is_better", "full_state_update", "plot_lower_bound", "plot_upper_bound")
    for name in (*constants, "plot_legend_name", "warn_on_many_detections"):
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize(
    "arguments",
    [
        {"compute_on_cpu": 1},
        {"sync_on_compute": "yes"},
        {"foo": 1, "bar": 2},
        {"box_format": "yolo"},
        {"iou_type": "boxes"},
        {"iou_type": ("bbox", "foo")},
        {"iou_thresholds": (0.5,)},
        {"iou_thresholds": 0.5},
        {"rec_thresholds": 0.5},
        {"max_detection_thresholds": 100},
        {"max_detection_thresholds": (1, 10, 100)},
        {"max_detection_thresholds": [1, 10]},
        {"max_detection_thresholds": []},
        {"class_metrics": 1},
        {"extended_summary": 0},
        {"average": "weighted"},
        {"backend": "hotcoco"},
        {"box_format": "yolo", "iou_type": "foo", "average": "weighted", "foo": 1},
        {"iou_type": "foo", "iou_thresholds": 0.5, "class_metrics": 1},
        {"max_detection_thresholds": [1], "class_metrics": 1, "backend": "foo"},
        {"extended_summary": 1, "average": "foo"},
        {"average": "foo", "backend": "foo"},
    ],
    ids=str,
)
def test_arguments_that_torchmetrics_refuses(classes: Classes, arguments: dict[str, Any]) -> None:
    ours, theirs = classes
    expected = complaint(lambda: theirs(**arguments))
    assert expected[0] is ValueError
    assert complaint(lambda: ours(**arguments)) == expected


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"iou_type": []}, r"`iou_type` to name at least one of \('segm', 'bbox'\) but got \[\]"),
        ({"count_empty_images": 1}, "`count_empty_images` to be a boolean"),
        ({"iou_thresholds": [0.5, "high"]}, "`iou_thresholds` to hold numbers but got 'high' at index 1"),
        ({"iou_thresholds": [float("nan")]}, "`iou_thresholds` to hold numbers but got nan at index 0"),
        ({"rec_thresholds": [None]}, "`rec_thresholds` to hold numbers but got None at index 0"),
        ({"max_detection_thresholds": [1, -1, 10]}, r"no negative limits but got \[1, -1, 10\]"),
        ({"thresholds": "exact"}, r"`thresholds` to be one of \('torchmetrics', 'coco'\) but got exact"),
    ],
)
def test_arguments_that_we_refuse(classes: Classes, arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        classes[0](**arguments)


def broken(torch: Any) -> dict[str, Any]:
    """(preds, target) that torchmetrics refuses in update()."""

    def item(n: int = 2, *drop: str, **values: Any) -> dict[str, Any]:
        whole = {"boxes": torch.ones(n, 4), "scores": torch.ones(n), "labels": torch.ones(n).long()}
        return {key: value for key, value in (whole | values).items() if key not in drop}

    return {
        "preds is a tensor": (torch.ones(2), []),
        "preds is a generator": ((x for x in [item()]), [item()]),
        "target is None": ([item()], None),
        "lengths": ([item()], [item(), item()]),
        "preds without boxes": ([item(), item(2, "boxes", "labels")], [item(), item(2, "labels")]),
        "preds without scores": ([item(2, "scores")], [item()]),
        "preds without labels": ([item(2, "scores", "labels")], [item()]),
        "target without boxes": ([item()], [item(2, "boxes")]),
        "target without labels": ([item()], [item(2, "labels")]),
        "boxes as lists": ([item(boxes=[[1, 2, 3, 4]])], [item(labels=[1])]),
        "scores as lists": ([item(scores=[1.0], labels=[1])], [item()]),
        "labels as lists": ([item(labels=[1, 1])], [item()]),
        "target boxes as lists": ([item()], [item(boxes=[[1, 2, 3, 4]])]),
        "target labels as lists": ([item()], [item(labels=[1, 1])]),
        "target lengths": ([item(), item(3, labels=torch.ones(2).long())], [item(), item(labels=torch.ones(3).long())]),
        "preds labels": ([item(), item(3, labels=torch.ones(2).long())], [item(), item()]),
        "preds scores": ([item(scores=torch.ones(1))], [item()]),
    }


def test_batches_that_torchmetrics_refuses(classes: Classes, need: Callable[[str], Any]) -> None:
    ours, theirs = classes
    for name in broken(need("torch")):
        metric = ours()
        expected = complaint(lambda name=name: theirs().update(*broken(need("torch"))[name]))
        found = complaint(lambda name=name, metric=metric: metric.update(*broken(need("torch"))[name]))
        assert expected[0] is ValueError, name
        if "generator" in name:  # whose text holds an address
            found, expected = ((error, text.partition("<")[0]) for error, text in (found, expected))
        assert found == expected, name
        assert not any(metric.metric_state.values()), name


def late(torch: Any) -> dict[str, Any]:
    """(side, key, value, message) of samples that torchmetrics refuses in compute(), or with an obscure error."""
    two, complex_boxes = torch.ones(2), torch.ones(2, 4).to(torch.complex64)
    return {
        "float labels": ("preds", "labels", two, r"class .*integer, got type <class 'float'>\)$"),
        "float target labels": ("target", "labels", two, r"class .*integer, got type <class 'float'>\)$"),
        "columns of labels": ("preds", "labels", torch.ones(2, 1).long(), r"class .*integer, got type <class 'list'>"),
        "whole scores": ("preds", "scores", two.long(), r"score .*float, got type <class 'int'>\)"),
        "bool scores": ("preds", "scores", two.bool(), r"score .*float, got type <class 'bool'>"),
        "columns of scores": ("preds", "scores", torch.ones(2, 1), r"score .*float, got type <class 'list'>"),
        "complex scores": ("preds", "scores", two.to(torch.complex64), r"score .*<class 'complex'>"),
        "five values": ("preds", "boxes", torch.ones(2, 5), "too many values to unpack"),
        "three values": ("target", "boxes", torch.ones(2, 3), "not enough values to unpack"),
        "no values": ("target", "boxes", torch.ones(2, 0), "not enough values to unpack"),
        "flat boxes": ("target", "boxes", two, r"box .*expected shape \(num_boxes, 4\), got \(2,\)\) in targets"),
        "deep boxes": ("preds", "boxes", torch.ones(2, 4, 1), r"box .*expected shape .*, got \(2, 4, 1\)\) in pred"),
        "bool boxes": ("preds", "boxes", torch.ones(2, 4).bool(), r"box .*expected numbers, got torch.bool\)"),
        "complex boxes": ("target", "boxes", complex_boxes, r"box .*expected numbers, got torch.complex64\)"),
        "boxes without axes": ("target", "boxes", torch.tensor(1.0), r"'boxes' .*in targets must have one row per box"),
        "labels without axes": ("preds", "labels", torch.tensor(1), r"'labels' .*in predictions must have one row per"),
        "crowds as lists": ("target", "iscrowd", [0, 0], r"iscrowd .*in targets to be of type Tensor, got list"),
        "no crowds": ("target", "iscrowd", None, r"iscrowd .*in targets to be of type Tensor, got NoneType"),
        "few crowds": ("target", "iscrowd", torch.zeros(1), r"'iscrowd' .*one number per label, 2 of .* \(1,\)"),
        "columns of areas": ("target", "area", torch.ones(2, 1), r"'area' .*one number per label, 2 of .* \(2, 1\)"),
        "area without axes": ("target", "area", torch.tensor(3.0), r"'area' .*one number per label, 2 of .* \(\)"),
    }  # fmt: skip


def test_batches_that_torchmetrics_refuses_late(classes: Classes, need: Callable[[str], Any]) -> None:
    """Ours are errors of update(), which leaves the states as they were, the sound samples of the batch included."""
    ours, theirs = classes
    good = batch(1, n_images=2, area=False, crowd=0)
    for name, (side, key, value, match) in late(need("torch")).items():

        def samples(side: str = side, key: str = key, value: Any = value) -> Any:
            import torch

            item = {"boxes": torch.rand(2, 4), "scores": torch.rand(2), "labels": torch.arange(2)}
            sides: dict[str, Any] = {"preds": [dict(item), dict(item)], "target": [dict(item), dict(item)]}
            sides[side][1][key] = value
            return sides["preds"], sides["target"]

        metric, rival = ours(), theirs()
        metric.update(*good)
        before = {name: list(tensors) for name, tensors in metric.metric_state.items()}
        with pytest.raises(ValueError, match=match) as caught:
            metric.update(*samples())
        text = str(caught.value.__cause__ or caught.value)
        assert "of sample 1" in text
        assert ("element 0" in text) == text.startswith("Invalid"), name
        assert all(
            len(tensors) == len(before[state]) and all(a is b for a, b in zip(tensors, before[state], strict=True))
            for state, tensors in metric.metric_state.items()
        ), name
        assert metric.compute()["map"] >= 0

        def theirs_dies(rival: Any = rival, samples: Any = samples) -> None:
            rival.update(*samples())
            rival.compute()

        assert complaint(theirs_dies)[0] is not type(None), f"torchmetrics accepts {name}"


@pytest.mark.parametrize("box_format", ["xyxy", "xywh", "cxcywh"])
def test_late_texts_are_torchmetrics_own(classes: Classes, need: Callable[[str], Any], box_format: str) -> None:
    """Where torchmetrics has a text for it, at update() or at compute()."""
    torch, (ours, theirs) = need("torch"), classes
    two = torch.ones(2)
    cases = {
        "float labels": ("preds", {"labels": two}),
        "float target labels": ("target", {"labels": two}),
        "whole scores": ("preds", {"scores": two.long()}),
        "columns of scores": ("preds", {"scores": torch.ones(2, 1)}),
        "five values": ("preds", {"boxes": torch.ones(2, 5)}),
        "three values": ("target", {"boxes": torch.ones(2, 3)}),
    }
    for name, (side, values) in cases.items():
        item = {"boxes": torch.rand(2, 4), "scores": torch.rand(2), "labels": torch.arange(2)}
        batch = {"preds": [item], "target": [item], side: [item | values]}

        def both_calls(metric: Any, batch: Any = batch) -> None:
            metric.update(**batch)
            metric.compute()

        expected = complaint(lambda call=both_calls: call(theirs(box_format=box_format)))
        metric = ours(box_format=box_format)
        assert expected[0] is ValueError, name
        assert complaint(lambda batch=batch, metric=metric: metric.update(**batch)) == expected, name


def test_labels_beyond_32_bits(classes: Classes) -> None:
    import torch

    metric = classes[0]()
    preds, target = batch(2, n_images=4, empty=0)
    target[2]["labels"][-1] = 2**31
    metric.update(preds, target)
    k = len(target[2]["labels"]) - 1
    with pytest.raises(ValueError, match=rf"sample 2, element {k} \(expected 32 bits, got 2147483648\) in targets"):
        metric.compute()
    assert torch.equal(metric.groundtruth_labels[2], target[2]["labels"])


def test_many_detections(classes: Classes, recwarn: Any) -> None:
    ours, theirs = classes
    preds, target = batch(3, n_images=3, empty=0, most=6)
    texts = []
    for metric in (ours(max_detection_thresholds=[1, 2, 3]), theirs(max_detection_thresholds=[1, 2, 3])):
        with pytest.warns(UserWarning, match="Encountered more than 3 detections") as caught:
            metric.update(preds, target)
        texts.append({str(warning.message) for warning in caught})
        metric.warn_on_many_detections = False
        metric.update(preds, target)
    assert texts[0] == texts[1]
    assert not len(recwarn)


@pytest.mark.slow
def test_without_torchmetrics() -> None:
    """An ImportError names the extra."""
    code = (
        "import sys; sys.modules['torchmetrics'] = None\n"
        "try:\n    import pymetrics.detection\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert "pymetrics.detection needs torch and torchmetrics" in done.stdout
    assert "pip install 'pymetrics-detection[torch]'" in done.stdout


@pytest.mark.slow
def test_neither_torchvision_nor_pycocotools(classes: Classes, tmp_path: Path) -> None:
    """An import of either would fail the run."""
    code = (
        "import sys, torch, torchmetrics\n"
        "before = {'torchvision', 'pycocotools', 'faster_coco_eval'} & set(sys.modules)\n"
        "from pymetrics.detection.mean_ap import MeanAveragePrecision\n"
        "sample = dict(boxes=torch.rand(2, 4), scores=torch.rand(2), labels=torch.arange(2))\n"
        "metric = MeanAveragePrecision(class_metrics=True, extended_summary=True, box_format='cxcywh')\n"
        "metric.update([sample], [sample])\n"
        "assert metric.compute()['map'] == 1\n"
        "assert {'torchvision', 'pycocotools', 'faster_coco_eval'} & set(sys.modules) == before\n"
        "print('pycocotools' in before, 'faster_coco_eval' in before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "False False\n", done.stderr
