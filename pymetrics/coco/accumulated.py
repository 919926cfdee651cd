"""What COCOeval.accumulate leaves in `eval`: a dict of which some values are computed when they are first read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


class Accumulated(dict[str, Any]):
    """A dict of which some values, `scores` for one, are filled in at the first reading that could show them.

    Every way to read them gives what was computed; copies and pickles are plain dicts.
    """

    def __init__(self, values: dict[str, Any], later: dict[str, Callable[[], Any]]) -> None:
        """values: what is there. later: by key, what computes the others, which stand behind."""
        super().__init__(values | dict.fromkeys(later))
        self._later = dict(later)

    def _fill(self, *keys: str) -> None:
        for key in keys or list(self._later):
            if key in self._later:
                super().__setitem__(key, self._later[key]())
                del self._later[key]  # not before: the computation may be interrupted

    def __setitem__(self, key: str, value: Any) -> None:
        self._later.pop(key, None)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._later.pop(key, None)
        super().__delitem__(key)

    def __getitem__(self, key: str) -> Any:
        self._fill(key)
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:  # without it dict(e) and {**e} would copy the values as they are
        return super().__iter__()

    def _plain(self) -> dict[str, Any]:
        self._fill()
        return {key: dict.__getitem__(self, key) for key in dict.__iter__(self)}

    def get(self, key: str, default: Any = None) -> Any:
        if key not in self:
            return default
        return self[key]

    def items(self) -> Any:
        self._fill()
        return super().items()

    def values(self) -> Any:
        self._fill()
        return super().values()

    def pop(self, key: str, *default: Any) -> Any:
        self._fill()
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        self._fill()
        return super().popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        self._fill()
        return super().setdefault(key, default)

    def update(self, *args: Any, **kwargs: Any) -> None:
        self._fill()
        super().update(*args, **kwargs)

    def clear(self) -> None:
        self._later = {}
        super().clear()

    def copy(self) -> dict[str, Any]:
        return self._plain()

    def __or__(self, other: Any) -> Any:
        return self._plain() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._plain()

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def __eq__(self, other: object) -> bool:
        return self._plain() == other

    __hash__ = None

    def __repr__(self) -> str:
        return repr(self._plain())

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (self._plain(),)


def in_first_corner(shape: list[int], values: Any) -> Any:
    """The values in the first corner of an array that is -1 elsewhere; themselves where they fill it.

    Raises:
        IndexError: there are more thresholds than the array has, and numbers in them.
    """
    if values.shape == tuple(shape):
        return values
    if len(values) > shape[0] and values.size and values.max() > -1:
        raise IndexError(f"params.iouThrs has {shape[0]} thresholds, but {len(values)} were evaluated")
    out = np.full(shape, -1.0)
    values = values[: shape[0]]
    out[tuple(map(slice, values.shape))] = values
    return out
