"""A graph of Dask's as one dict of tasks. Delayed calls would each hold a graph, which takes time by their square."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from operator import getitem
from typing import Any

Key = tuple[Any, ...]


class Graph:
    """Tasks by key, each a function and the keys of what it is given."""

    def __init__(self) -> None:
        self._tasks: dict[Any, Any] = {}
        self._token = uuid.uuid4().hex

    def add(self, name: str, place: Sequence[int], function: Callable[..., Any], *keys: Any) -> Key:
        """The key of a task: a function of what the tasks of these keys, or lists of keys, give.

        name: under which Dask shows the task. place: among those of this name.
        """
        key = f"{name}-{self._token}", *place
        self._tasks[key] = (function, *keys)
        return key

    def add_lists(self, name: str, place: Sequence[int], n: int, function: Callable[..., Any], *keys: Any) -> list[Key]:
        """The keys of n tasks: each gives an element of the list that the function gives."""
        whole = self.add(name, place, function, *keys)
        return [self.add(f"{name}-part", (*place, i), getitem, whole, i) for i in range(n)]

    def add_delayed(self, delayed: Any) -> Any:
        """The key of a Delayed that someone else made."""
        self._tasks |= dict(delayed.dask)
        return delayed.key

    def start(self, keys: Sequence[Any]) -> None:
        """Run these tasks. Workers hold what they give, in place of all other tasks."""
        import dask

        tasks: dict[Any, Any] = {}
        for started in dask.persist(*self._delayed(keys)):
            tasks |= dict(started.dask)
        self._tasks = tasks

    def compute(self, keys: Sequence[Any]) -> list[Any]:
        """What these tasks give."""
        import dask

        return list(dask.compute(*self._delayed(keys)))

    def _delayed(self, keys: Sequence[Any]) -> list[Any]:
        from dask.delayed import Delayed
        from dask.highlevelgraph import HighLevelGraph

        graph = HighLevelGraph.from_collections(self._token, self._tasks)
        return [Delayed(key, graph, layer=self._token) for key in keys]
