"""Bad input: a clear error that names the argument, the index and the value; nothing of the user's is changed."""

from __future__ import annotations

import contextlib
import copy
import json

import numpy as np
import pytest

import pymetrics
from pymetrics import Detections, GroundTruths

NAN, INF = float("nan"), float("inf")
ANNOTATION = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0.0, 0.0, 10.0, 10.0], "area": 100.0, "iscrowd": 0}
GT = {"images": [{"id": 1}, {"id": 2}], "annotations": [ANNOTATION], "categories": [{"id": 1, "name": "thing"}]}
RESULT = {"image_id": 1, "category_id": 1, "bbox": [0.0, 0.0, 10.0, 10.0], "score": 0.5}
TARGET = {"boxes": np.array([[0.0, 0, 10, 10]]), "labels": np.array([1])}
PREDICTION = {**TARGET, "scores": np.array([0.5])}
GT_ARRAY = np.array([[1, 0, 0, 10, 10, 1.0]])
DT_ARRAY = np.array([[1, 0, 0, 10, 10, 0.5, 1]])


def dt(**changes):
    return [RESULT, {**RESULT, **changes}]


def without(row, key):
    return {name: value for name, value in row.items() if name != key}


def gt(**changes):
    return {**GT, "annotations": [ANNOTATION, {**ANNOTATION, "id": 2, **changes}]}


def prediction(**changes):
    return [PREDICTION, {**PREDICTION, **changes}]


def target(**changes):
    return [TARGET, {**TARGET, **changes}]


@contextlib.contextmanager
def refusal(error, message):
    """The block raises that error, with a text that holds the parts of the message, split at "..."."""
    with pytest.raises(error) as info:
        yield
    for part in message.split("..."):
        assert part in str(info.value)


def refuses(error, message, truth, found, **options):
    before = copy.deepcopy((truth, found))
    with refusal(error, message):
        pymetrics.evaluate(truth, found, **options)
    np.testing.assert_equal((truth, found), before)


