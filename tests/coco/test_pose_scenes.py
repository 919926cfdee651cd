"""Generated scenes with keypoints: all of COCOeval to the last bit as pycocotools has it."""

import copy
import io
import json
from contextlib import redirect_stdout

import numpy as np
import pytest
from helpers.coco_cases import ByImage, clean, is_unopened, quietly
from helpers.coco_scenes import Scene, compare, differences, of_dict, run, summary
from helpers.pose_scenes import jittered_poses, make_pose_scene

import pymetrics
from pymetrics.coco import COCO, COCOeval, Params

SEEDS = [pytest.param(range(i, i + 75), marks=pytest.mark.slow if i else ()) for i in range(0, 1050, 75)]


def differ(rival, eval_class, seed):
    scene = make_pose_scene(seed)
    theirs, ours = (run(*classes, scene, iou_type="keypoints") for classes in (rival, (COCO, eval_class)))
    marks = [[gt.get("ignore") for gt in each.cocoGt.dataset["annotations"]] for each in (theirs, ours)]
    found = compare(theirs, ours) + ([] if repr(marks[0]) == repr(marks[1]) else [f"ignore: {marks}"])
    return found + ([] if summary(theirs) == summary(ours) else ["summary"])


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_native(rival, need, seeds, monkeypatch):
    need("pymetrics._native")
    monkeypatch.setenv("PYMETRICS_BACKEND", "native")
    for seed in seeds:
        assert differ(rival, COCOeval, seed) == [], seed


@pytest.mark.parametrize(("backend", "seeds"), [("numba", range(2000, 2600)), ("reference", range(3000, 3020))])
def test_other_backends(rival, need, backend, seeds, monkeypatch):
    need("numba")
    monkeypatch.setenv("PYMETRICS_BACKEND", backend)
    for seed in seeds:
        assert differ(rival, COCOeval, seed) == [], seed


def test_image_by_image(rival):
    for seed in range(5000, 5100):
        assert differ(rival, ByImage, seed) == [], seed


@pytest.mark.slow
def test_the_generator_makes_what_it_should():
    """Matches, ignored matches, overlaps that are no numbers, and ground truths without keypoints are common enough."""
    evaluations = [run(COCO, COCOeval, make_pose_scene(seed), iou_type="keypoints") for seed in range(150)]
    entries = [entry for evaluation in evaluations for entry in evaluation.evalImgs if entry is not None]
    assert sum(int(((e["dtMatches"] != 0) & ~e["dtIgnore"]).sum()) for e in entries) > 200
    assert sum(int(((e["dtMatches"] != 0) & e["dtIgnore"]).sum()) for e in entries) > 100
    ious = [np.asarray(block).ravel() for evaluation in evaluations for block in evaluation.ious.values()]
    assert sum(int(np.isnan(block).sum()) for block in ious) > 5
    assert sum(int(((block > 0.1) & (block < 0.9)).sum()) for block in ious) > 500


@pytest.mark.parametrize("seeds", [range(30), pytest.param(range(30, 400), marks=pytest.mark.slow)], ids=str)
def test_through_files(rival, need, seeds, monkeypatch, tmp_path):
    """Of which no dict is made, unless a file is left to json."""
    need("pymetrics._native")
    monkeypatch.setenv("PYMETRICS_BACKEND", "native")
    n_unopened = 0
    for seed in seeds:
        scene = make_pose_scene(seed)
        theirs, ours = (
            run(*classes, scene, iou_type="keypoints", folder=tmp_path) for classes in (rival, (COCO, COCOeval))
        )
        n_unopened += is_unopened(ours.cocoGt) and is_unopened(ours.cocoDt)
        assert differences(theirs.eval, ours.eval) == [], seed
        assert summary(theirs) == summary(ours)
        annotations = [each.cocoGt.dataset["annotations"] for each in (theirs, ours)]
        assert repr(clean(annotations[0])) == repr(clean(annotations[1])), seed
        assert repr(clean(theirs.cocoDt.dataset["annotations"])) == repr(clean(ours.cocoDt.dataset["annotations"]))
        assert compare(theirs, ours) == [], seed
    assert n_unopened > len(seeds) // 10


