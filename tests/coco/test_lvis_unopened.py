"""LVIS from files without dicts: what is seen of it does not depend on when, or whether, the dicts were made."""

import copy
import json
import pickle

import numpy as np
import pytest
from helpers import lvis_oracle
from helpers.lvis_scenes import make_lvis_scene

from pymetrics import _config
from pymetrics.coco import lvis
from pymetrics.coco.lvis.unopened import limited, limited_rows

pytestmark = pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")

PUBLIC = ("dataset", "anns", "cats", "imgs", "img_ann_map", "cat_img_map")


@pytest.fixture(params=[1, 6, 11])
def scene(request):
    return make_lvis_scene(request.param, request.param == 11)


def write(folder, scene):
    for name, content in (("gt.json", scene.gt), ("dt.json", scene.dt)):
        (folder / name).write_text(json.dumps(content))
    return str(folder / "gt.json"), str(folder / "dt.json")


def opened(files, max_dets=300):
    """Both sides as dicts from the start: the list is read by json, and an attribute of the data set was asked for."""
    gt = lvis.LVIS(files[0])
    assert gt.anns
    with open(files[1]) as file:
        return gt, lvis.LVISResults(gt, json.load(file), max_dets)


def unopened(files, max_dets=300):
    gt = lvis.LVIS(files[0])
    dt = lvis.LVISResults(gt, files[1], max_dets)
    assert gt._unopened()
    assert dt._unopened()
    return gt, dt


def public(data_set):
    """The attributes; boxes that are arrays as lists, and without the empty lists of a defaultdict that was asked."""
    for ann in data_set.anns.values():
        ann["bbox"] = list(ann["bbox"])
    found = {name: getattr(data_set, name) for name in PUBLIC}
    return found | {"img_ann_map": {image: rows for image, rows in found["img_ann_map"].items() if rows}}


def run(sides, iou_type="bbox", **params):
    evaluation = lvis.LVISEval(*sides, iou_type)
    vars(evaluation.params).update(params)
    evaluation.run()
    return evaluation


def iou_type_of(scene):
    return "bbox" if "bbox" in scene.dt[0] else "segm"


@pytest.mark.parametrize("max_dets", [300, 5, 1, -1])
def test_public_attributes(scene, tmp_path, max_dets):
    files = write(tmp_path, scene)
    for ours, wanted in zip(unopened(files, max_dets), opened(files, max_dets), strict=True):
        assert public(ours) == public(wanted)
        assert list(ours.anns) == list(wanted.anns)
        assert [list(ann) for ann in ours.dataset["annotations"]] == [list(ann) for ann in wanted.anns.values()]


def test_ids_open_nothing(scene, tmp_path):
    files = write(tmp_path, scene)
    for ours, wanted in zip(unopened(files), opened(files), strict=True):
        assert ours.get_img_ids() == list(wanted.imgs)
        assert ours.get_cat_ids() == list(wanted.cats)
        assert ours.load_cats(None) == wanted.load_cats(None)
        assert ours.load_imgs(wanted.get_img_ids()[:2]) == wanted.load_imgs(wanted.get_img_ids()[:2])
        assert ours._unopened()


@pytest.mark.parametrize("name", PUBLIC)
@pytest.mark.parametrize("when", ["before", "after"])
def test_opened_at_any_point(scene, tmp_path, name, when):
    files, iou_type = write(tmp_path, scene), iou_type_of(scene)
    wanted = lvis_oracle.state(run(opened(files), iou_type))
    for which in ([0], [1], [0, 1]):
        sides = unopened(files)
        if when == "before":
            assert all(getattr(sides[side], name) for side in which)
        evaluation = run(sides, iou_type)
        if when == "after":
            assert all(getattr(sides[side], name) for side in which)
        assert lvis_oracle.state(evaluation) == wanted


def test_edits_count(scene, tmp_path):
    files, iou_type = write(tmp_path, scene), iou_type_of(scene)
    found = []
    for sides in (unopened(files), opened(files)):
        first = lvis_oracle.state(run(sides, iou_type))
        for ann in list(sides[1].anns.values())[::2]:
            ann["score"] = 1 - ann["score"]
        next(iter(sides[0].anns.values()))["ignore"] = 1
        sides[0].imgs[sides[0].get_img_ids()[0]]["neg_category_ids"] = sides[0].get_cat_ids()
        second = lvis_oracle.state(run(sides, iou_type))
        assert first != second
        found.append((first, second))
    assert found[0] == found[1]


def test_what_evaluate_writes(scene, tmp_path):
    """`ignore` of 0 into the ground truths that params name, be it before or after their dicts are made."""
    files, iou_type = write(tmp_path, scene), iou_type_of(scene)
    found = []
    for make in (unopened, opened):
        sides = make(files)
        params = {"img_ids": sides[0].get_img_ids()[:2], "cat_ids": sides[0].get_cat_ids()[1:]}
        run(sides, iou_type, **params)
        found.append([list(ann.items()) for ann in sides[0].dataset["annotations"]])
        run(sides, iou_type)
        found.append([list(ann.items()) for ann in sides[0].dataset["annotations"]])
    assert found[0] == found[2]
    assert found[1] == found[3]
    assert found[0] != found[1]


def test_two_runs_before_the_dicts_are_made(scene, tmp_path):
    files, iou_type = write(tmp_path, scene), iou_type_of(scene)
    found = []
    for sides in (unopened(files), opened(files)):
        for image in sides[0].get_img_ids()[:2]:
            run(sides, iou_type, img_ids=[image])
        found.append(public(sides[0]))
    assert found[0] == found[1]


