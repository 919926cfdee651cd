"""analysis.lrp beside the recorded numbers of the authors' code, to the bit, and beside the definition."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.analysis_scenes import match, overlap, scene
from helpers.tide_scenes import coco_dicts

import pymetrics
from pymetrics import Accumulator
from pymetrics.analysis import lrp

RECORDED = json.loads((Path(__file__).parents[1] / "fixtures" / "lrp.json").read_text(encoding="utf-8"))


def test_numbers_recorded_of_the_authors_code(backend):
    for seed, rows in enumerate(RECORDED):
        want = np.array([[-1.0 if value is None else value for value in row] for row in rows])
        found = lrp(pymetrics.evaluate(*coco_dicts(seed, "bbox")))
        assert found.values.tobytes() == want.tobytes()
        for j, name in enumerate(("molrp", "loc", "fp", "fn")):
            values = want[want[:, j] > -1, j]
            assert getattr(found, name) == (np.mean(values) if len(values) else -1)


@pytest.mark.parametrize("seed", range(8))
def test_the_definition_one_detection_at_a_time(seed):
    of = scene(seed, n_images=25)
    place = {image: i for i, image in enumerate(sorted(of.images))}
    for iou in (0.5, 0.62):
        said = match(of, iou)
        for category, row in zip(of.categories, lrp(of.evaluate(), iou).per_class, strict=True):
            n_gt = sum(g[1] == category and not g[3] and not g[4] for g in of.gt)
            rows = [i for i in said if of.dt[i][1] == category]
            rows.sort(key=lambda i: (-of.dt[i][3], place[of.dt[i][0]], i))
            tp, fp, lost, best = 0, 0, 0.0, None
            for i in rows:
                status, g = said[i]
                if status == "tp":
                    tp, lost = tp + 1, lost + 1 - overlap(of.dt[i][2], of.gt[g][2], False)
                fp += status == "fp"
                value = (lost / (1 - iou) + fp + n_gt - tp) / max(fp + n_gt, 1)
                if best is None or value < best[0] - 1e-12:
                    best = value, tp, fp, lost, of.dt[i][3]
            if n_gt == 0:
                assert set(list(row.values())[2:]) == {-1.0}
            elif not any(said[i][0] == "tp" for i in rows):
                assert list(row.values())[2:] == [1, -1, -1, 1, -1]
            else:
                value, tp, fp, lost, score = best
                assert row["olrp"] == pytest.approx(value, rel=1e-12)
                assert row["fn"] == (n_gt - tp) / n_gt
                assert row["threshold"] == score
                assert row["loc"] == (pytest.approx(lost / tp, abs=1e-12) if tp else -1)
                assert row["fp"] == (fp / (tp + fp) if tp + fp else -1)


def test_a_first_minimum_before_any_true_positive_leaves_loc_undefined():
    gt = np.array([[0, 0, 0, 10, 10, 1]])
    dt = np.array([[0, 50, 50, 10, 10, 0.9, 1], [0, 0, 0, 10, 5, 0.8, 1]])
    row = lrp(pymetrics.evaluate(gt, dt)).per_class[0]
    assert (row["olrp"], row["loc"], row["fp"], row["fn"], row["threshold"]) == (1, -1, 1, 1, 0.9)


def test_kept_matches_are_enough():
    of = scene(4, n_images=12)
    parts = [Accumulator(keep_matches=True), Accumulator(keep_matches=True)]
    for part, images in zip(parts, (of.images[:5], of.images[5:]), strict=True):
        part.update(*of.part(images).sources())
    parts[0].merge(parts[1])
    merged, whole = parts[0].compute(), of.evaluate()
    for iou in (0.5, 0.75):
        assert lrp(merged, iou).values.tobytes() == lrp(whole, iou).values.tobytes()
    with pytest.raises(ValueError, match=r"iou must be one of .*iou_thresholds="):
        lrp(merged, 0.62)
    with pytest.raises(ValueError, match=r"lrp needs overlaps: no matches were kept: say Accumulator\(keep_matches"):
        lrp(of.merged())
    small = Accumulator(keep_matches="small")
    small.update(*of.sources())
    with pytest.raises(ValueError, match="lrp needs the matches of the area range 'all': name it in keep_matches"):
        lrp(small.compute())


def test_bad_thresholds_and_nothing_at_all():
    nothing = pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7)))
    found = lrp(nothing)
    assert (found.molrp, found.per_class) == (-1, [])
    assert repr(found) == "<Lrp iou=0.5: molrp=-1.0000 loc=-1.0000 fp=-1.0000 fn=-1.0000>"
    with pytest.raises(ValueError, match="iou must be below 1"):
        lrp(nothing, 1)
    with pytest.raises(ValueError, match=r"iou must be a number in \[0, 1\], got -1"):
        lrp(nothing, -1)
