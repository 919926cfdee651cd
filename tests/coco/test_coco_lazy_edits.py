"""COCO from files without dicts: edits, copies, files that go, and what other classes do."""

import copy
import json
import multiprocessing
import os
import pickle
import threading
import warnings

import numpy as np
import pytest
from helpers.coco_cases import clean, evaluated, is_unopened, pair, quietly, rich_scene, state, write
from helpers.coco_scenes import compare, differences, entry_differences

import pymetrics
from pymetrics import _config
from pymetrics.coco import COCO, COCOeval, lazy_dataset

pytestmark = pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")


@pytest.fixture
def files(tmp_path):
    return write(tmp_path, rich_scene())


def parsed(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def again(evaluation):
    for step in (evaluation.evaluate, evaluation.accumulate):
        quietly(step)
    return evaluation


def edit_boxes(gt, dt):
    gt.anns[1]["bbox"][0] += 8
    dt.dataset["annotations"][2]["score"] = 0.95
    dt.loadAnns([4])[0]["area"] = 5.0
    dt.imgToAnns[38][0]["category_id"] = 7


def edit_lists(gt, dt):
    gt.imgToAnns[30].reverse()
    gt.imgToAnns[20].clear()
    dt.dataset["annotations"] = dt.dataset["annotations"][::2]
    quietly(dt.createIndex)


def edit_crowds(gt, dt):
    gt.dataset["annotations"][4]["iscrowd"] = 1
    gt.loadAnns(gt.getAnnIds(imgIds=[38]))[0]["iscrowd"] = 1


def edit_images(gt, dt):
    gt.loadImgs(38)[0]["id"] = 38
    gt.imgs[1000] = {"id": 1000}
    dt.imgs.clear()
    gt.cats[1]["name"] = "other"
    gt.catToImgs[1].append(1000)


def replace_index(gt, dt):
    dt.imgToAnns = {image: anns[:1] for image, anns in dt.imgToAnns.items()}
    gt.anns = {id: ann | {"bbox": [8, 8, 80, 80]} for id, ann in gt.anns.items()}


def replace_unseen_index(gt, dt):
    dt.imgToAnns = {}


def edit_shared_images(gt, dt):
    dt.imgs[38]["id"] = 1038


def replace_data_set(gt, dt):
    whole = json.loads(json.dumps(gt.dataset))
    gt.dataset = {**whole, "annotations": whole["annotations"][::2]}
    quietly(gt.createIndex)


def replace_unseen(gt, dt):
    dt.dataset = {"images": [], "annotations": [], "categories": []}  # without a new index it counts for nothing


def replace_unseen_and_index(gt, dt):
    gt.dataset = {"images": [{"id": 38}], "annotations": [], "categories": [{"id": 1}]}
    quietly(gt.createIndex)


EDITS = [
    edit_boxes, edit_lists, edit_crowds, edit_images, edit_shared_images, replace_index, replace_unseen_index,
    replace_data_set, replace_unseen, replace_unseen_and_index,
]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_edits(files, rival, edit):
    """Before the first evaluate(), and between it and a second one, whose evalImgs are asked for late."""

    def session(coco_class, eval_class):
        gt, dt = pair(coco_class, files)
        edit(gt, dt)
        before = evaluated(eval_class, gt, dt)
        after = evaluated(eval_class, *pair(coco_class, files))
        edit(after.cocoGt, after.cocoDt)
        first = copy.deepcopy(after.eval)
        return before, first, again(after)

    (their_before, their_first, theirs), (before, first, ours) = session(*rival), session(COCO, COCOeval)
    assert compare(their_before, before) == []
    assert differences(their_first, first) == []
    assert compare(theirs, ours) == []
    assert clean(state(ours.cocoGt)) == clean(state(theirs.cocoGt))
    assert clean(state(ours.cocoDt)) == clean(state(theirs.cocoDt))
    if edit not in (edit_images, edit_shared_images, replace_unseen):
        assert differences(first, ours.eval) != []


def test_what_was_evaluated_stays(files):
    """evalImgs made late are of the annotations that evaluate() read, whatever the lists hold by then."""
    expected, ours = (evaluated(COCOeval, *pair(COCO, files)) for _ in range(2))
    assert len(expected.evalImgs)
    for coco in (ours.cocoGt, ours.cocoDt):
        coco.dataset["annotations"].clear()
        quietly(coco.createIndex)
    assert entry_differences(expected.evalImgs, ours.evalImgs) == []
    assert sum(map(len, ours._dts.values())) == len(parsed(files[1]))


def test_ignore_is_written_when_dicts_are_made(files):
    gt, dt = pair(COCO, files)
    evaluated(COCOeval, gt, dt, {"imgIds": [38, 30], "catIds": [1]})
    evaluated(COCOeval, gt, dt, {"imgIds": [20], "useCats": 0})
    assert is_unopened(gt)
    plain = parsed(files[0])["annotations"]
    for ann, before in zip(gt.dataset["annotations"], plain, strict=True):
        read = ann["image_id"] == 20 or (ann["image_id"] in (38, 30) and ann["category_id"] == 1)
        assert ann == (before | {"ignore": ann["iscrowd"]} if read else before)
    assert not any("ignore" in ann for ann in dt.dataset["annotations"])


def test_results_share_images_and_nothing_else(files):
    for first in ("gt", "dt"):
        gt, dt = pair(COCO, files)
        for coco in (gt, dt) if first == "gt" else (dt, gt):
            assert len(coco.imgs) == len(coco.dataset["images"]) == 12
        assert dt.dataset["images"] is not gt.dataset["images"]
        assert all(a is b for a, b in zip(gt.dataset["images"], dt.dataset["images"], strict=True))
        assert dt.dataset["categories"] == gt.dataset["categories"]
        assert dt.cats[1] is not gt.cats[1]
    gt = quietly(COCO, files[0])
    gt.cats[1]["name"] = "before"
    dt = quietly(gt.loadRes, files[1])
    gt.dataset["images"].pop()
    gt.dataset["categories"].pop()
    gt.cats[3]["name"] = "after"
    assert [category["name"] for category in dt.dataset["categories"]] == ["name 3", "before", "name 7"]
    assert len(dt.dataset["images"]) == len(dt.imgs) == len(dt.getImgIds()) == 12
    late = quietly(gt.loadRes, files[1])
    assert late._kept is not None
    assert len(late.getCatIds()) == 2
    assert len(late.dataset["images"]) == 11
    assert late.imgs[40] is gt.imgs[40]


@pytest.mark.parametrize("other", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair)), copy.copy])
@pytest.mark.parametrize("is_open", [False, True])
def test_copies(files, other, is_open):
    gt, dt = pair(COCO, files)
    if is_open:
        assert gt.loadImgs(38)
        assert dt.cats[1]
    first = evaluated(COCOeval, gt, dt)
    new_gt, new_dt = (other(gt), other(dt)) if other is copy.copy else other((gt, dt))
    shares = other is copy.copy
    assert is_unopened(new_gt) is is_unopened(gt) is not shares
    assert differences(first.eval, evaluated(COCOeval, new_gt, new_dt).eval) == []
    assert new_dt.imgs[38] is new_gt.imgs[38]
    assert (new_gt.imgs[38] is gt.imgs[38]) is shares
    assert (new_gt.anns[1] is gt.anns[1]) is shares
    assert clean(state(new_gt)) == clean(state(gt))
    assert clean(state(new_dt)) == clean(state(dt))
    late = (copy.deepcopy if shares else other)(first)
    assert entry_differences(first.evalImgs, late.evalImgs) == []
    assert differences(first.eval, again(late).eval) == []