@pytest.mark.parametrize(
    ("found", "error", "message"),
    [
        ([RESULT, without(RESULT, "image_id")], ValueError, "dt[1] has no 'image_id'"),
        ([RESULT, without(RESULT, "category_id")], ValueError, "dt[1] has no 'category_id'"),
        ([RESULT, without(RESULT, "bbox")], ValueError, "dt[1] has no 'bbox'"),
        (
            [without(RESULT, "bbox") | {"keypoints": [1, 2, 2]}],
            ValueError,
            "dt[0] has no 'bbox'; it has 'keypoints': say iou_type='keypoints'",
        ),
        (
            [without(RESULT, "bbox") | {"segmentation": {}}],
            ValueError,
            "dt[0] has no 'bbox'; it has 'segmentation': say iou_type='segm'",
        ),
        ([RESULT, without(RESULT, "score")], ValueError, "dt[1] has no 'score'"),
        ([RESULT, 5], TypeError, "dt[1] must be a dict, got int"),
        ([RESULT, None], TypeError, "dt[1] must be a dict, got NoneType"),
        ([RESULT, [1, 2]], TypeError, "dt[1] must be a dict, got list"),
        (dt(image_id=77), ValueError, "dt[1]['image_id'] is 77, which is not an image of gt"),
        (dt(image_id="1"), TypeError, "all strings: dt[0]['image_id'] is 1, dt[1]['image_id'] is '1'"),
        ([{**RESULT, "image_id": "1"}], ValueError, "dt[0]['image_id'] is '1', which is not an image of gt"),
        (dt(image_id=None), TypeError, "dt[1]['image_id'] must be a whole number, got None"),
        (dt(image_id=1.5), ValueError, "dt[1]['image_id'] must be a whole number, got 1.5"),
        (dt(image_id=2**63), ValueError, "dt[1]['image_id'] must be below 2**63, got 9223372036854775808"),
        (dt(image_id=2**70), ValueError, "dt[1]['image_id'] must be below 2**63, got 118059"),
        (dt(image_id=[1]), TypeError, "dt[1]['image_id'] must be one value, got [1]"),
        (dt(category_id="thing"), TypeError, "category ids must be all integers or all strings: dt[0]['category_id'] "),
        (dt(category_id="thing"), TypeError, ", dt[1]['category_id'] is 'thing'"),
        (dt(category_id=1.5), ValueError, "dt[1]['category_id'] must be a whole number, got 1.5"),
        (dt(category_id=NAN), ValueError, "dt[1]['category_id'] must be a whole number, got nan"),
        (dt(category_id=INF), ValueError, "dt[1]['category_id'] must be a whole number, got inf"),
        (dt(bbox=[1, 2, 3]), ValueError, "dt[1]['bbox'] must hold 4 numbers, got [1, 2, 3]"),
        (dt(bbox=[]), ValueError, "dt[1]['bbox'] must hold 4 numbers, got []"),
        (dt(bbox=None), ValueError, "dt[1]['bbox'] must hold 4 numbers, got None"),
        (dt(bbox=7), ValueError, "dt[1]['bbox'] must hold 4 numbers, got 7"),
        (dt(bbox=[1, 2, "3", 4]), TypeError, "dt[1]['bbox'][2] must be a number, got '3'"),
        (dt(bbox=[1, 2, None, 4]), TypeError, "dt[1]['bbox'][2] must be a number, got None"),
        (dt(bbox="abcd"), TypeError, "dt[1]['bbox'][0] must be a number, got 'a'"),
        (dt(bbox=[1, 2, NAN, 4]), ValueError, "dt[1]['bbox'] must be finite, got [1.0, 2.0, nan, 4.0]"),
        (dt(bbox=[1, 2, INF, 4]), ValueError, "dt[1]['bbox'] must be finite, got [1.0, 2.0, inf, 4.0]"),
        (dt(score=NAN), ValueError, "dt[1]['score'] must be finite, got nan"),
        (dt(score=-INF), ValueError, "dt[1]['score'] must be finite, got -inf"),
        (dt(score="0.5"), TypeError, "dt[1]['score'] must be a number, got '0.5'"),
        (dt(score=None), TypeError, "dt[1]['score'] must be a number, got None"),
        (dt(score=10**400), ValueError, "dt[1]['score'] must be below 2**1024, got 1000"),
    ],
)
def test_results(found, error, message):
    refuses(error, message, GT, found)


@pytest.mark.parametrize(
    ("truth", "error", "message"),
    [
        (without(GT, "images"), ValueError, "gt has no 'images'; a COCO dict holds"),
        (without(GT, "annotations"), ValueError, "gt has no 'annotations'; a COCO dict holds"),
        (without(GT, "categories"), ValueError, "gt has no 'categories'; a COCO dict holds"),
        ({}, ValueError, "gt has no 'images'"),
        ({**GT, "images": {}}, TypeError, "gt['images'] must be a list, got dict"),
        ({**GT, "images": [{"id": 1}, {}]}, ValueError, "gt['images'][1] has no 'id'"),
        ({**GT, "images": [{"id": 1}, {"id": "2"}]}, TypeError, "gt['images'][0]['id'] is 1, ...[1]['id'] is '2'"),
        ({**GT, "images": [{"id": 1}, 2]}, TypeError, "gt['images'][1] must be a dict, got int"),
        ({**GT, "categories": [{"id": "a"}]}, TypeError, "gt['annotations'][0]['category_id'] is 1, gt has 'a'"),
        ({**GT, "categories": [{"id": 1}, {"id": "a"}]}, TypeError, "['categories'][0]['id'] is 1, ...['id'] is 'a'"),
        ({**GT, "categories": [{"id": None}]}, TypeError, "gt['categories'][0]['id'] must be a whole number, got None"),
        ({**GT, "categories": [{"name": "a"}]}, ValueError, "gt['categories'][0] has no 'id'"),
        ({**GT, "annotations": [ANNOTATION, {}]}, ValueError, "gt['annotations'][1] has no 'image_id'"),
        ({**GT, "annotations": [ANNOTATION, "x"]}, TypeError, "gt['annotations'][1] must be a dict, got str"),
        ({**GT, "annotations": [ANNOTATION, without(ANNOTATION, "id")]}, ValueError, "['annotations'][1] has no 'id'"),
        (gt(bbox=[1, 2, 3]), ValueError, "gt['annotations'][1]['bbox'] must hold 4 numbers, got [1, 2, 3]"),
        (gt(bbox=[1, 2, 3, NAN]), ValueError, "gt['annotations'][1]['bbox'] must be finite"),
        (gt(area=NAN), ValueError, "gt['annotations'][1]['area'] must be finite, got nan"),
        (gt(area="9"), TypeError, "gt['annotations'][1]['area'] must be a number, got '9'"),
        (gt(iscrowd="no"), TypeError, "gt['annotations'][1]['iscrowd'] must be a number, got 'no'"),
        (gt(iscrowd=NAN), ValueError, "gt['annotations'][1]['iscrowd'] must be a number, got nan"),
        (gt(id=[2]), TypeError, "gt['annotations'][1]['id'] must be a number or a string, got [2]"),
        (gt(category_id=0.5), ValueError, "gt['annotations'][1]['category_id'] must be a whole number, got 0.5"),
    ],
)  # fmt: skip
def test_coco_dict(truth, error, message):
    refuses(error, message, truth, [RESULT])


