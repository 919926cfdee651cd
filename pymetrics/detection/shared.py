"""What metrics that share their states make of them once. torchmetrics' MetricCollection groups such metrics."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from operator import is_
from typing import Any, TypeVar

T = TypeVar("T")


class SharedList(list[Any]):
    """A state that knows the metrics which hold it. While these are several, it keeps what was made of all states.

    A copy knows no metrics and keeps nothing.
    """

    def __init__(self, values: Sequence[Any] = ()) -> None:
        super().__init__(values)
        self.holders: dict[int, weakref.ref[Any]] = {}
        self._of: list[list[Any]] = []
        self._kept: dict[Hashable, Any] = {}

    def __reduce__(self) -> Any:
        return SharedList, (list(self),)

    def clear(self) -> None:
        """Empty the list, and forget."""
        super().clear()
        self.forget()

    def forget(self) -> None:
        """Free what was made of the states."""
        self._of, self._kept = [], {}

    def others(self, holder: Any, name: str) -> list[Any]:
        """The other metrics whose attribute of this name the list still is."""
        found = [held() for key, held in self.holders.items() if key != id(holder)]
        return [metric for metric in found if getattr(metric, name, None) is self]

    def once(self, holder: Any, states: Sequence[Sequence[Any]], key: Hashable, make: Callable[[], T]) -> T:
        """make(), or what it gave for the same tensors and key before. states: all states of the holder."""
        if not self.holders.keys() - {id(holder)}:
            return make()
        if not _are_equal(self._of, states):
            self._of, self._kept = [list(tensors) for tensors in states], {}
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found


def _are_equal(some: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]]) -> bool:
    """Whether they hold the very same tensors."""
    return [len(tensors) for tensors in some] == [len(tensors) for tensors in others] and all(
        all(map(is_, tensors, other)) for tensors, other in zip(some, others, strict=True)
    )
