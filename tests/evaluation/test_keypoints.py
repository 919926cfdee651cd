"""Evaluations of keypoints from every source, against each other; what is ignored; parameters; what is refused."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from helpers.coco_scenes import Scene
from helpers.pose_scenes import listed

import pymetrics
from pymetrics import Accumulator, Detections, GroundTruths, cli
from pymetrics.evaluation.shapes import as_shape

SIGMAS = (0.05, 0.1, 0.07, 0.03, 0.09)


@pytest.fixture(params=["native", "numba", "reference"])
def backend(request, need, monkeypatch):
    if request.param != "reference":
        need("pymetrics._native" if request.param == "native" else "numba")
    monkeypatch.setenv("PYMETRICS_BACKEND", request.param)
    return request.param


def make(seed, n_points=17, n_images=6):
    """A scene of one category; num_keypoints are right, every ground truth has a box and an area."""
    rng = np.random.default_rng(seed)
    images, gts, dts = list(range(10, 10 + n_images)), [], []
    for image in images:
        for _ in range(rng.integers(0, 5)):
            points = rng.uniform(0, 100, (n_points, 2)).round(1)
            visibility = rng.integers(0, 3, n_points) * int(rng.random() < 0.8)
            low, high = points.min(axis=0), points.max(axis=0)
            gt = {"id": len(gts) + 1, "image_id": image, "category_id": 1, "iscrowd": int(rng.random() < 0.1)}
            gt |= {"bbox": [*low.tolist(), *(high - low).round(1).tolist()], "area": float(rng.uniform(500, 20000))}
            gt |= {"keypoints": listed(rng, points, visibility), "num_keypoints": int((visibility > 0).sum())}
            gts.append(gt)
            for _ in range(rng.integers(0, 4)):
                moved = points + rng.choice([1, 5, 20]) * rng.normal(size=points.shape)
                row = {"image_id": image, "category_id": 1, "score": float(rng.integers(1, 10)) / 10}
                dts.append(row | {"keypoints": listed(rng, moved.round(2), np.ones(n_points, int))})
    gt = {
        "images": [{"id": image} for image in images],
        "annotations": gts,
        "categories": [{"id": 1, "name": "person"}],
    }
    return Scene(gt, dts)


def points_of(rows):
    return np.array([row["keypoints"] for row in rows], float).reshape(len(rows), -1 if rows else 0, 3)


def column(rows, key):
    return np.array([row[key] for row in rows])


def as_columns(scene, kind=np.asarray):
    gts, dts = scene.gt["annotations"], scene.dt
    gt = GroundTruths(
        image=kind(column(gts, "image_id")), boxes=kind(column(gts, "bbox").astype(float)), box_format="xywh",
        labels=kind(column(gts, "category_id")), crowd=kind(column(gts, "iscrowd")), area=kind(column(gts, "area")),
        images=[image["id"] for image in scene.gt["images"]], keypoints=kind(points_of(gts)),
    )  # fmt: skip
    dt = Detections(
        image=kind(column(dts, "image_id")), scores=kind(column(dts, "score")), labels=kind(column(dts, "category_id")),
        keypoints=kind(points_of(dts)),
    )  # fmt: skip
    return gt, dt


def as_items(scene, kind=np.asarray, with_boxes=True):
    """A list per image of either side, with image ids."""
    gt, dt = [], []
    for image in [image["id"] for image in scene.gt["images"]]:
        for rows, items, keys in (
            (scene.gt["annotations"], gt, {"area": "area", "iscrowd": "iscrowd"}), (scene.dt, dt, {"scores": "score"}),
        ):  # fmt: skip
            shown = [row for row in rows if row["image_id"] == image]
            item = {"image_id": image, "labels": kind(np.ones(len(shown), int)), "keypoints": kind(points_of(shown))}
            item |= {name: kind(column(shown, key).astype(float)) for name, key in keys.items()}
            if items is gt and with_boxes:
                boxes = column(shown, "bbox").astype(float).reshape(-1, 4)
                item["boxes"] = kind(np.column_stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]))
            items.append(item)
    return gt, dt


def bits(result):
    return [array.tobytes() for array in (result.precision, result.recall, result.scores, result.stats)]


@pytest.mark.parametrize("seed", range(3))
def test_every_source_gives_the_same(backend, seed, tmp_path):
    scene = make(seed)
    want = pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints")
    assert 0 < want["map"] < 1
    paths = tmp_path / "gt.json", tmp_path / "dt.json"
    for path, content in zip(paths, (scene.gt, scene.dt), strict=True):
        path.write_text(json.dumps(content))
    for gt, dt in (paths, as_columns(scene), (scene.gt, as_columns(scene)[1]), (paths[0], scene.dt)):
        assert bits(pymetrics.evaluate(gt, dt, iou_type="keypoints")) == bits(want)
    again = pymetrics.read(paths[0], "gt", "keypoints"), pymetrics.read(paths[1], "dt", "keypoints")
    assert bits(pymetrics.evaluate(*again, iou_type="keypoints")) == bits(want)


@pytest.mark.parametrize("seed", range(3))
def test_lists_per_image(seed):
    scene = make(seed)
    want = bits(pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints"))
    gt, dt = as_items(scene)
    assert bits(pymetrics.evaluate(gt, dt, iou_type="keypoints")) == want
    gt[0].pop("boxes")  # some images without
    assert pymetrics.evaluate(gt, dt, iou_type="keypoints")["map"] > 0


def test_tensors(need):
    torch = need("torch")
    scene = make(1)
    want = bits(pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints"))
    assert bits(pymetrics.evaluate(*as_columns(scene, torch.tensor), iou_type="keypoints")) == want
    assert bits(pymetrics.evaluate(*as_items(scene, torch.tensor), iou_type="keypoints")) == want


def test_accumulators_keep_sigmas():
    scene = make(2, n_points=5, n_images=12)
    want = pymetrics.evaluate(*as_items(scene), iou_type="keypoints", sigmas=SIGMAS, keep_matches=True)
    gt, dt = as_items(scene)
    parts = []
    for begin in (0, 4, 8):
        part = Accumulator(iou_type="keypoints", sigmas=SIGMAS)
        part.update(gt[begin : begin + 4], dt[begin : begin + 4])
        parts.append(pickle.loads(pickle.dumps(Accumulator.from_bytes(part.to_bytes()))))
    whole = parts[0]
    for part in parts[1:]:
        whole.merge(part)
    assert bits(whole.compute()) == bits(want)
    other = Accumulator(iou_type="keypoints", sigmas=[0.1] * 5)
    with pytest.raises(ValueError, match="they differ in sigmas"):
        whole.merge(other)
    with pytest.raises(ValueError, match=r"gt\[0\] has no 'image_id', by which"):
        Accumulator(iou_type="keypoints", duplicates="first").update([{"keypoints": [], "labels": []}], [])


def test_a_result_and_its_rows():
    """Ten numbers, at the limit 20; other limits and ranges of areas change them."""
    scene = make(3)
    result = pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints")
    names = ["map", "map_50", "map_75", "map_medium", "map_large", "mar", "mar_50", "mar_75", "mar_medium", "mar_large"]
    assert list(result) == names
    assert result["AP50"] == result["map_50"]
    assert result["ARl"] == result["mar_large"]
    assert result.protocol.max_dets == (20,)
    assert "maxDets= 20" in str(result)
    assert result.to_dict()["iou_type"] == "keypoints"
    other = pymetrics.evaluate(
        scene.gt, scene.dt, iou_type="keypoints", max_dets=[1], area_ranges={"tiny": (0, 1000), "rest": (1000, 1e9)}
    )
    assert list(other) == [*names[:3], "map_tiny", "map_rest", *names[5:8], "mar_tiny", "mar_rest"]
    assert other["map"] < result["map"]
    own = pymetrics.Protocol(max_dets=(20,))
    assert "mar_20" in pymetrics.evaluate(scene.gt, scene.dt, "keypoints", protocol=own)


def one(gt_points, dt_points, boxes=None, area=900.0, sigmas=(0.1, 0.1), **more):
    """The overlap of a pose with a ground truth of two keypoints, and its status."""
    gt = GroundTruths(image=[1], labels=[1], keypoints=[gt_points], area=[area], boxes=boxes, box_format="xywh", **more)
    dt = Detections(image=[1], scores=[0.5], labels=[1], keypoints=[dt_points])
    result = pymetrics.evaluate(
        gt, dt, iou_type="keypoints", sigmas=sigmas, keep_matches=True, iou_thresholds=[0.0, 0.5]
    )
    table = result.matches.at(iou=0.0)
    return float(table.overlap[0]), str(table.status[0])


def test_the_similarity_is_its_formula():
    found, status = one([[10, 10, 2], [50, 50, 1]], [[13, 14, 0], [50, 50, 0]])
    want = (np.exp(-(3**2 + 4**2) / 0.2**2 / (900 + 2**-52) / 2) + 1) / 2
    assert (found, status) == (want, "tp")
    assert one([[10, 10, 2], [50, 50, 0]], [[10, 10, 0], [500, 500, 0]]) == (1.0, "tp")  # one is not visible


def test_poses_without_keypoints():
    """They are ignored; with a box what lies within twice its size is near, without one nothing is."""
    nothing = [[0, 0, 0], [0, 0, 0]]
    assert one(nothing, [[15, 15, 1], [39, 0, 1]], boxes=[[10, 10, 15, 15]]) == (1.0, "ignored")
    far, status = one(nothing, [[15, 15, 1], [4000, 0, 1]], boxes=[[10, 10, 15, 15]])
    assert (far, status) == (0.5, "ignored")
    assert one(nothing, [[0, 0, 1], [0, 0, 1]]) == (0.0, "ignored")


def test_num_keypoints_decides_what_is_ignored():
    scene = make(4)
    for gt in scene.gt["annotations"]:
        gt["num_keypoints"] = 0
    assert pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints")["map"] == -1
    plain = make(4)
    for gt in plain.gt["annotations"]:
        del gt["num_keypoints"]
    want = bits(pymetrics.evaluate(make(4).gt, plain.dt, iou_type="keypoints"))
    assert bits(pymetrics.evaluate(plain.gt, plain.dt, iou_type="keypoints")) == want


def test_use_ignore():
    scene = make(5)
    for gt in scene.gt["annotations"]:
        gt["ignore"] = 1
    assert pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints", use_ignore=True)["map"] == -1
    with pytest.warns(UserWarning, match="annotations of gt have a nonzero 'ignore', which is not read"):
        assert pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints")["map"] > 0


def test_many_pairs_go_through_in_blocks(monkeypatch):
    from pymetrics.evaluation.shapes import keypoints

    scene = make(6)
    want = bits(pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints"))
    for at_once in (1, 50, 400):
        monkeypatch.setattr(keypoints, "TERMS_AT_ONCE", at_once)
        assert bits(pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints")) == want


def test_no_rows_on_a_side():
    scene = make(7)
    nothing = pymetrics.evaluate(scene.gt, [], iou_type="keypoints")
    assert nothing["map"] == 0
    empty = dict(scene.gt, annotations=[])
    assert pymetrics.evaluate(empty, scene.dt, iou_type="keypoints")["map"] == -1
    items = as_items(scene)
    bare = [{**item, "keypoints": np.empty((0, 17, 3)), "labels": [], "scores": []} for item in items[1]]
    assert pymetrics.evaluate(items[0], bare, iou_type="keypoints")["map"] == 0


def test_the_command_line(tmp_path, capsys):
    scene = make(8, n_points=5)
    paths = tmp_path / "gt.json", tmp_path / "dt.json"
    for path, content in zip(paths, (scene.gt, scene.dt), strict=True):
        path.write_text(json.dumps(content))
    command = ["eval", "--gt", str(paths[0]), "--dt", str(paths[1]), "--iou-type", "keypoints"]
    assert cli.main([*command, "--sigmas", *map(str, SIGMAS)]) == 0
    want = pymetrics.evaluate(*paths, iou_type="keypoints", sigmas=SIGMAS)
    assert capsys.readouterr().out == f"{want.summary('n/a')}\n"
    assert cli.main(command) == 1
    assert "has 5 keypoints, but there are 17 sigmas" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([*command, "--sigmas", "0"])
    assert "sigmas[0] must be a finite number above 0, got 0.0" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([*command[:-1], "bbox", "--sigmas", "1"])
    assert "iou_type 'bbox' has no parameter 'sigmas'" in capsys.readouterr().err


def changed(change):
    scene = make(0)
    change(scene.gt["annotations"], scene.dt)
    return scene


BAD = {
    "no keypoints": (lambda gts, dts: gts[2].pop("keypoints"), r"gt\['annotations'\]\[2\] has no 'keypoints'"),
    "no area": (lambda gts, dts: gts[2].pop("area"), r"gt\['annotations'\]\[2\]\['area'\] is missing: distances"),
    "fifty numbers": (
        lambda gts, dts: gts[2]["keypoints"].pop(),
        r"gt\['annotations'\]\[2\]\['keypoints'\] must hold x, y and visibility of each keypoint, 51 as .*: got 50",
    ),
    "the first": (
        lambda gts, dts: gts[0]["keypoints"].pop(),
        r"\[0\]\['keypoints'\] must hold .* a multiple of 3: got 50",
    ),
    "none": (lambda gts, dts: dts[3].update(keypoints=[]), r"dt\[3\]\['keypoints'\] must hold .*: got 0 numbers"),
    "all none": (
        lambda gts, dts: [dt.update(keypoints=[]) for dt in dts],
        r"dt\[0\]\['keypoints'\] must hold .*: got 0",
    ),
    "three less": (lambda gts, dts: dts[3].update(keypoints=[1] * 48), r"dt\[3\]\['keypoints'\] must hold .*: got 48"),
    "text": (
        lambda gts, dts: dts[3]["keypoints"].__setitem__(4, "a"),
        r"dt\[3\]\['keypoints'\] must be a list of numb",
    ),
    "a number": (lambda gts, dts: dts[3].update(keypoints=7), r"dt\[3\]\['keypoints'\] must be a list of numbers"),
    "None": (lambda gts, dts: dts[3].update(keypoints=None), r"dt\[3\]\['keypoints'\] must be a list of numbers"),
    "nested": (lambda gts, dts: dts[3].update(keypoints=[[1, 2, 3]] * 17), r"dt\[3\]\['keypoints'\] must be a list of"),
    "NaN": (lambda gts, dts: dts[3]["keypoints"].__setitem__(4, np.nan), r"dt\[3\]\['keypoints'\] must be finite"),
    "a box": (lambda gts, dts: gts[2].update(bbox=[1, 2]), r"gt\['annotations'\]\[2\]\['bbox'\] must hold 4 numbers"),
    "an infinite box": (lambda gts, dts: gts[2].update(bbox=[1, 2, 3, np.inf]), r"\[2\]\['bbox'\] must be finite"),
    "text in a box": (lambda gts, dts: gts[2].update(bbox=[1, 2, 3, "x"]), r"\[2\]\['bbox'\]\[3\] must be a number"),
    "num_keypoints": (lambda gts, dts: gts[2].update(num_keypoints="x"), r"\[2\]\['num_keypoints'\] must be a number"),
}


@pytest.mark.parametrize(("change", "words"), BAD.values(), ids=BAD)
def test_bad_keypoints_are_refused_by_name(backend, change, words):
    scene = changed(change)
    with pytest.raises((ValueError, TypeError), match=words):
        pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints")


BAD_ITEMS = {
    "no keypoints": ({"keypoints": None}, r"gt\[1\] has no 'keypoints'"),
    "flat": (
        {"keypoints": np.zeros((2, 51))},
        r"gt\[1\]\['keypoints'\] must have shape \(N, keypoints, 3\), got \(2, 51\)",
    ),
    "too few": ({"keypoints": np.zeros((1, 17, 3))}, r"gt\[1\]\['keypoints'\] has 1 rows, gt\[1\]\['labels'\] has 2"),
    "sixteen": (
        {"keypoints": np.zeros((2, 16, 3))},
        r"gt\[1\]\['keypoints'\] has 16 keypoints a pose, gt\[0\]\['key.* 17",
    ),
    "text": ({"keypoints": np.full((2, 17, 3), "a")}, r"gt\[1\]\['keypoints'\] must hold numbers, got dtype <U1"),
    "no area": ({"area": None}, r"gt\[1\]\['area'\]\[0\] is missing"),
    "boxes": ({"boxes": np.zeros((1, 4))}, r"gt\[1\]\['boxes'\] has 1 rows, gt\[1\]\['labels'\] has 2"),
}


@pytest.mark.parametrize(("change", "words"), BAD_ITEMS.values(), ids=BAD_ITEMS)
def test_bad_items_are_refused_by_name(change, words):
    item = {"labels": np.ones(2, int), "keypoints": np.zeros((2, 17, 3)), "area": np.ones(2)}
    dt = [{"labels": np.ones(1, int), "scores": np.ones(1), "keypoints": np.zeros((1, 17, 3))}] * 2
    second = {key: value for key, value in (item | change).items() if value is not None}
    with pytest.raises((ValueError, TypeError), match=words):
        pymetrics.evaluate([item, second], dt, iou_type="keypoints")


def test_bad_columns_are_refused_by_name():
    gt, dt = as_columns(make(0))
    with pytest.raises(ValueError, match="Detections has no keypoints, which iou_type='keypoints' compares"):
        pymetrics.evaluate(gt, Detections([1], [[0, 0, 1, 1]], [1], [1]), iou_type="keypoints")
    with pytest.raises(ValueError, match="dt holds keypoints alone, but iou_type is 'bbox': say 'keypoints'"):
        pymetrics.evaluate(gt, dt)
    with pytest.raises(TypeError, match="GroundTruths needs boxes, masks or keypoints"):
        GroundTruths(image=[1], labels=[1])
    bare = GroundTruths(image=[1], labels=[1], keypoints=np.zeros((1, 17, 3)))
    with pytest.raises(ValueError, match=r"GroundTruths.area\[0\] is missing"):
        pymetrics.evaluate(bare, dt, iou_type="keypoints")
    with pytest.raises(ValueError, match=r"GroundTruths.keypoints has 1 rows, GroundTruths.image has 2"):
        GroundTruths(image=[1, 2], labels=[1, 1], keypoints=np.zeros((1, 17, 3)))
    normalized = GroundTruths([1], [[0, 0, 1, 1]], [1], area=[1], box_format="yolo", keypoints=np.zeros((1, 17, 3)))
    with pytest.raises(ValueError, match="boxes beside keypoints must be in pixels, of four numbers each; got 'yolo'"):
        pymetrics.evaluate(normalized, dt, iou_type="keypoints")
    assert repr(dt) == f"Detections({len(dt)} poses)"


def test_other_arguments_are_refused():
    scene = make(0)
    for arguments, words in (
        ({"box_format": "xyxy"}, "iou_type 'keypoints' compares keypoints, of which box_format='xyxy' says nothing"),
        ({"normalized": True}, "compares keypoints, of which normalized=True says nothing"),
        ({"sigmas": [0.1] * 16}, "has 17 keypoints, but there are 16 sigmas: give one for each keypoint, sigmas="),
        ({"sigmas": []}, "sigmas must hold one number for each keypoint, got none"),
        ({"sigmas": ["a"]}, "sigmas must hold one number for each keypoint, got"),
        ({"sigmas": [0.1, np.inf]}, r"sigmas\[1\] must be a finite number above 0, got inf"),
    ):
        with pytest.raises(ValueError, match=words):
            pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints", **arguments)
    with pytest.raises(ValueError, match="iou_type 'bbox' has no parameter 'sigmas': leave it out"):
        pymetrics.evaluate(scene.gt, scene.dt, sigmas=SIGMAS)
    with pytest.raises(ValueError, match=r"was read for another iou_type: say iou_type='keypoints' to pymetrics\.read"):
        pymetrics.evaluate(pymetrics.read(scene.gt, "gt"), scene.dt, iou_type="keypoints")
    with pytest.raises(ValueError, match="gt is an array, which is read for iou_type 'bbox' alone"):
        pymetrics.evaluate(np.zeros((1, 6)), scene.dt, iou_type="keypoints")
    with pytest.warns(UserWarning, match="image_sizes has no effect on keypoints"):
        pymetrics.evaluate(scene.gt, scene.dt, iou_type="keypoints", image_sizes=(9, 9))
    assert as_shape("keypoints", sigmas=None) == as_shape("keypoints")


def test_far_away_keypoints_count_as_exp_says():
    """SLOW_EXP: exp is not asked for what is 0; next to it are the smallest numbers. Areas may be negative."""
    for distance in (41.0, 41.5, 42.3, 42.4, 42.5, 50.0):
        found, _ = one([[0, 0, 2], [0, 0, 0]], [[distance, 0, 0], [0, 0, 0]], area=1.0, sigmas=(0.535,) * 2)
        assert found == np.exp(-(distance**2 / (0.535 * 2) ** 2 / (1 + 2**-52) / 2))
    shape, nothing = as_shape("keypoints", sigmas=[0.5, 0.5]), np.empty(0)
    from pymetrics.evaluation.cells import Cells
    from pymetrics.evaluation.columns import Side
    from pymetrics.evaluation.shapes.keypoints import PoseColumns

    gt = PoseColumns(
        np.array([[[0, 0, 1], [0, 0, 1]]] * 2, float), np.zeros((2, 4)), np.array([-1.0, 1.0]), np.array([2, 2])
    )
    dt = PoseColumns(np.array([[[1, 0, 0], [60, 0, 0]]], float))
    sides = [Side(nothing, nothing, columns, nothing, nothing, nothing) for columns in (dt, gt)]
    cells = Cells(
        np.array([0, 1]),
        np.zeros(1, np.int32),
        np.array([0, 1]),
        np.zeros(1, np.int32),
        np.array([0, 2]),
        np.arange(2, dtype=np.int32),
        nothing,
    )
    with np.errstate(over="ignore"):
        want = [np.exp(-(np.array([1.0, 3600.0]) / scale / 2)).sum() / 2 for scale in (-1 + 2**-52, 1 + 2**-52)]
    assert shape.overlaps(*sides, cells).tolist() == want
