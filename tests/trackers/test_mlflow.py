"""MLflow: what its sqlite store and its artifacts hold against the Result."""

import csv
import importlib
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from helpers import result_cases
from helpers.tracker_scene import FILES, NAMES, SIZES, make_result, make_scene, scalars_of, write_images

import pymetrics
from pymetrics.evaluation.protocol import Protocol
from pymetrics.pictures import Marks, draw_marks

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*noload.* loader strategy is deprecated:DeprecationWarning"
)  # MLflow's


@pytest.fixture(scope="session")
def store(need, tmp_path_factory):
    """MLflow, the address of a new store and an experiment in it: one for all tests, since it takes seconds."""
    mlflow = need("mlflow")
    folder = tmp_path_factory.mktemp("mlflow")
    address = f"sqlite:///{folder / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=address)
    return mlflow, address, client.create_experiment("test", artifact_location=(folder / "artifacts").as_uri())


@pytest.fixture
def mlflow(store, monkeypatch):
    """MLflow with the store; by the environment, and not for longer than a test."""
    mlflow, address, experiment = store
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
    yield mlflow
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def log(mlflow):
    return importlib.import_module("pymetrics.trackers.mlflow").log


def history(mlflow, run):
    """{(name, step): value} of a run."""
    client = mlflow.MlflowClient()
    names = client.get_run(run.info.run_id).data.metrics
    return {(name, m.step): m.value for name in names for m in client.get_metric_history(run.info.run_id, name)}


def artifact(run, name):
    return Path(run.info.artifact_uri.removeprefix("file://")) / name


def test_metrics_have_their_names_and_steps(mlflow, log):
    results = [result_cases.make_result(seed=seed, n_gt=60) for seed in range(2)]
    with mlflow.start_run() as run:
        for i, result in enumerate(results):
            log(result, step=5 * i, media=False)
    wanted = {}
    for i, result in enumerate(results):
        wanted |= {(name, 5 * i): value for name, value in scalars_of(result).items()}
    assert history(mlflow, run) == wanted
    assert not artifact(run, "val").exists()


def test_names_that_mlflow_refuses_elsewhere(mlflow, log):
    """AR@100, mAP50(B) and class names with @ stop other people's training."""
    names = {1: "person @home", 2: "a:b,c", 3: "(x)", 4: "猫"}
    protocol = Protocol(area_ranges=((0, 1e9), (0, 900)), area_names=("all", "< 900 px² (tiny)"))
    for keys in ("torchmetrics", "coco"):
        result = result_cases.make_result(protocol, n_gt=60, names=names)
        with mlflow.start_run() as run:
            log(result, step=0, keys=keys, class_names=True, prefix="my-val.1 x/", media=False)
        found = {name for name, _ in history(mlflow, run)}
        key = "my-val.1 x/AP/" if keys == "coco" else "my-val.1 x/map/"
        assert {key + name for name in ("person_home", "a_b_c", "x")} <= found
        assert len(found) >= len(result.scalars()) + 3 + 4


def test_more_metrics_than_one_request_holds(mlflow, log):
    result = result_cases.make_result(n_gt=3000, n_dt=3000, n_categories=1203)
    with mlflow.start_run() as run:
        log(result, step=2, class_names=True, media=False)
    names = {name for name, _ in history(mlflow, run)}
    assert sum(name.startswith("val/map/") for name in names) == sum(row["n_gt"] > 0 for row in result.per_class) > 1000


def test_tables(mlflow, log):
    result = make_result()
    with mlflow.start_run() as run:
        log(result, step=0, rows=2)
        log(result, step=1, rows=2)  # replaces the first, and does not grow
    tables = {}
    for name in ("per_class", "per_image", "confusion"):
        with artifact(run, f"val/{name}.csv").open(encoding="utf-8") as file:
            tables[name] = list(csv.reader(file))
    assert [row[:2] for row in tables["per_class"][1:]] == [["1", "person"], ["2", "dog/cat"], ["200", "猫@home"]]
    assert [row[0] for row in tables["per_image"]] == ["image_id", "8", "7"]
    labels = [*NAMES.values(), "background"]
    matrix = result.confusion(0.5, result.best_threshold().threshold).matrix
    assert tables["confusion"] == [
        ["actual", *labels], *([label, *map(str, row)] for label, row in zip(labels, matrix.tolist(), strict=True))
    ]  # fmt: skip


