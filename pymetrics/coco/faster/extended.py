"""What faster-coco-eval computes beyond the summary: areas under curves, precision and recall at the best F1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .cocoeval import COCOeval_faster

NOTHING = float("nan")
DIGITS = 15  # to which areas are rounded


def areas_under_curves(precision: Any, recalls: Any) -> list[float]:
    """Of each category and area range, at the first threshold: steps of recall times precision made to fall.

    precision: (T, R, K, A, M). As in faster-coco-eval, the values of all limits stand in one line, limit by limit
    within each recall, and the first R of them are read. Sums are in long double.
    """
    first = np.moveaxis(precision[0], 0, 2)  # (K, A, R, M)
    lines = first.reshape(*first.shape[:2], -1).astype(np.longdouble)
    falling = np.maximum.accumulate(lines[..., ::-1], -1)[..., ::-1]
    steps = np.diff(np.asarray(recalls, np.longdouble))
    sums = np.cumsum(steps * falling[..., 1 : len(steps) + 1], -1)
    if not len(steps):
        return [0.0] * (sums.shape[0] * sums.shape[1])
    return [round(float(value), DIGITS) for value in sums[..., -1].ravel()]


def extended_metrics(evaluation: COCOeval_faster) -> dict[str, Any]:
    """COCOeval_faster.extended_metrics."""
    p, precision = evaluation.params, evaluation.eval["precision"]
    at_half = np.flatnonzero(np.isclose(p.iouThrs, 0.5))
    if not len(at_half):
        raise ValueError(f"extended_metrics requires IoU threshold 0.50, which params.iouThrs {list(p.iouThrs)} lack")
    half, stats = int(at_half[0]), evaluation.stats_as_dict
    of_class, best_precision, best_recall = _at_best_f1(evaluation)
    rows = []
    names = {category["id"]: category["name"] for category in evaluation.cocoGt.loadCats(p.catIds)} if p.useCats else {}
    for k, category in enumerate(p.catIds if p.useCats else ()):
        values = precision[:, :, k, 0, -1]
        found = (_mean(values), _mean(values[half]), *of_class.get(int(category), (NOTHING, NOTHING)))
        if not np.isnan(found).any():
            rows.append(_row(names[int(category)], *found))
    rows.append(_row("all", stats["AP_all"], stats["AP_50"], best_precision, best_recall))
    return {"class_map": rows, "map": stats["AP_50"], "precision": best_precision, "recall": best_recall}


def _row(name: str, *values: float) -> dict[str, Any]:
    return {"class": name} | dict(zip(("map@50:95", "map@50", "precision", "recall"), values, strict=True))


def _mean(values: Any) -> float:
    values = values[values > -1]
    return float(values.mean()) if len(values) else NOTHING


def _at_best_f1(evaluation: COCOeval_faster) -> tuple[dict[int, tuple[float, float]], float, float]:
    """Precision and recall of each class, and their means, at the lowest score whose mean F1 is the highest.

    All detections count, not only those within a limit; one is right that matched at 0.5 in any area range.
    """
    p, gts, dts = evaluation.params, evaluation.cocoGt.anns, evaluation.cocoDt.anns
    right = {int(name.split("_", 1)[0]) for name, iou in evaluation.eval["matched"].items() if iou >= 0.5}
    n_gt: dict[Any, int] = {}
    for gt in gts.values():
        if not gt.get("iscrowd", 0):
            n_gt[gt["category_id"]] = n_gt.get(gt["category_id"], 0) + 1
    rows_of: dict[Any, list[tuple[float, int]]] = {}
    for id, dt in dts.items():
        rows_of.setdefault(dt["category_id"], []).append((float(dt["score"]), int(id in right)))
    wanted = p.catIds if p.useCats else list({dt["category_id"] for dt in dts.values()})
    valid = [category for category in wanted if n_gt.get(category, 0)]
    thresholds = np.array(sorted({float(dt["score"]) for dt in dts.values()}))
    if not valid or not len(thresholds):
        return {}, 0.0, 0.0
    precision, recall = (np.zeros((len(thresholds), len(valid))) for _ in range(2))
    for k, category in enumerate(valid):
        rows = sorted(rows_of.get(category, []), key=lambda row: -row[0])
        scores, hits = np.array([score for score, _ in rows]), np.cumsum([0, *(hit for _, hit in rows)])
        above = np.searchsorted(-scores, -thresholds, side="right")  # n_above: how many have this score or a higher one
        precision[:, k] = np.divide(hits[above], above, where=above > 0, out=np.zeros(len(above)))
        recall[:, k] = hits[above] / n_gt[category]
    total = precision + recall
    f1 = np.divide(2.0 * precision * recall, total, where=total > 0, out=np.zeros(total.shape))
    best = int(f1.mean(1).argmax())
    of_class = {int(c): (float(precision[best, k]), float(recall[best, k])) for k, c in enumerate(valid)}
    return of_class, float(precision[best].mean()), float(recall[best].mean())
