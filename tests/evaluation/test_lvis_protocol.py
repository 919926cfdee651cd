"""evaluate(protocol="lvis") beside LVISEval, which gives lvis-api's numbers (tests/coco/test_lvis.py)."""

import copy
import json

import numpy as np
import pytest
from helpers.lvis_scenes import full_image_scene, make_lvis_scene, make_real_scene

import pymetrics
from pymetrics.coco import lvis
from pymetrics.evaluation import federated
from pymetrics.formats.coco_file import read_document

pytestmark = pytest.mark.filterwarnings("ignore:gt has images|dt", "ignore:.*left out:UserWarning")


def check(scene, iou_type, tmp_path):
    path = tmp_path / "gt.json"
    path.write_text(json.dumps(scene.gt))
    evaluation = lvis.LVISEval(str(path), copy.deepcopy(scene.dt), iou_type)
    evaluation.run()
    unopened = lvis.LVIS(path)
    for gt in (str(path), scene.gt, evaluation.lvis_gt, unopened):
        result = pymetrics.evaluate(gt, scene.dt, iou_type, "lvis")
        assert result.stats.tolist() == [float(value) for value in evaluation.results.values()]
        assert result.precision[..., 0].tobytes() == evaluation.eval["precision"].tobytes()
        assert result.recall[..., 0].tobytes() == evaluation.eval["recall"].tobytes()
    assert ("anns" in vars(unopened)) == (read_document(path, "gt") is None)  # json reads files of an unusual kind
    return result, evaluation


def test_generated_scenes(backend, tmp_path):
    for seed in range(60 if backend == "native" else 20):
        with_masks = seed % 3 == 2
        result, evaluation = check(make_lvis_scene(seed, with_masks), "segm" if with_masks else "bbox", tmp_path)
    for name, value in evaluation.results.items():
        assert result[name] == value


def test_limit_of_an_image():
    for seed in range(20):
        scene = make_lvis_scene(seed)
        gt = lvis.LVIS.__new__(lvis.LVIS)
        gt.logger, gt.dataset = lvis.dataset.logger, copy.deepcopy(scene.gt)
        gt._create_index()
        evaluation = lvis.LVISEval(gt, lvis.LVISResults(gt, copy.deepcopy(scene.dt), max_dets=5), "bbox")
        evaluation.run()
        result = pymetrics.evaluate(scene.gt, scene.dt, protocol="lvis", max_dets=[5])
        assert result.stats.tolist() == [float(value) for value in evaluation.results.values()], seed


def test_pairs_of_large_data_sets(monkeypatch, tmp_path):
    """Where a byte for each image and category would be too many."""
    monkeypatch.setattr(federated, "LARGEST_TABLE", 0)
    monkeypatch.setattr(federated, "CHUNK", 3)
    for seed in range(20):
        check(make_lvis_scene(seed), "bbox", tmp_path)


@pytest.mark.parametrize("limit", [300, 5])
def test_batches(limit, backend, recwarn):
    """Batches of images, merged, give the bits of the whole."""
    for seed in range(15):
        scene = make_lvis_scene(seed)
        whole = pymetrics.evaluate(scene.gt, scene.dt, protocol="lvis", max_dets=[limit])
        parts = []
        for images in (scene.gt["images"][2:], scene.gt["images"][:1], scene.gt["images"][1:2]):
            ids = {image["id"] for image in images}
            gts, dts = ([row for row in rows if row["image_id"] in ids] for rows in (scene.gt["annotations"], scene.dt))
            parts.append(pymetrics.Accumulator(protocol="lvis", max_dets=[limit]))
            parts[-1].update(scene.gt | {"images": images, "annotations": gts}, dts)
        total = pymetrics.Accumulator.from_bytes(parts[0].to_bytes())
        for part in parts[1:]:
            total.merge(part)
        result = total.compute()
        assert result.stats.tobytes() == whole.stats.tobytes(), seed
        assert result.precision.tobytes() == whole.precision.tobytes()
    assert not [each for each in recwarn if "LVIS" in str(each.message)]


def test_limit_before_categories():
    scene = full_image_scene()
    for limit, recall in ((2, 0.5), (3, 1.0)):
        assert pymetrics.evaluate(scene.gt, scene.dt, protocol="lvis", max_dets=[limit]).stats[9] == recall


def test_detections_without_area_are_left_out():
    for seed in range(10):
        scene = make_lvis_scene(seed)
        flat = [dt | {"bbox": [*dt["bbox"][:3], 0.0]} for dt in scene.dt]
        alone, beside = (pymetrics.evaluate(scene.gt, dts, protocol="lvis") for dts in (scene.dt, scene.dt + flat))
        assert beside.stats.tobytes() == alone.stats.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 400])