ONE = np.array([1])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scores": [0.5, NAN]}, ValueError, "Detections.scores[1] must be finite, got nan"),
        ({"scores": [INF, 0.5]}, ValueError, "Detections.scores[0] must be finite, got inf"),
        ({"scores": [0.5]}, ValueError, "Detections.scores has 1 rows, Detections.image has 2"),
        ({"scores": [[0.5, 0.5]]}, ValueError, "Detections.scores must have shape (N,), got (1, 2)"),
        ({"scores": ["a", 0.5]}, TypeError, "Detections.scores[0] must be a number, got 'a'"),
        ({"scores": [0.5, None]}, TypeError, "Detections.scores[1] must be a number, got None"),
        ({"scores": np.array([0.5, 1j])}, TypeError, "Detections.scores[0] must be a number, got (0.5+0j)"),
        ({"scores": 0.5}, ValueError, "Detections.scores must have shape (N,), got ()"),
        ({"labels": [1, 2, 3]}, ValueError, "Detections.labels has 3 rows, Detections.image has 2"),
        ({"labels": [1, 2.5]}, ValueError, "Detections.labels[1] must be a whole number, got 2.5"),
        ({"labels": np.array([1, 2.5], "f2")}, ValueError, "Detections.labels[1] must be a whole number, got 2.5"),
        ({"labels": ["cat", None]}, TypeError, "Detections.labels[0] is 'cat', Detections.labels[1] is None"),
        ({"labels": [1, "dog"]}, TypeError, "all strings: Detections.labels[0] is 1, Detections.labels[1] is 'dog'"),
        ({"labels": ["a", "a\0"]}, ValueError, "Detections.labels[1] must not end in a NUL character, got 'a\\x00'"),
        ({"labels": np.array([1, 2**63], np.uint64)}, ValueError, "labels[1] must be below 2**63, got 9223372036854"),
        ({"image": [1, "a"]}, TypeError, "all strings: Detections.image[0] is 1, Detections.image[1] is 'a'"),
        ({"image": ["a", 1]}, TypeError, "all strings: Detections.image[0] is 'a', Detections.image[1] is 1"),
        ({"image": [1, NAN]}, ValueError, "Detections.image[1] must be a whole number, got nan"),
        ({"image": [b"a", b"b"]}, TypeError, "Detections.image[0] must be a whole number, got b'a'"),
        ({"boxes": np.zeros((2, 5))}, ValueError, "got (2, 5); rotated boxes need box_format='cxcywhr'"),
        ({"boxes": np.zeros(4)}, ValueError, "Detections.boxes must have shape (N, 4), got (4,)"),
        ({"boxes": np.zeros((2, 1, 4))}, ValueError, "Detections.boxes must have shape (N, 4), got (2, 1, 4)"),
        ({"boxes": np.zeros((3, 4))}, ValueError, "Detections.boxes has 3 rows, Detections.image has 2"),
        ({"boxes": np.zeros((2, 4), bool)}, TypeError, "Detections.boxes must hold numbers, got dtype bool"),
        ({"boxes": np.zeros((2, 4), complex)}, TypeError, "Detections.boxes must hold numbers, got dtype complex128"),
        ({"boxes": [["a"] * 4] * 2}, TypeError, "Detections.boxes must hold numbers, got dtype <U1"),
        ({"boxes": [[1, 2, 3, 4], [1, 2, 3]]}, ValueError, "Detections.boxes must be an array; its rows"),
        ({"boxes": [[1, 2, 3, 4], [1, 2, INF, 3]]}, ValueError, "Detections.boxes[1] must be finite, got [1.0, "),
        ({"area": [1, NAN]}, ValueError, "Detections.area[1] must be finite, got nan"),
        ({"area": [1]}, ValueError, "Detections.area has 1 rows, Detections.image has 2"),
        ({"box_format": "xxyy"}, ValueError, "box_format must be one of xyxy, ...; got 'xxyy'"),
    ],
)  # fmt: skip
def test_detections(arguments, error, message):
    columns = {"image": [1, 2], "boxes": np.ones((2, 4)), "scores": [0.5, 0.5], "labels": [1, 1], **arguments}
    with refusal(error, message):
        Detections(**columns)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"labels": [1, 2.5]}, ValueError, "GroundTruths.labels[1] must be a whole number, got 2.5"),
        ({"boxes": [[1, 2, 3, 4], [1, 2, NAN, 3]]}, ValueError, "GroundTruths.boxes[1] must be finite, got ["),
        ({"crowd": [0]}, ValueError, "GroundTruths.crowd has 1 rows, GroundTruths.image has 2"),
        ({"crowd": ["no", "no"]}, TypeError, "GroundTruths.crowd[0] must be a number, got 'no'"),
        ({"area": [1, -INF]}, ValueError, "GroundTruths.area[1] must be finite, got -inf"),
        ({"ids": [1]}, ValueError, "GroundTruths.ids has 1 rows, GroundTruths.image has 2"),
        ({"ids": ["a", "b"]}, TypeError, "GroundTruths.ids[0] must be a whole number, got 'a'"),
        ({"images": ["a"]}, TypeError, "all strings: GroundTruths.image[0] is 1, GroundTruths.images[0] is 'a'"),
        ({"image": ["a", "a\0"]}, ValueError, "GroundTruths.image[1] must not end in a NUL character, got 'a\\x00'"),
        ({"crowd": [NAN, 0]}, ValueError, "GroundTruths.crowd[0] must be a number, got nan"),
        ({"images": 5}, ValueError, "GroundTruths.images must have shape (N,), got ()"),
        ({"categories": ["a"]}, TypeError, "GroundTruths.categories[0] is 'a', GroundTruths.labels[0] is 1"),
        ({"categories": {"a": 1}}, TypeError, "GroundTruths.categories[0] is 'a', GroundTruths.labels[0] is 1"),
        ({"categories": ["a", 2]}, TypeError, "GroundTruths.categories[0] is 'a', GroundTruths.categories[1] is 2"),
        ({"categories": [1, 2], "labels": ["a", "b"]}, TypeError, "categories[0] is 1, GroundTruths.labels[0] is 'a'"),
    ],
)  # fmt: skip
def test_ground_truths(arguments, error, message):
    columns = {"image": [1, 2], "boxes": np.ones((2, 4)), "labels": [1, 1], **arguments}
    with refusal(error, message):
        GroundTruths(**columns)


