"""analysis.voc beside the development kit's rule, one detection at a time."""

import numpy as np
import pytest
from helpers.analysis_scenes import scene

import pymetrics
from pymetrics.analysis import voc


def overlap(d, g, inclusive):
    d, g = ([b[0], b[1], b[0] + b[2] - (not inclusive), b[1] + b[3] - (not inclusive)] for b in (d, g))
    w, h = (min(d[j + 2], g[j + 2]) - max(d[j], g[j]) + 1 for j in (0, 1))
    if w <= 0 or h <= 0:
        return -1.0
    areas = (d[2] - d[0] + 1) * (d[3] - d[1] + 1) + (g[2] - g[0] + 1) * (g[3] - g[1] + 1)
    return w * h / (areas - w * h)


def literal(of, category, year, iou, inclusive):
    """The number of ground truths and the average precision, or -1."""
    place = {image: i for i, image in enumerate(sorted(of.images))}
    gts = [(i, g) for i, g in enumerate(of.gt) if g[1] == category]
    difficult = {i for i, g in gts if g[3] or g[4]}
    rows = [i for i, d in enumerate(of.dt) if d[1] == category]
    rows.sort(key=lambda i: (-of.dt[i][3], place[of.dt[i][0]], i))
    found, hits = set(), []
    for i in rows:
        best, at = -1.0, None
        for j, g in gts:
            if g[0] == of.dt[i][0] and overlap(of.dt[i][2], g[2], inclusive) > best:
                best, at = overlap(of.dt[i][2], g[2], inclusive), j
        if at is None or best < iou:
            hits.append(0)
        elif at not in difficult:
            hits.append(int(at not in found))
            found.add(at)
    n_gt = len(gts) - len(difficult)
    if n_gt == 0:
        return 0, -1.0
    tp = np.cumsum(hits)
    recall, precision = tp / n_gt, tp / np.arange(1, len(tp) + 1)
    if year == 2007:
        highest = [precision[recall >= t].max(initial=0) for t in np.arange(0, 1.1, 0.1)]
        return n_gt, sum(highest) / 11
    recall, precision = np.concatenate([[0], recall, [1]]), np.concatenate([[0], precision, [0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.flatnonzero(recall[1:] != recall[:-1]) + 1
    return n_gt, sum((recall[steps] - recall[steps - 1]) * envelope[steps])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("year", [2007, 2010])
def test_the_rule_one_detection_at_a_time(backend, seed, year):
    of = scene(seed, n_images=30)
    result = of.evaluate()
    for iou, inclusive in ((0.5, True), (0.3, False)):
        found = voc(result, year, iou, inclusive)
        want = [literal(of, category, year, iou, inclusive) for category in of.categories]
        assert found.n_gt.tolist() == [n for n, _ in want]
        assert found.average.tolist() == pytest.approx([ap for _, ap in want], abs=1e-13)
        assert found.map == pytest.approx(np.mean([ap for n, ap in want if n]), abs=1e-13)
        assert [row["ap"] for row in found.per_class] == found.average.tolist()


def test_by_hand():
    """Ten objects, three found, one twice, one difficult: recalls .1, .2, .3; precisions 1, 1, 3/4."""
    gt = pymetrics.GroundTruths(
        image=list(range(11)), boxes=[[0, 0, 9, 9]] * 11, labels=[1] * 11, ignore=[0] * 10 + [1], box_format="xywh"
    )
    dt = pymetrics.Detections(
        image=[0, 1, 10, 1, 2], boxes=[[0, 0, 9, 9]] * 5, labels=[1] * 5, scores=[0.9, 0.8, 0.7, 0.6, 0.5],
        box_format="xywh",
    )  # fmt: skip
    result = pymetrics.evaluate(gt, dt)
    # Recall 3/10 is not at least 0.1 + 0.1 + 0.1.
    assert voc(result).average[0] == pytest.approx((1 + 1 + 1) / 11, abs=1e-15)
    assert voc(result, 2010).average[0] == pytest.approx(0.1 + 0.1 + 0.1 * 0.75, abs=1e-15)
    assert repr(voc(result, 2010)) == "<Voc year=2010 iou=0.5 map=0.2750 of 1 categories>"


def test_nothing_at_all_and_bad_arguments():
    nothing = voc(pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7))))
    assert (nothing.map, nothing.per_class) == (-1, [])
    of = scene(0)
    with pytest.raises(ValueError, match="year must be 2007 or 2010, got 2012"):
        voc(of.evaluate(), 2012)
    with pytest.raises(ValueError, match=r"iou must be a number in \[0, 1\], got 2"):
        voc(of.evaluate(), iou=2)
    with pytest.raises(ValueError, match="voc needs the data that was evaluated"):
        voc(of.merged())
