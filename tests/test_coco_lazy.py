"""COCO from files without dicts: nobody can tell when, or whether, the dicts were made."""

import contextlib
import copy
import io
import json
import pickle
import re
import threading
import warnings

import numpy as np
import pytest
from parity.scenes import compare, differences, plain_scene, summary

import pymetrics
from pymetrics import _config
from pymetrics.coco import COCO, COCOeval

pytestmark = pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")
PUBLIC = ("dataset", "anns", "cats", "imgs", "imgToAnns", "catToImgs")


def quietly(call, *args):
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the numbers follow pycocotools in a quirk", UserWarning)
        return call(*args)


def state(coco):
    return {name: getattr(coco, name) for name in PUBLIC}


def is_unopened(coco):
    return coco._kept is not None and not vars(coco).keys() & {"dataset", "anns", "imgToAnns"}


IDS = {
    "ordinary": lambda i: i + 1,
    "from 0": lambda i: i,
    "negative": lambda i: -i - 1,
    "falling": lambda i: 2000 - i,
    "equal, apart": lambda i: i % 23 + 1,
    "equal, in a row": lambda i: i // 3 + 1,
}


def rich_scene(ids="ordinary"):
    """The ordinary scene with what else files hold: other keys, masks, text of all kinds, crowds of true and 1.0."""
    scene = plain_scene()
    scene.gt["info"] = {"year": 2020, "more": [1, {"ü": None}]}
    scene.gt["licenses"] = [{"id": 1, "annotations": "}, {"}]
    for i, ann in enumerate(scene.gt["annotations"]):
        x, y, w, h = ann["bbox"]
        ann["id"] = IDS[ids](i)
        ann["segmentation"] = (
            {"counts": [3, i, 4], "size": [9, 9]} if ann["iscrowd"] else [[x, y, x + w + 0.1, y, x, y + h]]
        )
        if ann["iscrowd"]:
            ann["iscrowd"] = (1, True, 1.0, 2)[i % 4]
        if i % 5 == 0:
            ann |= {"keypoints": [1, 2.5, 2] * 3, "ignore": 1, "more": {'naïve "key"': "\\ é € 𝄞"}}
    for i, image in enumerate(scene.gt["images"]):
        image |= {"file_name": f"bild ä {i}.jpg", "height": 480, "width": 640}
    for i, dt in enumerate(scene.dt):
        if i % 4 == 0:
            dt |= {"segmentation": {"counts": "abc", "size": [9, 9]}, "id": 7, "area": 1e6, "iscrowd": 1}
        if i % 7 == 0:
            dt |= {"score": 1, "more": ["caption", {"bbox": 1}]}
    return scene


@pytest.fixture
def files(tmp_path):
    return write(tmp_path, rich_scene())


def write(folder, scene, **options):
    paths = folder / "gt.json", folder / "dt.json"
    for path, content in zip(paths, (scene.gt, scene.dt), strict=True):
        path.write_text(json.dumps(content, **options), encoding="utf-8")
    return tuple(map(str, paths))


@pytest.fixture
def rival(need):
    return need("pycocotools.coco").COCO, need("pycocotools.cocoeval").COCOeval


@pytest.fixture
def parsed(monkeypatch):
    """Every text that json has parsed."""
    texts = []
    loads = json.loads
    monkeypatch.setattr(json, "loads", lambda text, **options: texts.append(text) or loads(text, **options))
    monkeypatch.setattr(json, "load", lambda file: pytest.fail("the whole file is parsed"))
    return texts


def pair(coco_class, files):
    gt = quietly(coco_class, files[0])
    return gt, quietly(gt.loadRes, files[1])


def evaluated(eval_class, gt, dt, params=()):
    evaluation = eval_class(gt, dt, "bbox")
    for name, value in dict(params).items():
        setattr(evaluation.params, name, copy.deepcopy(value))
    quietly(evaluation.evaluate)
    quietly(evaluation.accumulate)
    return evaluation