def test_columns_against_each_other():
    box = [[0, 0, 9, 9]]
    truth = GroundTruths([1], box, [1], images=[2])
    with refusal(ValueError, "Detections.image[1] is 3, which is not an image of gt"):
        pymetrics.evaluate(truth, Detections([2, 3], box * 2, [0.5, 0.5], [1, 1]))
    with refusal(ValueError, "Detections.image[0] is '2', which is not an image of gt"):
        pymetrics.evaluate(truth, Detections(["2"], box, [0.5], [1]))
    with refusal(
        TypeError,
        "image ids must be all integers or all strings: GroundTruths.image[0] is 1, Detections.image[0] is 'two'",
    ):
        pymetrics.evaluate(GroundTruths([1], box, [1]), Detections(["two"], box, [0.5], [1]))
    with refusal(ValueError, "GroundTruths.labels[0] is 1, which is not one of the categories"):
        pymetrics.evaluate(GroundTruths([1], box, [1], categories=[2, 3]), Detections([1], box, [0.5], [1]))


def changed(array, row, column, value):
    array = np.vstack([array, array])
    array[row, column] = value
    return array


@pytest.mark.parametrize(
    ("found", "error", "message"),
    [
        (np.zeros((2, 8)), ValueError, "dt must have shape (N, 7), got (2, 8)"),
        (np.zeros(7), ValueError, "dt must have shape (N, 7), got (7,)"),
        (np.zeros((1, 1, 7)), ValueError, "dt must have shape (N, 7), got (1, 1, 7)"),
        (np.zeros((2, 7), bool), TypeError, "dt must hold numbers, got dtype bool"),
        (np.zeros((2, 7), object), TypeError, "dt must hold numbers, got dtype object"),
        (changed(DT_ARRAY, 1, 0, 1.5), ValueError, "dt[1, 0] must be a whole number, got 1.5"),
        (changed(DT_ARRAY, 1, 0, 3), ValueError, "dt[1, 0] is 3, which is not an image of gt"),
        (changed(DT_ARRAY, 1, 6, NAN), ValueError, "dt[1, 6] must be a whole number, got nan"),
        (changed(DT_ARRAY, 1, 5, NAN), ValueError, "dt[1, 5] must be finite, got nan"),
        (changed(DT_ARRAY, 1, 3, INF), ValueError, "dt[1, 1:5] must be finite, got [0.0, 0.0, inf, 10.0]"),
    ],
)
def test_detection_arrays(found, error, message):
    refuses(error, message, GT, found)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (np.zeros((2, 5)), "gt must have shape (N, 6), got (2, 5)"),
        (changed(GT_ARRAY, 1, 5, 0.5), "gt[1, 5] must be a whole number, got 0.5"),
        (changed(GT_ARRAY, 1, 4, NAN), "gt[1, 1:5] must be finite, got [0.0, 0.0, 10.0, nan]"),
    ],
)
def test_ground_truth_arrays(truth, message):
    refuses(ValueError, message, truth, DT_ARRAY)


