"""analysis.openimages beside the published test values, and beside its rule, one detection at a time."""

import functools
import itertools

import numpy as np
import pytest
from helpers import analysis_scenes
from helpers.openimages_rule import literal

import pymetrics
from pymetrics.analysis import openimages

NAMES = {1: "cat", 2: "dog", 3: "elephant"}
TREE = {  # that of oid_hierarchical_labels_expansion_test.py: d is below c, and below f, which is below c and the root
    "LabelName": "a",
    "Subcategory": [
        {"LabelName": "b"},
        {
            "LabelName": "c",
            "Subcategory": [
                {"LabelName": "d"},
                {"LabelName": "e"},
                {"LabelName": "f", "Subcategory": [{"LabelName": "d"}]},
            ],
        },
        {"LabelName": "f", "Subcategory": [{"LabelName": "d"}]},
    ],
}


def evaluate(gt, dt, categories, images=None):
    """gt: (image, category, corners, to be ignored, group). dt: (image, category, corners, score)."""

    def column(rows, j, kind=None):
        return np.array([row[j] for row in rows], kind)

    label = "U9" if isinstance(next(iter(categories)), str) else np.int64
    sides = (
        pymetrics.GroundTruths(
            image=column(gt, 0, "U9"), boxes=column(gt, 2, float).reshape(-1, 4), labels=column(gt, 1, label),
            ignore=column(gt, 3, bool), group_of=column(gt, 4, bool), categories=categories, images=images,
        ),
        pymetrics.Detections(
            image=column(dt, 0, "U9"), boxes=column(dt, 2, float).reshape(-1, 4), labels=column(dt, 1, label),
            scores=column(dt, 3, float),
        ),
    )  # fmt: skip
    return pymetrics.evaluate(*sides)


def test_published_values_of_v2(backend):
    """object_detection_evaluation_test.py, OpenImagesV2EvaluationTest."""
    rows = [
        ("img1", 1, (0, 0, 1, 1), 0, 0), ("img1", 3, (0, 0, 2, 2), 0, 0), ("img1", 1, (0, 0, 3, 3), 0, 0),
        ("img2", 1, (10, 10, 11, 11), 0, 0), ("img2", 1, (500, 500, 510, 510), 0, 1),
        ("img2", 3, (10, 10, 12, 12), 0, 0), ("img3", 2, (0, 0, 1, 1), 0, 0),
    ]  # fmt: skip
    detections = [
        ("img2", 1, (10, 10, 11, 11), 0.7), ("img2", 1, (100, 100, 120, 120), 0.8),
        ("img2", 3, (100, 100, 220, 220), 0.9),
    ]  # fmt: skip
    found = openimages(evaluate(rows, detections, NAMES), group_of_weight=0)
    assert found.average == pytest.approx([0.16666666, 0, 0], abs=1e-7)
    assert found.map == pytest.approx(0.05555555, abs=1e-7)
    assert found.n_gt.tolist() == [3, 1, 2]


def test_published_values_of_the_challenge(backend):
    """object_detection_evaluation_test.py, OpenImagesDetectionChallengeEvaluatorTest: groups of weight .5."""
    rows = [
        ("img1", 1, (0, 0, 1, 1), 0, 0), ("img1", 3, (0, 0, 2, 2), 0, 0), ("img1", 1, (0, 0, 3, 3), 0, 1),
        ("img2", 1, (10, 10, 11, 11), 0, 0), ("img2", 1, (500, 500, 510, 510), 0, 0),
        ("img2", 3, (10, 10, 12, 12), 0, 1), ("img3", 2, (0, 0, 1, 1), 0, 0),
    ]  # fmt: skip
    detections = [
        ("img1", 2, (10, 10, 11, 11), 0.7), ("img1", 2, (100, 100, 120, 120), 0.8), ("img2", 1, (10, 10, 11, 11), 0.7),
        ("img2", 1, (100, 100, 120, 120), 0.8), ("img2", 2, (100, 100, 220, 220), 0.5),
        ("img2", 3, (10, 10, 11, 11), 0.9), ("img3", 2, (0, 0, 1, 1), 0.5),
    ]  # fmt: skip
    result = evaluate(rows, detections, NAMES)
    for verified in ({"img1": [1, 2, 3]}, {"img1": ["cat", "dog", "elephant"]}):
        found = openimages(result, verified=verified, group_of_weight=0.5)
        assert found.average == pytest.approx([0.142857142857, 0.3333333333, 0.333333333333], abs=1e-7)
        assert found.map == pytest.approx(0.269841269, abs=1e-7)
    assert repr(found) == "<OpenImages iou=0.5 group_of_weight=0.5 map=0.2698 of 3 categories>"
    # The dog of img2 is neither boxed nor verified there: with all detections its precision is 1/4.
    assert openimages(result, group_of_weight=0.5).average[1] == pytest.approx(1 / 4, abs=1e-15)


