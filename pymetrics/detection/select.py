"""One number of MeanAveragePrecision as a metric of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchmetrics import Metric

from .options import IMAGE_ID, POSES
from .state_columns import STATES


class SelectedValue(Metric):
    """`metric.select("map")`: shares the metric's states; its value is one tensor without axes, not a dict.

    Whatever is done to it is done to the metric: update(), forward(), reset(), synchronisation, moves. So update one of
    the two, not both.
    """

    is_differentiable: bool = False
    higher_is_better: bool | None = True
    full_state_update: bool = False  # torchmetrics' Running asks for it
    plot_lower_bound: float = 0.0
    plot_upper_bound: float = 1.0

    def __init__(self, metric: Metric, key: str) -> None:
        super().__init__()
        self.metric = metric
        self.key = key
        self._defaults, self._reductions = metric._defaults, metric._reductions
        self._persistent = dict.fromkeys(self._defaults, False)  # the metric saves them

    def update(self, *args: Any, **kwargs: Any) -> None:
        """As the metric's."""
        self.metric.update(*args, **kwargs)

    def compute(self) -> Any:
        """The metric's value of this key."""
        return self.metric.compute()[self.key]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The value of this batch alone; the metric takes it in."""
        self._forward_cache = self.metric(*args, **kwargs)[self.key]
        return self._forward_cache

    def reset(self) -> None:
        """As the metric's; but the lists of states are replaced, not cleared."""
        for name in self._defaults:
            setattr(self, name, [])
        self.metric.reset()
        self._forward_cache = None

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """As the metric's."""
        self.metric.sync(*args, **kwargs)

    def unsync(self, *args: Any, **kwargs: Any) -> None:
        """As the metric's."""
        self.metric.unsync(*args, **kwargs)

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot values of compute() or forward(), one or several; needs matplotlib."""
        return self._plot(val, ax)

    @property
    def _update_count(self) -> int:
        count: int = self.metric._update_count
        return count

    @_update_count.setter
    def _update_count(self, count: int) -> None:
        if "metric" in self._modules:  # torchmetrics' constructor sets it too
            self.metric._update_count = count

    def _wrap_update(self, update: Callable[..., Any]) -> Callable[..., Any]:
        return update  # the metric's own is wrapped

    def _wrap_compute(self, compute: Callable[..., Any]) -> Callable[..., Any]:
        return compute


def _shared(name: str) -> property:
    def get(selected: SelectedValue) -> Any:
        return getattr(selected.metric, name)

    def put(selected: SelectedValue, states: Any) -> None:
        setattr(selected.metric, name, states)
        selected.metric._computed = None

    return property(get, put)


for _name in (*STATES, *POSES, IMAGE_ID):
    setattr(SelectedValue, _name, _shared(_name))
