"""COCOeval on files and on every odd input that is known to part the engines: arrays, summary and evalImgs.

The cases are those of docs/coco-quirks.md; each starts from the same ordinary scene.
"""

import contextlib
import copy
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.coco_scenes import Scene, compare, differences, plain_scene, run, summary

from pymetrics.coco import COCO, COCOeval


def evaluate_files(coco_class, eval_class, gt: Path, dt: Path):
    """A COCOeval after all three steps, and everything that it printed but for the times."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        coco_gt = coco_class(str(gt))
        evaluation = eval_class(coco_gt, coco_gt.loadRes(str(dt)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation, re.sub(r"t=\d+\.\d\ds", "t=", out.getvalue())


FILES = [
    *(("generated", "gt.json", f"dt_{name}.json") for name in ("good", "poor", "coarse")),
    *(("coco_yolact100", "gt.json", f"dt_yolact_{name}.json") for name in ("base", "darknet53", "im700", "resnet50")),
    ("coco_yolact100", "gt_person_masks_genuine.json", "dt_yolact_base_person10.json"),
    ("coco_val2014_100", "instances_val2014_100.json", "instances_val2014_fakebbox100_results.json"),
    ("detectron2_tiny", "gt.json", "dt.json"),
]


@pytest.mark.cases(2)
@pytest.mark.parametrize(("folder", "gt", "dt"), FILES)
def test_files(data, rival, backend, folder, gt, dt):
    gt_path, dt_path = data(f"{folder}/{gt}"), data(f"{folder}/{dt}")
    theirs, their_text = evaluate_files(*rival, gt_path, dt_path)
    ours, our_text = evaluate_files(COCO, COCOeval, gt_path, dt_path)
    assert compare(theirs, ours) == []
    assert our_text == their_text


@pytest.mark.usefixtures("sum_order")
@pytest.mark.parametrize(("folder", "gt", "dt"), FILES)
def test_expected_numbers(data, backend, folder, gt, dt):
    expected = json.loads(data(f"{folder}/expected.json").read_text())[f"{gt} vs {dt} bbox"]
    ours, _ = evaluate_files(COCO, COCOeval, data(f"{folder}/{gt}"), data(f"{folder}/{dt}"))
    precisions, recalls = ["AP", "AP50", "AP75"], ["AR_1", "AR_10", "AR_100"]
    sizes = ["small", "medium", "large"]
    names = [*precisions, *(f"AP_{size}" for size in sizes), *recalls, *(f"AR_{size}" for size in sizes)]
    assert ours.stats.tolist() == [expected[name] for name in names]
    per_category = {
        str(category): float(np.mean(values[values > -1])) if (values > -1).any() else -1.0
        for category, values in zip(
            ours.params.catIds, np.moveaxis(ours.eval["precision"][..., 0, 2], 2, 0), strict=True
        )
    }
    assert per_category == expected["_AP_per_category"]


def with_params(**params):
    def change(scene: Scene) -> None:
        scene.params = params

    return change


def with_scores(*scores):
    def change(scene: Scene) -> None:
        for i, dt in enumerate(scene.dt):
            if i % 5 < len(scores):
                dt["score"] = scores[i % 5]

    return change


def with_boxes(*boxes):
    """Some boxes of either side are replaced."""

    def change(scene: Scene) -> None:
        for i, row in enumerate([*scene.dt, *scene.gt["annotations"]]):
            if i % 7 < len(boxes):
                row["bbox"] = list(boxes[i % 7])

    return change


def with_truths(**values):
    def change(scene: Scene) -> None:
        for gt in scene.gt["annotations"][::2]:
            gt.update(values)

    return change


def with_ids(id_of, detections: bool = False):
    def change(scene: Scene) -> None:
        if detections:
            scene.own_ids = True
            for dt in scene.dt:
                dt |= {"area": dt["bbox"][2] * dt["bbox"][3], "iscrowd": 0}
        for i, row in enumerate(scene.dt if detections else scene.gt["annotations"]):
            row["id"] = id_of(i)

    return change


def with_equal_ids_and_one_category(scene: Scene) -> None:
    with_ids(lambda i: i // 3 + 1)(scene)
    scene.params = {"catIds": [3]}


def with_text_image_ids(scene: Scene) -> None:
    for row in [*scene.gt["annotations"], *scene.dt]:
        row["image_id"] = f"image {row['image_id']}"
    for image in scene.gt["images"]:
        image["id"] = f"image {image['id']}"


def with_category_id_zero(scene: Scene) -> None:
    for row in [*scene.gt["annotations"], *scene.dt]:
        row["category_id"] = {3: 3, 1: 0, 7: -7}[row["category_id"]]
    scene.gt["categories"] = [{"id": i} for i in (3, 0, -7)]


def with_no_truths(scene: Scene) -> None:
    scene.gt["annotations"] = []


def with_one_truthless_category(scene: Scene) -> None:
    scene.gt["annotations"] = [gt for gt in scene.gt["annotations"] if gt["category_id"] != 3]


def with_one_undetected_category(scene: Scene) -> None:
    scene.dt = [dt for dt in scene.dt if dt["category_id"] != 3]


def with_unknown_categories(scene: Scene) -> None:
    for dt in scene.dt[::3]:
        dt["category_id"] = 1000


def with_array(dtype, bounds=None):
    def change(scene: Scene) -> None:
        for i, dt in enumerate(scene.dt):
            dt["bbox"][2:] = ([32.0, 32.000002], [32.0, 32.0], dt["bbox"][2:])[i % 3]
        rows = [[dt["image_id"], *dt["bbox"], dt["score"], dt["category_id"]] for dt in scene.dt]
        scene.dt = np.array(rows, dtype)
        if bounds:
            scene.params = {"areaRng": bounds}

    return change


def with_crowds_without_area(scene: Scene) -> None:
    for gt in scene.gt["annotations"]:
        if gt["iscrowd"]:
            del gt["area"]


CASES = {
    "ordinary": lambda scene: None,
    "unsorted iouThrs": with_params(iouThrs=np.array([0.9, 0.5, 0.75])),
    "equal iouThrs": with_params(iouThrs=np.array([0.5, 0.75, 0.5])),
    "iouThrs [0, .3, 1]": with_params(iouThrs=np.array([0, 0.3, 1])),
    "iouThrs beyond [0, 1]": with_params(iouThrs=np.array([-1, 0.5, 1.5, np.inf])),
    "80 bits": with_params(iouThrs=np.linspace(0, 0.95, 20)),
    "unsorted recThrs": with_params(recThrs=np.array([0, 1, 0.5, 0.25, 0.9])),
    "recThrs beyond [0, 1]": with_params(recThrs=np.array([-1, 0.5, 2, 0.25])),
    "useCats 0": with_params(useCats=0),
    "useCats 0, catIds unsorted, doubled": with_params(useCats=0, catIds=[7, 1, 7]),
    "useCats 2": with_params(useCats=2),
    "maxDets [1, 2, 3]": with_params(maxDets=[1, 2, 3]),
    "maxDets [100, 1, 10]": with_params(maxDets=[100, 1, 10]),
    "maxDets [10]": with_params(maxDets=[10]),
    "maxDets [0, 0, 2, 2]": with_params(maxDets=[0, 0, 2, 2]),
    "maxDets tuple of numpy": with_params(maxDets=tuple(np.array([1, 10, 100]))),
    "doubled areaRng": with_params(areaRng=[[0, 1e10], [0, 1024], [0, 1024], [0, 1e10]]),
    "areaRng reversed, of other lengths": with_params(areaRng=[[0, 1e10], [5000, 100]], areaRngLbl=["all"]),
    "areaRng array": with_params(areaRng=np.array([[0, 1e10], [0, 2000.5]]), areaRngLbl=["small", "all", "large"]),
    "doubled areaRngLbl": with_params(areaRngLbl=["all", "all", "medium", "large"]),
    "imgIds unsorted part": with_params(imgIds=[38, 20, 30]),
    "imgIds doubled": with_params(imgIds=[38, 20, 38]),
    "imgIds unknown": with_params(imgIds=[38, 1000000]),
    "imgIds empty": with_params(imgIds=[]),
    "catIds unsorted part": with_params(catIds=[7, 3]),
    "catIds unknown": with_params(catIds=[7, 99]),
    "catIds empty": with_params(catIds=[]),
    "NaN score": with_scores(np.nan),
    "infinite scores": with_scores(np.inf, -np.inf),
    "-0.0 and 0.0": with_scores(0.0, -0.0),
    "integer scores": with_scores(1, 0),
    "negative sizes": with_boxes([50, 50, -20, 10], [50, 50, -20, -20]),
    "zero sizes": with_boxes([50, 50, 0, 10], [50, 50, 0, 0]),
    "NaN boxes": with_boxes([np.nan, 8, 16, 16], [8, 8, np.nan, 16]),
    "infinite boxes": with_boxes([8, 8, np.inf, 16], [-np.inf, 8, np.inf, 16]),
    "boxes beyond 2^53": with_boxes([2**53 + 1, 0, 2**53 + 1, 8], [0, 2**53 + 1, 8, 8]),
    "ignore": with_truths(ignore=1),
    "bool iscrowd": with_truths(iscrowd=True),
    "iscrowd 0.5": with_truths(iscrowd=0.5),
    "area 1024": with_truths(area=1024),
    "area 9216": with_truths(area=9216.0),
    "area NaN": with_truths(area=np.nan),
    "crowds without area": with_crowds_without_area,
    "category ids 0 and below": with_category_id_zero,
    "no ground truth": with_no_truths,
    "a category without ground truth": with_one_truthless_category,
    "a category without detections": with_one_undetected_category,
    "detections of unknown categories": with_unknown_categories,
    "ground truth id 0": with_ids(lambda i: i),
    "negative ground truth ids": with_ids(lambda i: -i - 1),
    "ground truth ids beyond 2^53": with_ids(lambda i: 2**53 + i),
    "ground truth ids beyond 2^64": with_ids(lambda i: 2**64 + i),
    "equal ground truth ids": with_ids(lambda i: i // 3 + 1),
    "equal ground truth ids, a part of catIds": with_equal_ids_and_one_category,
    "detection ids from 0": with_ids(lambda i: i, detections=True),
    "negative detection ids": with_ids(lambda i: -i - 1, detections=True),
    "equal detection ids": with_ids(lambda i: i // 3 + 1, detections=True),
    "text image ids": with_text_image_ids,
    "N×7 float64": with_array(np.float64),
    "N×7 float32": with_array(np.float32),
    "N×7 float32, below 1024": with_array(np.float32, [[0, 1e10], [0, 1023.99999], [9216, 1e10], [0.1, 320.1]]),
    "N×7 float32, above 1024": with_array(np.float32, [[0, 1e10], [0, 1000.1], [1024.00006, 1e10], [0.1, 320.1]]),
}


@pytest.mark.cases(24)
@pytest.mark.parametrize("case", CASES)
def test_case(rival, backend, case, tmp_path):
    scene = plain_scene()
    CASES[case](scene)
    theirs = run(*rival, scene)
    for folder in (None, tmp_path):
        ours = run(COCO, COCOeval, scene, folder=folder)
        assert compare(theirs, ours) == []
        assert summary(ours) == summary(theirs)


def test_the_ordinary_scene_is_not_trivial():
    """Each summary number is defined and lies strictly between 0 and 1."""
    ours = run(COCO, COCOeval, plain_scene())
    ours.summarize()
    assert ((ours.stats > 0) & (ours.stats < 1)).all()


def forget(key, of="gt"):
    def change(scene: Scene) -> None:
        row = scene.gt["annotations"][0] if of == "gt" else scene.dt[-1]
        assert not row.get("iscrowd")
        del row[key]

    return change


def with_unknown_image(scene: Scene) -> None:
    scene.dt[3]["image_id"] = 1000


REFUSED = {
    "no iscrowd": (forget("iscrowd"), KeyError),
    "no area": (forget("area"), KeyError),
    "no bbox of a ground truth": (forget("bbox"), KeyError),
    "no score": (forget("score", of="dt"), KeyError),
    "no bbox of a detection": (forget("bbox", of="dt"), KeyError),
    "no category_id of a detection": (forget("category_id", of="dt"), KeyError),
    "unknown image": (with_unknown_image, AssertionError),
    "maxDets []": (with_params(maxDets=[]), IndexError),
    "N×6": (lambda scene: setattr(scene, "dt", np.zeros((3, 6))), AssertionError),
    "text ids of ground truths": (with_ids(lambda i: f"id {i}"), ValueError),
}


@pytest.mark.parametrize("case", REFUSED)
def test_same_exception(rival, case, tmp_path):
    change, error = REFUSED[case]
    scene = plain_scene()
    change(scene)
    with pytest.raises(error):
        run(*rival, scene)
    for folder in (None, tmp_path):
        with pytest.raises(error):
            run(COCO, COCOeval, scene, folder=folder)


def test_no_results_run(rival):
    """EMPTY_RESULTS: pycocotools raises IndexError; here nothing detected gives precision and recall 0."""
    scene = plain_scene()
    scene.dt = []
    with pytest.raises(IndexError):
        run(*rival, scene)
    ours = run(COCO, COCOeval, scene)
    ours.summarize()
    assert (ours.stats == 0).all()

    def bare(coco_class, eval_class):  # what torchvision does for a batch without detections
        with contextlib.redirect_stdout(io.StringIO()):
            gt = coco_class()
            gt.dataset = copy.deepcopy(scene.gt)
            gt.createIndex()
            evaluation = eval_class(gt, coco_class(), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
        return evaluation

    assert compare(bare(*rival), bare(COCO, COCOeval)) == []
    assert differences(bare(*rival).eval, ours.eval) == []


def pick(**changes):
    """Other parameters for accumulate(), made from those of evaluate()."""

    def change(p) -> None:
        for name, value in changes.items():
            setattr(p, name, value(getattr(p, name)) if callable(value) else value)

    return change


PICKS = {
    "recThrs": pick(recThrs=np.array([0, 0.3, 0.1])),
    "part of imgIds": pick(imgIds=lambda ids: ids[3:9:2]),
    "imgIds that were not evaluated": pick(imgIds=lambda ids: [*ids, 1000]),
    "part of catIds": pick(catIds=lambda ids: ids[1:]),
    "catIds that were not evaluated": pick(catIds=lambda ids: [999, *ids[1:]]),
    "catIds appended": pick(catIds=lambda ids: [*ids, 999]),
    "part of areaRng": pick(areaRng=lambda ranges: ranges[::2]),
    "areaRng doubled": pick(areaRng=lambda ranges: [*ranges[:2], ranges[0]]),
    "areaRng as tuples": pick(areaRng=lambda ranges: list(map(tuple, ranges))),
    "part of maxDets": pick(maxDets=[10]),
    "maxDets in another order": pick(maxDets=[100, 1, 10, 100, 7]),
    "no maxDets": pick(maxDets=[7]),
    "more iouThrs": pick(iouThrs=lambda thresholds: [*thresholds, 0.99]),
    "useCats 2": pick(useCats=2),
    "everything": pick(
        imgIds=lambda ids: ids[::2], catIds=lambda ids: ids[:2], areaRng=lambda ranges: ranges[1:3], maxDets=[100, 10]
    ),
}


@pytest.mark.cases(10)
@pytest.mark.parametrize("use_cats", [1, 0])
@pytest.mark.parametrize("case", PICKS)
def test_accumulate_of_a_selection(rival, case, use_cats):
    """POSITIONS: a part of what was evaluated is looked up by its positions, as pycocotools does."""
    scene = plain_scene()
    scene.params = {"useCats": use_cats}
    theirs, ours = run(*rival, scene), run(COCO, COCOeval, scene)
    for evaluation in (theirs, ours):
        if not use_cats:
            evaluation.params.catIds = [1, 3, 7]
        p = copy.deepcopy(evaluation.params)
        PICKS[case](p)
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.accumulate(p)
        assert evaluation.eval["params"] is p
    assert differences(theirs.eval, ours.eval) == []
    assert ours.eval["params"].catIds == theirs.eval["params"].catIds


@pytest.mark.parametrize(
    "change",
    [
        pick(iouThrs=[0.5, 0.75]),
        pick(areaRng=lambda ranges: [*ranges, *ranges]),
        pick(catIds=lambda ids: [*ids, *ids]),
        pick(imgIds=lambda ids: [999, *ids]),
    ],
    ids=["fewer iouThrs", "too many areaRng", "too many catIds", "shifted imgIds"],
)
def test_accumulate_of_too_much(rival, change):
    scene = plain_scene()
    for evaluation in (run(*rival, scene), run(COCO, COCOeval, scene)):
        p = copy.deepcopy(evaluation.params)
        change(p)
        with contextlib.redirect_stdout(io.StringIO()), pytest.raises(IndexError):
            evaluation.accumulate(p)


def test_pycocotools_objects(rival):
    """COCO objects of pycocotools go in as they are."""
    scene = plain_scene()
    theirs = run(*rival, scene)
    with contextlib.redirect_stdout(io.StringIO()):
        ours = COCOeval(theirs.cocoGt, theirs.cocoDt, "bbox")
        ours.evaluate()
        ours.accumulate()
    assert compare(theirs, ours) == []
