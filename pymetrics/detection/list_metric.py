"""What the metrics of this package have in common: their states are lists of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchmetrics import Metric
from torchmetrics.utilities.distributed import gather_all_tensors

from .gather import gather

KEPT = frozenset(("_computed", "_forward_cache", "_update_count"))  # attributes of Metric that it often assigns


class ListMetric(Metric):
    """A torchmetrics.Metric whose states are lists of tensors, in the order of the images; none is changed in place."""

    def merge_state(self, incoming_state: dict[str, Any] | Metric) -> None:
        """Take in the images of another metric, or of its states: they come before the own ones, as in torchmetrics.

        Raises:
            ValueError: it is neither a metric of this class nor a dict of all states. The states are as before.
        """
        if not isinstance(incoming_state, (dict, Metric)):
            raise ValueError(
                f"Expected incoming state to be a dict or an instance of Metric but got {type(incoming_state)}"
            )
        count = 1
        if isinstance(incoming_state, Metric):
            if not isinstance(incoming_state, type(self)):
                raise ValueError(
                    f"Expected incoming state to be an instance of {type(self).__name__} but got {type(incoming_state)}"
                )
            count, incoming_state = incoming_state.update_count, incoming_state.metric_state
        for name in self._defaults:
            if name not in incoming_state:
                raise ValueError(f"Expected state variable {name} to be present in incoming state {incoming_state}")
        self._reduce_states(incoming_state)
        self._update_count += count
        self._computed = None

    def __setattr__(self, name: str, value: Any) -> None:
        """nn.Module looks for much at every assignment, and a MetricCollection assigns all states at every update."""
        attributes = self.__dict__
        if name in KEPT or (isinstance(value, list) and name in attributes.get("_defaults", ())):
            attributes[name] = value
        else:
            super().__setattr__(name, value)

    def _sync_dist(self, dist_sync_fn: Callable[..., Any] = gather_all_tensors, process_group: Any = None) -> None:
        """The states of all processes, in torchmetrics' order, by two collectives; dist_sync_fn is called as there."""
        if dist_sync_fn is not gather_all_tensors:
            super()._sync_dist(dist_sync_fn, process_group)
            return
        states = self.metric_state
        device = next((tensor.device for tensors in states.values() for tensor in tensors), self.device)
        for name, tensors in gather(states, process_group or self.process_group, device).items():
            setattr(self, name, tensors)

    def _copy_state_dict(self) -> dict[str, Any]:
        """The lists; their tensors are never changed in place."""
        return {name: list(getattr(self, name)) for name in self._defaults}

    def _forward_full_state_update(self, *args: Any, **kwargs: Any) -> Any:
        """forward(): one update, and the values of its images alone; torchmetrics' copies all states at every step."""
        attributes = self.__dict__
        for name in self._defaults:  # lists of its own: after `update` the metrics of a MetricCollection share theirs
            setattr(self, name, type(attributes[name])(attributes[name]))
        starts = {name: len(attributes[name]) for name in self._defaults}
        self.update(*args, **kwargs)
        whole = {name: attributes[name] for name in self._defaults}
        attributes.update(_to_sync=self.dist_sync_on_step, _should_unsync=False)
        try:
            attributes.update({name: states[starts[name] :] for name, states in whole.items()})
            return self._values_of_batch()
        finally:
            attributes.update(whole)
            attributes.update(_to_sync=self.sync_on_compute, _should_unsync=True)
            attributes.update(_is_synced=False, _cache=None, _computed=None)

    def _values_of_batch(self) -> Any:
        """compute(), of states that hold the images of one batch."""
        return self.compute()
