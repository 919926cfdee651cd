"""Result: its numbers against numpy formulas over the arrays, its counts against a literal matcher and pycocotools."""

import contextlib
import io
import json
import math
import pickle

import numpy as np
import pytest
from helpers.columns import match
from helpers.result_cases import ODD, make_columns, make_result

import pymetrics
from pymetrics.evaluation import stages
from pymetrics.evaluation.outcomes import Outcomes
from pymetrics.evaluation.protocol import Protocol
from pymetrics.evaluation.result import Result
from pymetrics.evaluation.shapes import as_shape

COCO_KEYS = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]
KEYS = ["map", "map_50", "map_75", "map_small", "map_medium", "map_large"]
KEYS += ["mar_1", "mar_10", "mar_100", "mar_small", "mar_medium", "mar_large"]


def mean(values):
    values = values[values > -1]
    return np.mean(values) if len(values) else -1.0


@pytest.mark.parametrize("seed", range(5))
def test_stats_are_numpys_means_of_the_arrays(seed):
    result = make_result(seed=seed)
    p, r = result.precision, result.recall
    at50, at75 = 0, 5
    wanted = [mean(p[..., 0, 2]), mean(p[at50, ..., 0, 2]), mean(p[at75, ..., 0, 2])]
    wanted += [mean(p[..., a, 2]) for a in (1, 2, 3)]
    wanted += [mean(r[..., 0, m]) for m in (0, 1, 2)]
    wanted += [mean(r[..., a, 2]) for a in (1, 2, 3)]
    assert result.stats.dtype == np.float64
    assert result.stats.tolist() == wanted
    assert list(result) == KEYS
    assert list(result.values()) == wanted


def test_summary_of_another_protocol():
    result = make_result(ODD)
    p, r = result.precision, result.recall
    at50, at75 = ODD.iou_thresholds.index(0.5), 31
    wanted = {"map": mean(p[..., 2, 1]), "map_50": mean(p[at50, ..., 2, 1]), "map_75": mean(p[at75, ..., 2, 1])}
    wanted |= {"map_tiny": mean(p[..., 0, 1]), "map_big": mean(p[..., 1, 1])}
    wanted |= {"mar_2": mean(r[..., 2, 0]), "mar_7": mean(r[..., 2, 1])}  # limits are sorted
    wanted |= {"mar_tiny": mean(r[..., 0, 1]), "mar_big": mean(r[..., 1, 1])}
    assert dict(result) == wanted
    assert list(result.scalars(keys="coco"))[3:] == ["AP_tiny", "AP_big", "AR2", "AR7", "AR_tiny", "AR_big"]
    line = " Average Precision  (AP) @[ IoU=0.30:0.75 | area=  tiny | maxDets=  7 ] = "
    assert str(result).splitlines()[3].startswith(line)


def test_thresholds_that_the_protocol_lacks_are_undefined():
    result = make_result(Protocol(iou_thresholds=(0.3, 0.6)))
    assert (result["map_50"], result["map_75"]) == (-1, -1)
    assert result["map"] > 0
    assert [row["map_50"] for row in result.per_class] == [-1] * 4


def test_the_first_area_range_serves_where_none_is_named_all():
    rows = Protocol(area_ranges=((0, 50), (50, 99)), area_names=("one", "two"), max_dets=(5,)).rows
    assert [row.key for row in rows] == ["map", "map_50", "map_75", "map_two", "mar_5", "mar_two"]
    assert [row.area for row in rows] == ["one", "one", "one", "two", "one", "two"]


@pytest.mark.parametrize("protocol", [Protocol(), ODD, Protocol(iou_thresholds=tuple(i / 100 for i in range(100)))])
def test_per_class_is_numpys_mean_of_the_classes_slice(protocol):
    result = make_result(protocol, names={1: "cat"}, n_gt=40)
    for k, row in enumerate(result.per_class):
        for number in protocol.rows:
            area = protocol.area_names.index(number.area)
            m = len(protocol.max_dets) - 1 if number.limit.index is None else number.limit.index
            part = (result.recall if number.metric == "recall" else result.precision)[..., k, area, m]
            if number.iou is not None:
                part = part[np.equal(protocol.iou_thresholds, number.iou)]
            assert row[number.key] == mean(part)
    assert [(row["id"], row["name"]) for row in result.per_class] == [(1, "cat"), (2, None), (3, None), (4, None)]
    assert result.per_class[-1]["map"] == -1  # no ground truth there


