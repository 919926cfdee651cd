"""pymetrics.coco.lvis beside lvis-api 0.5.3: what it gave, recorded in tests/fixtures, and itself where it is there."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import lvis_oracle
from helpers.lvis_scenes import make_lvis_scene

from pymetrics import _config
from pymetrics.coco import lvis

EXPECTED = Path(__file__).resolve().parents[1] / "fixtures" / "lvis_expected.json"


@pytest.fixture(scope="module")
def expected():
    return json.loads(EXPECTED.read_text())


@pytest.mark.parametrize("from_file", [False, True], ids=["list", "file"])
def test_generated_scenes(expected, backend, tmp_path, from_file):
    n_unopened = [0, 0]
    for name, scene, change in lvis_oracle.scenes(with_real=False):
        found = lvis_oracle.evaluated(lvis, scene, change, tmp_path, from_file)
        for side, data_set in enumerate((found.lvis_gt, found.lvis_dt)):
            n_unopened[side] += data_set._unopened() is not None
        assert lvis_oracle.state(found) == expected[name], name
    # where a scene has no annotations, or an `iscrowd` without an integer, json reads the file
    native = _config.host_backend() == "native"
    assert n_unopened[0] > 100 if native else n_unopened == [0, 0]
    assert n_unopened[1] > 100 if native and from_file else n_unopened[1] == 0
    values = [float.fromhex(value) for row in expected.values() for value in row["results"].values()]
    assert sum(0 < value < 1 for value in values) > 500


@pytest.mark.slow
@pytest.mark.parametrize("change", [None, "with masks"], ids=str)
def test_real_annotations(expected, data, tmp_path, change):
    gt = json.loads(data("lvis_val_100/lvis_val_100.json").read_text())
    scene = lvis_oracle.make_real_scene(gt, change == "with masks")
    for from_file in (False, True):
        found = lvis_oracle.evaluated(lvis, scene, change, tmp_path, from_file)
        assert lvis_oracle.state(found) == expected[f"real {change}"], from_file


@pytest.mark.slow
def test_lvis_api_itself(need, expected, tmp_path):
    """In a process of its own, where numpy has `float` again."""
    need("lvis")
    done = subprocess.run(
        [sys.executable, lvis_oracle.__file__, str(tmp_path / "found.json")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert {name: row for name, row in expected.items() if name in found} == found


@pytest.fixture
def files(tmp_path):
    scene = make_lvis_scene(1)
    for name, content in (("gt.json", scene.gt), ("dt.json", scene.dt)):
        (tmp_path / name).write_text(json.dumps(content))
    return str(tmp_path / "gt.json"), str(tmp_path / "dt.json")


LINES = """\
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=300 catIds=all] = {AP:0.3f}
 Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=300 catIds=all] = {AP50:0.3f}
 Average Precision  (AP) @[ IoU=0.75      | area=   all | maxDets=300 catIds=all] = {AP75:0.3f}
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=     s | maxDets=300 catIds=all] = {APs:0.3f}
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=     m | maxDets=300 catIds=all] = {APm:0.3f}
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=     l | maxDets=300 catIds=all] = {APl:0.3f}
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=300 catIds=  r] = {APr:0.3f}
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=300 catIds=  c] = {APc:0.3f}
 Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=300 catIds=  f] = {APf:0.3f}
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=300 catIds=all] = {AR@300:0.3f}
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=     s | maxDets=300 catIds=all] = {ARs@300:0.3f}
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=     m | maxDets=300 catIds=all] = {ARm@300:0.3f}
 Average Recall     (AR) @[ IoU=0.50:0.95 | area=     l | maxDets=300 catIds=all] = {ARl@300:0.3f}
"""


def test_paths_and_printing(files, capsys):
    evaluation = lvis.LVISEval(*files, "bbox")
    assert evaluation.get_results() == {}
    evaluation.run()
    assert evaluation.get_results() is evaluation.results
    assert len(evaluation.results) == 13
    evaluation.print_results()
    results = {f"{key}": value for key, value in evaluation.results.items()}
    text = LINES
    for key, value in results.items():
        text = text.replace(f"{{{key}:0.3f}}", f"{value:0.3f}")
    assert capsys.readouterr().out == text


def test_an_ultralytics_like_use(files):
    """Their validator reads the list with the data set's own method, and numbers the images."""
    gt = lvis.LVIS(files[0])
    evaluation = lvis.LVISEval(gt, gt._load_json(files[1]), "bbox")
    evaluation.params.img_ids = [int(id) for id in gt.get_img_ids()]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert list(evaluation.results)[:2] == ["AP", "AP50"]


