"""Comet: a Result as metrics, curves, a confusion matrix, tables, and images with annotation layers.

>>> experiment = comet_ml.start(project_name="detector")                # doctest: +SKIP
>>> from pymetrics.trackers import comet                                # doctest: +SKIP
>>> comet.log(experiment, result, "val2017/", step=step, epoch=epoch)   # doctest: +SKIP

Comet drops what it does not like with a line in its log alone; here that is an error.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, Literal

from ..evaluation.result import Result
from ..pictures import Mark
from . import content
from .content import Names

LONGEST_KEY = 100  # of a metric: comet_ml.config.config_constants.MAXIMAL_KEY_LENGTH of comet_ml 3.58.8


def log(
    experiment: Any,
    result: Result,
    images: Any = None,
    *,
    step: int,
    epoch: int | None = None,
    prefix: str = "val/",
    media: bool = True,
    ious: Sequence[float] | None = None,
    keys: Literal["torchmetrics", "coco"] = "torchmetrics",
    class_names: Names = None,
    shown: int | Sequence[Any] = 16,
    rows: int = 1000,
    curves: int = 20,
) -> None:
    """Log a result to a Comet experiment, online or offline.

    Metrics, full names with their prefix: `Result.scalars`, and at the score of the best macro F1 (IoU .5, or the
    protocol's first) "precision", "recall", "f1", and this score, "f1_threshold". What is undefined is left out.

    Curves: "pr_50/mean", "pr_50/<class>", precision over recall; "confidence/precision", "confidence/recall",
    "confidence/f1", means over classes against the score. The confusion matrix of all classes, with background, at the
    same score (where the data is beside the result): "confusion.json". Tables "per_class.csv" and "per_image.csv",
    whose names stay, so that Comet's data panel joins experiments by category_id or image_id; the last one logged
    replaces the one before.

    Images have the name of their file, or their id, in every epoch, so that Comet's image panel lines them up; with the
    layers "ground truth", "true positives", "false positives" and "misses": boxes in pixels of the image, or polygons,
    of masks and rotated boxes. Poses have their box. A layer without objects is left out.

    Args:
        experiment: what comet_ml.start returned.
        result: of `pymetrics.evaluate` or an Accumulator; for images, one with its data (keep_data=True).
        images: a folder, in which files have the names of the data; a mapping from image id to paths, PIL images or
            arrays; a function of the image id; True: blank canvases of the images' sizes; None: no images.
        step: of training; Comet would otherwise take the last one that it saw.
        epoch: the same, if you count epochs.
        prefix: goes before every name but those of images.
        media: False logs metrics alone.
        ious: IoU thresholds of the protocol, each with curves of precision over recall; None stands for .5 (the first,
            where the protocol has no .5).
        keys, class_names: as `Result.scalars`; class_names names curves, labels and rows, too.
        shown: how many images, those with the lowest F1; or the ids of the images, to see the same in each epoch.
        rows: at most so many rows, those of the worst images, has the table "per_image.csv".
        curves: at most so many classes, those with the most ground truth, have a curve.

    Raises:
        ValueError: a name holds what trackers refuse, or is too long for Comet; class_names lacks a category of the
            ground truth, or two of them are equal; a number is NaN; step or epoch is no integer from 0 on; an image is
            missing, cannot be read or has another size than the data says.
        TypeError: experiment is no Comet experiment; class_names is no mapping.
        RuntimeError: Comet refused something, or the experiment has ended.
    """
    if not callable(getattr(experiment, "log_confusion_matrix", None)):
        raise TypeError(
            f"experiment must be what comet_ml.start returns, got {type(experiment).__name__} "
            "(Comet: pip install 'pymetrics-detection[comet]')"
        )
    if not getattr(experiment, "alive", True):
        raise RuntimeError("the Comet experiment has ended, or never began: it would drop everything in silence")
    step = content.check_step(step)
    epoch = None if epoch is None else content.check_step(epoch, "epoch")
    at = content.best_f1(result)
    values = content.scalars(result, prefix, keys, class_names, at)
    names = content.display_names(result, class_names)
    for name in values:
        _check_length(name, LONGEST_KEY)
    with_images = media and images is not None
    pictures = list(content.Shown(result, images, shown, at.threshold, class_names)) if with_images else []
    experiment.log_metrics(values, step=step, epoch=epoch)
    if not media:
        return

    def send(what: str, log: Callable[..., Any], *args: Any, **settings: Any) -> None:
        if log(*args, **settings) is None:
            raise RuntimeError(f"Comet refused {what}: its own log says why")

    for name, x, y in _curves(result, ious, names, curves):
        name = prefix + name
        _check_length(name, experiment.asset_name_max_length)
        send(f"the curve {name!r}", experiment.log_curve, name, x, y, step=step)
    found = content.confusion(result, names, at.threshold)
    if found is not None:
        labels, matrix, _ = found
        send(
            "the confusion matrix", experiment.log_confusion_matrix, matrix=matrix, labels=labels,
            max_categories=len(labels), file_name=f"{prefix}confusion.json", step=step, epoch=epoch,
            title=f"Confusion at IoU {result.protocol.main_iou:g} and score {at.threshold:.3g}",
        )  # fmt: skip
    for name, table in (
        (f"{prefix}per_class.csv", content.per_class_table(result, names)),
        (f"{prefix}per_image.csv", content.per_image_table(result, at.threshold, rows)),
    ):
        file = io.StringIO(table.to_csv())
        send(f"the table {name!r}", experiment.log_asset, file, file_name=name, overwrite=True, step=step)
    for id_, name, image, marks in pictures:
        _check_length(name, experiment.image_name_max_length)
        send(
            f"the image {name!r}", experiment.log_image, image, name=name, step=step, annotations=layers(marks),
            metadata={"image_id": id_, "caption": content.caption(name, marks)},
        )  # fmt: skip


def layers(marks: Sequence[Mark]) -> list[dict[str, Any]]:
    """The marks of an image as log_image(annotations=...) takes them; layers without objects are left out."""
    return [
        {"name": name, "data": [_annotation(mark) for mark in members]}
        for name, members in content.layers(marks).items()
        if members
    ]


def _annotation(mark: Mark) -> dict[str, Any]:
    """One object: lists, and Python's own numbers; numpy's lose the image, and so does None in place of boxes."""
    label = f"{mark.name} (ignored)" if mark.status == "ignored" else mark.name
    x1, y1, x2, y2 = (float(value) for value in mark.box)
    made: dict[str, Any] = {"label": label}
    polygons = [[float(value) for value in outline] for outline in mark.polygons]
    made |= {"points": polygons} if polygons else {"boxes": [[x1, y1, x2 - x1, y2 - y1]]}
    if mark.side == "dt" and mark.score is not None:
        made["score"] = float(mark.score)
        made["metadata"] = {"iou": float(mark.iou or 0.0)}
    return made


def _curves(result: Result, ious: Sequence[float] | None, names: Any, most: int) -> list[content.Line]:
    found = []
    for iou in (None,) if ious is None else ious:
        curves = result.curves(iou)
        lines, _ = content.precision_lines(result, curves, names, most)
        found += [(f"{content.iou_key(curves.iou)}/{name}", x, y) for name, x, y in lines]
    curves = result.curves(result.protocol.main_iou)
    return found + [(f"confidence/{name}", x, y) for name, x, y in content.confidence_lines(curves)]


def _check_length(name: str, most: int | None) -> None:
    """Comet cuts longer names, so that two may become one. None: no limit is known."""
    if most is not None and len(name) > most:
        raise ValueError(f"Comet takes names of at most {most} characters, got {len(name)}: {name!r}")
