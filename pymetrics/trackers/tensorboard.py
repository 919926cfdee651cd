"""TensorBoard: a Result as scalars, precision-recall curves and images.

>>> writer = torch.utils.tensorboard.SummaryWriter()            # doctest: +SKIP
>>> from pymetrics.trackers import tensorboard                  # doctest: +SKIP
>>> tensorboard.log(writer, result, step, "val2017/")           # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..evaluation.result import Result
from ..pictures import draw_marks
from . import content
from .content import Names

if TYPE_CHECKING:
    from ..analysis import ConfidenceCurve

N_THRESHOLDS = 127  # of a curve, which TensorBoard wants evenly spaced from 0 to 1


def log(
    writer: Any,
    result: Result,
    step: int,
    images: Any = None,
    *,
    prefix: str = "val/",
    media: bool = True,
    keys: Literal["torchmetrics", "coco"] = "torchmetrics",
    class_names: Names = None,
    shown: int | Sequence[Any] = 16,
    curves: int = 20,
    figures: bool = False,
) -> None:
    """Log a result to a SummaryWriter, of torch.utils.tensorboard or tensorboardX.

    Scalars: `Result.scalars`, and at the score of the best macro F1 (IoU .5, or the protocol's first) "precision",
    "recall", "f1", and this score, "f1_threshold". What is undefined is left out.

    Curves of the plugin "PR curves", at the same IoU threshold: "pr/all classes", of all detections together, and
    "pr/<class>". Their points are 127 scores, evenly spaced from 0 to 1; precision is not interpolated here, and 1
    where no detection reaches the score. There are no true negatives: 0 stands for them.

    Images, under "images/<name of the file>": TensorBoard has no layers, so that boxes and masks are drawn into them,
    as `pymetrics.pictures.draw_marks` does.

    With figures=True also those of `Result.figures` (confusion matrix, bars of classes, ...), under their names; each
    takes some tenths of a second.

    Args:
        writer: has add_scalar, add_pr_curve_raw and add_image.
        result: of `pymetrics.evaluate` or an Accumulator; for images, one with its data (keep_data=True).
        step: of training.
        images: a folder, in which files have the names of the data; a mapping from image id to paths, PIL images or
            arrays; a function of the image id; True: blank canvases of the images' sizes; None: no images.
        prefix: goes before every tag.
        media: False logs scalars alone.
        keys, class_names: as `Result.scalars`; class_names names curves and what is drawn, too.
        shown: how many images, those with the lowest F1; or the ids of the images, to see the same at each step.
        curves: at most so many classes, those with the most ground truth, have a curve.
        figures: needs Matplotlib (the extra "plot"); media=False leaves them out, too.

    Raises:
        ValueError: prefix holds what trackers refuse; class_names lacks a category of the ground truth, or two of them
            are equal; a number is NaN; step is no integer from 0 on; a score is outside 0 to 1 (curves have none
            there); an image is missing, cannot be read or has another size than the data says.
        TypeError: writer is no SummaryWriter; class_names is no mapping.
        ImportError: figures are asked for, and Matplotlib is not installed.
    """
    if not callable(getattr(writer, "add_pr_curve_raw", None)):
        raise TypeError(
            f"writer must be a SummaryWriter, got {type(writer).__name__} "
            "(TensorBoard: pip install 'pymetrics-detection[tensorboard,torch]')"
        )
    step = content.check_step(step)
    at = content.best_f1(result)
    values = content.scalars(result, prefix, keys, class_names, at)
    with_images = media and images is not None
    pictures = list(content.Shown(result, images, shown, at.threshold, class_names)) if with_images else []
    for name, value in values.items():
        writer.add_scalar(name, value, step)
    if not media:
        return
    for name, curve in _curves(result, content.display_names(result, class_names), curves):
        writer.add_pr_curve_raw(f"{prefix}pr/{name}", *_points(curve), step, num_thresholds=N_THRESHOLDS)
    if figures:
        for name, figure in result.figures().items():
            writer.add_figure(prefix + name, figure, step)
    for _, name, image, marks in pictures:
        writer.add_image(f"{prefix}images/{name}", np.asarray(draw_marks(image, marks)), step, dataformats="HWC")


def _curves(result: Result, names: Mapping[Any, str], most: int) -> list[tuple[str, ConfidenceCurve]]:
    found = result.curves(result.protocol.main_iou).confidence
    if found.micro.n_gt == 0:
        return []
    scores = found.micro.scores
    if len(scores) and not (scores[-1] >= 0 and scores[0] <= 1):
        raise ValueError(
            f"scores are from {scores[-1]:g} to {scores[0]:g}, but TensorBoard's curves have thresholds from 0 to 1: "
            "say media=False"
        )
    per_class = sorted(zip(found.category_ids.tolist(), found.per_class, strict=True), key=lambda pair: -pair[1].n_gt)
    curves = [(names[id_], curve) for id_, curve in per_class if curve.n_gt]
    return [("all classes", found.micro), *curves[:most]]


def _points(curve: ConfidenceCurve) -> tuple[Any, ...]:
    """tp, fp, tn, fn: int64 (127,), precision, recall: float64 (127,), of the detections from each threshold on."""
    place = content.points_at(curve, np.linspace(0, 1, N_THRESHOLDS))
    tp, fp, fn = (np.zeros(N_THRESHOLDS, np.int64) for _ in range(3))
    tp[place >= 0], fp[place >= 0] = curve.tp[place[place >= 0]], curve.fp[place[place >= 0]]
    fn[:] = np.maximum(curve.n_gt - tp, 0)
    precision = np.where(tp + fp > 0, tp / np.maximum(tp + fp, 1), 1.0)
    return tp, fp, np.zeros_like(tp), fn, precision, tp / curve.n_gt
