"""FasterCocoEvaluator: CocoEvaluator with faster-coco-eval's arguments and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..evaluator import CocoEvaluator, Row
from .coco import COCO
from .cocoeval import COCOeval_faster
from .params import RANGES


class FasterCocoEvaluator(CocoEvaluator):
    """As pymetrics.coco.CocoEvaluator; coco_eval holds objects of COCOeval_faster.

    Args:
        coco_gt, iou_types: as there.
        lvis_style, ranges: as of COCOeval_faster.
    """

    def __init__(
        self,
        coco_gt: Any,
        iou_types: Sequence[str],
        lvis_style: bool = False,
        ranges: dict[str, Any] = RANGES,
        *,
        verbose: bool = True,
        group: Any = None,
    ) -> None:
        self.lvis_style, self.ranges = lvis_style, ranges
        super().__init__(coco_gt, iou_types, verbose=verbose, group=group)

    def _new_evaluation(self, iou_type: str) -> Any:
        evaluation = COCOeval_faster(
            self.coco_gt, iouType=iou_type, ranges=self.ranges, lvis_style=self.lvis_style, print_function=print,
            separate_eval=True,
        )  # fmt: skip
        evaluation.verbose = self.verbose
        return evaluation

    def _loaded(self, results: list[Row]) -> Any:
        return COCO.loadRes(self.coco_gt, results)
