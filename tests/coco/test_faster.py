"""pymetrics.coco.faster beside faster-coco-eval: arrays to the last bit, numbers, names, lines, batches."""

import contextlib
import copy
import io
import json
import math
import pickle
import subprocess
import sys
import warnings

import evaluator_scenes as scenes
import numpy as np
import pytest
from helpers.coco_cases import quietly
from helpers.coco_scenes import make_scene, plain_scene
from helpers.lvis_scenes import make_lvis_scene
from helpers.mask_scenes import make_mask_scene
from helpers.pose_scenes import make_pose_scene

from pymetrics.coco import faster

ARRAYS = ("precision", "recall", "scores")


@pytest.fixture
def theirs(need):
    return need("faster_coco_eval")


def evaluated(package, scene, iou_type="bbox", **arguments):
    """A COCOeval_faster that has run, and the lines that it said."""
    lines = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ids of 0
        gt = package.COCO(copy.deepcopy(scene.gt))
        dt = gt.loadRes(copy.deepcopy(scene.dt))
        evaluation = package.COCOeval_faster(gt, dt, iou_type, print_function=lines.append, **arguments)
        for name, value in scene.params.items():
            setattr(evaluation.params, name, copy.deepcopy(value))
        evaluation.run()
    return evaluation, [line for line in lines if not line.startswith("DONE (t=")]


def check(theirs, scene, iou_type="bbox", **arguments):
    """Everything that both leave is equal. mIoU is a mean of numbers that they add in the order of a hash table."""
    (a, their_lines), (b, our_lines) = (evaluated(p, scene, iou_type, **arguments) for p in (theirs, faster))
    for name in ARRAYS:
        assert a.eval[name].shape == b.eval[name].shape
        assert a.eval[name].tobytes() == b.eval[name].tobytes(), name
    assert a.eval.keys() == b.eval.keys()
    for name in ("counts", "matched", "evaluations_size"):
        assert a.eval[name] == b.eval[name], name
    assert our_lines == their_lines
    assert b.stats.tobytes() == a.stats.tobytes()
    expected, found = a.stats_as_dict, b.stats_as_dict
    assert list(found) == list(expected)
    assert math.isclose(found.pop("mIoU", 0), expected.pop("mIoU", 0), rel_tol=1e-12)
    assert found == expected
    return a, b


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"separate_eval": True},
        {"extra_calc": True},
        {"extra_calc": True, "separate_eval": True},
        {"ranges": {"tiny": [0, 500], "big": [500, 1e10]}},
        {"ranges": {}},
    ],
    ids=str,
)
def test_arguments(theirs, arguments):
    a, b = check(theirs, plain_scene(), **arguments)
    if arguments.get("ranges", True):
        assert b.extended_metrics == a.extended_metrics
    assert b.cocoGt.anns.keys() == a.cocoGt.anns.keys()
    for ours, expected in ((b.cocoGt.anns, a.cocoGt.anns), (b.cocoDt.anns, a.cocoDt.anns)):
        for id, ann in ours.items():
            for mark in ("tp", "fp", "fn"):
                assert ann.get(mark) == expected[id].get(mark)
            assert ("iou" in ann) == ("iou" in expected[id])


def test_the_first_precision_is_1(theirs):
    """One detection of one: pycocotools and pymetrics.coco have 0.9999999999999998."""
    _, b = check(theirs, plain_scene())
    assert (b.eval["precision"] == 1).any()
    assert b.stats[0] == b.stats_as_dict["AP_all"]


@pytest.mark.parametrize(
    "params",
    [
        {"maxDets": [1, 10, 500]},
        {"maxDets": [500]},
        {"maxDets": [5, 1]},
        {"maxDets": [1, 2, 3, 50]},
        {"useCats": 0},
        {"imgIds": [38, 20, 38]},
        {"catIds": [7, 1]},
        {"recThrs": np.array([0.5, 0.0, 1.0, 0.25])},
        {"iouThrs": np.array([0.5, 0.75])},
    ],
    ids=str,
)
def test_params(theirs, params):
    """stats[0] reads the largest limit, and AR is named by limits; recalls that do not rise are read one by one."""
    scene = plain_scene()
    scene.params = params
    check(theirs, scene)
    check(theirs, scene, separate_eval=True)