def test_real_annotations(data, tmp_path, n):
    """Of 400 detections an image keeps 300."""
    gt = json.loads(data("lvis_val_100/lvis_val_100.json").read_text())
    result, _ = check(make_real_scene(gt, n=n), "bbox", tmp_path)
    assert 0 < result["map_rare"] < 1
    assert (
        str(result).splitlines()[6].startswith(" Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=300")
    )
    loaded = pymetrics.Result.load(_saved(result, tmp_path))
    assert loaded.stats.tobytes() == result.stats.tobytes()


def _saved(result, folder):
    result.save(folder / "result.pmr")
    return folder / "result.pmr"


@pytest.mark.parametrize("options", [{"box_format": "cxcywh"}, {"use_ignore": True}], ids=str)
def test_files_and_options(tmp_path, options):
    for seed in range(8):
        scene = make_lvis_scene(seed)
        path = tmp_path / "gt.json"
        path.write_text(json.dumps(scene.gt))
        found, expected = (
            pymetrics.evaluate(gt, scene.dt, protocol="lvis", **options).precision for gt in (path, scene.gt)
        )
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("key", "value"), [("iscrowd", 7), ("ignore", "yes")])
def test_odd_flags_of_files_are_refused_as_those_of_dicts(tmp_path, key, value):
    scene = make_lvis_scene(1)
    scene.gt["annotations"][0][key] = value
    (tmp_path / "gt.json").write_text(json.dumps(scene.gt))
    errors = []
    for gt in (tmp_path / "gt.json", lvis.LVIS(tmp_path / "gt.json"), scene.gt):
        with pytest.raises((TypeError, ValueError)) as error:
            pymetrics.evaluate(gt, scene.dt, protocol="lvis")
        errors.append(str(error.value))
    assert errors[0] == errors[1] == errors[2]


def test_refused(tmp_path):
    scene = make_lvis_scene(1)
    with pytest.raises(ValueError, match="needs gt as a file of LVIS"):
        pymetrics.evaluate(np.zeros((1, 6)), np.zeros((1, 7)), protocol="lvis")
    with pytest.raises(ValueError, match="needs gt as a file of LVIS"):
        pymetrics.Accumulator(protocol="lvis").update(np.zeros((1, 6)), np.zeros((1, 7)))
    with pytest.raises(ValueError, match="federated must be True or False, got 1"):
        pymetrics.Protocol(federated=1)
    del scene.gt["categories"][1]["frequency"]
    with pytest.raises(ValueError, match=r"gt\['categories'\]\[1\]\['frequency'\] must be one of r, c, f"):
        pymetrics.evaluate(scene.gt, scene.dt, protocol="lvis")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda gt: gt["images"][1].update(neg_category_ids=None), r"\[1\]\['neg_category_ids'\] must be a list"),
        (lambda gt: gt["images"][0].update(not_exhaustive_category_ids="ab"), r"must be a list .*, got 'ab'"),
        (lambda gt: gt["categories"].append(5), r"gt\['categories'\]\[\d+\] must be a dict, got 5"),
    ],
    ids=range(3),
)  # fmt: skip
def test_lists_of_another_kind_are_refused(change, message):
    scene = make_lvis_scene(0)
    gt = copy.deepcopy(scene.gt)
    change(gt)
    with pytest.raises(ValueError, match=message):
        pymetrics.evaluate(gt, scene.dt, protocol="lvis")


def test_a_class_map_is_refused():
    scene = make_lvis_scene(0)
    with pytest.raises(ValueError, match="class_map cannot be used with the protocol 'lvis'"):
        pymetrics.evaluate(scene.gt, scene.dt, protocol="lvis", class_map={1: 2})


def test_a_category_has_one_frequency():
    scene = make_lvis_scene(1)
    first, *others = scene.gt["images"]
    accumulator = pymetrics.Accumulator("lvis")
    parts = []
    for images in ([first], others):
        ids = {image["id"] for image in images}
        gt = {**scene.gt, "images": images, "annotations": [a for a in scene.gt["annotations"] if a["image_id"] in ids]}
        parts.append((gt, [d for d in scene.dt if d["image_id"] in ids]))
    accumulator.update(*parts[0])
    before = accumulator.to_bytes()
    gt, dt = copy.deepcopy(parts[1])
    gt["categories"][0]["frequency"] = "r" if gt["categories"][0]["frequency"] != "r" else "c"
    with pytest.raises(ValueError, match=r"category \d+ is of group '[rc]' here, and was of '[rcf]' before"):
        accumulator.update(gt, dt)
    assert accumulator.to_bytes() == before
    accumulator.update(*parts[1])