@pytest.mark.slow
def test_an_unopened_coco_and_other_iou_types(rival, files):
    """Poses, then boxes, then poses: each reads what it compares, and `ignore` is what the last one wrote."""
    found = []
    for coco_class, eval_class in (rival, (COCO, COCOeval)):
        gt = quietly(coco_class, str(files[0]))
        dt = quietly(gt.loadRes, str(files[1]))
        marks = []
        for iou_type in ("keypoints", "bbox", "keypoints", "bbox"):
            evaluation = eval_class(gt, dt, iou_type)
            quietly(evaluation.evaluate)
            quietly(evaluation.accumulate)
            marks.append(evaluation.eval["precision"].tobytes())
        marks.append(repr([ann["ignore"] for ann in gt.dataset["annotations"]]))
        found.append(marks)
    assert found[0] == found[1]


@pytest.fixture
def files(data, tmp_path):
    gt = data("coco_val2017_person538/gt_person_keypoints.json")
    dt = tmp_path / "dt.json"
    dt.write_text(json.dumps(jittered_poses(gt, 1)))
    return gt, dt


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["native", "numba"])
def test_files(rival, need, files, backend, monkeypatch):
    """COCOeval, and pymetrics.evaluate of paths, dicts and COCO objects; accumulated in two parts too."""
    need("pymetrics._native" if backend == "native" else "numba")
    monkeypatch.setenv("PYMETRICS_BACKEND", backend)
    evaluations = []
    for coco_class, eval_class in (rival, (COCO, COCOeval)):
        with redirect_stdout(io.StringIO()):
            coco = coco_class(str(files[0]))
            evaluations.append(eval_class(coco, coco.loadRes(str(files[1])), "keypoints"))
            evaluations[-1].evaluate()
            evaluations[-1].accumulate()
    theirs, ours = evaluations
    assert compare(theirs, ours) == []
    assert summary(theirs) == summary(ours)
    assert theirs.stats[0] > 0.1
    parsed = [json.loads(path.read_text()) for path in files]
    for sources in (files, parsed, (ours.cocoGt, files[1])):
        result = pymetrics.evaluate(*sources, iou_type="keypoints")
        assert result.precision.tobytes() == theirs.eval["precision"].tobytes()
        assert result.recall.tobytes() == theirs.eval["recall"].tobytes()
    assert np.array(list(result.values())).tobytes() == theirs.stats.tobytes()
    assert str(result).splitlines() == summary(theirs)[0]
    accumulator = pymetrics.Accumulator(iou_type="keypoints")
    for half in (0, 1):
        part = dict(parsed[0], images=[image for image in parsed[0]["images"] if image["id"] % 2 == half])
        shown = {image["id"] for image in part["images"]}
        part["annotations"] = [ann for ann in parsed[0]["annotations"] if ann["image_id"] in shown]
        accumulator.update(part, [row for row in parsed[1] if row["image_id"] in shown])
    again = pymetrics.Accumulator.from_bytes(accumulator.to_bytes())
    assert again.compute().precision.tobytes() == theirs.eval["precision"].tobytes()


def test_results_are_completed_as_pycocotools_does(rival):
    scenes = [scene for scene in map(make_pose_scene, range(100)) if "bbox" not in scene.dt[0] and not scene.own_ids]
    assert len(scenes) > 20
    for scene in scenes:
        scene.dt[0]["keypoints"][:2] = -0.0, 0.0
        found = []
        for coco_class in (rival[0], COCO):
            coco = of_dict(coco_class, scene.gt)
            found.append(quietly(coco.loadRes, copy.deepcopy(scene.dt)).dataset["annotations"])
        for theirs, ours in zip(*found, strict=True):
            assert list(theirs) == list(ours)
            for key in theirs:
                assert type(theirs[key]) is type(ours[key])
                assert repr(theirs[key]) == repr(ours[key])


def test_compute_oks_is_called(rival):
    """A subclass that overrides computeOks is evaluated image by image, by what that gives."""

    class Halved(COCOeval):
        def computeOks(self, imgId, catId):
            return np.asarray(super().computeOks(imgId, catId)) / 2

    for seed in range(10):
        scene = make_pose_scene(seed)
        plain, halved = (run(COCO, one, scene, iou_type="keypoints") for one in (COCOeval, Halved))
        for key, block in plain.ious.items():
            assert np.array_equal(np.asarray(block) / 2, halved.ious[key], equal_nan=True)


def test_compute_iou_refuses_keypoints():
    evaluation = run(COCO, ByImage, make_pose_scene(0), iou_type="keypoints")
    with pytest.raises(Exception, match="unknown iouType for iou computation"):
        evaluation.computeIoU(*next(iter(evaluation.ious)))