def ordinary(seed):
    """A generated scene without what faster-coco-eval counts in another way: odd ids, scores, thresholds."""
    scene = make_scene(seed)
    gts = scene.gt["annotations"]
    if scene.own_ids or any(isinstance(image["id"], str) or image["id"] > 2**50 for image in scene.gt["images"]):
        return None
    for i, gt in enumerate(gts):
        gt["id"] = i + 1
    values = [value for gt in gts for value in (*gt["bbox"], gt["area"])]
    if isinstance(scene.dt, np.ndarray):
        values += scene.dt.ravel().tolist()
    else:
        values += [value for dt in scene.dt for value in (*dt["bbox"], dt["score"])]
    if not np.isfinite(values).all() or scene.params["useCats"] == 0 or 77 in scene.params.get("catIds", ()):
        return None
    scene.params["areaRng"] = [[0, 1e10]]
    scene.params["areaRngLbl"] = ["all"]
    scene.params["iouThrs"] = np.unique(np.clip(scene.params["iouThrs"], 0.1, 1))
    scene.params["maxDets"] = [limit for limit in dict.fromkeys(scene.params["maxDets"]) if limit]
    return scene


@pytest.mark.parametrize("seeds", [range(100), pytest.param(range(100, 1200), marks=pytest.mark.slow)], ids=str)
def test_generated_scenes(theirs, seeds, backend):
    n = 0
    for seed in seeds if backend == "native" else seeds[:60]:
        scene = ordinary(seed)
        if scene is not None:
            check(theirs, scene)
            n += 1
    assert n > 20


@pytest.mark.parametrize("iou_type", ["segm", "boundary"])
def test_masks(theirs, iou_type):
    n = 0
    for seed in range(120):
        scene = make_mask_scene(seed)
        segmentations = [dt["segmentation"] for dt in scene.dt]
        sizes = {tuple(s["size"]) for s in segmentations if isinstance(s, dict)}
        if ordinary(seed) is None or len(sizes) > 1:
            continue
        scene.params = ordinary(seed).params
        for i, gt in enumerate(scene.gt["annotations"]):
            gt["id"] = i + 1
        check(theirs, scene, iou_type)
        n += 1
    assert n > 25


class ByImage(faster.COCOeval_faster):
    """Overrides a step, so that each cell is computed by itself."""

    def evaluateImg(self, *args):
        return super().evaluateImg(*args)


@pytest.mark.parametrize("iou_type", ["segm", "boundary"])
def test_masks_cell_by_cell(iou_type):
    n = 0
    for seed in range(40):
        scene = make_mask_scene(seed)
        if scene.own_ids or not all(isinstance(image["id"], int) for image in scene.gt["images"]):
            continue
        found = []
        for eval_class in (faster.COCOeval_faster, ByImage):
            gt = faster.COCO(copy.deepcopy(scene.gt))
            evaluation = eval_class(gt, gt.loadRes(copy.deepcopy(scene.dt)), iou_type, separate_eval=True)
            quietly(evaluation.evaluate)
            quietly(evaluation.accumulate)
            ious = {key: np.asarray(block).tobytes() for key, block in evaluation.ious.items()}
            found.append([ious, *(evaluation.eval[name].tobytes() for name in ARRAYS)])
            n += sum(len(block) > 0 for block in ious.values())
        assert found[0] == found[1], seed
    assert n > 100


def test_lvis(theirs):
    for seed in range(40):
        scene = make_lvis_scene(seed)
        a, b = check(theirs, scene, lvis_style=True)
        assert {"APr", "APc", "APf"} <= b.stats_as_dict.keys()
        assert b.freq_groups == a.freq_groups
        assert [dt.get("lvis_mark") for dt in b.cocoDt.anns.values()] == [
            dt.get("lvis_mark") for dt in a.cocoDt.anns.values()
        ]


def test_missing_flags_and_areas(theirs):
    scene = plain_scene()
    for gt in scene.gt["annotations"][::3]:
        del gt["iscrowd"]
    for gt in scene.gt["annotations"][::4]:
        del gt["area"]
    check(theirs, scene)


