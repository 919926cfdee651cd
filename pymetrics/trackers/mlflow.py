"""MLflow: a Result as metrics, tables and images of a run.

>>> with mlflow.start_run():                                    # doctest: +SKIP
...     pymetrics.trackers.mlflow.log(result, step=epoch)

A run of one's own machine needs MLflow's sqlite store: mlflow.set_tracking_uri("sqlite:///mlflow.db"). Its store of
files is refused by new releases.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ..evaluation.result import Result
from ..pictures import draw_marks
from . import content
from .content import Names, Table

try:
    from mlflow import MlflowClient, active_run
    from mlflow.entities import Metric
except ImportError as error:
    raise ImportError(
        f"pymetrics.trackers.mlflow needs MLflow: pip install 'pymetrics-detection[mlflow]' ({error})"
    ) from error

LONGEST_KEY = 150  # of an image: MLflow's file has step, time and an id beside it, in 255 bytes
MOST_METRICS = 1000  # in one request: mlflow.utils.validation.MAX_METRICS_PER_BATCH of mlflow 3.17.2


def log(
    result: Result,
    images: Any = None,
    *,
    step: int,
    run: Any = None,
    prefix: str = "val/",
    media: bool = True,
    keys: Literal["torchmetrics", "coco"] = "torchmetrics",
    class_names: Names = None,
    shown: int | Sequence[Any] = 16,
    rows: int = 1000,
    figures: bool = False,
    report: bool = False,
) -> None:
    """Log a result to a run of MLflow.

    Metrics: `Result.scalars`, and at the score of the best macro F1 (IoU .5, or the protocol's first) "precision",
    "recall", "f1", and this score, "f1_threshold". What is undefined is left out. MLflow takes all of these names.

    Artifacts, which MLflow shows as tables; those of the last step replace the ones before: "per_class.csv";
    "per_image.csv", the worst images first; "confusion.csv", the confusion matrix at the same score (where the data is
    beside the result), a row per actual class.

    Images, in the run's image charts, by the name of their file: MLflow has no layers, so that boxes and masks are
    drawn into them, as `pymetrics.pictures.draw_marks` does.

    With figures=True also the artifacts "<name>.png" of `Result.figures`; with report=True "report.html", the report of
    `Result.report`, which MLflow shows in its page. Each takes a second or more: leave them to the last epoch.

    Args:
        result: of `pymetrics.evaluate` or an Accumulator; for images, one with its data (keep_data=True).
        images: a folder, in which files have the names of the data; a mapping from image id to paths, PIL images or
            arrays; a function of the image id; True: blank canvases of the images' sizes; None: no images.
        step: of training.
        run: a run or its id; None for the active one.
        prefix: goes before every name.
        media: False logs metrics alone.
        keys, class_names: as `Result.scalars`; class_names names rows and what is drawn, too.
        shown: how many images, those with the lowest F1; or the ids of the images, to see the same at each step.
        rows: at most so many rows has the table "per_image.csv".
        figures: needs Matplotlib (the extra "plot"). media=False leaves figures and report out, too.

    Raises:
        ValueError: no run is active; prefix holds what trackers refuse; class_names lacks a category of the ground
            truth, or two of them are equal; a number is NaN; step is no integer from 0 on; an image is missing, cannot
            be read or has another size than the data says.
        TypeError: class_names is no mapping.
        ImportError: figures are asked for, and Matplotlib is not installed.
        mlflow.exceptions.MlflowException: MLflow refused something.
    """
    step, run = content.check_step(step), active_run() if run is None else run
    if run is None:
        raise ValueError("no run of MLflow is active: call mlflow.start_run() first, or give run=")
    run_id = run if isinstance(run, str) else run.info.run_id
    at = content.best_f1(result)
    values = content.scalars(result, prefix, keys, class_names, at)
    with_images = media and images is not None
    pictures = list(content.Shown(result, images, shown, at.threshold, class_names)) if with_images else []
    client, now = MlflowClient(), int(1000 * time.time())
    metrics = [Metric(name, value, now, step) for name, value in values.items()]
    for begin in range(0, len(metrics), MOST_METRICS):
        client.log_batch(run_id, metrics=metrics[begin : begin + MOST_METRICS], synchronous=True)
    if not media:
        return
    names = content.display_names(result, class_names)
    tables = {
        "per_class": content.per_class_table(result, names),
        "per_image": content.per_image_table(result, at.threshold, rows),
    }
    if found := content.confusion(result, names, at.threshold):
        labels, matrix, _ = found
        lines: list[list[Any]] = [[label, *row] for label, row in zip(labels, matrix, strict=True)]
        tables["confusion"] = Table(["actual", *labels], lines)
    for name, table in tables.items():
        client.log_text(run_id, table.to_csv(), f"{prefix}{name}.csv")
    if figures:
        for name, figure in result.figures().items():
            client.log_figure(run_id, figure, f"{prefix}{name}.png")
    if report:
        given = class_names if isinstance(class_names, Mapping) else None
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/report.html"
            result.report(path, images=None if images is True else images, class_names=given)
            with open(path, encoding="utf-8") as file:
                client.log_text(run_id, file.read(), f"{prefix}report.html")
    place_of = {id_: place for place, id_ in enumerate(result.outcomes.image_ids.tolist())} if pictures else {}
    for id_, name, image, marks in pictures:
        key = _image_key(prefix + name, place_of[id_])
        client.log_image(run_id, draw_marks(image, marks), key=key, step=step, synchronous=True)


def _image_key(name: str, place: int) -> str:
    """A name that MLflow takes for an image: the end of this one, in ASCII; one that was changed gets its place."""
    key = re.sub(r"[^a-zA-Z0-9_\-./ ]", "_", name)[-LONGEST_KEY:]
    return key if key == name else f"{key} {place}"
