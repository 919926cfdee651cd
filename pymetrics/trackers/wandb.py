"""Weights & Biases: a Result as one dict for `run.log`, and the axis and the best value of its scalars.

>>> import wandb                                                    # doctest: +SKIP
>>> from pymetrics.trackers.wandb import define, payload            # doctest: +SKIP
>>> run = wandb.init(project="detector")                            # doctest: +SKIP
>>> values = payload(result)                                        # doctest: +SKIP
>>> define(run, values)                                             # doctest: +SKIP
>>> run.log({"epoch": epoch, **values})                             # doctest: +SKIP

Never log with `step=`: W&B drops what comes with a smaller step than the last one. `define` makes "epoch" the axis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from ..evaluation.curves import Curves
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED

try:
    from wandb import Table, plot_table  # by name: where wandb is missing, W&B's folder ./wandb is a package, too
except ImportError as error:
    raise ImportError(
        f"pymetrics.trackers.wandb needs wandb: pip install 'pymetrics-detection[wandb]' ({error})"
    ) from error


def payload(
    result: Result,
    prefix: str = "val/",
    *,
    ious: Sequence[float] | None = None,
    keys: Literal["torchmetrics", "coco"] = "torchmetrics",
    class_names: Mapping[int, str] | bool | None = None,
) -> dict[str, Any]:
    """The scalars of a result and its precision-recall curves: log it as run.log({"epoch": epoch, **payload(result)}).

    Each chart is a table of its own in W&B's storage: with many classes and epochs leave it to the best epochs (ious).

    Args:
        result: of `pymetrics.evaluate` or an Accumulator.
        prefix: goes before every key.
        ious: IoU thresholds of the protocol. Each adds a chart, "pr_50" for .5; None stands for .5 (the first, where
            the protocol has no .5), () for no chart. A chart has a line for the mean and one for each category that
            has ground truth. Where these are more rows than W&B shows (Table.MAX_ROWS, 10 000: the mean and 98
            categories), it takes those with the most ground truth, and its title says so. No ground truth, no chart.
        keys, class_names: as `Result.scalars`; class_names names the lines of the charts, too.

    Raises:
        ValueError, TypeError: as `Result.scalars` and `Result.curves`.
    """
    values: dict[str, Any] = {**result.scalars(prefix, keys=keys, class_names=class_names)}
    for iou in (None,) if ious is None else ious:
        curves = result.curves(iou)
        if (curves.mean != UNDEFINED).any():
            name = f"pr_{100 * curves.iou:g}".replace(".", "_")
            values[prefix + name] = _chart(result, curves, class_names)
    return values


def define(run: Any, keys: Iterable[str], *, step: str = "epoch", summary: str = "max") -> None:
    """Draw each of these scalars over `step`, and keep its best value in the run's summary (as "<key>.max").

    Call it before the keys are first logged; to call it again changes nothing.

    Args:
        run: what wandb.init returned.
        keys: names of scalars, or a payload. No globs: with one W&B puts tables and images through `summary`, too.
        step: the key that is logged together with them.
        summary: "max", or "min" for losses.

    Raises:
        TypeError: keys is a string.
        ValueError: a key holds a `*`.
    """
    if isinstance(keys, str):
        raise TypeError(f"keys must be several names, got the string {keys!r}")
    keys = list(keys)
    for i, key in enumerate(keys):
        if "*" in key:
            raise ValueError(f"keys[{i}] must be the whole name of one scalar, got {key!r}")
    run.define_metric(step)
    for key in keys:
        run.define_metric(key, step_metric=step, summary=summary)


def _chart(result: Result, curves: Curves, class_names: Mapping[int, str] | bool | None) -> Any:
    """W&B's own chart of precision over recall: a line for the mean, and one per category as far as the rows reach."""
    name_of = class_names if isinstance(class_names, Mapping) else result.outcomes.category_names
    ids, n_gt = result.outcomes.category_ids.tolist(), [row["n_gt"] for row in result.per_class]
    defined = [k for k in range(len(ids)) if curves.precision[k, 0] != UNDEFINED]
    shown = sorted(defined, key=lambda k: -n_gt[k])[: max(0, Table.MAX_ROWS // len(curves.recall) - 1)]

    names = [str(name_of.get(ids[k], ids[k])) for k in shown]
    n_uses = Counter(["mean", *names])
    lines = [("mean", curves.mean)]
    lines += [
        (f"{name} ({ids[k]})" if n_uses[name] > 1 else name, curves.precision[k])
        for k, name in zip(shown, names, strict=True)
    ]
    recall = curves.recall.tolist()
    rows = [[name, r, p] for name, line in lines for r, p in zip(recall, line.tolist(), strict=True)]

    title = f"Precision over recall at IoU {curves.iou:g}"
    if len(shown) < len(defined):
        title += f" ({len(shown)} of {len(defined)} classes, those with the most objects)"
    columns = ["class", "recall", "precision"]
    return plot_table(
        "wandb/area-under-curve/v0",
        Table(columns, rows, dtype=[str, float, float], optional=False),  # types given: a third of the time
        {"x": "recall", "y": "precision", "class": "class"},
        {"title": title, "x-axis-title": "Recall", "y-axis-title": "Precision"},
    )