def test_published_matches_of_one_image(backend):
    """per_image_evaluation_test.py: scores and labels of one category, here by the precisions that they make."""
    detections = [("i", 1, (0, 0, 1, 1), 0.8), ("i", 1, (0, 0, 2, 1), 0.6), ("i", 1, (0, 0, 3, 1), 0.5)]
    boxes = [(0, 0, 1, 1), (0, 0, 5, 5), (10, 10, 20, 20)]

    def average(groups, weight):
        rows = [("i", 1, box, 0, group) for box, group in zip(boxes, groups, strict=True)]
        return openimages(evaluate(rows, detections, {1: "x"}), group_of_weight=weight).average[0]

    assert average((0, 1, 1), 0) == 1  # scores .8; right
    assert average((0, 1, 1), 0.5) == pytest.approx(1.5 / 2, abs=1e-15)  # .8 right, .6 a group
    assert average((1, 0, 1), 0) == 0  # .5 wrong
    assert average((1, 0, 1), 0.5) == pytest.approx(0.5 / 2, abs=1e-15)  # .8 a group, .5 wrong


@functools.cache
def scene(seed):
    """Five categories of TREE, boxes on a grid, many groups; every third image has verified categories."""
    rng = np.random.default_rng(seed)
    images, kinds = [f"im{i:02}" for i in range(12)], ["b", "c", "d", "e", "f"]
    gt, dt, verified = [], [], {}
    for i, image in enumerate(images):
        boxes = []
        for _ in range(int(rng.integers(0, 7))):
            x, y, w, h = rng.integers(0, 5, 2).tolist() + rng.integers(1, 5, 2).tolist()
            is_group = bool(rng.random() < 0.3)
            boxes.append((8 * x, 8 * y, 8 * (x + w * (1 + is_group)), 8 * (y + h * (1 + is_group))))
            gt.append((image, kinds[rng.integers(0, 4)], boxes[-1], bool(rng.random() < 0.1), is_group))
        for _ in range(int(rng.integers(0, 16))):
            near = boxes[rng.integers(len(boxes))] if boxes else (0, 0, 40, 40)
            x1, y1, x2, y2 = (np.array(near) + 4 * rng.integers(-1, 2, 4)).tolist()
            dt.append((image, kinds[rng.integers(0, 5)], (x1, y1, max(x1, x2), max(y1, y2)), rng.integers(0, 9) / 8))
        if i % 3 == 0:
            verified[image] = {kinds[k]: bool(rng.random() < 0.5) for k in rng.integers(0, 5, 2)}
    return images, gt, dt, verified, {kind: f"kind {kind}" for kind in kinds}


@pytest.mark.parametrize("seed", range(10))
def test_the_rule_one_detection_at_a_time(backend, seed):
    images, gt, dt, verified, kinds = scene(seed)
    result = evaluate(gt, dt, kinds, images)
    for weight, iou, said, tree in (
        (1.0, 0.5, None, None), (0.0, 0.5, None, TREE), (0.5, 0.4, verified, None), (1.0, 0.5, verified, TREE),
        (1.0, 0.5, {image: list(of) for image, of in verified.items()}, TREE), (1.0, 0.5, {}, TREE),
    ):  # fmt: skip
        found = openimages(result, tree, said, weight, iou)
        want = [literal(images, gt, dt, kind, weight, iou, said, tree) for kind in kinds]
        assert found.n_gt.tolist() == [n for n, _ in want]
        assert found.average.tolist() == pytest.approx([ap for _, ap in want], abs=1e-13)
        assert found.map == pytest.approx(np.mean([ap for n, ap in want if n]), abs=1e-13)
        assert [row["ap"] for row in found.per_class] == found.average.tolist()


def test_the_hierarchy_copies_as_published():
    """oid_hierarchical_labels_expansion_test.py: b to nothing, d to f and c; what is absent to what is below."""
    kinds = dict.fromkeys("bcdef", "")
    rows = [("123", "b", (1, 1, 2, 2), 0, 0), ("123", "d", (2, 1, 3, 2), 0, 0)]
    detections = [("124", kind, (0, 0, 9, 9), 0.5) for kind in kinds]
    result = evaluate(rows, detections, {kind: kind for kind in kinds})
    assert openimages(result, TREE).n_gt.tolist() == [1, 1, 1, 0, 1]

    def kept(said):
        """Categories of the detections in image 124 that are not left out: they halve the precision below."""
        found = []
        for kind in kinds:
            of = [("123", kind, (0, 0, 9, 9), 0, 0)]
            boxes = [("123", kind, (0, 0, 9, 9), 0.2), *detections]
            average = openimages(evaluate(of, boxes, {k: k for k in kinds}), TREE, said)
            found += [kind] if average.average["bcdef".index(kind)] == 0.5 else []
        return found

    assert kept({"124": {"b": 0, "c": 0}}) == ["b", "c", "d", "e", "f"]
    assert kept({"124": {"d": 1}}) == ["c", "d", "f"]
    assert kept({"124": ["d"]}) == ["d"]