def test_files_may_go(files):
    expected = [state(coco) for coco in pair(COCO, files)]
    gt, dt = pair(COCO, files)
    open(files[0], "w").close()
    os.remove(files[1])
    evaluated(COCOeval, gt, dt)
    assert state(dt) == expected[1]
    assert [ann["id"] for ann in gt.dataset["annotations"]] == list(expected[0]["anns"])


def test_threads_make_the_same_dicts(files):
    for name in ("anns", "dataset", "imgs"):
        gt = quietly(COCO, files[0])
        found, barrier = [], threading.Barrier(4)

        def look(gt=gt, found=found, barrier=barrier, name=name):
            barrier.wait()
            found.append(getattr(gt, name))

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert gt.anns[1] is gt.dataset["annotations"][0]
        assert all(value is found[0] for value in found)


@pytest.mark.parametrize("which", ["gt", "dt", "neither"])
def test_one_side_of_dicts(files, rival, which):
    """A file beside dicts: each side goes its own way."""

    def session(coco_class, eval_class):
        gt = coco_class()
        gt.dataset = parsed(files[0])
        quietly(gt.createIndex)
        gt = gt if which != "gt" else quietly(coco_class, files[0])
        dt = quietly(gt.loadRes, files[1] if which != "gt" else parsed(files[1]))
        return evaluated(eval_class, gt, dt)

    theirs, ours = session(*rival), session(COCO, COCOeval)
    assert (is_unopened(ours.cocoGt), is_unopened(ours.cocoDt)) == (which == "gt", which != "gt")
    assert compare(theirs, ours) == []
    assert clean(state(ours.cocoDt)) == clean(state(theirs.cocoDt))
    array = np.array([[38, 8, 8, 80, 80, 0.5, 1]])
    assert clean(state(quietly(ours.cocoGt.loadRes, array))) == clean(state(quietly(theirs.cocoGt.loadRes, array)))


