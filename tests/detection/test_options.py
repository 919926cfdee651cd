"""What MeanAveragePrecision does on request beyond torchmetrics': none of it changes a default."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers.map_scenes import batch, differences, with_masks

import pymetrics


@pytest.fixture(scope="module")
def make(need: Callable[[str], Any]) -> Callable[..., Any]:
    """make(**arguments): our metric."""
    need("torchmetrics")
    from pymetrics.detection import MeanAveragePrecision

    return MeanAveragePrecision


def filled(metric: Any, *batches: Any) -> Any:
    metric.warn_on_many_detections = False
    for data in batches:
        metric.update(*data)
    return metric


def test_scalars(make: Any) -> None:
    """compute()'s numbers as floats; undefined ones are left out; classes by name."""
    data = batch(1, n_images=20)
    metric = filled(make(max_detection_thresholds=[1, 2, 3]), data)
    values, found = metric.compute(), metric.scalars("val/")
    expected = {f"val/{key}": value.item() for key, value in values.items() if key.startswith("ma") and value >= 0}
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, abs=1e-7)
    assert all(type(value) is float for value in found.values())
    assert "val/map" not in found  # pycocotools looks at 100 detections there
    assert metric.scalars(undefined="keep")["map"] == -1
    named = filled(make(), data).scalars(class_names={0: "cat", 1: "dog"})
    assert {"map/cat", "map/dog", "map/2", "map/3"} == {key for key in named if "/" in key}
    both = filled(make(iou_type=("bbox", "segm")), with_masks(batch(2), 2))
    values = both.compute()
    assert both.scalars()["segm_map_50"] == pytest.approx(values["segm_map_50"].item(), abs=1e-7)
    assert both.scalars("x/")["x/bbox_map"] == pytest.approx(values["bbox_map"].item(), abs=1e-7)