def test_per_class_counts():
    columns = make_columns()
    result = Result(match(columns), columns)
    counts = columns.gt.flags == 0
    for k, row in enumerate(result.per_class):
        assert row["n_gt"] == np.sum(counts & (columns.gt.category == k))
        assert row["n_dt"] == np.sum(columns.dt.category == k)


def iou(dt, gt, is_crowd):
    width = min(dt[0] + dt[2], gt[0] + gt[2]) - max(dt[0], gt[0])
    height = min(dt[1] + dt[3], gt[1] + gt[3]) - max(dt[1], gt[1])
    if width <= 0 or height <= 0:
        return 0.0
    overlap = width * height
    return overlap / (dt[2] * dt[3] + (0 if is_crowd else gt[2] * gt[3] - overlap))


def count_image(columns, image, threshold, limit):
    """tp, fp, fn, n_gt, n_dt of an image by COCO's rules, literally, over all areas."""
    total = np.zeros(5, int)
    for category in range(len(columns.axes.category_ids)):
        dts = np.flatnonzero((columns.dt.image == image) & (columns.dt.category == category))
        dts = dts[np.argsort(-columns.dt.scores[dts], kind="stable")][:limit]
        gts = np.flatnonzero((columns.gt.image == image) & (columns.gt.category == category))
        gts = sorted(gts, key=lambda g: columns.gt.flags[g])
        taken, tp, fp = set(), 0, 0
        for d in dts:
            best, match = threshold, None
            for g in gts:
                is_crowd = bool(columns.gt.flags[g])
                if g in taken and not is_crowd:
                    continue
                if match is not None and not columns.gt.flags[match] and is_crowd:
                    break
                if (overlap := iou(columns.dt.shape[d], columns.gt.shape[g], is_crowd)) >= best:
                    best, match = overlap, g
            taken.add(match)
            tp += match is not None and not columns.gt.flags[match]
            fp += match is None
        n_gt = sum(columns.gt.flags[g] == 0 for g in gts)
        total += [tp, fp, n_gt - tp, n_gt, len(dts)]
    return total.tolist()


@pytest.mark.parametrize("protocol", [Protocol(), ODD, Protocol(iou_thresholds=(0.6,), max_dets=(3,))])
@pytest.mark.parametrize("seed", range(3))
def test_per_image_against_a_literal_matcher(protocol, seed):
    columns = make_columns(seed)
    result = Result(match(columns, protocol), columns)
    threshold = 0.5 if 0.5 in protocol.iou_thresholds else protocol.iou_thresholds[0]
    assert [row["id"] for row in result.per_image] == columns.axes.image_ids.tolist()
    for i, row in enumerate(result.per_image):
        tp, fp, fn, n_gt, n_dt = count_image(columns, i, threshold, protocol.max_dets[-1])
        assert (row["tp"], row["fp"], row["fn"], row["n_gt"], row["n_dt"]) == (tp, fp, fn, n_gt, n_dt)
        assert row["precision"] == (tp / (tp + fp) if tp + fp else -1)
        assert row["recall"] == (tp / n_gt if n_gt else -1)
        assert row["f1"] == (2 * tp / (2 * tp + fp + fn) if tp + fp + fn else -1)
        assert {type(value) for value in row.values()} == {int, float}
    assert result.per_image[-1]["f1"] == -1  # the last image is empty


def hand_made():
    """Two images with string ids, one category, one threshold, one area range."""
    return Outcomes(
        protocol=Protocol(iou_thresholds=(0.5,), area_ranges=((0, 1e9),), area_names=("all",), max_dets=(100,)),
        shape=as_shape("bbox"),
        image_ids=np.array(["a", "b", "c"]),
        category_ids=np.array([7]),
        category_cells=np.array([0, 2]),
        cell_image=np.array([0, 2], np.int32),
        offsets=np.array([0, 3, 4]),
        n_gt=np.array([[2], [1]], np.int32),
        scores=np.array([0.9, 0.8, 0.7, 0.6]),
        matched=np.array([[1], [0], [1], [0]], np.uint64),
        ignored=np.array([[0], [0], [1], [0]], np.uint64),
        category_names={7: "seven"},
    )