@pytest.mark.parametrize(
    ("truth", "found", "error", "message"),
    [
        (target(), [PREDICTION], ValueError, "one item per image; gt has 2, dt has 1"),
        (target(), [], ValueError, "one item per image; gt has 2, dt has 0"),
        ([], [PREDICTION], ValueError, "one item per image; gt has 0, dt has 1"),
        (target(), [PREDICTION, 3], TypeError, "dt[1] must be a dict, got int"),
        (target(), [PREDICTION, without(PREDICTION, "scores")], ValueError, "dt[1] has no 'scores'"),
        (target(), [PREDICTION, without(PREDICTION, "boxes")], ValueError, "dt[1] has no 'boxes'"),
        ([TARGET, without(TARGET, "labels")], prediction(), ValueError, "gt[1] has no 'labels'"),
        (target(), prediction(scores=[NAN]), ValueError, "dt[1]['scores'][0] must be finite, got nan"),
        (target(), prediction(scores=[0.5, 0.6]), ValueError, "dt[1]['scores'] has 2 rows, dt[1]['labels'] has 1"),
        (target(), prediction(scores=[[0.5]]), ValueError, "dt[1]['scores'] must have shape (1,), got (1, 1)"),
        (target(), prediction(scores=["a"]), TypeError, "dt[1]['scores'] must hold numbers, got dtype <U1"),
        (target(), prediction(boxes=np.zeros((1, 5))), ValueError, "dt[1]['boxes'] must have shape (1, 4), got (1, 5)"),
        (target(), prediction(boxes=[]), ValueError, "dt[1]['boxes'] has 0 rows, dt[1]['labels'] has 1"),
        (target(), prediction(boxes=[[0, 0, NAN, 1]]), ValueError, "dt[1]['boxes'][0] must be finite, got"),
        (target(), prediction(boxes=[["a"] * 4]), TypeError, "dt[1]['boxes'] must hold numbers, got dtype <U1"),
        (target(), prediction(labels=[1.5]), ValueError, "dt[1]['labels'][0] must be a whole number, got 1.5"),
        (target(area=[NAN]), prediction(), ValueError, "gt[1]['area'][0] must be finite, got nan"),
        (target(area=[1, 2]), prediction(), ValueError, "gt[1]['area'] has 2 rows, gt[1]['labels'] has 1"),
        (target(iscrowd=[NAN]), prediction(), ValueError, "gt[1]['iscrowd'][0] must be a number, got nan"),
        (target(iscrowd=["x"]), prediction(), TypeError, "gt[1]['iscrowd'] must hold numbers, got dtype <U1"),
        (target(image_id=4), prediction(), ValueError, "gt[0] has no 'image_id', gt[1] has one"),
        ([{**TARGET, "image_id": 4}] * 2, prediction(), ValueError, "gt[1]['image_id'] is 4, and so is gt[0]'s"),
        ([{**TARGET, "image_id": i} for i in (4, "a")], prediction(), TypeError, "gt[0]['image_id'] is 4, gt"),
        ([{**TARGET, "image_id": [4, 5]}], [PREDICTION], ValueError, "gt[0]['image_id'] must be one id, got"),
        (target(), [{**PREDICTION, "image_id": i} for i in (0, 5)], ValueError, "dt[1]['image_id'] is 5, but gt[1] is"),
        (GT, prediction(), ValueError, "dt[0] has no 'image_id'; dt[i] belongs to gt[i] only where"),
        (TARGET, PREDICTION, TypeError, "gt must be a list with one dict per image, got a single dict"),
        (target(), PREDICTION, TypeError, "dt must be a list with one dict per image, got a single dict"),
    ],
)  # fmt: skip
def test_lists_per_image(truth, found, error, message):
    refuses(error, message, truth, found)


