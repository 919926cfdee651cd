"""A hierarchy of categories, as Open Images publishes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..evaluation.columns import Axes, Side


def places_of_categories(axes: Axes) -> dict[Any, int]:
    """Positions on axis K of categories by their ids, and by their names where these are no ids."""
    ids = axes.category_ids.tolist()
    by_name = {axes.category_names[id]: k for k, id in enumerate(ids) if id in axes.category_names}
    return by_name | {id: k for k, id in enumerate(ids)}


MOST_LEVELS = 100


class Hierarchy:
    """Ancestors and descendants of categories by label; the root is none of them. A category may have several parents.

    Args:
        nodes: {"LabelName": label, "Subcategory": [nodes of this form]}, of the root.
        axes: the categories of the result, by ids or names.

    Raises:
        TypeError: a node is no mapping of this form.
        ValueError: a label is below itself, or there are more than MOST_LEVELS levels.
    """

    def __init__(self, nodes: Any, axes: Axes) -> None:
        self._axes = axes
        self.ancestors: dict[Any, set[Any]] = {}
        self.descendants: dict[Any, set[Any]] = {}
        self._read(nodes, "hierarchy", ())

    def _read(self, node: Any, where: str, above: tuple[Any, ...]) -> None:
        if not isinstance(node, Mapping) or "LabelName" not in node:
            raise TypeError(f"{where} must be a dict with the key 'LabelName', got {node!r}")
        below = node.get("Subcategory", [])
        if isinstance(below, (str, bytes, Mapping)) or not hasattr(below, "__iter__"):
            raise TypeError(f"{where}['Subcategory'] must be a list, got {below!r}")
        label, is_root = node["LabelName"], where == "hierarchy"
        if label in above:
            raise ValueError(f"hierarchy: {label!r} is below itself")
        if len(above) > MOST_LEVELS:
            raise ValueError(f"hierarchy: {label!r} is below more than {MOST_LEVELS} others")
        if not is_root:
            self.ancestors.setdefault(label, set()).update(above)
            self.descendants.setdefault(label, set())
            for other in above:
                self.descendants[other].add(label)
        for i, child in enumerate(below):
            self._read(child, f"{where}['Subcategory'][{i}]", () if is_root else (*above, label))

    def with_ancestors(self, gt: Side) -> Side:
        """The ground truths, each followed by one of its kind for every ancestor of its category.

        Raises:
            ValueError: such an ancestor is not a category of the result.
        """
        place_of, ids, names = places_of_categories(self._axes), self._axes.category_ids.tolist(), (
            self._axes.category_names
        )  # fmt: skip
        whole = [[-1], *([k] for k in range(len(ids)))]  # of each category: itself and its ancestors; -1 first
        for k in sorted(set(gt.category[gt.category >= 0].tolist())):
            labels = set().union(*(self.ancestors.get(label, set()) for label in (ids[k], names.get(ids[k]))))
            for label in labels:
                if label not in place_of:
                    raise ValueError(
                        f"hierarchy: {label!r}, an ancestor of {ids[k]!r}, is not a category of the result: "
                        "list it in GroundTruths(categories=)"
                    )
            whole[k + 1] += sorted(place_of[label] for label in labels)
        sizes = np.array([len(places) for places in whole])
        firsts, of_row = np.cumsum(sizes) - sizes, gt.category.clip(min=-1) + 1
        n_rows = sizes[of_row]
        rows = np.repeat(np.arange(len(of_row)), n_rows)
        place = np.arange(len(rows)) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
        category = np.concatenate(whole).astype(np.int32)[firsts[of_row[rows]] + place]
        source_row = np.arange(len(gt.category)) if gt.source_row is None else gt.source_row
        return replace(
            gt, image=gt.image[rows], category=category, shape=gt.shape[rows], area=gt.area[rows],
            flags=gt.flags[rows] if len(gt.flags) else gt.flags, source_row=source_row[rows],
        )  # fmt: skip