PARAMS = {
    "all": {},
    "part of imgIds": {"imgIds": [38, 20, 38, 30]},
    "unknown imgIds": {"imgIds": [38, 10**6, -5]},
    "imgIds empty": {"imgIds": []},
    "text imgIds": {"imgIds": ["38"]},
    "fractions as imgIds": {"imgIds": [38.0, 20.0, 0.5]},
    "part of catIds": {"catIds": [7, 1]},
    "unknown catIds": {"catIds": [7, 99]},
    "catIds empty": {"catIds": []},
    "useCats 0": {"useCats": 0},
    "useCats 0, catIds unsorted, doubled": {"useCats": 0, "catIds": [7, 1, 7], "imgIds": [38, 30, 24]},
    "useCats 0, catIds empty": {"useCats": 0, "catIds": []},
    "maxDets": {"maxDets": [2, 1, 3]},
    "areaRng": {"areaRng": [[0, 1e10], [64, 5000]], "iouThrs": np.array([0.5, 0.3])},
}


OPENING = ("text imgIds", "fractions as imgIds", "imgIds empty", "catIds empty")


@pytest.mark.parametrize("params", PARAMS)
@pytest.mark.parametrize("ids", IDS)
def test_numbers(tmp_path, rival, ids, params):
    """Of unopened files, of opened ones and of pycocotools: all arrays, and what is made of them on demand."""
    files = write(tmp_path, rich_scene(ids))
    theirs = evaluated(rival[1], *pair(rival[0], files), PARAMS[params])
    opened = pair(COCO, files)
    for coco in opened:
        assert coco.dataset
    unopened = pair(COCO, files)
    ours = evaluated(COCOeval, *unopened, PARAMS[params])
    assert list(map(is_unopened, unopened)) == [params not in OPENING] * 2
    assert summary(ours) == summary(theirs)
    assert compare(theirs, ours) == []
    assert compare(theirs, evaluated(COCOeval, *opened, PARAMS[params])) == []
    for name in ("_gts", "_dts"):
        cells = ({key: [row["id"] for row in rows] for key, rows in getattr(e, name).items()} for e in (theirs, ours))
        theirs_cells, ours_cells = ({key: rows for key, rows in c.items() if rows} for c in cells)
        assert ours_cells == theirs_cells
    for our_coco, their_coco in zip(unopened, (theirs.cocoGt, theirs.cocoDt), strict=True):
        assert written(our_coco) == written(their_coco)


def written(coco):
    """The annotations, without the one mark that is not written here (NO_MARKS)."""
    return [{key: value for key, value in ann.items() if key != "_ignore"} for ann in coco.dataset["annotations"]]


def test_no_annotation_becomes_a_dict(files, parsed):
    for _ in range(2):  # as in training: one ground truth, results after every epoch
        gt, dt = pair(COCO, files)
        evaluation = evaluated(COCOeval, gt, dt)
        quietly(evaluation.summarize)
        assert quietly(pymetrics.evaluate, gt, dt).stats.tobytes() == evaluation.stats.tobytes()
        assert evaluation.result.stats.tobytes() == evaluation.stats.tobytes()
        assert vars(gt).keys() == vars(dt).keys() == {"_kept"}
    assert parsed
    assert not [text for text in parsed if b"bbox" in (text.encode() if isinstance(text, str) else text)]


