"""LVIS: annotations in lvis-api's shape, as plain Python dicts that may be edited in place."""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from .. import pictures
from ..lazy_attributes import LazyAttributes
from ..results import load_json, refuse
from .unopened import LvisKept, kept_data_set

Ann = dict[str, Any]
logger = logging.getLogger(__name__)


class LVIS(LazyAttributes):
    """A data set of LVIS. The public attributes are live: an edit changes what is evaluated.

    Args:
        annotation_path: path of a JSON file of LVIS.

    Attributes:
        dataset: the parsed file. anns, cats, imgs: its annotations, categories, images by id.
        img_ann_map: annotations by image id. cat_img_map: image ids by category id.
        They are made when they are first asked for: cats and cat_img_map each alone, all else at once.

    Raises:
        AssertionError: the file does not hold a JSON object.
    """

    BY_IMAGE, BY_CATEGORY = "img_ann_map", "cat_img_map"

    def __init__(self, annotation_path: str | os.PathLike[str]) -> None:
        self.logger = logger
        self.logger.info("Loading annotations.")
        kept = kept_data_set(annotation_path) if self._reads_files() else None
        if kept is None:
            self.dataset = self._load_json(annotation_path)
            refuse(type(self.dataset) is not dict, f"Annotation file format {type(self.dataset)} not supported.")
        else:
            self._keep(kept)
        self._create_index()

    @cached_property
    def img_ann_map(self) -> defaultdict[Any, list[Ann]]:
        return self._opened("img_ann_map")  # type: ignore[no-any-return]

    @cached_property
    def cats(self) -> dict[Any, Ann]:
        return self._opened("cats", LvisKept.categories)  # type: ignore[no-any-return]

    @cached_property
    def cat_img_map(self) -> defaultdict[Any, list[Any]]:
        return self._opened("cat_img_map", LvisKept.images_by_category)  # type: ignore[no-any-return]

    def _reads_files(self) -> bool:
        """Whether a file may be read without these steps, which a subclass can override."""
        return all(getattr(type(self), name) is getattr(LVIS, name) for name in ("_load_json", "_create_index"))

    def _load_json(self, path: Any) -> Any:
        return load_json(path)

    def _create_index(self) -> None:
        self.logger.info("Creating index.")
        if self._kept is not None and not vars(self).keys() & self._public():  # a file is there as this would make it
            self.logger.info("Index created.")
            return
        self._open()
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
        if self._kept is not None and "imgs" not in vars(self):
            return list(dict.fromkeys(self._kept.image_ids))
        return list(self.imgs)

    def load_anns(self, ids: Any = None) -> list[Ann]:
        """The annotations of the ids; None: all."""
        return _loaded(self.anns, ids)

    def load_cats(self, ids: Any) -> list[Ann]:
        """The categories of the ids; None: all."""
        return _loaded(self.cats, ids)

    def load_imgs(self, ids: Any) -> list[Ann]:
        """The images of the ids; None: all."""
        return _loaded(self._opened("imgs", LvisKept.images), ids)

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
