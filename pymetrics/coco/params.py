"""Params: what COCOeval is asked to count, under pycocotools' names."""

from __future__ import annotations

from typing import Any

import numpy as np

from .copies import deep_copy

IOU_TYPES = ("segm", "bbox", "keypoints")
OF_MASKS = ("segm", "boundary")  # boundary: pymetrics.coco.faster alone knows it
ELSEWHERE = {
    "boundary": "; of boundaries: pymetrics.evaluate, or pymetrics.coco.faster.COCOeval_faster",
    "keypoints_crowd": "; of CrowdPose: pymetrics.evaluate, and pymetrics.analysis.crowdpose",
}


class Params:
    """pycocotools' parameters; every one may be replaced before evaluate().

    Attributes:
        imgIds, catIds: what is evaluated; COCOeval fills in everything that the ground truth lists.
        iouThrs: T thresholds. recThrs: R recalls at which precision is read.
        maxDets: limits on the detections of one image and category.
        areaRng: A pairs of square pixels, both ends included. areaRngLbl: their names.
        useCats: 0 puts everything into one category.
        iouType: "segm", "bbox" or "keypoints". useSegm: deprecated; where it is not None it decides iouType.

    Raises:
        Exception: iouType is none of the three (pycocotools' own choice of exception).
    """

    def __init__(self, iouType: str = "segm") -> None:
        if iouType not in IOU_TYPES:
            hint = ELSEWHERE.get(str(iouType), "")
            raise Exception(f"iouType not supported: {iouType!r} is none of {', '.join(IOU_TYPES)}{hint}")
        if iouType == "keypoints":
            self.setKpParams()
        else:
            self.setDetParams()
        self.iouType = iouType
        self.useSegm: int | None = None

    def setDetParams(self) -> None:
        """The parameters of boxes and masks."""
        self.imgIds: Any = []
        self.catIds: Any = []
        self.iouThrs: Any = np.linspace(0.5, 0.95, 10)
        self.recThrs: Any = np.linspace(0.0, 1.0, 101)
        self.maxDets: Any = [1, 10, 100]
        self.areaRng: Any = [[0, 1e10], [0, 1024], [1024, 9216], [9216, 1e10]]
        self.areaRngLbl: Any = ["all", "small", "medium", "large"]
        self.useCats: Any = 1

    def setKpParams(self) -> None:
        """The parameters of keypoints."""
        self.setDetParams()
        self.maxDets = [20]
        del self.areaRng[1], self.areaRngLbl[1]
        hundredths = [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]
        self.kpt_oks_sigmas = np.array([value / 100 for value in hundredths]) / 10.0

    def __deepcopy__(self, memo: Any) -> Params:
        other = object.__new__(type(self))
        vars(other).update(deep_copy(vars(self)))
        return other