def test_tensors_per_image(need):
    torch = need("torch")
    good = {"boxes": torch.zeros(1, 4), "labels": torch.ones(1, dtype=torch.int64), "scores": torch.ones(1)}
    for changes, message in (
        ({"scores": torch.tensor([NAN])}, "dt[1]['scores'][0] must be finite, got nan"),
        ({"labels": torch.tensor([0.5])}, "dt[1]['labels'][0] must be a whole number, got 0.5"),
        ({"boxes": torch.zeros(1, 5)}, "dt[1]['boxes'] must have shape (1, 4), got (1, 5)"),
        ({"boxes": torch.full((1, 4), INF)}, "dt[1]['boxes'][0] must be finite, got [inf, inf, inf, inf]"),
        ({"boxes": torch.full((1, 4), INF).bfloat16()}, "dt[...]['boxes'][0] must be finite"),
    ):
        with refusal(ValueError, message):
            pymetrics.evaluate([good, good], [good, {**good, **changes}])


SWAPPED = {
    "COCO": (GT, [RESULT]),
    "arrays": (GT_ARRAY, DT_ARRAY),
    "columns": (GroundTruths([1], [[0, 0, 9, 9]], [1]), Detections([1], [[0, 0, 9, 9]], [0.5], [1])),
    "per image": ([TARGET], [PREDICTION]),
}


