"""LVISResults: detections on a data set of LVIS, at most 300 of an image."""

from __future__ import annotations

import os
from typing import Any

from ...formats.ids import joined_ids
from ..copies import deep_copy
from ..dict_columns import complete_boxes
from ..lazy_dataset import Kept, Section
from ..mask_rows import complete_masks
from ..results import refuse
from .dataset import LVIS, logger
from .unopened import complete, kept_data_set, kept_results, limited

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
        is_path = isinstance(lvis_gt, (str, os.PathLike))
        if not is_path and not isinstance(lvis_gt, LVIS):
            raise TypeError(f"Unsupported type {type(lvis_gt).__name__} of lvis_gt.")
        reads_files = self._reads_files()
        others = lvis_gt._unopened() if not is_path else kept_data_set(lvis_gt) if reads_files else None
        sections = _sections(others, self._load_json(lvis_gt) if is_path and others is None else lvis_gt)
        self.logger.info("Loading and preparing results.")
        kept = kept_results(results, max_dets) if reads_files else None
        if kept is None:
            self.dataset = {name: section.value() for name, section in sections.items()}
            anns = self._load_json(results) if isinstance(results, (str, os.PathLike)) else results
            refuse(not isinstance(anns, list), "results is not a list.")
            if max_dets >= 0:
                anns = self.limit_dets_per_image(anns, max_dets)
            if "bbox" in anns[0]:
                complete(anns, complete_boxes)
            elif "segmentation" in anns[0]:
                complete(anns, complete_masks)
            self.dataset["annotations"] = anns
            shown = {ann["image_id"] for ann in anns}
        else:
            kept.sections = sections | kept.sections
            kept.image_ids = [img["id"] for img in sections["images"].peek()] if others is None else others.image_ids
            self._keep(kept)
            shown = set(joined_ids(kept.source.image).tolist())
        self._create_index()
        unknown = shown - set(self.get_img_ids())
        refuse(bool(unknown), f"Results do not correspond to current LVIS set: it has no images {list(unknown)[:5]}")

    def _reads_files(self) -> bool:
        return super()._reads_files() and type(self).limit_dets_per_image is LVISResults.limit_dets_per_image

    def limit_dets_per_image(self, anns: list[Ann], max_dets: int) -> list[Ann]:
        """The detections by image; of an image that has more than max_dets, those of the highest scores, in order."""
        return limited(anns, max_dets)

    def get_top_results(self, img_id: Any, score_thrs: float) -> list[Ann]:
        """The detections of an image above a score."""
        return [ann for ann in self.load_anns(self.get_ann_ids(img_ids=[img_id])) if ann["score"] > score_thrs]


def _sections(kept: Kept | None, gt: Any) -> dict[str, Section]:
    """Copies of the values of a data set, but of its annotations. gt: a LVIS, or what a file holds."""
    if kept is not None:
        return {name: section.copied() for name, section in kept.sections.items() if name != "annotations"}
    dataset = gt.dataset if isinstance(gt, LVIS) else gt
    return {name: Section(None, value=deep_copy(value)) for name, value in dataset.items() if name != "annotations"}