@pytest.mark.parametrize("indent", [None, 1])
def test_state_and_prints(tmp_path, rival, indent):
    files = write(tmp_path, rich_scene(), indent=indent, ensure_ascii=bool(indent))

    def session(coco_class, eval_class):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            gt = coco_class(files[0])
            dt = gt.loadRes(files[1])
            evaluation = eval_class(gt, dt, "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            gt.info()
            dt.createIndex()
        return gt, dt, re.sub(r"t=\d+\.\d\ds", "t=", out.getvalue())

    (their_gt, their_dt, their_text), (gt, dt, text) = session(*rival), session(COCO, COCOeval)
    assert text == their_text
    assert is_unopened(gt)
    assert is_unopened(dt)
    for ours, theirs in ((gt, their_gt), (dt, their_dt)):
        assert written(ours) == written(theirs)
        assert list(ours.dataset) == list(theirs.dataset)
        for name in ("cats", "imgs", "catToImgs"):
            assert getattr(ours, name) == getattr(theirs, name)
            assert list(getattr(ours, name)) == list(getattr(theirs, name))
        assert list(ours.anns) == list(theirs.anns)
        assert [list(ann) for ann in ours.dataset["annotations"]] == [
            [key for key in ann if key != "_ignore"] for ann in theirs.dataset["annotations"]
        ]
        assert all(ours.anns[ann["id"]] is ann for ann in ours.dataset["annotations"])
        assert all(ours.imgs[image["id"]] is image for image in ours.dataset["images"])
        assert all(ours.cats[category["id"]] is category for category in ours.dataset["categories"])
        assert sum(map(len, ours.imgToAnns.values())) == len(ours.dataset["annotations"])
        assert ours.imgToAnns["unknown"] == ours.catToImgs["unknown"] == []


POINTS = {
    **{name: lambda coco, name=name: getattr(coco, name) for name in PUBLIC},
    "getAnnIds": lambda coco: coco.getAnnIds(),
    "getAnnIds of images": lambda coco: coco.getAnnIds(imgIds=[38, 20], catIds=[1], areaRng=[0, 1e5], iscrowd=False),
    "getCatIds": lambda coco: coco.getCatIds(catNms=["name 3"]),
    "getImgIds": lambda coco: sorted(coco.getImgIds()),
    "getImgIds of categories": lambda coco: sorted(coco.getImgIds(catIds=[1, 7])),
    "loadAnns": lambda coco: coco.loadAnns([2, 1]),
    "loadCats": lambda coco: coco.loadCats(7),
    "loadImgs": lambda coco: coco.loadImgs([38]),
    "createIndex": lambda coco: coco.createIndex(),
    "loadRes": lambda coco: coco.loadRes([{"image_id": 38, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]) and None,
    "copy": lambda coco: copy.copy(coco).anns,
    "deepcopy": lambda coco: copy.deepcopy(coco).anns,
    "pickle": lambda coco: pickle.loads(pickle.dumps(coco)).dataset,
    "set": lambda coco: setattr(coco, "anns", dict(coco.anns)),
}
DICTLESS = {
    "cats", "imgs", "catToImgs", "getCatIds", "getImgIds", "getImgIds of categories", "loadCats", "loadImgs",
    "createIndex", "loadRes", "deepcopy", "pickle",
}  # fmt: skip


@pytest.mark.parametrize("when", range(5))
@pytest.mark.parametrize("which", ["gt", "dt"])
@pytest.mark.parametrize("point", POINTS)
def test_opened_at_any_point(files, rival, point, which, when):
    """One look at the gt or the dt between two steps: what it gives, and all numbers, are those of pycocotools."""

    def session(coco_class, eval_class):
        seen = []

        def look(coco, now):
            if now == when:
                seen.append(copy.deepcopy(quietly(POINTS[point], coco)))
                if coco_class is COCO:
                    assert (coco._kept is not None) == (point in DICTLESS)

        gt = quietly(coco_class, files[0])
        if which == "gt":
            look(gt, 0)
        dt = quietly(gt.loadRes, files[1])
        coco = gt if which == "gt" else dt
        look(coco, 1)
        evaluation = eval_class(gt, dt, "bbox")
        look(coco, 2)
        quietly(evaluation.evaluate)
        look(coco, 3)
        quietly(evaluation.accumulate)
        look(coco, 4)
        return evaluation, seen

    (theirs, their_seen), (ours, seen) = session(*rival), session(COCO, COCOeval)
    assert clean(seen) == clean(their_seen)
    assert compare(theirs, ours) == []
    for ours_coco, their_coco in ((ours.cocoGt, theirs.cocoGt), (ours.cocoDt, theirs.cocoDt)):
        assert clean(state(ours_coco)) == clean(state(their_coco))
    assert ours.cocoDt.imgs[38] is ours.cocoGt.imgs[38] is ours.cocoDt.dataset["images"][1]
    assert ours.cocoDt.cats[1] is not ours.cocoGt.cats[1]
    assert ours.cocoDt.dataset["info"]["more"] is not ours.cocoGt.dataset["info"]["more"]


def clean(value):
    """Without pycocotools' marks."""
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items() if key != "_ignore"}
    return [clean(item) for item in value] if isinstance(value, list) else value
