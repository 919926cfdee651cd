"""Generated scenes with masks: every array, evalImgs and ious of COCOeval to the last bit as pycocotools has them."""

import io
import json
from contextlib import redirect_stdout

import numpy as np
import pytest
from helpers.coco_cases import ByImage
from helpers.coco_scenes import Scene, compare, run, summary
from helpers.mask_scenes import make_mask_scene

import pymetrics
from pymetrics.coco import COCO, COCOeval, mask

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")  # pycocotools' own


SEEDS = [pytest.param(range(i, i + 75), marks=pytest.mark.slow if i else ()) for i in range(0, 1050, 75)]


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_native(rival, need, seeds, monkeypatch):
    need("pymetrics._native")
    monkeypatch.setenv("PYMETRICS_BACKEND", "native")
    for seed in seeds:
        scene = make_mask_scene(seed)
        assert compare(run(*rival, scene, iou_type="segm"), run(COCO, COCOeval, scene, iou_type="segm")) == [], seed


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "seeds"), [("numba", range(2000, 3000)), ("reference", range(3000, 3050))])
def test_other_backends(rival, backend, seeds, monkeypatch):
    monkeypatch.setenv("PYMETRICS_BACKEND", backend)
    for seed in seeds:
        scene = make_mask_scene(seed)
        assert compare(run(*rival, scene, iou_type="segm"), run(COCO, COCOeval, scene, iou_type="segm")) == [], seed


@pytest.mark.slow
def test_image_by_image(rival):
    for seed in range(5000, 5300):
        scene = make_mask_scene(seed)
        assert compare(run(*rival, scene, iou_type="segm"), run(COCO, ByImage, scene, iou_type="segm")) == [], seed


@pytest.mark.slow
def test_the_generator_makes_what_it_should():
    """Matches, ignored matches, overlaps of -1, and detections without boxes are common enough."""
    evaluations = [run(COCO, COCOeval, make_mask_scene(seed), iou_type="segm") for seed in range(150)]
    entries = [entry for evaluation in evaluations for entry in evaluation.evalImgs if entry is not None]
    assert sum(int(((e["dtMatches"] != 0) & ~e["dtIgnore"]).sum()) for e in entries) > 200
    assert sum(int(((e["dtMatches"] != 0) & e["dtIgnore"]).sum()) for e in entries) > 100
    ious = [np.asarray(block).ravel() for evaluation in evaluations for block in evaluation.ious.values()]
    assert sum(int((block == -1).sum()) for block in ious) > 5
    assert sum(int((block > 0).sum()) for block in ious) > 500


@pytest.fixture(scope="module")
def masks_of_yolact(data, tmp_path_factory):
    """The detections of ten images whose persons have genuine masks; with boxes, and without."""
    gt = data("coco_yolact100/gt_person_masks_genuine.json")
    images = {image["id"] for image in json.loads(gt.read_text())["images"]}
    rows = json.loads(data("coco_yolact100/dt_yolact_base.json").read_text())
    rows = [row for row in rows if row["image_id"] in images]
    folder = tmp_path_factory.mktemp("yolact")
    paths = [folder / name for name in ("boxes.json", "no_boxes.json")]
    paths[0].write_text(json.dumps(rows))
    paths[1].write_text(json.dumps([{key: row[key] for key in row if key != "bbox"} for row in rows]))
    return [(gt, path) for path in paths]


@pytest.fixture
def files(data, masks_of_yolact):
    folder = "coco_val2014_100"
    names = ("instances_val2014_100.json", "instances_val2014_fakesegm100_results.json")
    return [tuple(data(f"{folder}/{name}") for name in names), *masks_of_yolact]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* detections are of categories that gt does not list")
