"""Open Images' rule, one detection at a time, on plain rows.

gt: (image, category, box x1 y1 x2 y2, to be ignored, group). dt: (image, category, box, score).
"""

from __future__ import annotations

from typing import Any

import numpy as np


def paths(node: dict[str, Any], above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every way from below the root to a node, the node last."""
    found = []
    for child in node.get("Subcategory", []):
        found += [(*above, child["LabelName"]), *paths(child, (*above, child["LabelName"]))]
    return found


def ancestors(hierarchy: dict[str, Any], label: Any) -> set[Any]:
    return {other for path in paths(hierarchy) if path[-1] == label for other in path[:-1]}


def descendants(hierarchy: dict[str, Any], label: Any) -> set[Any]:
    return {path[-1] for path in paths(hierarchy) if label in path[:-1]}


def common(a: Any, b: Any) -> float:
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)


def area(box: Any) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def literal(
    images: list[Any], gt: Any, dt: Any, category: Any, weight: float = 1.0, iou: float = 0.5, verified: Any = None,
    hierarchy: Any = None,
) -> tuple[float, float]:  # fmt: skip
    """The weight of the ground truths of a category, and its average precision or -1."""
    if hierarchy is not None:
        gt = [(g[0], c, *g[2:]) for g in gt for c in (g[1], *ancestors(hierarchy, g[1]))]
    n_gt, found = 0.0, []
    for image in images:
        here = [g for g in gt if g[:2] == (image, category)]
        boxes, groups = [g for g in here if not g[4]], [g for g in here if g[4]]
        n_gt += sum(not g[3] for g in boxes) + sum(weight for g in groups if not g[3])
        if verified is not None and not here:
            said = verified.get(image, [])
            judged = set(said)
            if hierarchy is not None and isinstance(said, dict):
                for label, is_there in said.items():
                    judged |= ancestors(hierarchy, label) if is_there else descendants(hierarchy, label)
            if category not in judged:
                continue
        taken, of_group, rows = set(), {}, []
        for d in sorted((d for d in dt if d[:2] == (image, category) and area(d[2]) > 0), key=lambda d: -d[3]):
            overlaps = [common(d[2], g[2]) / (area(d[2]) + area(g[2]) - common(d[2], g[2])) for g in boxes]
            best = max(range(len(boxes)), key=lambda g: (overlaps[g], -g), default=None)
            is_right = False
            if best is not None and overlaps[best] >= iou:
                if boxes[best][3]:
                    continue
                is_right = best not in taken
                taken.add(best)
            covers = [common(d[2], g[2]) / area(d[2]) for g in groups]
            most = max(range(len(groups)), key=lambda g: (covers[g], -g), default=None)
            if not is_right and most is not None and covers[most] >= iou:
                of_group[most] = max(of_group.get(most, 0), d[3])
            else:
                rows.append((d[3], float(is_right)))
        rows += [(of_group[g], weight) for g in sorted(of_group) if weight > 0 and not groups[g][3] and of_group[g] > 0]
        found += rows
    if n_gt == 0:
        return 0.0, -1.0
    found.sort(key=lambda row: -row[0])
    right = np.cumsum([w for _, w in found])
    wrong = np.cumsum([w == 0 for _, w in found])
    recall, precision = np.concatenate([[0], right / n_gt, [1]]), np.concatenate([[0], right / (right + wrong), [0]])
    return n_gt, sum((recall[i] - recall[i - 1]) * max(precision[i:]) for i in range(1, len(recall)))
