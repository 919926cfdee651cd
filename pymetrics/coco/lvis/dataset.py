"""LVIS: annotations in lvis-api's shape, as plain Python dicts that may be edited in place."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from .. import pictures
from ..results import load_json, refuse

Ann = dict[str, Any]
logger = logging.getLogger(__name__)


class LVIS:
    """A data set of LVIS. The public attributes are live: an edit changes what is evaluated.

    Args:
        annotation_path: path of a JSON file of LVIS.

    Attributes:
        dataset: the parsed file. anns, cats, imgs: its annotations, categories, images by id.
        img_ann_map: annotations by image id. cat_img_map: image ids by category id.

    Raises:
        AssertionError: the file does not hold a JSON object.
    """

    def __init__(self, annotation_path: str | os.PathLike[str]) -> None:
        self.logger = logger
        self.logger.info("Loading annotations.")
        self.dataset = self._load_json(annotation_path)
        refuse(type(self.dataset) is not dict, f"Annotation file format {type(self.dataset)} not supported.")
        self._create_index()

    def _load_json(self, path: Any) -> Any:
        return load_json(path)

    def _create_index(self) -> None:
        self.logger.info("Creating index.")
        self.img_ann_map: defaultdict[Any, list[Ann]] = defaultdict(list)
        self.cat_img_map: defaultdict[Any, list[Any]] = defaultdict(list)
        for ann in self.dataset["annotations"]:
            self.img_ann_map[ann["image_id"]].append(ann)
            self.cat_img_map[ann["category_id"]].append(ann["image_id"])
        self.anns, self.imgs, self.cats = (
            {row["id"]: row for row in self.dataset[key]} for key in ("annotations", "images", "categories")
        )
        self.logger.info("Index created.")

    def get_ann_ids(self, img_ids: Any = None, cat_ids: Any = None, area_rng: Any = None) -> list[Any]:
        """Ids of the annotations of these images and categories, of areas strictly inside area_rng.

        Where categories are given, annotations of area 0 are left out without area_rng, too.
        """
        anns: list[Ann] = self.dataset["annotations"]
        if img_ids is not None:
            anns = [ann for image in img_ids for ann in self.img_ann_map[image]]
        if cat_ids is None and area_rng is None:
            return [ann["id"] for ann in anns]
        wanted, (low, high) = set(cat_ids), (0, float("inf")) if area_rng is None else area_rng
        return [ann["id"] for ann in anns if ann["category_id"] in wanted and low < ann["area"] < high]  # EMPTY_AREAS

    def get_cat_ids(self) -> list[Any]:
        """All category ids."""
        return list(self.cats)

    def get_img_ids(self) -> list[Any]:
        """All image ids."""
        return list(self.imgs)

    def load_anns(self, ids: Any = None) -> list[Ann]:
        """The annotations of the ids; None: all."""
        return _loaded(self.anns, ids)

    def load_cats(self, ids: Any) -> list[Ann]:
        """The categories of the ids; None: all."""
        return _loaded(self.cats, ids)

    def load_imgs(self, ids: Any) -> list[Ann]:
        """The images of the ids; None: all."""
        return _loaded(self.imgs, ids)

    def download(self, save_dir: str | os.PathLike[str], img_ids: Any = None) -> None:
        """Fetch images from their `coco_url`, under the last part of it. Files that are there stay as they are."""
        rows = [img | {"file_name": img["coco_url"].split("/")[-1]} for img in self.load_imgs(img_ids)]
        pictures.download(rows, save_dir, lambda line: None)

    def ann_to_rle(self, ann: Ann) -> Any:
        """The mask of an annotation as an RLE: of polygons or a list of runs a new one, else its own."""
        from .. import mask

        image, segmentation = self.imgs[ann["image_id"]], ann["segmentation"]
        if isinstance(segmentation, list):
            return mask.merge(mask.frPyObjects(segmentation, image["height"], image["width"]))
        if isinstance(segmentation["counts"], list):
            return mask.frPyObjects(segmentation, image["height"], image["width"])
        return segmentation

    def ann_to_mask(self, ann: Ann) -> Any:
        """The mask of an annotation as a bitmap: uint8 (height, width), in Fortran order."""
        from .. import mask

        return mask.decode(self.ann_to_rle(ann))


def _loaded(rows: dict[Any, Ann], ids: Iterable[Any] | None) -> list[Ann]:
    return list(rows.values()) if ids is None else [rows[id] for id in ids]