def test_hand_made_outcomes():
    result = Result(hand_made())
    assert result.columns is None
    assert result.protocol is result.outcomes.protocol
    keys = ("id", "n_gt", "n_dt", "tp", "fp", "fn", "precision", "recall", "f1")
    assert [tuple(row) for row in result.per_image] == [keys] * 3
    assert [tuple(row.values()) for row in result.per_image] == [
        ("a", 2, 3, 1, 1, 1, 0.5, 0.5, 0.5),
        ("b", 0, 0, 0, 0, 0, -1, -1, -1),
        ("c", 1, 1, 0, 1, 1, 0, 0, 0),
    ]
    assert result["mar_100"] == 1 / 3
    assert result.per_class[0]["name"] == "seven"
    assert (result.per_class[0]["n_gt"], result.per_class[0]["n_dt"]) == (3, 4)


@pytest.mark.parametrize(
    "settings", [{"n_gt": 0}, {"n_dt": 0}, {"n_images": 0, "n_gt": 0}, {"n_categories": 0, "n_gt": 0}]
)
def test_empty_things(settings):
    result = make_result(**settings)
    assert len(result.stats) == 12
    assert set(result.stats) <= {-1.0, 0.0}
    assert len(result.per_image) == settings.get("n_images", 6)
    assert len(result.per_class) == settings.get("n_categories", 4)
    assert set(result.scalars(undefined="keep", class_names=True).values()) <= {-1.0, 0.0}
    assert json.loads(result.to_json())["n_gt"] == sum(row["n_gt"] for row in result.per_class)
    assert repr(result).startswith("<Result bbox")


def test_mapping():
    result = make_result()
    assert len(result) == 12
    assert "map_50" in result
    assert "map_51" not in result
    assert result.get("nothing") is None
    assert {type(value) for value in result.values()} == {float}
    assert dict(result)["map"] == result.stats[0]
    with pytest.raises(KeyError, match=r"map_51.*map_50"):
        result["map_51"]


def test_scalars_keys_and_prefix():
    result = make_result()
    assert list(result.scalars(undefined="keep")) == KEYS
    assert list(result.scalars(keys="coco", undefined="keep")) == COCO_KEYS
    assert list(result.scalars(keys="coco", undefined="keep").values()) == result.stats.tolist()
    assert list(result.scalars("val/"))[:2] == ["val/map", "val/map_50"]
    assert {type(value) for value in result.scalars(class_names=True).values()} == {float}


def test_scalars_undefined():
    result = make_result(Protocol(iou_thresholds=(0.5, 0.6)))
    assert "map_75" not in result.scalars()
    assert result.scalars(undefined="keep")["map_75"] == -1
    assert math.isnan(result.scalars(undefined="nan")["map_75"])
    assert -1 not in result.scalars(class_names=True).values()


def test_scalars_per_class():
    result = make_result(names={1: "traffic light", 2: "T-shirt (red) @home", 3: "猫"})
    maps = [row["map"] for row in result.per_class]
    assert list(result.scalars(class_names=None)) == KEYS
    assert list(result.scalars(class_names=False)) == KEYS
    named = result.scalars("v/", class_names=True, undefined="keep")
    assert list(named)[12:] == ["v/map/traffic_light", "v/map/T_shirt_red_home", "v/map/猫", "v/map/4"]
    assert list(named.values())[12:] == maps
    given = result.scalars(class_names={1: "x", 2: "x", 3: "()"}, keys="coco", undefined="keep")
    assert list(given)[12:] == ["AP/x_1", "AP/x_2", "AP/3", "AP/4"]
    given = result.scalars(class_names={1: "a b", 2: "a_b", 3: "a_b_1"}, undefined="keep")  # a_b_1 is taken
    assert list(given)[12:] == ["map/a_b_1", "map/a_b_2", "map/a_b_1_3", "map/4_4"]
    assert "map/4" not in result.scalars(class_names=True)  # undefined


def test_scalars_refuses_what_it_does_not_know():
    result = make_result()
    with pytest.raises(ValueError, match=r"keys must be one of .*'torchmetrics', 'coco'.*got 'voc'"):
        result.scalars(keys="voc")
    with pytest.raises(ValueError, match=r"undefined must be one of.*got None"):
        result.scalars(undefined=None)
    with pytest.raises(TypeError, match="class_names must map category ids to names or be True, got list"):
        result.scalars(class_names=["a", "b"])


