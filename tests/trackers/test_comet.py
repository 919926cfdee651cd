"""Comet, offline: what its archive holds against the Result, and what is refused rather than dropped."""

import csv
import io
import json
import types

import numpy as np
import pytest
from helpers import result_cases
from helpers.comet_files import Archive
from helpers.tracker_scene import DT, FILES, GT, NAMES, SIZES, make_result, make_scene, scalars_of, write_images

import pymetrics
from pymetrics.trackers import comet

LABELS = ["person", "dog/cat", "猫@home", "background"]


@pytest.fixture
def start(need, tmp_path):
    """start(): an offline experiment without anything of its own."""
    comet_ml = need("comet_ml")

    def call():
        return comet_ml.OfflineExperiment(
            project_name="test", workspace="test", offline_directory=str(tmp_path), display_summary_level=0,
            log_code=False, log_graph=False, auto_param_logging=False, auto_metric_logging=False, parse_args=False,
            auto_output_logging=False, log_env_details=False, log_git_metadata=False, log_git_patch=False,
        )  # fmt: skip

    return call


@pytest.fixture
def logged(start, tmp_path):
    """logged((result, images, settings), ...): the archive of an experiment in which all of this was logged."""

    def call(*logs):
        experiment = start()
        for result, images, settings in logs:
            comet.log(experiment, result, images, **settings)
        experiment.end()
        return Archive(tmp_path / f"{experiment.id}.zip")

    return call


def test_metrics_have_their_names_and_steps(logged):
    results = [result_cases.make_result(seed=seed, n_gt=60) for seed in range(2)]
    settings = {"media": False}
    archive = logged(*((result, None, settings | {"step": 10 * i, "epoch": i}) for i, result in enumerate(results)))
    wanted = {}
    for i, result in enumerate(results):
        wanted |= {(name, 10 * i): value for name, value in scalars_of(result).items()}
    assert archive.metrics == wanted
    assert archive.epochs == {0, 1}
    assert archive.uploads == []


def test_curves(logged):
    result = result_cases.make_result(n_gt=60, names={1: "a/b", 2: "mean", 3: "c"})
    archive = logged((result, None, {"step": 3, "ious": (0.5, 0.75), "curves": 2}))
    curves = {upload["name"]: json.loads(upload["data"]) for upload in archive.of("curve")}
    assert {upload["step"] for upload in archive.of("curve")} == {3}
    n_gt = {row["id"]: row["n_gt"] for row in result.per_class}
    most = sorted((1, 2, 3), key=lambda id_: -n_gt[id_])[:2]
    for iou, key in ((0.5, "val/pr_50/"), (0.75, "val/pr_75/")):
        lines = result.curves(iou)
        wanted = {"mean": lines.mean} | {
            {1: "a/b", 2: "mean (2)", 3: "c"}[id_]: lines.precision[id_ - 1] for id_ in most
        }
        assert {name for name in curves if name.startswith(key)} == {key + name for name in wanted}
        for name, precision in wanted.items():
            assert curves[key + name] == {"x": lines.recall.tolist(), "y": precision.tolist(), "name": key + name}
    f1 = curves["val/confidence/f1"]
    assert f1["y"] == [result.at(score).macro.f1 for score in f1["x"]]


def test_the_confusion_matrix_has_all_classes(logged):
    """Comet's default cuts it at 25 categories, and drops the background."""
    result = result_cases.make_result(n_gt=200, n_dt=200, n_categories=41)
    (upload,) = logged((result, None, {"step": 0})).of("confusion-matrix")
    content = json.loads(upload["data"])
    assert content["labels"] == [*map(str, range(1, 42)), "background"]
    assert content["matrix"] == result.confusion(0.5, result.best_threshold().threshold).matrix.tolist()
    assert (content["rowLabel"], content["columnLabel"]) == ("Actual Category", "Predicted Category")
    assert upload["name"] == "val/confusion.json"


def test_tables_have_stable_names_and_ids(logged):
    result = make_result()
    archive = logged((result, None, {"step": 0}), (result, None, {"step": 1, "rows": 2}))
    uploads = archive.of("asset")
    assert [upload["name"] for upload in uploads] == ["val/per_class.csv", "val/per_image.csv"] * 2
    assert all(upload["overwrite"] for upload in uploads)
    tables = [list(csv.reader(io.StringIO(upload["data"].decode()))) for upload in uploads]
    assert tables[0][0][:3] == ["category_id", "name", "map"]
    assert [row[:2] for row in tables[0][1:]] == [["1", "person"], ["2", "dog/cat"], ["200", "猫@home"]]
    assert [float(row[2]) for row in tables[0][1:]] == [row["map"] for row in result.per_class]
    assert tables[1] == [
        ["image_id", "n_gt", "n_dt", "tp", "fp", "fn", "precision", "recall", "f1"],
        ["8", "2", "2", "1", "1", "1", "0.5", "0.5", "0.5"],
        ["7", "2", "2", "2", "0", "0", "1.0", "1.0", "1.0"],
        ["9", "0", "0", "0", "0", "0", "", "", ""],
    ]
    assert tables[3] == tables[1][:3]