@pytest.mark.parametrize("backend", ["native", "numba"])
def test_files(rival, need, files, backend, monkeypatch):
    """COCOeval, and pymetrics.evaluate of paths, dicts and COCO objects; accumulated in two parts too."""
    need("pymetrics._native" if backend == "native" else "numba")
    monkeypatch.setenv("PYMETRICS_BACKEND", backend)
    for gt, dt in files:
        evaluations = []
        for coco_class, eval_class in (rival, (COCO, COCOeval)):
            with redirect_stdout(io.StringIO()):
                coco = coco_class(str(gt))
                evaluations.append(eval_class(coco, coco.loadRes(str(dt)), "segm"))
                evaluations[-1].evaluate()
                evaluations[-1].accumulate()
        theirs, ours = evaluations
        assert compare(theirs, ours) == []
        assert summary(theirs) == summary(ours)
        parsed = [json.loads(path.read_text()) for path in (gt, dt)]
        for sources in ((gt, dt), parsed, (ours.cocoGt, dt)):
            result = pymetrics.evaluate(*sources, iou_type="segm")
            assert result.precision.tobytes() == theirs.eval["precision"].tobytes()
            assert result.recall.tobytes() == theirs.eval["recall"].tobytes()
        accumulator = pymetrics.Accumulator(iou_type="segm")
        for half in (0, 1):
            part = dict(parsed[0], images=[image for image in parsed[0]["images"] if image["id"] % 2 == half])
            shown = {image["id"] for image in part["images"]}
            part["annotations"] = [ann for ann in parsed[0]["annotations"] if ann["image_id"] in shown]
            accumulator.update(part, [row for row in parsed[1] if row["image_id"] in shown])
        again = pymetrics.Accumulator.from_bytes(accumulator.to_bytes())
        assert again.compute().precision.tobytes() == theirs.eval["precision"].tobytes()
        assert again.iou_type == "segm"


def test_published_numbers(data):
    """cocoapi's numbers of its own example, to three digits as they were printed."""
    folder = "coco_val2014_100"
    result = pymetrics.evaluate(
        data(f"{folder}/instances_val2014_100.json"),
        data(f"{folder}/instances_val2014_fakesegm100_results.json"),
        iou_type="segm",
    )
    published = [0.320, 0.562, 0.299, 0.387, 0.310, 0.327, 0.268, 0.415, 0.417, 0.469, 0.377, 0.381]
    lines = [line for line in str(result).splitlines() if "=" in line]
    assert [float(line.rpartition("=")[2]) for line in lines][:12] == published


def test_mask_of_an_annotation(rival, files):
    gt, _ = files[0]
    theirs, ours = (run_quietly(coco_class, str(gt)) for coco_class in (rival[0], COCO))
    for id in ours.getAnnIds()[:200]:
        (their_ann,), (our_ann,) = theirs.loadAnns([id]), ours.loadAnns([id])
        assert ours.annToRLE(our_ann) == theirs.annToRLE(their_ann)
        our_mask, their_mask = ours.annToMask(our_ann), theirs.annToMask(their_ann)
        assert (our_mask.tobytes("A"), our_mask.shape) == (their_mask.tobytes("A"), their_mask.shape)
        assert our_mask.flags.f_contiguous


def run_quietly(call, *args):
    with redirect_stdout(io.StringIO()):
        return call(*args)


def test_results_with_masks_are_completed_as_pycocotools_does(rival):
    scene = next(scene for scene in map(make_mask_scene, range(100)) if "bbox" not in scene.dt[0] and not scene.own_ids)
    found = []
    for coco_class in (rival[0], COCO):
        coco = coco_class()
        coco.dataset = scene.gt
        run_quietly(coco.createIndex)
        found.append(run_quietly(coco.loadRes, [dict(row) for row in scene.dt]).dataset["annotations"])
    for theirs, ours in zip(*found, strict=True):
        assert list(theirs) == list(ours)
        for key in theirs:
            assert type(theirs[key]) is type(ours[key])
            assert np.array_equal(theirs[key], ours[key])


