"""Result.confusion beside the definition, one detection at a time; its sums; what is confused, and where."""

import math
import pickle

import numpy as np
import pytest
from helpers.analysis_scenes import count, match, overlap, scene

import pymetrics
from pymetrics import Accumulator, Detections, GroundTruths, Protocol
from pymetrics.evaluation.cells import Cells


def pairs(of, iou, score, limit=100):
    """(gt row or -1, dt row or -1): all pairs of the matrix."""
    matches = match(of, iou, limit)
    used = {i: m for i, m in matches.items() if of.dt[i][3] >= score}
    found = [(took, i) for i, (status, took) in used.items() if status == "tp"]
    taken = {took for took, _ in found}
    for image in of.images:
        dts = [i for i, (status, _) in used.items() if status == "fp" and of.dt[i][0] == image]
        for i in sorted(dts, key=lambda i: (-of.dt[i][3], i)):
            best, took = iou, -1
            for g, row in enumerate(of.gt):
                if row[0] != image or row[1] == of.dt[i][1] or row[3] or row[4] or g in taken:
                    continue
                if (value := overlap(of.dt[i][2], row[2], False)) >= best:
                    best, took = value, g
            taken.add(took)
            found.append((took, i))
    return found + [(g, -1) for g, row in enumerate(of.gt) if g not in taken and not row[3] and not row[4]]


def places(of, found):
    """(actual, predicted) of pairs of rows."""
    kinds = list(of.categories)
    return [
        (
            kinds.index(of.gt[g][1]) if g >= 0 else len(kinds),
            kinds.index(of.dt[d][1]) if d >= 0 else len(kinds),
        )
        for g, d in found
    ]


@pytest.mark.cases(20)
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("settings", [{}, {"max_dets": (1, 3)}])
def test_the_matrix_is_that_of_the_definition(seed, settings):
    of = scene(seed, n_images=9)
    result = of.evaluate(**settings)
    limit = settings.get("max_dets", (100,))[-1]
    seen = 0
    for iou, score in ((0.5, 0.25), (0.3, 0.5), (0.62, -math.inf), (0.0, 0.5), (1.0, 0.0), (0.5, 2.0)):
        confusion = result.confusion(iou=iou, score=score)
        found = pairs(of, iou, score, limit)
        want = np.zeros((5, 5), np.int64)
        for place in places(of, found):
            want[place] += 1
        assert confusion.matrix.dtype == np.int64
        assert confusion.matrix.tolist() == want.tolist()
        assert confusion.names == (*of.categories.values(), "background")
        assert confusion.category_ids.tolist() == list(of.categories)
        mistakes = confusion.mistakes
        off = [(pair, place) for pair, place in zip(found, places(of, found), strict=True) if place[0] != place[1]]
        columns = (mistakes.gt, mistakes.dt, mistakes.actual, mistakes.predicted)
        got = zip(*(column.tolist() for column in columns), strict=True)
        assert sorted(got) == sorted((*pair, *place) for pair, place in off)
        for g, d, image, at, value in zip(
            mistakes.gt, mistakes.dt, mistakes.image, mistakes.score, mistakes.overlap, strict=True
        ):
            assert image == (of.gt[g] if g >= 0 else of.dt[d])[0]
            assert at == (of.dt[d][3] if d >= 0 else 0)
            assert value == (overlap(of.dt[d][2], of.gt[g][2], False) if g >= 0 and d >= 0 else 0)
        seen += len(mistakes)
    assert seen or seed > 3


@pytest.mark.parametrize("seed", range(10))
def test_its_sums_are_those_of_at(seed):
    """The diagonal is the true positives; rows are n_gt; columns the detections that are not ignored."""
    of = scene(seed, n_images=30)
    result = of.evaluate()
    for iou in (0.5, 0.75, 0.4):
        for score in (0.25, 0.5, 0.0):
            matrix, at = result.confusion(iou, score).matrix, result.at(score, iou)
            assert np.diag(matrix)[:-1].tolist() == [row["tp"] for row in at.per_class]
            assert matrix.trace() == at.tp
            assert matrix[:-1].sum(axis=1).tolist() == [row["n_gt"] for row in at.per_class]
            assert matrix[:, :-1].sum(axis=0).tolist() == [row["tp"] + row["fp"] for row in at.per_class]
            assert matrix[-1, -1] == 0
            assert count(of, match(of, iou), score)[2] == at.tp


def test_overlaps_in_blocks(monkeypatch):
    """A few cells at a time give the pairs of all at once."""
    result = scene(4, n_images=30).evaluate()
    whole, blocks, n = result.confusion(0.3), Cells.blocks, []
    monkeypatch.setattr(Cells, "blocks", lambda cells: (n.append(1) or part for part in blocks(cells, 12)))
    parts = result.confusion(0.3)
    assert len(n) > 5
    assert parts.matrix.tolist() == whole.matrix.tolist()
    for name, values in vars(whole.mistakes).items():
        assert getattr(parts.mistakes, name).tolist() == values.tolist(), name


