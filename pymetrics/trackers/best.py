"""The best epoch so far, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from .content import check_step


@dataclass
class Best:
    """The highest value of one number of the results so far, and its epoch.

    To go on after a restart, give it what the run's summary holds: Best(value=..., epoch=...), and `payload` the epoch.

    key: a key of the result. value: float, epoch: int; None while no result had the number. is_new: whether the last
    result was better than all before it; of equals the first is the best.
    """

    key: str = "map"
    value: float | None = None
    epoch: int | None = None
    is_new: bool = field(default=False, init=False)
    _next: int = field(default=0, init=False, repr=False)

    def update(self, result: Result, epoch: int | None = None) -> None:
        """Look at one more result. epoch: of this result; None for one more than the last, from 0.

        Raises:
            KeyError: the result has no number of this name.
            ValueError: epoch is no integer from 0 on.
        """
        epoch = check_step(self._next if epoch is None else epoch, "epoch")
        value = result[self.key]
        self._next = epoch + 1
        self.is_new = value != UNDEFINED and (self.value is None or value > self.value)
        if self.is_new:
            self.value, self.epoch = value, epoch

    def scalars(self) -> dict[str, float]:
        """{"map_best": value, "map_best_epoch": epoch}; empty while there is no value."""
        if self.value is None or self.epoch is None:
            return {}
        return {f"{self.key}_best": self.value, f"{self.key}_best_epoch": self.epoch}