def test_polygons_stay():
    """NO_RLES: but where a subclass evaluates image by image, or `_gts` are asked for."""
    scene = make_mask_scene(0)
    for eval_class, is_written in ((COCOeval, False), (ByImage, True)):
        evaluation = run(COCO, eval_class, scene, iou_type="segm")
        segmentations = [ann["segmentation"] for ann in evaluation.cocoGt.dataset["annotations"]]
        assert all(isinstance(each, dict) for each in segmentations) == is_written
        _ = evaluation._gts
        assert all(
            isinstance(ann["segmentation"]["counts"], (bytes, str)) for ann in evaluation.cocoGt.dataset["annotations"]
        )


def broken(change) -> Scene:
    gt = {"images": [{"id": 1, "height": 40, "width": 50}], "categories": [{"id": 1}]}
    ann = {"id": 1, "image_id": 1, "category_id": 1, "area": 9.0, "iscrowd": 0, "segmentation": [[1, 1, 9, 1, 9, 9]]}
    dt = {"image_id": 1, "category_id": 1, "score": 0.5, "segmentation": {"size": [40, 50], "counts": "`n1"}}
    change(gt["images"][0], ann, dt)
    return Scene(gt | {"annotations": [ann]}, [dt])


BAD = {
    "no segmentation": (lambda image, ann, dt: ann.pop("segmentation"), r"gt\['annotations'\]\[0\] has no 'segm"),
    "no size of the image": (lambda image, ann, dt: image.pop("height"), "polygons need image_sizes, .* for image 1"),
    "no polygon": (lambda image, ann, dt: ann.update(segmentation=[]), r"\[0\]\['segmentation'\] holds no polygon"),
    "two points": (lambda image, ann, dt: ann.update(segmentation=[[1, 1, 2, 2]]), "three points or more, got 4 numb"),
    "text": (lambda image, ann, dt: ann.update(segmentation=[["a"] * 6]), r"\[0\]\['segmentation'\]\[0\] must be a"),
    "NaN": (lambda image, ann, dt: ann["segmentation"][0].__setitem__(3, np.nan), r"\]\[0\] has the point .* finite"),
    "a number": (lambda image, ann, dt: dt.update(segmentation=5), r"dt\[0\]\['segmentation'\] must be a dict of size"),
    "no size": (lambda image, ann, dt: dt["segmentation"].pop("size"), "must have 'size' and 'counts', got the keys"),
    "a size": (lambda image, ann, dt: dt["segmentation"].update(size=[40]), r"\['size'\] must be \[height, width\]"),
    "cut off": (lambda image, ann, dt: dt["segmentation"].update(counts="`n"), "holds no compressed runs: b.`n."),
    "another sum": (lambda image, ann, dt: dt["segmentation"].update(counts="`o1"), r"runs of \d+ pixels in all, but"),
    "below 0": (lambda image, ann, dt: dt["segmentation"].update(counts=[-1, 2001]), r"\['counts'\] must hold the len"),
}


@pytest.mark.parametrize(("change", "words"), BAD.values(), ids=BAD)
def test_bad_masks_are_refused_by_name(change, words):
    scene = broken(change)
    with pytest.raises((ValueError, TypeError), match=words):
        pymetrics.evaluate(scene.gt, scene.dt, iou_type="segm")


@pytest.mark.parametrize("value", [-1, 257])
@pytest.mark.parametrize("eval_class", [COCOeval, ByImage])
def test_any_number_is_a_crowd(eval_class, value):
    """CROWD_BELOW_0, for masks as for boxes."""
    found = []
    for crowd in (value, 1):
        scene = broken(lambda image, ann, dt, crowd=crowd: ann.update(iscrowd=crowd))
        scene.dt[0]["segmentation"] = mask.frPyObjects([[4, 2, 8, 2, 8, 4]], 40, 50)[0]
        evaluation = run(COCO, eval_class, scene, iou_type="segm")
        found.append([evaluation.computeIoU(1, 1).tolist(), evaluation.eval["precision"].tolist()])
    assert found[0] == found[1]
    assert found[0][0] == [[1.0]]
