"""Ids of images and categories: all that occur, and the position of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from ..kernels import arrays
from .values import Where

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEW = 256  # ids, for which Python's sets are quicker than numpy's calls
BLOCK = 1 << 16  # ids at a time, which stay in the processor's cache


def joined_ids(*columns: NDArray[Any], names: Sequence[str] = (), kind: str = "image ids") -> NDArray[Any]:
    """All ids of some columns, ascending and unique. names: of the columns' first values; kind: what they are.

    Raises:
        TypeError: some are integers and some strings.
    """
    first = [f"{name} is {column[0].item()!r}" for name, column in zip(names, columns, strict=False) if len(column)]
    columns = tuple(column for column in columns if len(column))
    if not columns:
        return np.empty(0, np.int64)
    if len({column.dtype.kind for column in columns}) > 1:
        raise TypeError(f"{kind} must be all integers or all strings: {', '.join(first)}")
    if columns[0].dtype.kind == "U":
        return unique(np.concatenate(columns))
    if sum(map(len, columns)) < FEW and all(column.dtype == np.int64 for column in columns):
        return np.array(sorted({id for column in columns for id in column.tolist()}))
    blocks = [column[begin : begin + BLOCK] for column in columns for begin in range(0, len(column), BLOCK)]
    ends = [(int(block.min()), int(block.max())) for block in blocks]
    lowest = min(low for low, _ in ends)
    span = max(high for _, high in ends) - lowest + 1
    if span > 4 * sum(map(len, columns)) + 65536:
        return unique(np.concatenate(columns))
    present = np.zeros(span, np.bool_)
    for block in blocks:
        present[block - lowest] = True
    return np.flatnonzero(present) + lowest


def unique(ids: Any) -> NDArray[Any]:
    """What numpy.unique gives, which imports numpy.ma for it: a tenth of the time of reading two files."""
    values = np.asarray(ids)
    if values.ndim != 1 or not len(values) or values.dtype.kind not in "iuU":
        return np.unique(values)
    ordered = np.sort(values)
    found: NDArray[Any] = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    return found


def positions(ids: Any, known: NDArray[Any], out: Any = None) -> Any:
    """int32 (N,): the position of each id in `known`, which ascends; -1 for all others.

    ids: int64 or str; or integers in a tensor on a GPU, where the positions then are. known: on the host. out: None, or
    where to write them.
    """
    if out is None:
        out = arrays.empty(len(ids), "int32", ids)
    if not isinstance(ids, np.ndarray):
        kernels.index_ids(arrays.cast(ids, "int64"), arrays.to_device(np.ascontiguousarray(known), ids), out)
    elif not len(ids) or not len(known) or ids.dtype.kind != known.dtype.kind:
        out.fill(-1)
    elif ids.dtype.kind == "U":
        places = np.searchsorted(known, ids)
        places[places == len(known)] = 0
        out[:] = np.where(known[places] == ids, places, -1)
    else:
        kernels.index_ids(ids, known, out)
    return out


def ids_by_name(names: Mapping[Any, str]) -> dict[str, Any]:
    """The id of each category by its name. Raises ValueError where two categories have one name."""
    found: dict[str, Any] = {}
    for id, name in names.items():
        if found.setdefault(name, id) != id:
            raise ValueError(
                f"gt has two categories named {name!r} ({found[name]!r} and {id!r}): labels must be ids, or names that "
                "differ"
            )
    return found


def label_positions(labels: Any, known: NDArray[Any], names: Mapping[Any, str], where: Where, out: Any = None) -> Any:
    """int32 (N,): the position of each label's category in `known`, ids that ascend; -1 for all others.

    names: of the categories by id; labels are names where they are strings and the ids integers. where: names labels.
    out: None, or room for the positions, which need not be written there.

    Raises:
        TypeError: the labels are integers and the ids strings; or the other way round, and there are no names.
        ValueError: two categories have one name, where names are looked up.
    """
    if not len(labels) or not len(known) or not isinstance(labels, np.ndarray) or labels.dtype.kind == known.dtype.kind:
        return positions(labels, known, out)
    if labels.dtype.kind == "U" and names:
        id_of = ids_by_name(names)
        ordered = np.array(sorted(id_of))
        place = positions(np.array([id_of[name] for name in ordered.tolist()]), known)
        found = positions(labels, ordered)
        return np.where(found >= 0, place[found], np.int32(-1))
    hint = ", whose categories have no names" if labels.dtype.kind == "U" else ""
    raise TypeError(
        f"category ids must be all integers or all strings: {where('category', 0)} is {labels[0].item()!r}, "
        f"gt has {known[0].item()!r}{hint}"
    )