@pytest.mark.parametrize("masks", [False, True], ids=["boxes", "masks"])
def test_images(logged, tmp_path, masks):
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    archive = logged((make_result(masks), write_images(folder), {"step": 4, "class_names": NAMES}))
    uploads = archive.of("visualization")
    assert [upload["name"] for upload in uploads] == [FILES[8], FILES[7], FILES[9]]  # the epoch is in no name
    assert {upload["step"] for upload in uploads} == {4}
    truth = {
        "ground truth": [*GT, (8, 1, 0, 40, 80, 10)], "true positives": [DT[0], DT[1], DT[3]],
        "false positives": [DT[4]], "misses": [GT[3]],
    }  # fmt: skip
    for id_, upload in zip((8, 7, 9), uploads, strict=True):
        image = Image.open(io.BytesIO(upload["data"]))
        np.testing.assert_array_equal(np.asarray(image), np.full((*SIZES[id_], 3), (id_, 100, 200)))  # not stretched
        assert upload["metadata"]["image_id"] == id_
        layers = {layer["name"]: layer["data"] for layer in upload["metadata"].get("annotations", [])}
        here = {name: [row for row in rows if row[0] == id_] for name, rows in truth.items()}
        assert layers.keys() == {name for name, rows in here.items() if rows}  # empty ones lose the image
        for name, data in layers.items():
            for made, row in zip(data, here[name], strict=True):
                assert made["label"] == NAMES[row[1]] + (" (ignored)" if row[3] == 40 else "")
                assert made.get("score") == (row[6] if len(row) == 7 else None)
                x, y, w, h = row[2:6]
                if not masks:
                    assert made["boxes"] == [[x, y, w, h]]
                    assert "points" not in made
                elif row[3] == 40:
                    assert made["points"] == [[x, y, x + w, y, x + w, y + h, x, y + h]]
                else:
                    assert made["points"] == [[x + 3, y, x + w, y, x + w, y + h, x, y + h, x, y + 3, x + 3, y + 3]]
                    assert "boxes" not in made


def test_blank_canvases_and_rotated_boxes(logged):
    rows = {"boxes": np.array([[20.0, 20.0, 20.0, 10.0, 0.0]]), "labels": np.array([1])}
    result = pymetrics.evaluate([rows], [rows | {"scores": np.array([0.9])}], iou_type="obb", box_format="cxcywhr")
    (upload,) = logged((result, True, {"step": 0})).of("visualization")
    assert upload["name"] == "0"
    outline = upload["metadata"]["annotations"][0]["data"][0]["points"][0]
    assert sorted(zip(outline[::2], outline[1::2], strict=True)) == [(10, 15), (10, 25), (30, 15), (30, 25)]


def test_the_report(start, tmp_path):
    """As docs/trackers.md says."""
    make_result().report(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    experiment = start()
    experiment.log_html(text)
    experiment.end()
    assert Archive(tmp_path / f"{experiment.id}.zip").html == [text]


def test_what_comet_drops_in_silence_is_an_error(start, monkeypatch):
    experiment = start()
    result = make_result()
    for name, what in (
        ("log_curve", "the curve 'val/pr_50/mean'"), ("log_confusion_matrix", "the confusion matrix"),
        ("log_asset", "the table 'val/per_class.csv'"), ("log_image", "the image 'two.png'"),
    ):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(experiment, name, lambda *_, **__: None)
            with pytest.raises(RuntimeError, match=f"Comet refused {what}: its own log says why"):
                comet.log(experiment, result, True, step=0)
    # the real one: an annotation that Comet does not take
    monkeypatch.setattr(comet, "layers", lambda _: [{"name": "x", "data": [{"label": "a", "boxes": [(1, 2, 3, 4)]}]}])
    with pytest.raises(RuntimeError, match=r"Comet refused the image 'two\.png'"):
        comet.log(experiment, result, True, step=0)
    experiment.end()
    with pytest.raises(RuntimeError, match="the Comet experiment has ended, or never began"):
        comet.log(experiment, result, step=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step": None}, "step must be an integer from 0 on, got None"),
        ({"step": 1.0}, "step must be an integer from 0 on, got 1.0"),
        ({"step": -1}, "step must be an integer from 0 on, got -1"),
        ({"step": 1, "epoch": "1"}, "epoch must be an integer from 0 on, got '1'"),
        ({"step": 1, "prefix": "val@"}, "prefix may hold letters"),
        ({"step": 1, "prefix": "x" * 100}, "Comet takes names of at most 100 characters, got 103: 'xxx"),
        ({"step": 1, "class_names": {1: "a"}}, "class_names lacks categories of the ground truth: 2, 200; it names 1"),
    ],
)
def test_bad_arguments(settings, message):
    experiment = types.SimpleNamespace(log_confusion_matrix=print, alive=True)
    with pytest.raises(ValueError, match=message):
        comet.log(experiment, make_result(), **settings)


def test_no_step_and_no_experiment():
    with pytest.raises(TypeError, match="step"):
        comet.log(types.SimpleNamespace(), make_result())
    with pytest.raises(TypeError, match=r"what comet_ml.start returns, got dict \(Comet: pip install"):
        comet.log({}, make_result(), step=0)


def test_a_name_too_long_for_comet(start):
    gt, dt = make_scene()
    gt["images"][1]["file_name"] = "x" * 300 + ".png"
    experiment = start()
    experiment.image_name_max_length = 255  # as the server says
    with pytest.raises(ValueError, match="Comet takes names of at most 255 characters, got 304"):
        comet.log(experiment, pymetrics.evaluate(gt, dt), True, step=0)
    experiment.end()
