"""Matplotlib figures of a result: the charts of the report, for papers and trackers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import analysis
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from ..pictures.names import labels_of
from .errors import KINDS
from .labels import overlap_name
from .model import mean_curves, pr_thresholds

MAIN, SECOND, THIRD, FAINT, GREY = "#2a62c9", "#d2601a", "#0c8577", "#2a62c9", "#62646a"
MOST_CLASSES = 40  # bars of classes; those of the highest and the lowest precision
MOST_CONFUSED = 30


def figures(result: Result) -> dict[str, Any]:
    """Figures by name: precision_recall, confidence, per_class, and where the data is at hand confusion, tide; and
    calibration where scores are from 0 to 1. They belong to no window: `figure.savefig(path)` writes one.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    found = {
        "precision_recall": _precision_recall(result),
        "confidence": _confidence(result),
        "per_class": _per_class(result),
    }
    for name, draw in (("confusion", _confusion), ("tide", _tide), ("calibration", _calibration)):
        try:
            found[name] = draw(result)
        except ValueError:  # the data is not at hand, or has no such numbers
            continue
    return found


def _axes(width: float, height: float, n: int = 1) -> tuple[Any, list[Any]]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"figures need Matplotlib: pip install 'pymetrics-detection[plot]' ({error})") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = [figure.add_subplot(1, n, i + 1) for i in range(n)]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(color="#ebebe6", linewidth=0.8)
        one.set_axisbelow(True)
    return figure, axes


def _names(result: Result) -> list[str]:
    outcomes = result.outcomes
    names = labels_of(outcomes.category_ids.tolist(), outcomes.category_names).values()
    return [name.replace("$", r"\$") for name in names]  # a dollar sign would begin a formula


def _unit(axes: Any, x: str, y: str, title: str) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=x, ylabel=y)
    axes.set_title(title, loc="left", fontsize=11)


def _precision_recall(result: Result) -> Any:
    ious = pr_thresholds(result)
    overlap = overlap_name(result.outcomes.iou_type)
    figure, axes = _axes(4.2 * len(ious), 3.8, len(ious))
    for one, iou in zip(axes, ious, strict=True):
        if iou is None:
            lines = mean_curves(result, range(len(result.outcomes.category_ids)))
        else:
            curves = result.curves(iou)
            lines = np.concatenate([curves.mean[None], curves.precision])
        recall = np.array(result.protocol.recall_thresholds)
        for line in lines[1:]:
            if (line != UNDEFINED).any():
                one.plot(recall, line, color=FAINT, linewidth=0.8, alpha=0.22)
        value = "undefined"
        if (lines[0] != UNDEFINED).any():
            one.plot(recall, lines[0], color=MAIN, linewidth=2.2)
            value = f"{lines[0].mean():.3f}"
        title = f"mean over {overlap} thresholds" if iou is None else f"{overlap} {iou:.2f}"
        _unit(one, "Recall", "Precision", f"{title}: {value}")
    return figure


def _confidence(result: Result) -> Any:
    figure, (axes,) = _axes(5.2, 3.8)
    iou = result.protocol.main_iou
    curve = result.curves(iou).confidence.macro
    for name, color in (("precision", MAIN), ("recall", SECOND), ("f1", THIRD)):
        values = getattr(curve, name)
        axes.plot(
            curve.scores, np.where(values == UNDEFINED, np.nan, values), color=color, label=name.replace("f1", "F1")
        )
    best = result.best_threshold("f1", iou)
    if best.threshold is not None:
        axes.plot([best.threshold], [best.f], "o", color=THIRD)
    _unit(axes, "Confidence", "Mean over classes", f"At {overlap_name(result.outcomes.iou_type)} {iou:.2f}")
    if len(curve) and not (curve.scores[-1] >= 0 and curve.scores[0] <= 1):
        axes.set_xlim(float(curve.scores[-1]), float(curve.scores[0]))
    axes.legend(frameon=False)
    return figure


def _per_class(result: Result) -> Any:
    key, row = next(iter(result)), result.rows[0]
    rows = sorted(
        ((one[key], name) for one, name in zip(result.per_class, _names(result), strict=True) if one[key] != UNDEFINED),
        key=lambda pair: pair[0],
    )
    if len(rows) > MOST_CLASSES:
        rows = rows[: MOST_CLASSES // 2] + rows[-MOST_CLASSES // 2 :]
    figure, (axes,) = _axes(6, 1.2 + 0.24 * len(rows))
    axes.barh(range(len(rows)), [value for value, _ in rows], color=MAIN, height=0.62)
    axes.set_yticks(range(len(rows)), [name for _, name in rows])
    axes.set(xlim=(0, 1), xlabel=row.coco_key)
    axes.grid(visible=False, axis="y")
    axes.set_title(f"{row.coco_key} of each class", loc="left", fontsize=11)
    return figure


def _confusion(result: Result) -> Any:
    iou = result.protocol.main_iou
    best = result.best_threshold("f1", iou)
    found = analysis.confusion(result, iou, best.threshold if best.threshold is not None else 0.0)
    n = len(found.category_ids)
    matrix, names = found.matrix, [*_names(result), "background"]
    mixed = matrix[:-1, :-1].sum(axis=0) + matrix[:-1, :-1].sum(axis=1) - 2 * np.diag(matrix)[:-1]
    shown = [*sorted(np.argsort(-mixed, kind="stable")[:MOST_CONFUSED].tolist()), n]
    totals = matrix.sum(axis=1, keepdims=True)
    shares = (matrix / np.maximum(totals, 1))[np.ix_(shown, shown)]
    side = 2.2 + 0.3 * len(shown)
    figure, (axes,) = _axes(side, side)
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(shown) <= MOST_CONFUSED + 1:
        for r, actual in enumerate(shown):
            for c, predicted in enumerate(shown):
                if matrix[actual, predicted]:
                    color = "white" if shares[r, c] > 0.55 else "black"
                    axes.text(c, r, str(matrix[actual, predicted]), ha="center", va="center", fontsize=7, color=color)
    axes.set_xticks(range(len(shown)), [names[k] for k in shown], rotation=90)
    axes.set_yticks(range(len(shown)), [names[k] for k in shown])
    axes.set(xlabel="Predicted", ylabel="Actual")
    title = f"{overlap_name(result.outcomes.iou_type)} {found.iou:.2f}, confidence {found.score:.2f}"
    axes.set_title(title, loc="left", fontsize=11)
    return figure


def _tide(result: Result) -> Any:
    found = analysis.tide(result, result.protocol.main_iou)
    figure, (axes,) = _axes(5.2, 3.2)
    kinds = list(KINDS)[::-1]
    bars = axes.barh([KINDS[kind][0] for kind in kinds], [found[kind] for kind in kinds], color=MAIN, height=0.62)
    axes.bar_label(bars, fmt="%.1f", padding=3, color=GREY, fontsize=9)
    axes.grid(visible=False, axis="y")
    axes.set(xlabel=f"Points of AP at {overlap_name(result.outcomes.iou_type)} {found.positive:.2f}")
    axes.set_title("What mending one kind of error would give", loc="left", fontsize=11)
    return figure


def _calibration(result: Result) -> Any:
    found = analysis.calibration(result, result.protocol.main_iou)
    figure, (axes,) = _axes(4.2, 3.8)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":")
    filled = found.counts > 0
    axes.plot(found.score[filled], found.right[filled], "o-", color=MAIN)
    ece = "undefined" if found.ece == UNDEFINED else f"{found.ece:.3f}"
    _unit(axes, "Mean confidence", "Share that is right", f"ECE {ece}")
    return figure