@pytest.mark.parametrize("seed", range(6))
def test_top_confusions_with_their_images(seed):
    of = scene(seed, n_images=30)
    confusion = of.evaluate().confusion(iou=0.3, score=0.125)
    found = pairs(of, 0.3, 0.125)
    where: dict = {}
    for (g, d), place in zip(found, places(of, found), strict=True):
        if place[0] != place[1]:
            where.setdefault(place, []).append((of.gt[g] if g >= 0 else of.dt[d])[0])
    for background in (False, True):
        want = [
            {"actual": confusion.names[a], "predicted": confusion.names[p], "count": len(images),
             "images": sorted(set(images))}
            for (a, p), images in sorted(where.items(), key=lambda item: (-len(item[1]), item[0]))
            if background or 4 not in (a, p)
        ]  # fmt: skip
        assert confusion.top(99, background=background) == want
        assert confusion.top(2, background=background) == want[:2]
        assert confusion.top(0) == []
        assert len(want) > 2
    for n in (-1, 1.5, True, "2"):
        with pytest.raises(ValueError, match="n must be an integer from 0 on, got"):
            confusion.top(n)


def test_rotated_boxes_by_their_own_overlaps():
    """Upright boxes that are said to be rotated by nothing: overlaps are no thresholds here."""
    of = scene(2, n_images=20)

    def centred(box):
        return [box[0] + box[2] / 2, box[1] + box[3] / 2, box[2], box[3], 0.0]

    gt = GroundTruths(
        image=[g[0] for g in of.gt], boxes=np.array([centred(g[2]) for g in of.gt]), labels=[g[1] for g in of.gt],
        crowd=[int(g[3]) for g in of.gt], ignore=[int(g[4]) for g in of.gt], images=of.images,
        categories=of.categories, box_format="cxcywhr",
    )  # fmt: skip
    dt = Detections(
        image=[d[0] for d in of.dt], boxes=np.array([centred(d[2]) for d in of.dt]), labels=[d[1] for d in of.dt],
        scores=[d[3] for d in of.dt], box_format="cxcywhr",
    )  # fmt: skip
    rotated = pymetrics.evaluate(gt, dt, iou_type="obb").confusion(iou=0.47)
    plain = of.evaluate().confusion(iou=0.47)
    assert rotated.matrix.tolist() == plain.matrix.tolist()
    assert plain.matrix[:-1, :-1].sum() > plain.matrix.trace() > 0


@pytest.mark.parametrize("seed", [0, 3])
def test_masks(seed):
    """Rectangles as masks: their overlaps are those of the boxes, to the last bit."""
    of = scene(seed, n_images=15)

    def drawn(boxes):
        masks = np.zeros((len(boxes), 100, 100), np.bool_)
        for mask, (x, y, w, h) in zip(masks, boxes, strict=True):
            mask[5 + y : 5 + y + h, 5 + x : 5 + x + w] = True
        return masks

    gt = GroundTruths(
        image=[g[0] for g in of.gt], labels=[g[1] for g in of.gt], crowd=[int(g[3]) for g in of.gt],
        ignore=[int(g[4]) for g in of.gt], images=of.images, categories=of.categories,
        boxes=None, masks=drawn([g[2] for g in of.gt]),
    )  # fmt: skip
    dt = Detections(
        image=[d[0] for d in of.dt], labels=[d[1] for d in of.dt], scores=[d[3] for d in of.dt],
        boxes=None, masks=drawn([d[2] for d in of.dt]),
    )  # fmt: skip
    masks, boxes = pymetrics.evaluate(gt, dt, iou_type="segm"), of.evaluate()
    for iou in (0.5, 0.3, 0.62):
        assert masks.confusion(iou).matrix.tolist() == boxes.confusion(iou).matrix.tolist()
        assert masks.at(0.5, iou).per_image == boxes.at(0.5, iou).per_image
        assert masks.best_threshold(iou=iou) == boxes.best_threshold(iou=iou)


def test_one_category_without_names_and_nothing_at_all():
    gt = np.array([[1, 0, 0, 10, 10, 1], [1, 50, 50, 10, 10, 2]])
    dt = np.array([[1, 0, 0, 10, 10, 0.5, 2], [1, 80, 80, 10, 10, 0.9, 1]])
    confusion = pymetrics.evaluate(gt, dt).confusion()
    assert confusion.names == ("1", "2", "background")
    assert confusion.matrix.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert repr(confusion) == "<Confusion iou=0.5 score=0.25: 2 categories, 0 of 2 objects found as what they are>"
    assert repr(confusion.mistakes) == "<Mistakes of 3 rows>"
    assert pickle.loads(pickle.dumps(confusion)).matrix.tolist() == confusion.matrix.tolist()
    merged = pymetrics.evaluate(gt, dt, protocol=Protocol(use_cats=False)).confusion()
    assert merged.matrix.tolist() == [[1, 1], [1, 0]]
    for some in (gt, gt[:0]):
        for found in (dt, dt[:0]):
            matrix = pymetrics.evaluate(some, found).confusion().matrix
            assert matrix.sum() == (3 if len(some) and len(found) else len(some) + len(found))


def test_it_needs_the_data():
    of = scene(1)
    accumulator = Accumulator()
    accumulator.update(*of.sources())
    with pytest.raises(ValueError, match=r"confusion needs the data that was evaluated, .*: call evaluate"):
        accumulator.compute().confusion()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"iou": 50}, r"iou must be a number in \[0, 1\], got 50"),
        ({"score": math.nan}, "score must be a number, got nan"),
        ({"score": "0.5"}, "score must be a number, got '0.5'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        scene(0).evaluate().confusion(**arguments)