def test_images(mlflow, log, tmp_path):
    from PIL import Image

    gt, dt = make_scene()
    gt["images"][0]["file_name"] = "é.png"
    write_images(tmp_path)
    (tmp_path / FILES[7]).rename(tmp_path / "é.png")
    result = pymetrics.evaluate(gt, dt)
    with mlflow.start_run() as run:
        log(result, tmp_path, step=6, shown=[7, 8], prefix="v/")
    marks = Marks(result, result.best_threshold().threshold)
    for id_, name, file in ((8, "v~two.png", FILES[8]), (7, "v~_.png 0", "é.png")):
        (path,) = artifact(run, "images").glob(f"{name}+step+6+*.png")
        found = Image.open(path)
        assert found.size == SIZES[id_][::-1]
        wanted = draw_marks(Image.open(tmp_path / file), marks.of(id_))
        np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))


def test_images_deep_in_folders(mlflow, log):
    """MLflow makes one name of a file of the whole path; longer ones than a file system takes would be an error."""
    gt, dt = make_scene()
    for image in gt["images"]:
        image["file_name"] = f"{'folder/' * 40}{image['id']}.png"
    with mlflow.start_run() as run:
        log(pymetrics.evaluate(gt, dt), True, step=0, shown=[7, 8])
    names = {path.name.partition("+")[0] for path in artifact(run, "images").glob("*.png")}
    paths = {place: "~".join([*["folder"] * 40, file]) for place, file in enumerate(("7.png", "8.png"))}
    assert names == {f"{path[-150:]} {place}" for place, path in paths.items()}


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
def test_figures_and_report(mlflow, log, need, tmp_path):
    need("matplotlib")
    result = make_result()
    with mlflow.start_run() as run:
        log(result, write_images(tmp_path), step=0, shown=0, figures=True, report=True, class_names=NAMES)
    names = {path.name for path in artifact(run, "val").iterdir()}
    assert names == {f"{name}.png" for name in result.figures()} | {
        "report.html", "per_class.csv", "per_image.csv", "confusion.csv",
    }  # fmt: skip
    assert artifact(run, "val/confusion.png").read_bytes().startswith(b"\x89PNG")
    (found,) = pymetrics.read_report(artifact(run, "val/report.html")).values()
    assert found.scalars["map"] == result["map"]


def test_which_run(mlflow, log):
    result = make_result()
    with pytest.raises(ValueError, match="no run of MLflow is active"):
        log(result, step=0)
    assert mlflow.active_run() is None  # none was begun in silence
    with mlflow.start_run() as first:
        pass
    with mlflow.start_run() as second:
        log(result, step=0, run=first, media=False)
        log(result, step=1, run=first.info.run_id, media=False)
    assert {step for _, step in history(mlflow, first)} == {0, 1}
    assert history(mlflow, second) == {}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step": None}, "step must be an integer from 0 on, got None"),
        ({"step": 0, "prefix": "val@"}, "prefix may hold letters"),
        ({"step": 0, "class_names": {1: "a", 2: "a", 200: "b"}}, r"class_names\[1\] and class_names\[2\] are both 'a'"),
        ({"step": 0, "images": {8: "nowhere.png"}}, "image 8 cannot be read from 'nowhere.png'"),
    ],
)
def test_bad_arguments(mlflow, log, settings, message):
    with mlflow.start_run(), pytest.raises(ValueError, match=message):
        log(make_result(), **settings)


def test_a_missing_step_is_an_error(log):
    with pytest.raises(TypeError, match="step"):
        log(make_result())


@pytest.mark.parametrize("found", [None, types.ModuleType("mlflow")], ids=["nothing", "a folder ./mlflow"])
def test_without_mlflow_the_error_names_the_extra(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", found)
    monkeypatch.delitem(sys.modules, "pymetrics.trackers.mlflow", raising=False)
    with pytest.raises(ImportError, match=r"needs MLflow: pip install 'pymetrics-detection\[mlflow\]'"):
        importlib.import_module("pymetrics.trackers.mlflow")