@pytest.mark.parametrize("kind", SWAPPED)
def test_swapped(kind):
    truth, found = SWAPPED[kind]
    if kind == "columns":
        with refusal(ValueError, "gt and dt are swapped"):
            pymetrics.evaluate(found, truth)
        return
    refuses(ValueError, "gt and dt are swapped: gt holds scores, dt holds none; ground truth comes first", found, truth)
    pymetrics.evaluate(truth, found)


def test_swapped_paths(tmp_path):
    truth, found = tmp_path / "gt.json", tmp_path / "dt.json"
    truth.write_text(json.dumps(GT))
    found.write_text(json.dumps([RESULT]))
    refuses(ValueError, "gt and dt are swapped", found, truth)
    found.write_text("[]")
    refuses(ValueError, "dt must be detections, got a COCO dict without scores; ground truth comes first", truth, truth)


@pytest.mark.parametrize(
    ("truth", "found", "message"),
    [
        ([RESULT], [RESULT], "gt must be ground truth, got a list of results; ground truth comes first"),
        (DT_ARRAY, DT_ARRAY, "gt must be ground truth, got a detections array (N, 7)"),
        (SWAPPED["columns"][1], [RESULT], "gt must be ground truth, got Detections"),
        (GT, GT, "dt must be detections, got a COCO dict without scores"),
        (GT, {}, "dt has no 'annotations'; a COCO dict holds"),
        (GT, GT_ARRAY, "dt must be detections, got a ground-truth array (N, 6)"),
        (GT, SWAPPED["columns"][0], "dt must be detections, got GroundTruths"),
        ([TARGET], [TARGET], "dt[0] has no 'scores'"),
    ],
)
def test_the_same_kind_twice(truth, found, message):
    with refusal(ValueError, message):
        pymetrics.evaluate(truth, found)


@pytest.mark.parametrize("source", [None, 5, {1, 2}, (row for row in [RESULT]), b"dt.json"])
def test_what_is_no_source(source):
    with refusal(TypeError, "dt must be a path, a COCO dict or list, an array, Detections ... got "):
        pymetrics.evaluate(GT, source)
    with refusal(TypeError, "gt must be a path"):
        pymetrics.evaluate(source, [RESULT])


def test_files(tmp_path):
    path, good = tmp_path / "file.json", tmp_path / "good.json"
    good.write_text(json.dumps([RESULT]))
    refuses(OSError, f"gt: no such file: '{path}'", path, good)
    refuses(OSError, f"dt: '{tmp_path}' is a folder, not a JSON file", GT, str(tmp_path))
    for content in (b"", b"[{", b"\xff\xfe\x00", b"{'a': 1}", b"[" * 200000):
        path.write_bytes(content)
        refuses(ValueError, f"dt: '{path}' is not JSON: ", GT, path)
    for content in ("5", '"text"', "null"):
        path.write_text(content)
        refuses(ValueError, f"dt: '{path}' must hold a list of results, got ", GT, path)
        refuses(ValueError, f"gt: '{path}' must hold a COCO dict, got ", path, good)
    path.write_text(json.dumps([RESULT, {**RESULT, "score": NAN}]))
    refuses(ValueError, "dt[1]['score'] must be finite, got nan", GT, path)


def test_unreadable_file(tmp_path):
    path = tmp_path / ("x" * 300 + ".json")
    refuses(OSError, "dt: cannot read '...xxx.json': File name too long", GT, path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"iou_type": "segments"}, ValueError, "iou_type must be one of 'bbox'...; got 'segments'"),
        ({"protocol": "kitti"}, ValueError, "protocol must be one of ... got 'kitti'"),
        ({"protocol": 3}, TypeError, "protocol must be a name or a pymetrics.Protocol, got int"),
        ({"box_format": "xy"}, ValueError, "box_format must be one of xyxy, ... got 'xy'"),
    ],
)
def test_options(options, error, message):
    refuses(error, message, GT, [RESULT], **options)


def test_the_id_of_a_detection():
    found = {**GT, "annotations": [{**ANNOTATION, "id": None, "score": 1}]}
    refuses(TypeError, "dt['annotations'][0]['id'] must be a number or a string, got None", GT, found)