def test_subclasses_and_patches_are_heard(files, rival):
    def crowdless(coco_class):
        class Crowdless(coco_class):
            def getAnnIds(self, *args, **options):
                return super().getAnnIds(*args, **options, iscrowd=0)

        class Late(coco_class):
            def createIndex(self):
                super().createIndex()
                self.order = sorted(self.anns)

        class Plain(coco_class):
            pass

        return Crowdless, Late, Plain

    plain = evaluated(COCOeval, *pair(COCO, files))
    for their_class, our_class in zip(crowdless(rival[0]), crowdless(COCO), strict=True):
        theirs, ours = evaluated(rival[1], *pair(their_class, files)), evaluated(COCOeval, *pair(our_class, files))
        assert is_unopened(ours.cocoGt) == (our_class.__name__ == "Plain")
        assert compare(theirs, ours) == []
        assert type(ours.cocoDt) is COCO
        assert (differences(plain.eval, ours.eval) == []) == (our_class.__name__ != "Crowdless")
    gt, dt = pair(COCO, files)
    dt.loadAnns = lambda ids=(): [ann | {"score": 0.5} for ann in COCO.loadAnns(dt, ids)]
    assert differences(plain.eval, evaluated(COCOeval, gt, dt).eval) != []
    dt.getAnnIds = lambda *args, **options: []
    assert np.isin(evaluated(COCOeval, gt, dt).eval["precision"], (0, -1)).all()


def test_steps_of_one_image_open_the_files(files, rival):
    gt, dt = pair(COCO, files)
    ours, theirs = evaluated(COCOeval, gt, dt), evaluated(rival[1], *pair(rival[0], files))
    assert is_unopened(gt)
    assert np.asarray(ours.computeIoU(38, 1)).tobytes() == np.asarray(theirs.computeIoU(38, 1)).tobytes()
    assert not is_unopened(gt)
    quietly(ours._prepare)
    assert sum(map(len, ours._dts.values())) == len(dt.anns)


