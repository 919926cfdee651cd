"""PanopticQuality and ModifiedPanopticQuality: torchmetrics' metrics and their numbers, in one pass over the pixels."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_sum
from torchmetrics.utilities.distributed import gather_all_tensors

from . import segments
from .gather import gather


class PanopticQuality(Metric):
    """Panoptic quality of segmentations: torchmetrics' class of this name, with the same numbers.

    PQ = IOU / (TP + FP / 2 + FN / 2), where a predicted segment is a true positive if it overlaps one of its category
    by more than one half, and IOU is the sum of these overlaps (Kirillov et al., Panoptic Segmentation, CVPR 2019).
    Pixels of other categories in target are left out.

    Args:
        things: ids of the categories whose instances are told apart.
        stuffs: ids of the others.
        allow_unknown_preds_category: leave pixels of other categories in preds out; else they are an error.
        return_sq_and_rq: also give segmentation and recognition quality.
        return_per_class: give values of each category, things ascending, then stuffs ascending.
        **kwargs: of torchmetrics.Metric.

    Raises:
        TypeError: an id is not an int.
        ValueError: an id is a thing and a stuff; or there is none; or an argument is unknown.
    """

    is_differentiable: bool = False
    higher_is_better: bool | None = True
    full_state_update: bool = False
    plot_lower_bound: float = 0.0
    plot_upper_bound: float = 1.0

    _is_modified = False

    def __init__(
        self,
        things: Collection[int],
        stuffs: Collection[int],
        allow_unknown_preds_category: bool = False,
        return_sq_and_rq: bool = False,
        return_per_class: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._categories = segments.Categories(things, stuffs)
        self.things, self.stuffs = self._categories.things, self._categories.stuffs
        self.void_color = self._categories.void_color
        self.cat_id_to_continuous_id = {id: place for place, id in enumerate(self._categories.ids.tolist())}
        self.allow_unknown_preds_category = allow_unknown_preds_category
        self.return_sq_and_rq = return_sq_and_rq
        self.return_per_class = return_per_class
        for name in segments.Counts._fields:
            zeros = torch.zeros(len(self._categories), dtype=torch.double if name == "iou_sum" else torch.int)
            self.add_state(name, default=zeros, dist_reduce_fx="sum")

    def update(self, preds: torch.Tensor, target: torch.Tensor) -> None:
        """Take in a batch: the category and the instance of each pixel, (B, *spatial, 2), on either side.

        Tensors on a GPU are copied to the host.

        Raises:
            TypeError, ValueError: they are no such tensors, or preds hold an unknown category. The states stay.
        """
        counts = segments.count(preds, target, self._categories, self.allow_unknown_preds_category, self._is_modified)
        for name, values in counts._asdict().items():
            whole: torch.Tensor = getattr(self, name)
            setattr(self, name, whole + values.to(whole.device))

    def compute(self) -> torch.Tensor:
        """The quality of everything taken in, float64: without axes; (3,) with return_sq_and_rq; (1, C) with
        return_per_class; (C, 3) with both.
        """
        counts = segments.Counts(*(getattr(self, name) for name in segments.Counts._fields))
        return segments.quality(counts, self.return_sq_and_rq, self.return_per_class)

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot the values of compute() or forward(), one or several; needs matplotlib."""
        return self._plot(val, ax)

    def _sync_dist(self, dist_sync_fn: Callable[..., Any] = gather_all_tensors, process_group: Any = None) -> None:
        """The sums over all processes, by two collectives; dist_sync_fn is called as in torchmetrics."""
        if dist_sync_fn is not gather_all_tensors:
            super()._sync_dist(dist_sync_fn, process_group)
            return
        own = {name: [getattr(self, name)] for name in self._defaults}
        for name, parts in gather(own, process_group or self.process_group, own["iou_sum"][0].device).items():
            setattr(self, name, dim_zero_sum(torch.stack(parts)))


class ModifiedPanopticQuality(PanopticQuality):
    """Panoptic quality whose stuffs are not matched: torchmetrics' class of this name, with the same numbers.

    For a stuff, PQ† = IOU / S: the sum of all its overlaps in an image over the number of its true segments (Porzi et
    al., Seamless Scene Segmentation, CVPR 2019). Things are as in PanopticQuality.

    Args:
        things: ids of the categories whose instances are told apart.
        stuffs: ids of the others.
        allow_unknown_preds_category: leave pixels of other categories in preds out; else they are an error.
        **kwargs: of torchmetrics.Metric.

    Raises:
        TypeError, ValueError: as PanopticQuality.
    """

    _is_modified = True

    def __init__(
        self,
        things: Collection[int],
        stuffs: Collection[int],
        allow_unknown_preds_category: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(things, stuffs, allow_unknown_preds_category, **kwargs)
