"""COCO from files without dicts: no result shows when, or whether, the dicts were made; and what json has to read."""

import contextlib
import copy
import io
import json
import pickle
import re

import numpy as np
import pytest
from helpers.coco_cases import IDS, PUBLIC, clean, evaluated, is_unopened, pair, quietly, rich_scene, state, write
from helpers.coco_scenes import compare, summary
from helpers.columns import flat

import pymetrics
from pymetrics import _config
from pymetrics.coco import COCO, COCOeval

pytestmark = pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")


@pytest.fixture
def files(tmp_path):
    return write(tmp_path, rich_scene())


@pytest.fixture
def parsed(monkeypatch):
    """Every text that json has parsed."""
    texts = []
    loads = json.loads
    monkeypatch.setattr(json, "loads", lambda text, **options: texts.append(text) or loads(text, **options))
    monkeypatch.setattr(json, "load", lambda file: pytest.fail("the whole file is parsed"))
    return texts


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


@pytest.mark.cases(16)
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
    of_dicts = evaluated(COCOeval, *opened, PARAMS[params])
    assert compare(theirs, of_dicts) == []
    if params == "all":  # but for the order of images and the area where it is width * height, the columns are the same
        for name in ("gt_flags", "gt_area", "dt_flags", "dt_scores"):
            column, expected = (np.sort(flat(e._columns)[name]) for e in (ours, of_dicts))
            assert column.tobytes() == expected.tobytes()
            assert column.dtype == expected.dtype
    for name in ("_gts", "_dts"):
        expected, found = (
            [(cell, [row["id"] for row in rows]) for cell, rows in getattr(e, name).items() if rows]
            for e in (theirs, ours)
        )
        assert found == expected
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
    "loadRes": lambda coco: (
        coco.loadRes([{"image_id": 38, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]) and None
    ),
    "copy": lambda coco: copy.copy(coco).anns,
    "deepcopy": lambda coco: copy.deepcopy(coco).anns,
    "pickle": lambda coco: pickle.loads(pickle.dumps(coco)).dataset,
    "set": lambda coco: setattr(coco, "anns", dict(coco.anns)),
}
DICTLESS = {
    "cats", "catToImgs", "getCatIds", "getImgIds", "getImgIds of categories", "loadCats", "loadImgs",
    "createIndex", "loadRes", "deepcopy", "pickle",
}  # fmt: skip


@pytest.mark.cases(10)
@pytest.mark.parametrize("when", [0, *(pytest.param(when, marks=pytest.mark.slow) for when in range(1, 5))])
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


def odd(side, change):
    def write_odd(scene):
        change((scene.gt["annotations"] if side == "gt" else scene.dt)[0])

    return write_odd


LEFT = {
    "NaN": odd("gt", lambda ann: ann.update(area=float("nan"))),
    "NaN score": odd("dt", lambda dt: dt.update(score=float("nan"))),
    "iscrowd 0.5": odd("gt", lambda ann: ann.update(iscrowd=0.5)),
    "iscrowd -0.5": odd("gt", lambda ann: ann.update(iscrowd=-0.5)),
    "a fraction as id": odd("gt", lambda ann: ann.update(id=1.0)),
    "no iscrowd": odd("gt", lambda ann: ann.pop("iscrowd")),
    "no area": odd("gt", lambda ann: ann.pop("area")),
    "no id": odd("gt", lambda ann: ann.pop("id")),
    "no ids": lambda scene: [ann.pop("id") for ann in scene.gt["annotations"]],
    "no image id": lambda scene: scene.gt["images"][3].pop("id"),
    "no image": lambda scene: scene.gt.pop("images"),
    "no categories": lambda scene: scene.gt.pop("categories"),
    "category id 1.0": lambda scene: scene.gt["categories"][1].update(id=1.0),
    "no category id": lambda scene: scene.gt["categories"][1].pop("id"),
    "text ids": lambda scene: [row.update(image_id=str(row["image_id"])) for row in scene.dt],
    "no bbox": odd("gt", lambda ann: ann.pop("bbox")),
    "no score": odd("dt", lambda dt: dt.pop("score")),
    "no box in dt": odd("dt", lambda dt: dt.pop("bbox")),
    "a caption": odd("dt", lambda dt: dt.update(caption="")),
    "a long caption": odd("dt", lambda dt: dt.update(more="x" * 9999, caption="")),
    "a box of five": odd("dt", lambda dt: dt["bbox"].append(7)),
    "unknown image": odd("dt", lambda dt: dt.update(image_id=-7)),
    "a dict of results": lambda scene: setattr(scene, "dt", {"annotations": scene.dt}),
    "a list as data set": lambda scene: setattr(scene, "gt", [scene.gt]),
    "no annotations": lambda scene: scene.gt.update(annotations=[]),
}


@pytest.mark.parametrize("case", LEFT)
def test_what_json_has_to_read(tmp_path, rival, case):
    """The same exception at the same step, or the same results."""
    scene = rich_scene()
    scene.dt = [dt for dt in scene.dt if "segmentation" not in dt or dt is not scene.dt[0]]
    LEFT[case](scene)
    files = write(tmp_path, scene)

    def session(coco_class, eval_class):
        done = []
        try:
            gt = quietly(coco_class, files[0])
            done.append("gt")
            dt = quietly(gt.loadRes, files[1])
            done += ["dt", clean(state(dt))]
            done.append(evaluated(eval_class, gt, dt))
        except Exception as error:
            done.append((type(error), str(error)))
        return done

    theirs, ours = session(*rival), session(COCO, COCOeval)
    if isinstance(theirs[-1], rival[1]):
        assert compare(theirs.pop(), ours.pop()) == []
    if isinstance(theirs[-1], tuple):
        (their_error, their_text), (error, text) = theirs.pop(), ours.pop()
        assert issubclass(error, their_error)
        assert error is not KeyError or text == their_text
    assert ours == theirs


def test_damaged_files(tmp_path, files):
    gt = quietly(COCO, files[0])
    for content in (b"", b'[{"image_id": 38', b"\xff", "[]x".encode("utf-16")):
        (tmp_path / "bad.json").write_bytes(content)
        for read in (COCO, gt.loadRes):
            with pytest.raises(ValueError, match=r"line 1|codec"):
                quietly(read, tmp_path / "bad.json")
            with pytest.raises(FileNotFoundError):
                quietly(read, tmp_path / "absent.json")
    assert is_unopened(gt)


def test_other_backends_read_with_json(files, monkeypatch):
    expected = evaluated(COCOeval, *pair(COCO, files))
    monkeypatch.setenv("PYMETRICS_BACKEND", "numba")
    gt, dt = pair(COCO, files)
    assert gt._kept is dt._kept is None
    assert compare(expected, evaluated(COCOeval, gt, dt)) == []