def test_no_categories(rival):
    """BLACKOUT: without categories pycocotools compares no keypoints, so that nothing matches."""
    scene = next(s for s in map(make_pose_scene, range(500)) if s.params["useCats"] and len(s.dt) > 20)
    scene.params |= {"useCats": 0, "iouThrs": np.array([0.0, 0.5])}
    theirs, ours = (run(*classes, scene, iou_type="keypoints") for classes in (rival, (COCO, COCOeval)))
    assert compare(theirs, ours) == []
    assert not any(entry["dtMatches"].any() for entry in ours.evalImgs if entry is not None)
    result = ours.result
    assert not result.outcomes.matched.any()


def test_the_sigmas_are_those_of_pycocotools(rival):
    from pycocotools.cocoeval import Params as Theirs

    from pymetrics.evaluation.shapes.keypoints import COCO_SIGMAS

    theirs = Theirs("keypoints").kpt_oks_sigmas
    assert theirs.tobytes() == Params("keypoints").kpt_oks_sigmas.tobytes() == np.array(COCO_SIGMAS).tobytes()


def one_pose(change) -> Scene:
    points = [10 * i for i in range(51)]
    ann = {"id": 1, "image_id": 1, "category_id": 1, "area": 900.0, "iscrowd": 0, "bbox": [1, 2, 30, 40]}
    ann |= {"keypoints": points, "num_keypoints": 17}
    dt = {"image_id": 1, "category_id": 1, "score": 0.5, "keypoints": list(points)}
    change(ann, dt)
    return Scene({"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": [ann]}, [dt])


def test_num_keypoints_may_be_missing():
    """Where pycocotools raises KeyError: the visible keypoints are counted."""
    whole, bare = (
        run(COCO, COCOeval, one_pose(change), iou_type="keypoints")
        for change in (lambda ann, dt: None, lambda ann, dt: ann.pop("num_keypoints"))
    )
    assert compare(whole, bare) == []
    none = one_pose(lambda ann, dt: (ann.pop("num_keypoints"), ann.update(keypoints=[0] * 51)))
    evaluation = run(COCO, COCOeval, none, iou_type="keypoints")
    assert evaluation.cocoGt.dataset["annotations"][0]["ignore"] is True
    assert evaluation.eval["precision"].max() == -1


BAD = {
    "no keypoints": (lambda ann, dt: ann.pop("keypoints"), KeyError, "keypoints"),
    "no box": (lambda ann, dt: ann.pop("bbox"), KeyError, "bbox"),
    "no area": (lambda ann, dt: ann.pop("area"), KeyError, "area"),
    "sixteen": (lambda ann, dt: dt.update(keypoints=[0] * 48), ValueError, r"has 16 keypoints, but .* 17 sigmas"),
    "one number less": (lambda ann, dt: ann.update(keypoints=[0] * 50), ValueError, r"\[0\]\['keypoints'\] must hold"),
    "text": (lambda ann, dt: dt.update(keypoints="51"), TypeError, r"dt\[0\]\['keypoints'\] must be a list of numbers"),
    "nested": (lambda ann, dt: dt.update(keypoints=[[1, 2, 3]]), TypeError, r"dt\[0\]\['keypoints'\] must be a list"),
}


@pytest.mark.parametrize(("change", "error", "words"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("eval_class", [COCOeval, ByImage])
def test_bad_keypoints_are_refused_by_name(eval_class, change, error, words):
    scene = one_pose(lambda ann, dt: None)
    gt = of_dict(COCO, scene.gt)
    dt = quietly(gt.loadRes, scene.dt)
    change(gt.dataset["annotations"][0], dt.dataset["annotations"][0])
    with pytest.raises(error, match=words):
        quietly(eval_class(gt, dt, "keypoints").evaluate)


@pytest.mark.parametrize("sigmas", [[], [0.1, 0.0], [0.1, np.nan]])
def test_bad_sigmas_are_refused(sigmas):
    scene = one_pose(lambda ann, dt: None)
    scene.params["kpt_oks_sigmas"] = np.array(sigmas)
    with pytest.raises(ValueError, match="sigmas"):
        run(COCO, COCOeval, scene, iou_type="keypoints")


def test_a_last_visibility_may_be_missing(rival):
    """NO_LAST_VISIBILITY: pycocotools does not read it of detections."""
    scene = one_pose(lambda ann, dt: dt["keypoints"].pop())
    theirs, ours = (run(*classes, scene, iou_type="keypoints") for classes in (rival, (COCO, COCOeval)))
    assert compare(theirs, ours) == []
    assert ours.eval["precision"].max() > 0.9