def test_json(tmp_path):
    result = make_result(ODD, names={1: "eins"})
    text = result.to_json(tmp_path / "result.json")
    assert (tmp_path / "result.json").read_text() == text + "\n"
    assert text == make_result(ODD, names={1: "eins"}).to_json()
    content = json.loads(text, parse_constant=pytest.fail)
    assert list(content) == sorted(content)
    assert content["metrics"] == {key: None if value == -1 else value for key, value in result.items()}
    assert content["protocol"]["area_ranges"][2] == [0.0, None]
    assert content["per_class"][0]["name"] == "eins"
    assert content["per_class"][0]["map"] == result.per_class[0]["map"]
    assert content["per_class"][3]["map"] is None
    assert (content["n_images"], content["n_dt"]) == (6, sum(row["n_dt"] for row in result.per_class))
    assert content["iou_type"] == "bbox"
    assert -1 not in content["metrics"].values()


def test_print_and_repr():
    result = make_result(n_gt=0)
    lines = str(result).splitlines()
    assert len(lines) == 12
    assert lines[0] == " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = -1.000"
    assert lines[7] == " Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets= 10 ] = -1.000"
    assert result.summary("n/a").splitlines()[4].endswith("= n/a")
    assert repr(make_result()).count("\n") == 0
    assert len(repr(make_result())) < 100


def test_pickle():
    result = make_result()
    stats = result.stats
    copy = pickle.loads(pickle.dumps(result))
    assert copy.stats.tolist() == stats.tolist()
    assert copy.per_class == result.per_class
    assert copy.columns.dt.scores.tolist() == result.columns.dt.scores.tolist()
    assert len(pickle.dumps(result)) < 100_000  # the arrays do not travel


def test_work_is_done_once(monkeypatch):
    result, calls = make_result(), []
    real = stages.accumulate

    def counted(outcomes, keep_scores=True):
        calls.append(keep_scores)
        return real(outcomes, keep_scores)

    monkeypatch.setattr(stages, "accumulate", counted)
    assert not calls
    assert result.precision.shape == (10, 101, 4, 4, 3)
    assert result.recall.shape == (10, 4, 4, 3)
    assert result.stats is result.stats
    assert result.per_image is result.per_image
    assert calls == [False]
    assert result.scores.shape == (10, 101, 4, 4, 3)
    assert result.scores is result.scores
    assert calls == [False, True]


@pytest.fixture(scope="module", params=[("generated", "dt_coarse.json"), ("coco_yolact100", "dt_yolact_base.json")])
def compared(data, need, request):
    """A result of pymetrics, the COCOeval of pycocotools on the same files, and their folder and name."""
    need("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    folder, name = data(request.param[0]), request.param[1]
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO(folder / "gt.json")
        oracle = COCOeval(gt, gt.loadRes(str(folder / name)), "bbox")
        oracle.evaluate()
        oracle.accumulate()
    return pymetrics.evaluate(folder / "gt.json", folder / name), oracle, folder / name


@pytest.mark.usefixtures("sum_order")
def test_print_equals_pycocotools_lines(compared, capsys):
    result, oracle, _ = compared
    oracle.summarize()
    wanted = capsys.readouterr().out
    print(result)
    assert capsys.readouterr().out == wanted
    assert result.stats.tobytes() == oracle.stats.tobytes()


def test_per_image_equals_pycocotools_images(compared):
    result, oracle, _ = compared
    counts = {id_: np.zeros(5, int) for id_ in oracle.params.imgIds}
    for found in oracle.evalImgs:
        if found is not None and found["aRng"] == oracle.params.areaRng[0]:
            hit, ignored, n_gt = found["dtMatches"][0] != 0, found["dtIgnore"][0], np.sum(found["gtIgnore"] == 0)
            tp, fp = np.sum(hit & ~ignored), np.sum(~hit & ~ignored)
            counts[found["image_id"]] += [tp, fp, n_gt - tp, n_gt, len(hit)]
    mine = {row["id"]: [row[key] for key in ("tp", "fp", "fn", "n_gt", "n_dt")] for row in result.per_image}
    assert mine == {id_: count.tolist() for id_, count in counts.items()}


def test_per_class_equals_the_recorded_numbers(compared):
    result, _, path = compared
    recorded = json.loads((path.parent / "expected.json").read_text())
    wanted = recorded[f"gt.json vs {path.name} bbox"]["_AP_per_category"]
    assert {str(row["id"]): row["map"] for row in result.per_class} == wanted
