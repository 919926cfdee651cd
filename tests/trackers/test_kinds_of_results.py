"""Every kind of result goes into a tracker: all shapes, string ids, accumulators, and results of nothing."""

import importlib

import numpy as np
import pytest
from helpers.tracker_scene import make_result, make_scene

import pymetrics
from pymetrics.trackers import comet, tensorboard
from pymetrics.trackers.content import Shown, best_f1, scalars

CAT = {"boxes": np.array([[0.0, 0, 9, 9]]), "labels": np.array(["cat"]), "image_id": "a/b"}
NOTHING = {"boxes": np.zeros((0, 4)), "labels": np.zeros(0, int), "scores": np.zeros(0)}


def of_shape(iou_type):
    if iou_type in ("bbox", "segm"):
        return make_result(iou_type == "segm")
    gt, dt = make_scene(masks=True)
    for row in (*gt["annotations"], *dt):
        x, y, *_ = row["bbox"]
        row["keypoints"] = [float(value) for i in range(17) for value in (x + i, y + i, 2)]
        row["num_keypoints"] = 17
    return pymetrics.evaluate(gt, dt, iou_type=iou_type)


def of_accumulator():
    metric = pymetrics.Accumulator(keep_data=True)
    metric.update([CAT], [CAT | {"scores": np.array([0.5])}])
    return metric.compute()


KINDS = {
    **{
        iou_type: lambda iou_type=iou_type: of_shape(iou_type) for iou_type in ("bbox", "segm", "boundary", "keypoints")
    },
    "strings": lambda: pymetrics.evaluate([CAT], [CAT | {"scores": np.array([0.5])}]),
    "accumulator": of_accumulator,
    "no detections": lambda: pymetrics.evaluate([CAT | {"labels": np.array([1])}], [NOTHING | {"image_id": "a/b"}]),
    "no objects": lambda: pymetrics.evaluate([NOTHING], [NOTHING]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_images_say_what_at_counts(need, kind):
    need("wandb"), need("PIL")
    result = KINDS[kind]()
    values = importlib.import_module("pymetrics.trackers.wandb").payload(result, True)
    rows = result.at(values.get("val/f1_threshold", 0)).per_image
    assert [image._caption.split(": ")[1] for image in values["val/images"]] == [
        f"{row['tp']} right, {row['fp']} wrong, {row['fn']} missed" for row in rows
    ]
    for row, (_, _, image, marks) in zip(
        rows, Shown(result, True, 16, values.get("val/f1_threshold"), None), strict=True
    ):
        layers = {layer["name"]: layer["data"] for layer in comet.layers(marks)}
        counts = {"true positives": row["tp"], "false positives": row["fp"], "misses": row["fn"]}
        assert {name: len(data) for name, data in layers.items() if name in counts} == {
            name: n for name, n in counts.items() if n
        }
        for mark in (mark for data in layers.values() for mark in data):
            assert ("points" in mark) == (kind in ("segm", "boundary"))
            assert {type(value) for line in mark.get("points", mark.get("boxes")) for value in line} == {float}
        assert image.mode == "RGB"


def test_nothing_at_all(need):
    need("wandb")
    assert importlib.import_module("pymetrics.trackers.wandb").payload(pymetrics.evaluate([], []), True) == {}


def test_without_detections_recall_and_f1_are_zero():
    """A model that finds nothing: trackers must not go on showing the F1 of an earlier epoch."""
    result = KINDS["no detections"]()
    values = scalars(result, "val/", "torchmetrics", None, best_f1(result))
    assert (values["val/recall"], values["val/f1"]) == (0.0, 0.0)
    assert not {"val/precision", "val/f1_threshold"} & values.keys()
    empty = KINDS["no objects"]()
    assert scalars(empty, "val/", "torchmetrics", None, best_f1(empty)) == {}


def test_an_image_that_is_missing_leaves_nothing_behind():
    """Images are opened before anything is logged."""
    said = []

    class Tracker:
        alive, asset_name_max_length, image_name_max_length = True, None, None

        def __getattr__(self, name):
            return lambda *args, **settings: said.append(name)

    for log in (comet.log, tensorboard.log):
        with pytest.raises(ValueError, match="images has no image"):
            log(Tracker(), make_result(), images={}, step=0)
    assert said == []