def test_data_set(files, tmp_path):
    gt = lvis.LVIS(files[0])
    image, category = gt.get_img_ids()[0], gt.get_cat_ids()[0]
    assert gt.load_imgs([image]) == [gt.imgs[image]]
    assert gt.load_cats(None) == list(gt.cats.values())
    assert gt.get_ann_ids() == list(gt.anns)
    assert gt.get_ann_ids([image]) == [ann["id"] for ann in gt.img_ann_map[image]]
    big = gt.get_ann_ids(cat_ids=gt.get_cat_ids(), area_rng=[100, 1e5])
    assert big == [id for id, ann in gt.anns.items() if 100 < ann["area"] < 1e5]
    assert gt.cat_img_map[category] == [a["image_id"] for a in gt.anns.values() if a["category_id"] == category]
    ann = next(iter(gt.anns.values()))
    x, y, w, h = ann["bbox"]
    expected = np.zeros((60, 80), np.uint8)
    expected[y : y + h, x : x + w] = 1
    assert np.array_equal(gt.ann_to_mask(ann), expected)
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(AssertionError, match="not supported"):
        lvis.LVIS(tmp_path / "list.json")


def test_results(files):
    gt = lvis.LVIS(files[0])
    image = gt.get_img_ids()[0]
    rows = [{"image_id": image, "category_id": 1, "bbox": [1, 2, 3, 4], "score": s} for s in (0.5, 0.9, 0.5, 0.1)]
    found = lvis.LVISResults(gt, [dict(row) for row in rows], max_dets=3)
    assert [ann["score"] for ann in found.load_anns()] == [0.9, 0.5, 0.5]
    assert [ann["id"] for ann in found.load_anns()] == [1, 2, 3]
    assert len(lvis.LVISResults(gt, [dict(row) for row in rows], max_dets=-1).anns) == 4
    assert [ann["score"] for ann in found.get_top_results(image, 0.5)] == [0.9]
    assert found.anns[1]["area"] == 12
    assert "iscrowd" not in found.anns[1]
    assert found.dataset["images"][0] is not gt.dataset["images"][0]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda gt: lvis.LVISResults(gt, []), IndexError, "index"),
        (lambda gt: lvis.LVISResults(gt, {}), AssertionError, "not a list"),
        (lambda gt: lvis.LVISResults(5, []), TypeError, "int of lvis_gt"),
        (lambda gt: lvis.LVISEval(5, []), TypeError, "int of lvis_gt"),
        (lambda gt: lvis.LVISEval(gt, 5), TypeError, "int of lvis_dt"),
        (lambda gt: lvis.LVISEval(gt, [], "keypoints"), ValueError, "keypoints is not supported"),
        (
            lambda gt: lvis.LVISResults(gt, [{"image_id": 999, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]),
            AssertionError,
            r"no images \[999\]",
        ),
    ],
)
def test_refused(files, call, error, words):
    with pytest.raises(error, match=words):
        call(lvis.LVIS(files[0]))


def test_before_evaluate(files):
    evaluation = lvis.LVISEval(*files, "bbox")
    with pytest.raises(RuntimeError, match="evaluate first"):
        evaluation.accumulate()
    with pytest.raises(RuntimeError, match="accumulate"):
        evaluation.summarize()
    evaluation.lvis_gt.cats[evaluation.params.cat_ids[0]]["frequency"] = "often"
    with pytest.raises(ValueError, match="must be one of r, c, f, got 'often'"):
        evaluation.evaluate()


def test_without_categories(files):
    """lvis-api finds nothing then."""
    evaluation = lvis.LVISEval(*files, "bbox")
    evaluation.params.use_cats = 0
    evaluation.evaluate()
    evaluation.accumulate()
    assert (evaluation.eval["precision"] == -1).all()
    assert evaluation.eval["counts"] == [10, 101, 1, 4]
    assert set(evaluation.eval_imgs) == {None}
    assert not any(map(len, evaluation.ious.values()))
    with pytest.raises(IndexError):  # of the groups of categories, as there
        evaluation.summarize()