def test_extended_metrics_need_their_threshold(theirs):
    scene = plain_scene()
    scene.params = {"iouThrs": np.array([0.6, 0.7])}
    for package in (theirs, faster):
        with pytest.raises(ValueError, match=r"requires IoU threshold 0\.50"):
            _ = evaluated(package, scene)[0].extended_metrics


def test_nothing_is_accumulated_yet(theirs):
    for package in (theirs, faster):
        evaluation = package.COCOeval_faster(
            package.COCO(plain_scene().gt), package.COCO(plain_scene().gt), "bbox", separate_eval=True
        )
        with pytest.raises(Exception, match="accumulate"):
            evaluation.summarize()
        with pytest.raises(RuntimeError, match="unavailable"):
            evaluation.compute_mIoU()
        with pytest.raises(RuntimeError, match="unavailable"):
            evaluation.compute_mAUC()
        with pytest.raises(AssertionError):
            evaluation.accumulate()
    with pytest.raises(TypeError, match="iouType not supported"):
        faster.COCOeval_faster(iouType="boxes")


def batches_merged(package, scene):
    """D-FINE's and DEIM's form: records of batches as arrays, pickled, merged, put back."""
    gt = package.COCO(copy.deepcopy(scene.gt))
    evaluation = package.COCOeval_faster(gt, iouType="bbox", print_function=print, separate_eval=True)
    ids, records = [], []
    for batch in ([38, 40, 36], [20, 18], [22, 24, 26, 28, 30, 32, 34]):
        evaluation.cocoDt = gt.loadRes([dt for dt in copy.deepcopy(scene.dt) if dt["image_id"] in batch])
        evaluation.params.imgIds = list(batch)
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.evaluate()
        p = evaluation.params
        shape = len(p.catIds), len(p.areaRng), len(p.imgIds)
        records.append(np.array(evaluation._evalImgs_cpp).reshape(shape))
        ids += p.imgIds
    merged = np.concatenate(pickle.loads(pickle.dumps(records)), 2)
    ids, first = np.unique(ids, return_index=True)
    evaluation._evalImgs_cpp = merged[..., first].ravel().tolist()
    evaluation.params.imgIds = ids.tolist()
    evaluation._paramsEval = copy.deepcopy(evaluation.params)
    quietly(evaluation.accumulate)
    quietly(evaluation.summarize)
    return evaluation


def test_merged_batches(theirs):
    a, b = (batches_merged(package, plain_scene()) for package in (theirs, faster))
    for name in ARRAYS:
        assert a.eval[name].tobytes() == b.eval[name].tobytes()
    assert b.eval["matched"] == a.eval["matched"]
    assert b.stats.tobytes() == evaluated(faster, plain_scene())[0].stats.tobytes()


def test_the_evaluator(need, theirs):
    torch = need("torch")
    found = scenes.predictions(torch)
    outputs = []
    for kind in (need("faster_coco_eval.utils.pytorch").FasterCocoEvaluator, faster.FasterCocoEvaluator):
        package = theirs if not outputs else faster
        gt = package.COCO(copy.deepcopy(scenes.ground_truth().dataset))
        evaluator = kind(gt, ["bbox"], lvis_style=False, ranges={"all of it": [0, 1e10]})
        for batch in scenes.batches(found, 5):
            quietly(evaluator.update, batch)
        for step in (evaluator.synchronize_between_processes, evaluator.accumulate, evaluator.summarize):
            quietly(step)
        evaluation = evaluator.coco_eval["bbox"]
        outputs.append((evaluator.stats_as_dict, {name: evaluation.eval[name].tobytes() for name in ARRAYS}))
        evaluator.cleanup()
        assert evaluator.img_ids == []
    assert outputs[0] == outputs[1]


def state(coco):
    return {name: getattr(coco, name) for name in ("dataset", "anns", "cats", "imgs", "imgToAnns", "catToImgs")}


