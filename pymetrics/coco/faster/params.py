"""Params with faster-coco-eval's arguments and its snake-case names."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from .. import params

logger = logging.getLogger(__name__)
RANGES = {"small": [0**2, 32**2], "medium": [32**2, 96**2], "large": [96**2, 1e5**2]}
ALL = [0**2, 1e5**2]
IOU_TYPES = (*params.IOU_TYPES, "boundary")


class Params(params.Params):
    """As pymetrics.coco.Params.

    Args:
        iouType: "segm", "bbox", "keypoints" or "boundary".
        kpt_sigmas: of keypoints, instead of COCO's.
        ranges: area ranges by name, beside "all", which comes first.

    Raises:
        TypeError: iouType is none of these.
    """

    def __init__(self, iouType: str = "segm", kpt_sigmas: Any = None, ranges: dict[str, Any] | None = None) -> None:
        if iouType not in IOU_TYPES:
            hint = params.ELSEWHERE.get(str(iouType), "")
            raise TypeError(f"iouType not supported: {iouType!r} is none of {', '.join(IOU_TYPES)}{hint}")
        super().__init__("segm" if iouType == "boundary" else iouType)
        self.iouType = iouType
        self.imgCountLbl = ["r", "c", "f"]
        if iouType == "keypoints":
            if kpt_sigmas is not None:
                self.kpt_oks_sigmas = np.array(kpt_sigmas)
            return
        ranges = RANGES if ranges is None else ranges
        self.areaRng, self.areaRngLbl = [ALL, *ranges.values()], ["all", *ranges]
        low, high = (pick(end for end in ends) for pick, ends in ((min, _ends(ranges, 0)), (max, _ends(ranges, 1))))
        if low > ALL[0] or high < ALL[1]:
            logger.warning("Provided area ranges do not span full range from 0 to 1e5^2.")

    @property
    def useSegm(self) -> int:
        """1 where masks are compared, else 0; setting it sets iouType."""
        return int(self.iouType == "segm")

    @useSegm.setter
    def useSegm(self, value: int | None) -> None:
        if value is not None:
            logger.warning("useSegm is deprecated. Please use iouType (string) instead.")
            self.iouType = "segm" if value == 1 else "bbox"


def _ends(ranges: dict[str, Any], which: int) -> list[float]:
    return [pair[which] for pair in ranges.values()] or [(ALL[1], 0)[which]]


def _alias(name: str) -> Any:
    return property(lambda self: getattr(self, name), doc=f"{name}.")


for _name, _alias_name in (
    ("iouType", "iou_type"), ("imgIds", "img_ids"), ("catIds", "cat_ids"), ("iouThrs", "iou_thrs"),
    ("recThrs", "rec_thrs"), ("maxDets", "max_dets"), ("areaRng", "area_rng"), ("areaRngLbl", "area_rng_lbl"),
    ("useCats", "use_cats"), ("imgCountLbl", "img_count_lbl"),
):  # fmt: skip
    setattr(Params, _alias_name, _alias(_name))
