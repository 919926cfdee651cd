"""Weights & Biases: a Result as one dict for `run.log`, and the axis of its scalars.

>>> import wandb                                                    # doctest: +SKIP
>>> from pymetrics.trackers.wandb import Best, define, payload      # doctest: +SKIP
>>> run, best = wandb.init(project="detector"), Best()              # doctest: +SKIP
>>> values = payload(result, best=best)                             # doctest: +SKIP
>>> define(run, values)                                             # doctest: +SKIP
>>> run.log({"epoch": epoch, **values})                             # doctest: +SKIP

Never log with `step=`: W&B drops what comes with a smaller step than the last one. `define` makes "epoch" the axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..evaluation.result import Result
from ..pictures import Mark, draw_marks
from . import content
from .best import Best as Best
from .content import Line, Names

try:
    from wandb import (
        Image,
        Table,
        plot_table,
    )  # by name: where wandb is missing, W&B's folder ./wandb is a package, too
except ImportError as error:
    raise ImportError(
        f"pymetrics.trackers.wandb needs wandb: pip install 'pymetrics-detection[wandb]' ({error})"
    ) from error


def payload(
    result: Result,
    images: Any = None,
    prefix: str = "val/",
    *,
    best: Best | None = None,
    epoch: int | None = None,
    media: bool | Literal["best"] = True,
    ious: Sequence[float] | None = None,
    keys: Literal["torchmetrics", "coco"] = "torchmetrics",
    class_names: Names = None,
    shown: int | Sequence[Any] = 16,
    rows: int = 1000,
) -> dict[str, Any]:
    """What run.log takes of a result: log it as run.log({"epoch": epoch, **payload(result)}).

    Scalars, Python floats: `Result.scalars`, and at the score of the best macro F1 (IoU .5, or the protocol's first)
    "precision", "recall", "f1", and this score, "f1_threshold". What is undefined is left out.

    Charts, each a table of its own in W&B's storage: "pr_50", precision over recall; "confidence", macro precision,
    recall and F1 over the score; "confusion", the confusion matrix with background at the same score (where the data
    is beside the result); the tables "per_class" and "per_image". Charts have at most Table.MAX_ROWS rows (10 000): of
    more than 98 categories they take those with the most ground truth, and say so in their title.

    Images, under "images", each with the layers ground_truth, true_positives, false_positives and misses: boxes, and
    masks where masks were evaluated (of at most 255 categories). Rotated boxes and poses, for which W&B has no layers,
    are drawn into the image. Images are not resized; where their sizes differ, which W&B shows wrongly, the smaller
    ones get a black margin to the right and below. Boxes are fractions of what is logged.

    Args:
        result: of `pymetrics.evaluate` or an Accumulator; for images, one with its data (keep_data=True).
        images: a folder, in which files have the names of the data; a mapping from image id to paths, PIL images or
            arrays; a function of the image id; True: blank canvases of the images' sizes; None: no images.
        prefix: goes before every key.
        best: keeps the best result of the run, by "map" if you do not say otherwise; adds "map_best", "map_best_epoch".
        epoch: for best; None counts the calls from 0.
        media: False leaves charts, tables and images out; "best" does so unless this is the best result so far.
        ious: IoU thresholds of the protocol, each with a chart of precision over recall; None stands for .5 (the
            first, where the protocol has no .5).
        keys, class_names: as `Result.scalars`; class_names names the lines of the charts, too.
        shown: how many images, those with the lowest F1; or the ids of the images, to see the same in each epoch.
        rows: at most so many rows, those of the worst images, has the table "per_image".

    Raises:
        ValueError: a name holds what trackers refuse; class_names lacks a category of the ground truth, or two of them
            are equal; a number is NaN; an IoU threshold is not the protocol's; media="best" without best; an image is
            missing, cannot be read or has another size than the data says; more images than W&B shows (108).
        TypeError: class_names is no mapping; best is no Best.
    """
    if media not in (True, False, "best"):
        raise ValueError(f'media must be True, False or "best", got {media!r}')
    if best is not None and not isinstance(best, Best):
        raise TypeError(f"best must be a Best(), the same in every epoch; got {type(best).__name__}")
    if media == "best" and best is None:
        raise ValueError('media="best" needs best=Best(), the same in every epoch')
    at = content.best_f1(result)
    values: dict[str, Any] = {**content.scalars(result, prefix, keys, class_names, at)}
    if best is not None:
        best.update(result, epoch)
        values |= {prefix + key: value for key, value in best.scalars().items()}
    if media is True or (media == "best" and best is not None and best.is_new):
        charts = _charts(result, ious, at.threshold, content.display_names(result, class_names), rows)
        values |= {prefix + key: chart for key, chart in charts.items()}
        if images is not None:
            found = content.Shown(result, images, shown, at.threshold, class_names, Image.MAX_ITEMS)
            if found.ids:
                values[prefix + "images"] = _images(result, found)
    return values


def define(run: Any, keys: Iterable[str], *, step: str = "epoch") -> None:
    """Draw each of these over `step`. The run's summary keeps what it has by default, the last value.

    Call it before the keys are first logged; to call it again changes nothing.

    Args:
        run: what wandb.init returned.
        keys: names of scalars, or a payload.
        step: the key that is logged together with them.

    Raises:
        TypeError: keys is a string.
    """
    if isinstance(keys, str):
        raise TypeError(f"keys must be several names, got the string {keys!r}")
    run.define_metric(step)
    for key in keys:
        run.define_metric(key, step_metric=step)


def _charts(
    result: Result, ious: Sequence[float] | None, score: float | None, names: Mapping[Any, str], rows: int
) -> dict[str, Any]:
    charts: dict[str, Any] = {}
    for iou in (None,) if ious is None else ious:
        curves = result.curves(iou)
        lines, n = content.precision_lines(result, curves, names, Table.MAX_ROWS // len(curves.recall) - 1)
        if lines:
            title = f"Precision over recall at IoU {curves.iou:g}{_left_out(len(lines) - 1, n)}"
            charts[content.iou_key(curves.iou)] = _lines(lines, title, ("recall", "precision"))
    curves = result.curves(result.protocol.main_iou)
    if lines := content.confidence_lines(curves):
        charts["confidence"] = _lines(lines, f"Means over classes at IoU {curves.iou:g}", ("score", "value"))
    if found := content.confusion(result, names, score, math.isqrt(Table.MAX_ROWS) - 1):
        charts["confusion"] = _confusion(*found, f"Confusion at IoU {curves.iou:g} and score {score:.3g}")
    for name, table in (
        ("per_class", content.per_class_table(result, names)),
        ("per_image", content.per_image_table(result, score, rows)),
    ):
        if table.rows:
            charts[name] = Table(table.columns, table.rows)
    return charts


def _lines(lines: list[Line], title: str, axes: tuple[str, str]) -> Any:
    """W&B's own chart of lines."""
    rows = [[name, x, y] for name, xs, ys in lines for x, y in zip(xs, ys, strict=True)]
    x, y = axes
    return plot_table(
        "wandb/area-under-curve/v0",
        Table(["class", x, y], rows, dtype=[str, float, float], optional=False),  # types given: a third of the time
        {"x": x, "y": y, "class": "class"},
        {"title": title, "x-axis-title": x.capitalize(), "y-axis-title": y.capitalize()},
    )


def _confusion(labels: list[str], matrix: list[list[int]], n: int, title: str) -> Any:
    """W&B's own confusion matrix."""
    rows = [[labels[i], labels[j], count] for i, row in enumerate(matrix) for j, count in enumerate(row)]
    columns = ["Actual", "Predicted", "nPredictions"]
    return plot_table(
        "wandb/confusion_matrix/v1",
        Table(columns, rows, dtype=[str, str, int], optional=False),
        {name: name for name in columns},
        {"title": title + _left_out(len(labels) - 1, n)},
    )


def _images(result: Result, shown: content.Shown) -> list[Any]:
    """W&B shows images of several sizes wrongly: smaller ones get a margin to the right and below."""
    number_of = _class_numbers(result.totals.category_ids.tolist())
    labels = {number_of[id_]: name for id_, name in shown.marks.name_of.items()}
    has_masks = result.outcomes.iou_type in ("segm", "boundary") and max(labels, default=0) <= 255
    found = list(shown)
    size = (max((image.width for _, _, image, _ in found), default=1),
            max((image.height for _, _, image, _ in found), default=1))  # fmt: skip
    made = []
    for _, name, image, marks in found:
        boxes: dict[str, Any] = {}
        masks: dict[str, Any] = {}
        if any(mark.corners or mark.points for mark in marks):
            image = draw_marks(image, marks)
        else:
            for layer, members in content.layers(marks).items():
                key = layer.replace(" ", "_")
                data = [_box(mark, number_of[mark.category], size) for mark in members]
                boxes[key] = {"box_data": data, "class_labels": labels}
                if has_masks:
                    numbers = _mask(members, number_of, image, size)
                    masks[key] = {"mask_data": numbers, "class_labels": labels}
        canvas = image.crop((0, 0, *size))  # black beyond the image
        caption = content.caption(name, marks)
        made.append(Image(canvas, caption=caption, boxes=boxes or None, masks=masks or None, file_type="jpg"))
    return made


def _class_numbers(ids: list[Any]) -> dict[Any, int]:
    """An int for each category: its id where all are ints from 1 to 255, else its place on axis K, from 1."""
    if all(isinstance(id_, int) and 0 < id_ <= 255 for id_ in ids):
        return {id_: id_ for id_ in ids}
    return {id_: place for place, id_ in enumerate(ids, 1)}


def _box(mark: Mark, number: int, size: tuple[int, int]) -> dict[str, Any]:
    (x1, y1, x2, y2), (width, height) = mark.box, size
    box: dict[str, Any] = {
        "position": {"minX": x1 / width, "maxX": x2 / width, "minY": y1 / height, "maxY": y2 / height},
        "class_id": number,
        "box_caption": f"{mark.name} (ignored)" if mark.status == "ignored" else mark.name,
    }
    if mark.side == "dt":
        box["box_caption"] = f"{mark.name} {mark.score:.2f}"
        box["scores"] = {"score": mark.score, "iou": mark.iou or 0.0}
    return box


def _mask(marks: list[Mark], number_of: Mapping[Any, int], image: Any, size: tuple[int, int]) -> Any:
    """uint8 (height, width): the number of the category, 0 without one; of detections the highest score is in front."""
    numbers = np.zeros(size[::-1], np.uint8)
    inner = numbers[: image.height, : image.width]
    for mark in reversed(marks):
        bitmap = mark.bitmap()
        if bitmap.shape != inner.shape:
            height, width = bitmap.shape
            raise ValueError(f"a mask is {width} x {height} pixels, but its image {image.width} x {image.height}")
        inner[bitmap] = number_of[mark.category]
    return numbers


def _left_out(shown: int, n: int) -> str:
    return f" ({shown} of {n} classes, those with the most objects)" if shown < n else ""
