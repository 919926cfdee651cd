"""What a result says of its categories and images, apart from curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._records import record
from ..formats.ranges import sums_of_ranges

if TYPE_CHECKING:
    from .._arrays import I64, Ids
    from .outcomes import Outcomes


@record
class Totals:
    """category_ids: (K,), axis K. n_gt: int64 (K,), ground truths of the area range "all" that count. n_dt: int64 (K,),
    detections, at most max_dets[-1] per image."""

    iou_type: str
    category_ids: Ids
    category_names: Mapping[Any, str]
    category_groups: Mapping[str, tuple[Any, ...]]
    n_images: int
    n_gt: I64
    n_dt: I64


def totals_of(outcomes: Outcomes) -> Totals:
    """Those of outcomes on the host."""
    n_gt = outcomes.n_gt[:, outcomes.protocol.whole_area]
    return Totals(
        iou_type=outcomes.iou_type, category_ids=outcomes.category_ids, category_names=outcomes.category_names,
        category_groups=outcomes.category_groups, n_images=outcomes.n_images,
        n_gt=sums_of_ranges(n_gt, outcomes.category_cells), n_dt=np.diff(outcomes.offsets[outcomes.category_cells]),
    )  # fmt: skip