@pytest.mark.filterwarnings("ignore:.* annotations of gt have a nonzero 'ignore'")
def test_evaluate_takes_unopened_objects(files):
    opened = pair(COCO, files)
    for coco in opened:
        assert coco.dataset
    for options in ({}, {"protocol": pymetrics.Protocol(use_cats=False)}, {"box_format": "cxcywh"}):
        gt, dt = pair(COCO, files)
        expected, ours = (
            quietly(lambda gt, dt, o=options: pymetrics.evaluate(gt, dt, **o), *both) for both in (opened, (gt, dt))
        )
        assert is_unopened(gt) == is_unopened(dt) == ("box_format" not in options)
        for name in ("precision", "recall", "scores", "stats"):
            assert getattr(ours, name).tobytes() == getattr(expected, name).tobytes()
        assert ours.per_class == expected.per_class
    gt, dt = pair(COCO, files)
    gt.loadCats(1)[0]["name"] = "other"
    assert [row["name"] for row in quietly(pymetrics.evaluate, gt, dt).per_class] == ["other", "name 3", "name 7"]
    fresh, dt = pair(COCO, files)
    fresh.cats = {1: {"name": "third"}}
    assert evaluated(COCOeval, fresh, dt).result.columns.axes.category_names == {1: "third"}
    assert is_unopened(fresh)
    yolo = pymetrics.Detections([38], [[0.1, 0.1, 0.2, 0.2]], [0.5], [1], box_format="yolo")
    expected, *ours = (quietly(pymetrics.evaluate, source, yolo).stats for source in (opened[0], files[0], gt))
    assert (expected.tolist(),) * 2 == tuple(stats.tolist() for stats in ours)  # the sizes of images are found
    gt, dt = pair(COCO, files)
    with pytest.raises(ValueError, match="swapped"):
        pymetrics.evaluate(dt, gt)
    with pytest.raises(ValueError, match="without scores"):
        pymetrics.evaluate(quietly(COCO, files[0]), quietly(COCO, files[0]))


def test_results_have_no_ground_truth_and_it_no_scores(files):
    gt, dt = pair(COCO, files)
    with pytest.raises(KeyError, match="score"):
        evaluated(COCOeval, gt, gt)
    assert all("ignore" in ann for ann in gt.dataset["annotations"])
    opened = pair(COCO, files)[1]
    assert opened.anns
    expected, ours = (evaluated(COCOeval, coco, coco) for coco in (opened, dt))
    assert compare(expected, ours) == []


def test_an_object_without_its_parts():
    class Bare(COCO):
        def __init__(self):
            pass

    with pytest.raises(AttributeError, match="'Bare' object has no attribute 'anns'"):
        _ = Bare().anns


def test_an_interrupted_opening_is_taken_up_again(files, monkeypatch):
    """Ctrl-C while the dicts of results are made: the next time they are made whole."""
    gt = quietly(COCO, files[0])
    whole = quietly(gt.loadRes, files[1])
    dt = quietly(gt.loadRes, files[1])
    evaluated(COCOeval, gt, dt)  # leaves marks for the ground truth, too
    complete = dt._kept._complete

    def interrupted(annotations):
        complete(annotations[: len(annotations) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(dt._kept, "_complete", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _ = dt.anns
    monkeypatch.setattr(dt._kept, "_complete", complete)
    assert state(dt) == state(whole)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_finds_the_lock_free(files):
    """Another thread opens a COCO while the process forks: the child does not wait for that thread."""
    gt = quietly(COCO, files[0])
    held, done = threading.Event(), threading.Event()

    def hold():
        with lazy_dataset.opening():
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    context = multiprocessing.get_context("fork")
    child = context.Process(target=lambda: len(gt.anns))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: a fork beside threads
        child.start()
    child.join(10)
    code = child.exitcode
    if code is None:
        child.kill()
    done.set()
    thread.join()
    assert code == 0


@pytest.mark.parametrize("score", [None, "1", "nan", [1.0]])
def test_scores_that_are_no_numbers(score):
    results = [{"image_id": 38, "category_id": 1, "bbox": [1, 2, 3, 4], "score": value} for value in (score, 0.5)]
    gt = COCO()
    gt.dataset = {
        "images": [{"id": 38}],
        "categories": [{"id": 1}],
        "annotations": [{"id": 1, "image_id": 38, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}],
    }
    quietly(gt.createIndex)
    evaluation = COCOeval(gt, quietly(gt.loadRes, results), "bbox")
    with pytest.raises(TypeError, match="bad operand type for unary -"):
        quietly(evaluation.evaluate)
