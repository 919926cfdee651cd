"""COCO with faster-coco-eval's arguments and its other names."""

from __future__ import annotations

import copy
import json
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import coco
from ..results import load_json, load_results, refuse

logger = logging.getLogger(__name__)
Ann = dict[str, Any]


class COCO(coco.COCO):
    """As pymetrics.coco.COCO, with ids of images as integers, None for "no filter", and snake-case names.

    Args:
        annotation_file: path of a COCO JSON file, or what such a file holds; None makes an empty one.
        use_deepcopy: whether a data set, or a list of results, is copied before it is used.
        print_function: gets each line of text; a logger at the level DEBUG by default.

    Raises:
        TypeError: annotation_file is neither of these.
        AssertionError: the file does not hold a JSON object.
    """

    def __init__(
        self,
        annotation_file: str | os.PathLike[str] | Ann | None = None,
        use_deepcopy: bool = False,
        print_function: Callable[..., Any] = logger.debug,
    ) -> None:
        self.print_function, self.use_deepcopy, self.annotation_file = print_function, use_deepcopy, annotation_file
        if isinstance(annotation_file, dict):
            super().__init__()
            self.dataset = self.load_json(annotation_file, use_deepcopy)
            self.createIndex()
            return
        refuse(isinstance(annotation_file, list), "annotation file format list not supported")
        if annotation_file is not None and not isinstance(annotation_file, (str, os.PathLike)):
            raise TypeError(f"annotation_file must be a path or a dict, got {type(annotation_file).__name__}")
        super().__init__(annotation_file)

    def _say(self, *words: Any) -> None:
        if self.verbose:
            self.print_function(*words)

    def createIndex(self) -> None:
        """As pymetrics.coco.COCO.createIndex; ids of images become ints in the dicts."""
        if self._kept is None or "dataset" in vars(self):
            for rows, key in (
                (self.dataset.get("images", ()), "id"),
                (self.dataset.get("annotations", ()), "image_id"),
            ):
                for row in rows:
                    if type(row[key]) is not int:
                        row[key] = int(row[key])
        super().createIndex()

    @staticmethod
    def load_json(json_file: Any, use_deepcopy: bool = False) -> Any:
        """The value of a JSON file; of a dict or list a copy, deep if wished."""
        if isinstance(json_file, (str, os.PathLike)):
            return load_json(json_file)
        return copy.deepcopy(json_file) if use_deepcopy else json_file.copy()

    def loadRes(self, resFile: Any, min_score: float = 0.0) -> COCO:  # type: ignore[override]
        """Results on this data set; none are an empty COCO.

        Args:
            resFile: path of a JSON list, the list itself (the dicts are used, not the list), or an (N, 7) array.
            min_score: results of lower scores are left out.

        Raises:
            AssertionError: not a list, or a result's image is not in this data set.
            TypeError: resFile is none of these.
        """
        rows: Any = resFile
        if isinstance(resFile, (list, dict)):
            rows = COCO.load_json(resFile, getattr(self, "use_deepcopy", False))
        elif isinstance(resFile, np.ndarray):
            rows = self.loadNumpyAnnotations(resFile) if min_score else resFile
        elif not isinstance(resFile, (str, os.PathLike)):
            raise TypeError(f"type {type(resFile)} is not supported")
        elif min_score:
            rows = load_json(resFile)
        if min_score and isinstance(rows, list):
            rows = [row for row in rows if row.get("score", 1) >= min_score]
        res = COCO(print_function=getattr(self, "print_function", logger.debug))
        return load_results(self, rows, False, res)  # type: ignore[return-value]

    def getAnnIds(self, imgIds: Any = None, catIds: Any = None, areaRng: Any = None, iscrowd: Any = None) -> list[Any]:
        """As pymetrics.coco.COCO.getAnnIds; None is no filter, an image counts once, `iscrowd` may be missing."""
        imgIds, catIds, areaRng = _none(imgIds), _none(catIds), _none(areaRng)
        if hasattr(imgIds, "__len__"):
            imgIds = list(dict.fromkeys(imgIds))
        ids = super().getAnnIds(imgIds, catIds, areaRng)
        if iscrowd is not None:
            ids = [id for id in ids if int(self.anns[id].get("iscrowd", 0)) == int(iscrowd)]
        return ids

    def getCatIds(self, catNms: Any = None, supNms: Any = None, catIds: Any = None) -> list[Any]:
        """As pymetrics.coco.COCO.getCatIds; None is no filter, and text is its characters."""
        cats = self._value("categories")
        for key, wanted in (("name", catNms), ("supercategory", supNms), ("id", catIds)):
            wanted = set(wanted if hasattr(wanted, "__len__") else [] if wanted is None else [wanted])
            if wanted:
                cats = [cat for cat in cats if cat.get(key) in wanted]
        return [cat["id"] for cat in cats]

    def getImgIds(self, imgIds: Any = None, catIds: Any = None) -> list[Any]:
        """As pymetrics.coco.COCO.getImgIds; None is no filter."""
        return super().getImgIds(_none(imgIds), _none(catIds))

    def loadAnns(self, ids: Any = None) -> list[Ann]:
        """As pymetrics.coco.COCO.loadAnns; None gives none."""
        return super().loadAnns(_none(ids))

    def loadCats(self, ids: Any = None) -> list[Ann]:
        """As pymetrics.coco.COCO.loadCats; None gives none."""
        return super().loadCats(_none(ids))

    def loadImgs(self, ids: Any = None) -> list[Ann]:
        """As pymetrics.coco.COCO.loadImgs; None gives none."""
        return super().loadImgs(_none(ids))

    def get_ann_ids(
        self, img_ids: Any = None, cat_ids: Any = None, area_rng: Any = None, iscrowd: Any = None
    ) -> list[Any]:
        """getAnnIds."""
        return self.getAnnIds(img_ids, cat_ids, area_rng, iscrowd)

    def get_cat_ids(self, cat_names: Any = None, sup_names: Any = None, cat_ids: Any = None) -> list[Any]:
        """getCatIds."""
        return self.getCatIds(cat_names, sup_names, cat_ids)

    def get_img_ids(self, img_ids: Any = None, cat_ids: Any = None) -> list[Any]:
        """getImgIds."""
        return self.getImgIds(img_ids, cat_ids)

    def load_anns(self, ids: Any = None) -> list[Ann]:
        """loadAnns."""
        return self.loadAnns(ids)

    def load_cats(self, ids: Any = None) -> list[Ann]:
        """loadCats."""
        return self.loadCats(ids)

    def load_imgs(self, ids: Any = None) -> list[Ann]:
        """loadImgs."""
        return self.loadImgs(ids)

    @property
    def img_ann_map(self) -> Any:
        """imgToAnns."""
        return self.imgToAnns

    @img_ann_map.setter
    def img_ann_map(self, value: Any) -> None:
        self.imgToAnns = value

    @property
    def cat_img_map(self) -> Any:
        """catToImgs."""
        return self.catToImgs

    @cat_img_map.setter
    def cat_img_map(self, value: Any) -> None:
        self.catToImgs = value

    def to_dict(self, separate_fn: bool = False) -> dict[str, Any]:
        """The data set as a dict of copies.

        separate_fn: missed ground truths (`fn`, which COCOeval_faster(extra_calc=True) writes) get categories of their
            own, whose names end in "_fn".
        """
        cats = [dict(category) for category in self.cats.values()]
        anns = [dict(annotation) for annotation in self.anns.values()]
        if separate_fn:
            most = max(category["id"] for category in cats)
            cats += [c | {"id": c["id"] + most, "name": f"{c['name']}_fn"} for c in cats]
            for ann in anns:
                if ann.get("fn"):
                    ann["category_id"] += most
        info = {"description": "Created from pymetrics.coco.faster"}
        return {"info": info, "images": list(self.imgs.values()), "annotations": anns, "categories": cats}

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.to_dict().items())

    def dump(self, output_file: str | os.PathLike[str]) -> None:
        """Write to_dict() into a JSON file."""
        with open(output_file, "w", encoding="utf-8") as file:
            json.dump(self.to_dict(), file, ensure_ascii=False, indent=4)


def _none(value: Any) -> Any:
    return () if value is None else value
