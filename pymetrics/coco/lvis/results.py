"""LVISResults: detections on a data set of LVIS, at most 300 of an image."""

from __future__ import annotations

import os
from typing import Any

from ..copies import deep_copy
from ..dict_columns import complete_boxes
from ..mask_rows import complete_masks
from ..results import refuse
from .dataset import LVIS, logger

Ann = dict[str, Any]


class LVISResults(LVIS):
    """Results on a data set, which is copied.

    Args:
        lvis_gt: a LVIS, or the path of its file.
        results: path of a JSON list, or the list itself; `id` and `area` are written into its dicts, and
            `segmentation` or `bbox` where it is missing.
        max_dets: of each image so many are kept, those of the highest scores, over all categories; below 0 all.

    Raises:
        AssertionError: results are no list, or of an image that is not in the data set.
        IndexError: there are no results.
        TypeError: lvis_gt is neither.
    """

    def __init__(self, lvis_gt: Any, results: Any, max_dets: int = 300) -> None:
        self.logger = logger
        if isinstance(lvis_gt, LVIS):
            kept = {key: value for key, value in lvis_gt.dataset.items() if key != "annotations"}
            self.dataset = deep_copy(kept)
        elif isinstance(lvis_gt, (str, os.PathLike)):
            self.dataset = self._load_json(lvis_gt)
        else:
            raise TypeError(f"Unsupported type {type(lvis_gt).__name__} of lvis_gt.")
        self.logger.info("Loading and preparing results.")
        anns = self._load_json(results) if isinstance(results, (str, os.PathLike)) else results
        refuse(not isinstance(anns, list), "results is not a list.")
        if max_dets >= 0:
            anns = self.limit_dets_per_image(anns, max_dets)
        if "bbox" in anns[0]:
            _complete(anns, complete_boxes)
        elif "segmentation" in anns[0]:
            _complete(anns, complete_masks)
        self.dataset["annotations"] = anns
        self._create_index()
        unknown = {ann["image_id"] for ann in anns} - self.imgs.keys()
        refuse(bool(unknown), f"Results do not correspond to current LVIS set: it has no images {list(unknown)[:5]}")

    def limit_dets_per_image(self, anns: list[Ann], max_dets: int) -> list[Ann]:
        """The detections by image; of an image that has more than max_dets, those of the highest scores, in order."""
        by_image: dict[Any, list[Ann]] = {}
        for ann in anns:
            by_image.setdefault(ann["image_id"], []).append(ann)
        kept: list[Ann] = []
        for rows in by_image.values():
            if len(rows) > max_dets:
                rows = sorted(rows, key=lambda ann: ann["score"], reverse=True)[:max_dets]
            kept += rows
        return kept

    def get_top_results(self, img_id: Any, score_thrs: float) -> list[Ann]:
        """The detections of an image above a score."""
        return [ann for ann in self.load_anns(self.get_ann_ids(img_ids=[img_id])) if ann["score"] > score_thrs]


def _complete(anns: list[Ann], complete: Any) -> None:
    """As loadRes does, but iscrowd stays what it was."""
    flags = [ann.get("iscrowd") for ann in anns]
    complete(anns)
    for ann, flag in zip(anns, flags, strict=True):
        if flag is None:
            del ann["iscrowd"]
        else:
            ann["iscrowd"] = flag
