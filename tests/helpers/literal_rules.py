"""The number of a Rules value by its docstring, one decision at a time; slow, and written from that text alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.analysis_scenes import Scene
from pymetrics.analysis import Rules


def number(of: Scene, rules: Rules) -> float | None:
    """The metric "map", areas unread; None without ground truth that counts. category_map: None, "one" or pairs."""
    gts, dts = _data(of, rules)
    states = [_states(gts, dts, rules, iou) for iou in rules.iou_thresholds]
    kinds = sorted({g["kind"] for g in gts} | {d["kind"] for d in dts}, key=str)
    n_gt = {kind: sum(g["kind"] == kind and g["how"] == "count" for g in gts) for kind in kinds}
    if not any(n_gt.values()):
        return None
    values = []
    for state in states:
        if rules.mean == "micro":
            points = [(d, s) for d, s in zip(dts, state, strict=True) if s is not None]
            if rules.empty_categories == "left_out":
                points = [(d, s) for d, s in points if n_gt[d["kind"]]]
            values.append([_average(points, sum(n_gt.values()), rules, by_kind=True)])
            continue
        row = []
        for kind in kinds:
            points = [(d, s) for d, s in zip(dts, state, strict=True) if d["kind"] == kind and s is not None]
            if n_gt[kind]:
                row.append(_average(points, n_gt[kind], rules))
            elif rules.empty_categories == "zero" and _counted_anywhere(states, dts, kind):
                row.append(0.0)
        values.append(row)
    return float(np.mean(values))


def _counted_anywhere(states: Any, dts: Any, kind: Any) -> bool:
    return any(s is not None and d["kind"] == kind for state in states for d, s in zip(dts, state, strict=True))


def _data(of: Scene, rules: Rules) -> tuple[Any, Any]:
    images = {image: i for i, image in enumerate(sorted(of.images))}
    new = dict(rules.category_map) if isinstance(rules.category_map, tuple) else {}
    if rules.images == "with_ground_truth":
        kept = {g[0] for g in of.gt}
    elif rules.images == "with_detections":
        kept = {d[0] for d in of.dt}
    else:
        kept = set(images)

    def kind(label: Any) -> Any:
        return 0 if rules.category_map == "one" else new.get(label, label)

    def ordered(rows: Any) -> Any:
        """Of one category: in the order of the categories that they had, as in pycocotools."""
        is_sorted = rules.category_map == "one" and rules.matching == "free_last"
        return sorted(rows, key=lambda row: row[1]) if is_sorted else rows

    gts = []
    for image, label, box, crowd, ignore in ordered(of.gt):
        how, plain = "count", True
        if ignore and rules.ignore != "count":
            how = rules.ignore
        if crowd and rules.crowd != "count" and how != "left_out":
            how = {"absorb": "absorb", "ignore": "absorb", "left_out": "left_out"}[rules.crowd]
            plain = rules.crowd != "absorb"
        if image in kept and how != "left_out":
            gts.append({"image": images[image], "kind": kind(label), "box": box, "how": how, "plain": plain})
    dts = []
    for row, (image, label, box, score) in enumerate(ordered(of.dt)):
        score = float(np.float32(score)) if rules.score_type == "float32" else score
        least = rules.confidence
        if least is not None and rules.score_type == "float32":
            least = float(np.float32(least))
        box = [round(x, rules.dt_decimals) for x in box] if rules.dt_decimals is not None else box
        if image in kept and (least is None or score > least):
            dts.append({"image": images[image], "kind": kind(label), "box": box, "score": score, "row": row})
    dts.sort(key=lambda d: (d["image"], -d["score"], d["row"]))
    if rules.max_dets is not None:
        seen: dict[Any, int] = {}
        within = []
        for d in dts:
            cell = d["image"] if rules.max_dets_per == "image" else (d["image"], d["kind"])
            seen[cell] = seen.get(cell, 0) + 1
            if seen[cell] <= rules.max_dets:
                within.append(d)
        dts = within
    return gts, dts


def _overlap(d: Any, g: Any, rules: Rules) -> float:
    more = 1.0 if rules.overlap == "inclusive" else 0.0
    real = np.float32 if rules.overlap == "float32" else np.float64
    (x, y, w, h), (gx, gy, gw, gh) = d["box"], g["box"]
    dt, gt = (np.array(c, real) for c in ([x, y, x + w, y + h], [gx, gy, gx + gw, gy + gh]))
    width = min(dt[2], gt[2]) - max(dt[0], gt[0]) + real(more)
    height = min(dt[3], gt[3]) - max(dt[1], gt[1]) + real(more)
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(b[2] - b[0] + real(more)) * (b[3] - b[1] + real(more)) for b in (dt, gt)]
    union = areas[0] if not g["plain"] else areas[0] + areas[1] - width * height
    if rules.overlap == "corners":
        union = union + np.float64(2**-52)
    if rules.overlap == "float32" and g["plain"]:
        union = union + np.float32(1e-7)
    return float(width * height / union)


def _states(gts: Any, dts: Any, rules: Rules, iou: float) -> list[int | None]:
    """Of each detection 1, 0, or None where it does not count."""
    taken: set[int] = set()
    out: list[int | None] = []
    for d in dts:
        near = [
            (i, g, _overlap(d, g, rules))
            for i, g in enumerate(gts)
            if (g["image"], g["kind"]) == (d["image"], d["kind"])
        ]
        if rules.matching.startswith("pointing"):
            near = near[::-1] if rules.matching == "pointing_last" else near
            best = max(near, key=lambda one: one[2], default=None)
            if best is None or best[2] < iou or best[2] == 0:
                out.append(0)
            elif best[1]["how"] == "absorb":
                out.append(None)
            else:
                out.append(int(best[0] not in taken))
                taken.add(best[0])
            continue
        if rules.matching == "free_last":
            near = near[::-1]
        found = None
        for how in ("count", "absorb"):
            free = [o for o in near if o[1]["how"] == how and (o[0] not in taken or not o[1]["plain"]) and o[2] >= iou]
            if free and found is None:
                found = max(free, key=lambda one: one[2])
        if found is None:
            out.append(0)
        else:
            taken.add(found[0])
            out.append(1 if found[1]["how"] == "count" else None)
    return out


def _average(points: Any, n: int, rules: Rules, by_kind: bool = False) -> float:
    """points: (detection, right or wrong)."""
    order = (
        (lambda p: (-p[0]["score"], str(p[0]["kind"]), p[0]["image"], p[0]["row"]))
        if by_kind
        else (lambda p: (-p[0]["score"], p[0]["image"], p[0]["row"]))
    )
    hits = [s for _, s in sorted(points, key=order)]
    recalls, precisions, tp = [], [], 0
    for i, hit in enumerate(hits):
        tp += hit
        recalls.append(tp / n)
        precisions.append(tp / (i + 1))
    envelope = [max(precisions[i:]) for i in range(len(hits))]
    if rules.interpolation == "ultralytics":
        if not hits:
            return 0.0
        xs, ys = [0.0, *recalls, recalls[-1], 1.0], [1.0, *precisions, 0.0, 0.0]
        ys = [max(ys[i:]) for i in range(len(ys))]
        heights = np.interp(rules.recall_thresholds, xs, ys)
        return float(np.trapezoid(heights, rules.recall_thresholds))
    if not rules.recall_thresholds:
        before, area = 0.0, 0.0
        for recall, precision in zip(recalls, envelope, strict=True):
            area, before = area + (recall - before) * precision, recall
        return area
    best = [
        max((p for p, r in zip(envelope, recalls, strict=True) if r >= t), default=0.0) for t in rules.recall_thresholds
    ]
    return sum(best) / len(best)
