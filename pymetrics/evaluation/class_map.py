"""class_map: categories are renamed or merged, on both sides, before anything else looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formats.ids import ids_by_name, joined_ids, positions
from ..formats.source import Source

Label = int | str


def rename_categories(gt: Source, dt: Source, class_map: Mapping[Any, Any] | None) -> tuple[Source, Source]:
    """Both sides with other categories; on the host where there is a map.

    class_map: as for pymetrics.evaluate. All its entries hold at once: {1: 2, 2: 1} swaps two categories.

    Raises:
        TypeError: it is no mapping of integers and strings; some labels of one side become integers and some strings.
        ValueError: a key is neither an id nor a name of a category; a name that two categories have.
    """
    if class_map is None:
        return gt, dt
    if not isinstance(class_map, Mapping):
        raise TypeError(f"class_map must map categories to categories, got {type(class_map).__name__}")
    pairs = [(_label(key, "a key"), _label(value, "a value")) for key, value in class_map.items()]
    gt, dt = gt.on_host(), dt.on_host()
    categories = _Categories(gt, dt)
    unknown = [key for key, _ in pairs if categories.find(key) is None]
    if unknown:
        shown = ", ".join(map(repr, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        raise ValueError(f"class_map has keys that are neither ids nor names of categories: {shown}")
    new_id, new_names = categories.renamed(pairs)
    axes = gt.axes
    if axes.categories is not None:
        listed = joined_ids(_renamed(axes.categories, categories, new_id, {}))
        axes = replace(axes, categories=listed, names=new_names)
    gt, dt = (replace(side, category=_renamed(side.category, categories, new_id, new_names, side)) for side in (gt, dt))
    return replace(gt, axes=axes), dt


class _Categories:
    """All categories of an evaluation: those that gt lists, and the labels of both sides."""

    def __init__(self, gt: Source, dt: Source) -> None:
        columns = [np.asarray(gt.axes.categories), gt.category, dt.category][gt.axes.categories is None :]
        first = next((ids for ids in columns if len(ids)), np.empty(0, np.int64))
        self.are_integers = first.dtype.kind == "i"
        self.names = dict(gt.axes.names)
        labels = [label for column in columns for label in joined_ids(column).tolist()]
        self.ids: set[Label] = {self.id_of_label(label) for label in labels}

    @cached_property
    def ids_of(self) -> dict[str, list[Label]]:
        """The ids by name; two categories may have one name."""
        found: dict[str, list[Label]] = {}
        for id, name in self.names.items():
            found.setdefault(name, []).append(id)
        return found

    def id_named(self, name: str) -> Label | None:
        """The id of a name, or None. Raises ValueError where two categories have it."""
        return ids_by_name(dict.fromkeys(self.ids_of.get(name, ()), name)).get(name)

    def id_of_label(self, label: Label) -> Label:
        """The id of a label of either side, which may be a name; itself where it is neither."""
        id = self.id_named(label) if self.are_integers and isinstance(label, str) else None
        return label if id is None else id

    def find(self, label: Label) -> Label | None:
        """The id that a key or value of the map means; "3" may mean 3."""
        if label in self.ids:
            return label
        if isinstance(label, str) and label in self.ids_of:
            return self.id_named(label)
        if isinstance(label, str) and label.removeprefix("-").isdecimal() and int(label) in self.ids:
            return int(label)
        return None

    def renamed(self, pairs: list[tuple[Label, Label]]) -> tuple[dict[Label, Label], dict[Any, str]]:
        """The new id of each id of the map, and the names of all categories by new id."""
        new_id: dict[Label, Label] = {}
        named: dict[Label, str] = {}
        for value in dict.fromkeys(value for _, value in pairs):
            members = [self.find(key) for key, other in pairs if other == value]
            target, own = self.find(value), sorted(id for id in members if isinstance(id, int))
            if self.are_integers and isinstance(value, str) and not isinstance(target, int) and own:
                target = own[0]  # a new name: the lowest id keeps its number
                named[target] = value
                new_id.setdefault(value, target)  # some labels may have that name already
            elif target is None:
                target = value
                if isinstance(value, str) and not self.are_integers:
                    named[target] = value
            new_id |= {id: target for id in members if id is not None}
        names = {id: name for id, name in self.names.items() if new_id.get(id, id) == id}
        for id in sorted(new_id.keys() & self.names.keys(), key=str):
            names.setdefault(new_id[id], self.names[id])
        return new_id, names | named


def _renamed(
    labels: NDArray[Any],
    categories: _Categories,
    new_id: Mapping[Label, Label],
    names: Mapping[Any, str],
    side: Source | None = None,
) -> NDArray[Any]:
    """A column of labels with the new ids; as names where some labels have no id and all others have names."""
    known = joined_ids(labels)
    ids = [categories.id_of_label(label) for label in known.tolist()]
    found = [new_id.get(id, id) for id in ids]
    if len(set(map(type, found))) > 1:
        found = [label if isinstance(label, str) else names.get(label, label) for label in found]
    if len(set(map(type, found))) > 1:
        place = next(i for i, label in enumerate(found) if type(label) is not type(found[0]))
        where = "" if side is None else side.where("category", int(np.argmax(labels == known[place])))
        raise TypeError(
            f"category ids must be all integers or all strings: with class_map {where or 'a category of gt'} is "
            f"{found[place]!r}, another is {found[0]!r}"
        )
    return np.array(found)[positions(labels, known)] if found else labels


def _label(value: Any, what: str) -> Label:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"class_map must map ids or names of categories, got {what} {value!r}")
    return value