def test_groups_are_boxes_to_all_other_numbers():
    images, gt, dt, _, kinds = scene(0)
    plain = [(*row[:4], False) for row in gt]
    assert dict(evaluate(gt, dt, kinds, images)) == dict(evaluate(plain, dt, kinds, images))
    accumulator = pymetrics.Accumulator(keep_data=True)
    for half in (images[:6], images[6:]):
        part = [[row for row in rows if row[0] in half] for rows in (gt, dt)]
        accumulator.update(*evaluate_sides(*part, kinds, half))
    whole = openimages(evaluate(gt, dt, kinds, images))
    assert openimages(accumulator.compute()).average.tolist() == whole.average.tolist()


def evaluate_sides(gt, dt, kinds, images):
    sides = []
    for rows in (gt, dt):
        sides.append(
            {
                "image": np.array([row[0] for row in rows], "U9"), "labels": np.array([row[1] for row in rows], "U9"),
                "boxes": np.array([row[2] for row in rows], float).reshape(-1, 4),
            }
        )  # fmt: skip
    return (
        pymetrics.GroundTruths(
            **sides[0], ignore=[row[3] for row in gt], group_of=[row[4] for row in gt], images=images, categories=kinds
        ),
        pymetrics.Detections(**sides[1], scores=np.array([row[3] for row in dt], float)),
    )


def chain(n, labels):
    """n nodes, each below the one before."""
    top = node = {"LabelName": "root"}
    for label in itertools.islice(labels, n):
        node["Subcategory"] = [{"LabelName": label}]
        node = node["Subcategory"][0]
    return top


def test_bad_arguments():
    images, gt, dt, _, kinds = scene(0)
    result = evaluate(gt, dt, kinds, images)
    for arguments, error, message in (
        ({"group_of_weight": -1}, ValueError, r"group_of_weight must be a number in \[0, inf\], got -1"),
        ({"iou": 2}, ValueError, r"iou must be a number in \[0, 1\], got 2"),
        ({"hierarchy": chain(200, itertools.cycle("ab"))}, ValueError, "hierarchy: 'a' is below itself"),
        ({"hierarchy": chain(3000, itertools.count())}, ValueError, "hierarchy: 101 is below more than 100 others"),
        ({"hierarchy": [TREE]}, TypeError, "hierarchy must be a dict with the key 'LabelName', got"),
        (
            {"hierarchy": {"LabelName": "a", "Subcategory": [{"LabelName": "b"}, {}]}}, TypeError,
            r"hierarchy\['Subcategory'\]\[1\] must be a dict with the key 'LabelName', got {}",
        ),
        (
            {"hierarchy": {"LabelName": "a", "Subcategory": {"LabelName": "b"}}}, TypeError,
            r"hierarchy\['Subcategory'\] must be a list, got",
        ),
        (
            {"hierarchy": {"LabelName": "", "Subcategory": [{"LabelName": "z", "Subcategory": [{"LabelName": "b"}]}]}},
            ValueError, r"hierarchy: 'z', an ancestor of 'b', is not a category of the result: list it in",
        ),
        ({"verified": ["im00"]}, TypeError, "verified must be a dict of categories by image, got list"),
        ({"verified": {"im00": "b"}}, TypeError, r"verified\['im00'\] must hold categories, got 'b'"),
        ({"verified": {"im99": ["b"]}}, ValueError, "verified has no image of the result: its first is 'im99'"),
        ({"verified": {"im00": [7]}}, ValueError, "verified has no category of the result"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            openimages(result, **arguments)
    with pytest.raises(ValueError, match="openimages needs the data that was evaluated"):
        openimages(analysis_scenes.scene(0).merged())
    with pytest.raises(ValueError, match=r"GroundTruths\.group_of has 2 rows, GroundTruths\.image has 1"):
        pymetrics.evaluate(
            pymetrics.GroundTruths(image=[0], boxes=[[0, 0, 1, 1]], labels=[1], group_of=[0, 1]), np.zeros((0, 7))
        )
    nothing = openimages(pymetrics.evaluate(np.zeros((0, 6)), np.zeros((0, 7))))
    assert (nothing.map, nothing.per_class) == (-1, [])