PARAMS = [
    {"img_ids": []},
    {"cat_ids": []},
    {"use_cats": 0},
    {"cat_ids": [3, 3, 1]},
    {"area_rng": [[0, 1e10], [64, 5000]], "area_rng_lbl": ["all", "small"]},
]


@pytest.mark.parametrize("params", PARAMS, ids=str)
def test_params(scene, tmp_path, params):
    files, iou_type = write(tmp_path, scene), iou_type_of(scene)
    states = []
    for sides in (unopened(files), opened(files)):
        evaluation = lvis.LVISEval(*sides, iou_type)
        vars(evaluation.params).update(params)
        if "cat_ids" in params:
            evaluation.params.cat_ids = [sides[0].get_cat_ids()[k] for k in params["cat_ids"]]
        evaluation.evaluate()
        evaluation.accumulate()
        states.append(lvis_oracle.state(evaluation))
    assert states[0] == states[1]


def test_copies(scene, tmp_path):
    files, iou_type = write(tmp_path, scene), iou_type_of(scene)
    wanted = lvis_oracle.state(run(opened(files), iou_type))
    for copied in (copy.copy, copy.deepcopy, lambda sides: pickle.loads(pickle.dumps(sides))):
        sides = tuple(map(copied, unopened(files)))
        assert lvis_oracle.state(run(sides, iou_type)) == wanted
        assert public(sides[1]) == public(opened(files)[1])


def test_results_on_a_path(scene, tmp_path):
    files = write(tmp_path, scene)
    found = lvis.LVISResults(*files)
    assert found._unopened()
    assert public(found) == public(opened(files)[1])


def test_a_list_of_results_opens_nothing(scene, tmp_path):
    gt = lvis.LVIS(write(tmp_path, scene)[0])
    found = lvis.LVISResults(gt, copy.deepcopy(scene.dt))
    assert gt._unopened()
    assert found.dataset["images"] == gt.dataset["images"]
    assert found.dataset["images"][0] is not gt.dataset["images"][0]


def test_overridden_methods_are_called(scene, tmp_path):
    class Half(lvis.LVISResults):
        def load_anns(self, ids=None):
            return super().load_anns(ids)[::2]

    class Twice(lvis.LVIS):
        def _load_json(self, path):
            content = super()._load_json(path)
            return content | {"annotations": content["annotations"][:1]}

    files, iou_type = write(tmp_path, scene), iou_type_of(scene)
    gt = lvis.LVIS(files[0])
    found = run((gt, Half(gt, files[1])), iou_type)
    n_matched = sum(len(entry["dt_ids"]) for entry in found.eval_imgs if entry)
    assert 0 < n_matched < sum(len(entry["dt_ids"]) for entry in run(unopened(files), iou_type).eval_imgs if entry)
    assert len(Twice(files[0]).anns) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda gt, dt: gt[1].update(id=gt[0]["id"]),
        lambda gt, dt: gt[0].update(ignore="yes"),
        lambda gt, dt: gt[0].update(iscrowd=7),
        lambda gt, dt: dt[0].update(score=1),
        lambda gt, dt: dt[0].update(id=77, area=3, iscrowd=1),
        lambda gt, dt: dt.reverse(),
        lambda gt, dt: dt.extend(copy.deepcopy(dt)),
    ],
    ids=["id twice", "ignore that is text", "iscrowd of 7", "an integer score", "ids of results", "reversed", "twice"],
)
def test_odd_files(scene, tmp_path, change):
    change(scene.gt["annotations"], scene.dt)
    files, iou_type = write(tmp_path, scene), iou_type_of(scene)
    gt = lvis.LVIS(files[0])
    for max_dets in (300, 4):
        ours = run((gt, lvis.LVISResults(gt, files[1], max_dets)), iou_type)
        assert lvis_oracle.state(ours) == lvis_oracle.state(run(opened(files, max_dets), iou_type))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda gt, dt: gt["annotations"][0].pop("area"), KeyError),
        (lambda gt, dt: gt["annotations"][0].pop("id"), KeyError),
        (lambda gt, dt: gt["categories"][0].pop("frequency"), KeyError),
        (lambda gt, dt: dt[0].update(image_id=10**6), AssertionError),
        (lambda gt, dt: dt.clear(), IndexError),
    ],
    ids=["no area", "no id", "no frequency", "an unknown image", "no results"],
)
def test_refused(scene, tmp_path, change, error):
    iou_type = iou_type_of(scene)
    change(scene.gt, scene.dt)
    files = write(tmp_path, scene)
    with pytest.raises(error) as wanted:
        run(opened(files), iou_type)
    with pytest.raises(error) as found:
        run(files, iou_type)
    assert str(found.value) == str(wanted.value)


def test_limited_rows():
    """Beside the loop over dicts: images that come back, ties, zeros of both signs."""
    rng = np.random.default_rng(2)
    n_reordered = 0
    for _ in range(300):
        n = int(rng.integers(1, 30))
        image = np.sort(rng.integers(0, 5, n)) if rng.random() < 0.5 else rng.integers(0, 5, n)
        image = rng.permutation(5)[image] * 7
        scores = rng.choice([-0.0, 0.0, 0.25, 0.5, 1.0], n)
        anns = [{"image_id": i, "score": s, "row": row} for row, (i, s) in enumerate(zip(image, scores, strict=True))]
        for max_dets in (1, 3, 30):
            found = limited_rows(image, scores, max_dets)
            wanted = [ann["row"] for ann in limited(anns, max_dets)]
            assert (list(range(n)) if found is None else found.tolist()) == wanted
            n_reordered += found is not None
    assert n_reordered > 300
