"""confusion(rule=...) beside the recorded matrices of Ultralytics and supervision, and beside their rules in words."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.analysis_scenes import scene
from helpers.rule_scenes import N_CATEGORIES, images, sources

import pymetrics

RECORDED = json.loads((Path(__file__).parents[1] / "fixtures" / "confusion.json").read_text(encoding="utf-8"))
RULES = ("ultralytics", "supervision")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("rule", RULES)
def test_matrices_recorded_of_the_tools(backend, rule):
    for seed, want in enumerate(RECORDED):
        found = pymetrics.evaluate(*sources(images(seed))).confusion(rule=rule)
        assert found.matrix.tolist() == want[rule], seed


def overlap(g, d, rule):
    kind = np.float32 if rule == "ultralytics" else np.float64
    g, d = ([kind(value) for value in box] for box in (g, d))
    w, h = (max(min(g[j + 2], d[j + 2]) - max(g[j], d[j]), kind(0)) for j in (0, 1))
    areas = (g[2] - g[0]) * (g[3] - g[1]) + (d[2] - d[0]) * (d[3] - d[1])
    if rule == "ultralytics":
        return w * h / (areas - w * h + np.float32(1e-7))
    return np.float32(w * h / (areas - w * h)) if areas - w * h > 0 else np.float32(0)


def literal(of, rule, iou, score):
    """The matrix, and the pairs (image, ground truth, detection)."""
    matrix, pairs = np.zeros((N_CATEGORIES + 1, N_CATEGORIES + 1), int), set()
    for number, (gt, gt_category, dt, dt_category, scores) in enumerate(of):
        kept = [
            i
            for i, s in enumerate(scores)
            if (s > np.float32(score) if rule == "ultralytics" else s >= np.float32(score))
        ]
        table = {(g, d): overlap(gt[g], dt[d], rule) for g in range(len(gt)) for d in kept}
        taken = {}
        if rule == "ultralytics":
            for d in sorted(kept, key=lambda d: -scores[d]):
                free = [g for g in range(len(gt)) if g not in taken]
                best = max(free, key=lambda g: (table[g, d], -g), default=None)
                if best is not None and table[best, d] > np.float32(iou):
                    taken[best] = d
        else:
            order = [pair for pair in table if table[pair] > np.float32(iou)]
            order.sort(key=lambda pair: (gt_category[pair[0]] != dt_category[pair[1]], -table[pair], pair))
            for g, d in order:
                if g not in taken and d not in taken.values():
                    taken[g] = d
        for g in range(len(gt)):
            matrix[gt_category[g], dt_category[taken[g]] if g in taken else N_CATEGORIES] += 1
        for d in kept:
            matrix[N_CATEGORIES, dt_category[d]] += d not in taken.values()
        pairs |= {(number, g, d) for g, d in taken.items()}
    return matrix, pairs


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(100, 110))
def test_the_rules_in_words(rule, seed):
    of = images(seed)
    result = pymetrics.evaluate(*sources(of))
    first_gt, first_dt = (np.cumsum([0, *(len(image[side]) for image in of)]) for side in (0, 2))
    for iou, score in ((0.45, 0.25), (0.3, 0.6)):
        found = result.confusion(iou, score, rule)
        matrix, pairs = literal(of, rule, iou, score)
        assert found.matrix.tolist() == matrix.tolist()
        wrong = {(image, g, d) for image, g, d in pairs if of[image][1][g] != of[image][3][d]}
        mistakes = found.mistakes
        got = zip(
            mistakes.image.tolist(), mistakes.gt.tolist(), mistakes.dt.tolist(), mistakes.overlap.tolist(), strict=True
        )
        got = [row for row in got if row[1] >= 0 and row[2] >= 0]
        assert {(i, g - first_gt[i], d - first_dt[i]) for i, g, d, _ in got} == wrong
        for i, g, d, value in got:
            assert value == pytest.approx(overlap(of[i][0][g - first_gt[i]], of[i][2][d - first_dt[i]], rule), rel=1e-6)
        assert found.top(1)[0]["count"] == (matrix[:-1, :-1] - np.diag(np.diag(matrix[:-1, :-1]))).max()


def test_crowds_are_left_out_and_bad_arguments():
    of = scene(0, n_images=20)
    result = of.evaluate()
    n_gt = sum(not g[3] and not g[4] for g in of.gt)
    for rule in RULES:
        assert result.confusion(rule=rule).matrix[:-1].sum() == n_gt
        assert (result.confusion(rule=rule).iou, result.confusion(rule=rule).score) in ((0.45, 0.25), (0.5, 0.3))
    with pytest.raises(ValueError, match='rule must be "protocol", "ultralytics" or "supervision", got \'yolo\''):
        result.confusion(rule="yolo")
    rotated = np.array([[0, 10, 10, 8, 4, 0.3, 1]])
    gt = pymetrics.GroundTruths(image=rotated[:, 0], boxes=rotated[:, 1:6], labels=rotated[:, 6], box_format="cxcywhr")
    dt = pymetrics.Detections(
        image=rotated[:, 0], boxes=rotated[:, 1:6], labels=rotated[:, 6], scores=[0.5], box_format="cxcywhr"
    )
    with pytest.raises(ValueError, match="rule='supervision' needs boxes, got the IoU type 'obb'"):
        pymetrics.evaluate(gt, dt, iou_type="obb").confusion(rule="supervision")
    nothing = pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7)))
    assert nothing.confusion(rule="ultralytics").matrix.tolist() == [[0]]