@pytest.mark.parametrize("arguments", [{}, {"class_metrics": True, "extended_summary": True, "iou_type": "segm"}])
def test_compute_async(make: Any, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """On another thread, of the states at the call; what it raises comes out of the future."""
    from pymetrics.detection import evaluated

    threads = []
    kept = evaluated.as_columns

    def as_columns(*args: Any, **kwargs: Any) -> Any:
        threads.append(threading.current_thread())
        return kept(*args, **kwargs)

    monkeypatch.setattr(evaluated, "as_columns", as_columns)
    data = [with_masks(batch(seed, n_classes=1 if seed else 3), seed) for seed in range(2)]
    metric = filled(make(**arguments), data[0])
    future = metric.compute_async()
    metric.reset()
    filled(metric, data[1])
    other = metric.compute_async()
    filled(metric, data[0])
    assert differences(future.result(timeout=60), filled(make(**arguments), data[0]).compute()) == []
    assert differences(other.result(timeout=60), filled(make(**arguments), data[1]).compute()) == []
    assert threading.main_thread() not in threads[:1]
    metric.groundtruth_labels[0] = metric.groundtruth_labels[0] + 2**40
    with pytest.raises(ValueError, match="expected 32 bits"):
        metric.compute_async().result(timeout=60)


def test_area_ranges(make: Any) -> None:
    """They come after COCO's; the numbers are evaluate()'s."""
    data = batch(3, n_images=20, dtype="float64", scores="float64", area=False)
    ranges = {"tiny": (0, 256), "middle": (32.0**2, 96.0**2)}
    metric = filled(make(area_ranges=ranges, thresholds="coco", class_metrics=True, extended_summary=True), data)
    plain = filled(make(thresholds="coco"), data).compute()
    found = metric.compute()
    assert [key for key in found if key not in plain] == [
        "map_tiny", "map_middle", "mar_tiny", "mar_middle", "ious", "precision", "recall", "scores"
    ]  # fmt: skip
    assert all(found[key] == plain[key] for key in plain if key.startswith("ma") and "class" not in key)
    assert found["map_middle"] == found["map_medium"]
    assert found["mar_middle"] == found["mar_medium"]
    assert found["precision"].shape[3] == 6
    expected = pymetrics.evaluate(data[1], data[0], area_ranges=ranges)
    assert found["map_tiny"].item() == np.float32(expected["map_tiny"])
    assert metric.select("map_tiny").compute() == found["map_tiny"]
    assert metric.scalars()["map_tiny"] == expected["map_tiny"]


@pytest.mark.parametrize("limits", [[5], [2, 3], [1, 3, 10, 300, 1000]])
def test_any_number_of_limits(make: Any, limits: list[int]) -> None:
    """All values but mar_<limit> are taken at the last."""
    data = batch(4, n_images=20, most=12)
    found = filled(make(max_dets=limits, class_metrics=True), data).compute()
    last = limits[-1]
    three = filled(make(max_detection_thresholds=[1, 2, last], backend="faster_coco_eval"), data).compute()
    for key in ("map", "map_50", "map_small", "mar_large", f"mar_{last}"):
        assert found[key] == three[key], key
    assert [key for key in found if key.startswith("mar_") and key[4].isdigit()] == [
        *(f"mar_{limit}" for limit in limits), f"mar_{last}_per_class"
    ]  # fmt: skip
    assert make(max_dets=limits[::-1]).max_detection_thresholds == limits


@pytest.mark.parametrize("kind", ["tensor", "int"])
def test_duplicates(make: Any, kind: str) -> None:
    """As padding samplers give them: the first of each image stays; without the argument ids are not read."""
    import torch

    preds, target = with_masks(batch(5, n_images=6), 5)
    ids = [7, 3, 7, 9, 3, 11]
    for item, id in zip(target, ids, strict=True):
        item["image_id"] = torch.tensor([id]) if kind == "tensor" else id
    arguments = {"iou_type": ("bbox", "segm"), "extended_summary": True}
    kept = [0, 1, 3, 5]
    expected = filled(make(**arguments), ([preds[i] for i in kept], [target[i] for i in kept])).compute()
    metric = make(**arguments, duplicates="first")
    metric.update(preds[:3], target[:3])
    metric.update(preds[3:], target[3:])
    assert differences(metric.compute(), expected) == []
    assert metric.select("bbox_map").compute() == expected["bbox_map"]
    whole = filled(make(**arguments), (preds, target)).compute()
    assert differences(whole, expected)
    with pytest.raises(ValueError, match="image 7 came twice, as images 0 and 2"):
        filled(make(**arguments, duplicates="error"), (preds, target)).compute()
    other = make(**arguments, duplicates="first")
    other.merge_state(metric)
    assert differences(other.compute(), expected) == []
    for value in (None, "a", 1.5, torch.tensor(1.5), torch.tensor([1, 2])):
        before = len(metric.groundtruth_labels)
        with pytest.raises(ValueError, match="`image_id` of sample 1 in targets to be an integer"):
            metric.update(preds[:2], [target[0], target[1] | {"image_id": value}])
        assert len(metric.groundtruth_labels) == len(metric.groundtruth_mask) == before
    del target[0]["image_id"]
    with pytest.raises(ValueError, match="`image_id` key: sample 0 has none"):
        metric.update(preds, target)


def test_one_process_computes_by_itself(make: Any) -> None:
    data = batch(1)
    assert differences(filled(make(compute_on="rank0"), data).compute(), filled(make(), data).compute()) == []


def poses(seed: int, n_points: int = 17) -> Any:
    """Images of up to five poses, and detections near them."""
    import torch

    rng = np.random.default_rng(seed)
    preds, target = [], []
    for n in rng.integers(0, 6, 12):
        points = np.concatenate((rng.random((n, n_points, 2)) * 200, rng.integers(0, 3, (n, n_points, 1))), 2)
        if n > 1:
            points[0, :, 2] = 0  # ignored
        found = points[rng.integers(0, n, n + 1)] if n else points
        found = found + rng.normal(0, 4, found.shape)
        labels = torch.zeros(n, dtype=torch.long)
        area = torch.tensor(rng.random(n) * 20000 + 10)
        target.append({"keypoints": torch.tensor(points), "labels": labels, "area": area})
        kinds = torch.zeros(len(found), dtype=torch.long)
        scores = torch.tensor(rng.integers(0, 9, len(found)) / 8)
        preds.append({"keypoints": torch.tensor(found), "labels": kinds, "scores": scores})
    return preds, target


@pytest.mark.parametrize("sigmas", [None, (0.05, 0.1, 0.2)])
def test_keypoints(make: Any, sigmas: Any) -> None:
    """The numbers of evaluate()."""
    data = poses(6, 3 if sigmas else 17)
    metric = make(iou_type="keypoints", thresholds="coco", sigmas=sigmas)
    metric.update(data[0][:5], data[1][:5])
    metric.update(data[0][5:], data[1][5:])
    given = {} if sigmas is None else {"sigmas": sigmas}
    expected = pymetrics.evaluate(
        data[1], data[0], iou_type="keypoints", **given,
        protocol=pymetrics.Protocol(),
    )  # fmt: skip
    found = metric.compute()
    assert 0 < found["map"] < 1
    assert {key: found[key].item() for key in expected} == {key: np.float32(expected[key]) for key in expected}
    assert metric.result().stats.tolist() == expected.stats.tolist()
    before = len(metric.detection_keypoints)
    for key, value, match in (
        ("area", None, "`area` key: sample 0 has none"),
        ("keypoints", data[1][1]["keypoints"][..., :2], r"keypoints of sample 0, .*\(num_poses, num_keypoints, 3\)"),
    ):
        item = dict(data[1][1])
        if value is None:
            del item[key]
        else:
            item[key] = value
        with pytest.raises(ValueError, match=match):
            metric.update(data[0][1:2], [item])
    assert len(metric.detection_keypoints) == before


def test_data_warnings(make: Any) -> None:
    """On request alone."""
    data = batch(7, n_images=5, empty=0)
    for item in (*data[0], *data[1]):
        item["boxes"] = item["boxes"].clamp(min=0) / 1000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filled(make(), data).compute()
    metric = filled(make(data_warnings=True, max_dets=[1]), data)
    with pytest.warns(UserWarning) as caught:  # noqa: PT030
        metric.compute()
    texts = [str(warning.message) for warning in caught]
    n_dt = sum(len(item["labels"]) for item in data[0])
    n_kept = sum(len(item["labels"].unique()) for item in data[0])
    share = f"{(n_dt - n_kept) / n_dt:.1%}"
    assert any(f"class cuts {n_dt - n_kept} of {n_dt} detections ({share})" in text for text in texts)
    assert [f"all boxes of {name} lie in [0, 1]" in " ".join(texts) for name in ("preds", "target")] == [True, True]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filled(make(data_warnings=True), batch(8)).compute()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"area_ranges": [(0, 1)]}, TypeError, "`area_ranges` to be a dict"),
        ({"area_ranges": {"tiny": (3, 1)}}, ValueError, r"pairs \(lowest, highest\) but got \(3, 1\) for 'tiny'"),
        ({"area_ranges": {"tiny": 3}}, ValueError, "got 3 for 'tiny'"),
        ({"area_ranges": {"small": (0, 1)}}, ValueError, "names of its own but got 'small'"),
        ({"area_ranges": {"50": (0, 1)}}, ValueError, "names of its own but got '50'"),
        ({"max_dets": []}, ValueError, r"`max_dets` to hold whole numbers from 1 on, all different, but got \[\]"),
        ({"max_dets": [0, 1]}, ValueError, "`max_dets`"),
        ({"max_dets": [1, 1]}, ValueError, "`max_dets`"),
        ({"max_dets": [1.5]}, ValueError, "`max_dets`"),
        ({"max_dets": 3}, ValueError, "`max_dets`"),
        ({"duplicates": "last"}, ValueError, r"`duplicates` to be one of \('first', 'error'\) but got last"),
        ({"compute_on": "rank1"}, ValueError, r"`compute_on` to be one of \('all', 'rank0'\) but got rank1"),
        ({"data_warnings": 1}, ValueError, "`data_warnings` to be a boolean"),
    ],
)
def test_arguments_that_are_refused(make: Any, arguments: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        make(**arguments)