def test_coco(theirs, tmp_path):
    path = tmp_path / "gt.json"
    path.write_text(json.dumps(plain_scene().gt))
    for source in (str(path), path, plain_scene().gt, None):
        a, b = theirs.COCO(source), faster.COCO(source)
        assert state(a) == state(b)
    a, b = theirs.COCO(plain_scene().gt), faster.COCO(plain_scene().gt)
    for call in (
        lambda c: c.getAnnIds(),
        lambda c: c.get_ann_ids(img_ids=[38], cat_ids=[1, 3]),
        lambda c: c.getAnnIds(imgIds=None, areaRng=[0, 1024], iscrowd=False),
        lambda c: c.getCatIds(catNms="name 3"),
        lambda c: c.get_cat_ids(cat_ids=[7]),
        lambda c: sorted(c.get_img_ids(cat_ids=[1])),
        lambda c: c.load_imgs([38]),
        lambda c: c.load_cats(3),
        lambda c: c.load_anns(None),
        lambda c: c.img_ann_map[38],
        lambda c: c.cat_img_map[3],
        lambda c: {key: value for key, value in c.to_dict().items() if key != "info"},
        lambda c: state(c.loadRes(plain_scene().dt, min_score=0.5)),
        lambda c: state(c.loadRes([])),
        lambda c: dict(c)["images"],
    ):
        assert call(a) == call(b)
    results = plain_scene().dt
    assert b.loadRes(results).dataset["annotations"] is not results
    b.dump(tmp_path / "out.json")
    assert faster.COCO(tmp_path / "out.json").anns == b.anns
    text = {"images": [{"id": "7"}], "annotations": [{"id": 1, "image_id": "7", "category_id": 1}], "categories": []}
    assert state(faster.COCO(copy.deepcopy(text))) == state(theirs.COCO(copy.deepcopy(text)))
    for package in (theirs, faster):
        with pytest.raises(TypeError):
            package.COCO(5)
        with pytest.raises(TypeError, match="is not supported"):
            package.COCO(plain_scene().gt).loadRes(5)
        with pytest.raises(AssertionError, match="list"):
            package.COCO([])


def test_params_names(theirs):
    ours, expected = faster.Params("bbox"), theirs.core.cocoeval.Params("bbox")
    for name in ("iou_type", "img_ids", "cat_ids", "iou_thrs", "rec_thrs", "max_dets", "area_rng", "area_rng_lbl"):
        assert np.array_equal(getattr(ours, name), getattr(expected, name))
    assert (ours.use_cats, ours.img_count_lbl, ours.useSegm) == (1, ["r", "c", "f"], 0)
    ours.useSegm = 1
    assert ours.iouType == "segm"
    assert pickle.loads(pickle.dumps(ours)).areaRngLbl == ["all", "small", "medium", "large"]


def test_init_as_pycocotools():
    code = (
        "from pymetrics.coco import faster\n"
        "faster.init_as_pycocotools()\n"
        "from pycocotools.coco import COCO\n"
        "from pycocotools.cocoeval import COCOeval\n"
        "import pycocotools.mask as mask\n"
        "assert COCO is faster.COCO and mask is faster.mask and issubclass(COCOeval, faster.COCOeval_faster)\n"
        "gt = COCO({'images': [{'id': 1}], 'categories': [{'id': 1}], 'annotations': []})\n"
        "e = COCOeval(gt, gt.loadRes([]), 'bbox')\n"
        "e.run()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Average Precision" in done.stdout


def test_keypoints(theirs):
    """Ten numbers; the ground truths say num_keypoints, which faster-coco-eval takes for 0 where it is missing."""
    n = 0
    for seed in range(150):
        scene, plain = make_pose_scene(seed), ordinary(seed)
        if plain is None or isinstance(scene.dt, np.ndarray) or scene.own_ids:
            continue
        scene.params = {name: plain.params[name] for name in ("iouThrs", "recThrs") if name in plain.params}
        for i, gt in enumerate(scene.gt["annotations"]):
            gt["id"] = i + 1
            gt["num_keypoints"] = sum(value > 0 for value in gt["keypoints"][2::3])
        rows = [*scene.gt["annotations"], *scene.dt]
        if len({len(row["keypoints"]) for row in rows}) > 1 or len(rows[0]["keypoints"]) != 51:
            continue
        if not np.isfinite([value for row in rows for value in row["keypoints"]]).all():
            continue
        check(theirs, scene, "keypoints")
        n += 1
    assert n > 10
