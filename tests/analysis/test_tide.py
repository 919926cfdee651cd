"""analysis.tide beside tidecv 1.0.1: recorded numbers of generated scenes, and the library itself where it is there."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.tide_scenes import coco_dicts, numbers_of_tidecv

import pymetrics
from pymetrics.analysis import tide

RECORDED = json.loads((Path(__file__).parents[1] / "fixtures" / "tidecv.json").read_text(encoding="utf-8"))


def same(found, want):
    assert found.ap == pytest.approx(want["ap"], abs=1e-9)
    assert dict(found) == pytest.approx(want["costs"], abs=1e-9)
    assert found.counts == want["counts"]


@pytest.mark.cases(1)
@pytest.mark.parametrize("mode", RECORDED)
def test_numbers_recorded_of_tidecv(mode):
    kinds = dict.fromkeys(("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss"), 0)
    for seed, want in enumerate(RECORDED[mode]):
        if want is None:
            continue
        found = tide(pymetrics.evaluate(*coco_dicts(seed, mode), iou_type="segm" if mode == "mask" else "bbox"))
        same(found, want)
        kinds = {kind: n + found.counts[kind] for kind, n in kinds.items()}
    assert min(kinds.values()) > 10


@pytest.mark.slow
def test_numba_gives_the_same(monkeypatch, need):
    need("numba")
    monkeypatch.setenv("PYMETRICS_BACKEND", "numba")
    for seed in range(0, 200, 20):
        same(tide(pymetrics.evaluate(*coco_dicts(seed, "bbox"))), RECORDED["bbox"][seed])


@pytest.mark.parametrize("name", ["base", "darknet53", "im700", "resnet50"])
def test_tidecv_on_real_detections(data, need, tmp_path, name):
    gt = json.loads(data("coco_yolact100/gt.json").read_text(encoding="utf-8"))
    dt = json.loads(data(f"coco_yolact100/dt_yolact_{name}.json").read_text(encoding="utf-8"))
    need("tidecv")
    for row in gt["annotations"]:  # which tidecv reads even for boxes
        x, y, w, h = row["bbox"]
        row.setdefault("segmentation", [[x, y, x + w, y, x + w, y + h, x, y + h]])
    for image in gt["images"]:
        image.setdefault("file_name", str(image["id"]))
    want = numbers_of_tidecv(gt, dt, "bbox", tmp_path)
    assert want is not None
    same(tide(pymetrics.evaluate(gt, dt)), want)


def test_errors_by_hand():
    """One image, objects of category 1 at 0 and of category 2 at 100, and one of category 1 that nothing is near."""
    gt = np.array([[0, 0, 0, 10, 10, 1], [0, 100, 0, 10, 10, 2], [0, 300, 0, 10, 10, 1]], float)
    dt = np.array(
        [
            [0, 0, 0, 10, 10, 0.9, 1],  # right
            [0, 0, 0, 10, 9, 0.8, 1],  # a duplicate
            [0, 100, 0, 10, 10, 0.7, 1],  # another category
            [0, 105, 0, 10, 10, 0.6, 2],  # an overlap of 1/3
            [0, 500, 0, 10, 10, 0.5, 2],  # background
            [0, 105, 0, 10, 10, 0.4, 1],  # both
        ],
        float,
    )
    found = tide(pymetrics.evaluate(gt, dt))
    assert found.counts == {"Cls": 1, "Loc": 1, "Both": 1, "Dupe": 1, "Bkg": 1, "Miss": 1}
    errors = found.errors
    assert errors.kind.tolist() == ["Dupe", "Cls", "Loc", "Bkg", "Both", "Miss"]
    assert errors.dt.tolist() == [1, 2, 3, 4, 5, -1]
    assert errors.gt.tolist() == [0, 1, 1, -1, -1, 2]
    assert errors.score.tolist() == [0.8, 0.7, 0.6, 0.5, 0.4, 0.0]
    assert errors.image.tolist() == [0] * 6
    assert repr(errors) == "<Errors of 6 rows>"
    assert str(found).splitlines()[0] == f"AP at 0.5: {found.ap:.2f}"
    assert repr(found).startswith(f"<Tide AP={found.ap:.2f} Cls=")
    assert tide(pymetrics.evaluate(gt, dt), positive=0.3).counts["Loc"] == 0


def test_nothing_at_all():
    found = tide(pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7))))
    assert (found.ap, set(found.values()), set(found.counts.values())) == (0.0, {0.0}, {0})
    assert len(found.errors) == 0


def result_of_one_image():
    return pymetrics.evaluate(np.array([[1, 0, 0, 9, 9, 1]]), np.array([[1, 0, 0, 9, 9, 0.5, 1]]))


def test_bad_arguments():
    result = pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7)))
    with pytest.raises(ValueError, match=r"positive must be a number in \[0, 1\], got 2"):
        tide(result, positive=2)
    with pytest.raises(ValueError, match=r"background must be above 0 and at most positive, 0\.5, got 0\.6"):
        tide(result, background=0.6)
    with pytest.raises(ValueError, match=r"tide needs the data that was evaluated, .*: call evaluate on the data"):
        tide(pymetrics.Result(result_of_one_image().outcomes))
