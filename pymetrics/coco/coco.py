"""COCO: annotations in pycocotools' shape, as plain Python dicts that may be edited in place."""

from __future__ import annotations

import copy
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np

from .fields import complete_boxes, index

Ann = dict[str, Any]


def _is_array_like(value: Any) -> bool:
    return hasattr(value, "__iter__") and hasattr(value, "__len__")


def _as_list(value: Any) -> Any:
    return value if _is_array_like(value) else [value]


def _refuse(condition: bool, message: str) -> None:
    """What pycocotools asserts; unlike an assert statement it holds under `python -O` too."""
    if condition:
        raise AssertionError(message)


def _load_json(path: str | os.PathLike[str]) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class COCO:
    """Ground truth or results. The public attributes are live: whoever edits them edits what is evaluated.

    Args:
        annotation_file: path of a COCO JSON file; None makes an empty one, to be filled through `dataset` and
            createIndex().

    Attributes:
        dataset: the parsed file. anns, cats, imgs: its annotations, categories, images by id (of equal ids the last).
        imgToAnns: annotations by image id, in the order of the file. catToImgs: image ids by category id.

    Raises:
        AssertionError: the file does not hold a JSON object.
    """

    def __init__(self, annotation_file: str | os.PathLike[str] | None = None) -> None:
        self.dataset: dict[str, Any] = {}
        self.anns: dict[Any, Ann] = {}
        self.cats: dict[Any, Ann] = {}
        self.imgs: dict[Any, Ann] = {}
        self.imgToAnns: defaultdict[Any, list[Ann]] = defaultdict(list)
        self.catToImgs: defaultdict[Any, list[Any]] = defaultdict(list)
        if annotation_file is not None:
            print("loading annotations into memory...")
            start = time.time()
            dataset = _load_json(annotation_file)
            _refuse(type(dataset) is not dict, f"annotation file format {type(dataset)} not supported")
            print(f"Done (t={time.time() - start:0.2f}s)")
            self.dataset = dataset
            self.createIndex()

    def createIndex(self) -> None:
        """Fill anns, cats, imgs, imgToAnns and catToImgs from `dataset`."""
        print("creating index...")
        annotations = self.dataset.get("annotations", [])
        self.anns, self.imgToAnns, self.catToImgs = index(annotations, "categories" in self.dataset)
        self.imgs = {img["id"]: img for img in self.dataset.get("images", [])}
        self.cats = {cat["id"]: cat for cat in self.dataset.get("categories", [])}
        print("index created!")

    def info(self) -> None:
        """Print the data set's own description."""
        for key, value in self.dataset["info"].items():
            print(f"{key}: {value}")

    def getAnnIds(self, imgIds: Any = (), catIds: Any = (), areaRng: Any = (), iscrowd: Any = None) -> list[Any]:
        """Ids of the annotations that pass every filter given: image, category, area strictly inside areaRng, crowd.

        They come in the order of imgIds and, within an image, of the file.
        """
        imgIds, catIds = _as_list(imgIds), _as_list(catIds)
        anns: Iterable[Ann]
        if len(imgIds):
            anns = chain.from_iterable([self.imgToAnns[image] for image in imgIds if image in self.imgToAnns])
        else:
            anns = self.dataset["annotations"]
        if len(catIds):
            wanted = set(catIds)
            anns = [ann for ann in anns if ann["category_id"] in wanted]
        if len(areaRng):
            anns = [ann for ann in anns if areaRng[0] < ann["area"] < areaRng[1]]
        if iscrowd is not None:
            anns = [ann for ann in anns if ann["iscrowd"] == iscrowd]
        return [ann["id"] for ann in anns]

    def getCatIds(self, catNms: Any = (), supNms: Any = (), catIds: Any = ()) -> list[Any]:
        """Ids of the categories that pass every filter given: names, names of supercategories, ids."""
        cats = self.dataset["categories"]
        for key, wanted in (("name", catNms), ("supercategory", supNms), ("id", catIds)):
            # A bare string is array-like, as in pycocotools: its parts pass too.
            wanted = _as_list(wanted)
            if len(wanted):
                cats = [cat for cat in cats if cat[key] in wanted]
        return [cat["id"] for cat in cats]

    def getImgIds(self, imgIds: Any = (), catIds: Any = ()) -> list[Any]:
        """Ids of the images among imgIds (if given) that show every category of catIds (if given)."""
        imgIds, catIds = _as_list(imgIds), _as_list(catIds)
        if len(imgIds) == len(catIds) == 0:
            return list(self.imgs)
        ids = set(imgIds)
        for i, category in enumerate(catIds):
            shown = set(self.catToImgs[category])
            ids = shown if i == 0 and not ids else ids & shown
        return list(ids)

    def loadAnns(self, ids: Any = ()) -> list[Ann]:
        """The annotations of the ids (or of the one id)."""
        return [self.anns[id] for id in _as_list(ids)]

    def loadCats(self, ids: Any = ()) -> list[Ann]:
        """The categories of the ids (or of the one id)."""
        return [self.cats[id] for id in _as_list(ids)]

    def loadImgs(self, ids: Any = ()) -> list[Ann]:
        """The images of the ids (or of the one id)."""
        return [self.imgs[id] for id in _as_list(ids)]

    def loadRes(self, resFile: Any) -> COCO:
        """Results on this data set, as a COCO of their own.

        Args:
            resFile: path of a JSON list, the list itself, or an (N, 7) array of image, x, y, width, height, score,
                category. The dicts of a list are used as they are: `id`, `area` and `iscrowd` are written into them,
                and `segmentation` where it is missing.

        Raises:
            AssertionError: not a list, or a result's image is not in this data set.
            NotImplementedError: results that hold masks and no boxes.
        """
        res = COCO()
        res.dataset["info"] = copy.deepcopy(self.dataset.get("info", {}))
        res.dataset["images"] = list(self.dataset["images"])
        print("Loading and preparing results...")
        start = time.time()
        if isinstance(resFile, (str, os.PathLike)):
            anns = _load_json(resFile)
        elif isinstance(resFile, np.ndarray):
            anns = self.loadNumpyAnnotations(resFile)
        else:
            anns = resFile
        _refuse(type(anns) is not list, f"results in not an array of objects, but {type(anns).__name__}")
        unknown = {ann["image_id"] for ann in anns} - set(self.getImgIds())
        if unknown:
            some = sorted(unknown, key=str)[:5]
            raise AssertionError(f"Results do not correspond to current coco set: it has no images {some}")
        self._complete(anns, res)
        print(f"DONE (t={time.time() - start:0.2f}s)")
        res.dataset["annotations"] = anns
        res.createIndex()
        return res

    def _complete(self, anns: list[Ann], res: COCO) -> None:
        """Write what results lack into them; the first one tells what kind they all are."""
        first = anns[0] if anns else {"bbox": True}  # EMPTY_RESULTS: no results are results too
        if "caption" in first:
            shown = {ann["image_id"] for ann in anns}
            res.dataset["images"] = [img for img in res.dataset["images"] if img["id"] in shown]
            for i, ann in enumerate(anns):
                ann["id"] = i + 1
            return
        has_boxes = "bbox" in first and not _is_empty_list(first["bbox"])
        if not has_boxes and "segmentation" not in first and "keypoints" not in first:
            return
        res.dataset["categories"] = copy.deepcopy(self.dataset["categories"])
        if has_boxes:
            complete_boxes(anns)
        elif "segmentation" in first:
            raise NotImplementedError("results without `bbox` need the area of their masks, which is not there yet")
        else:
            for i, ann in enumerate(anns):
                x, y = ann["keypoints"][0::3], ann["keypoints"][1::3]
                left, right, top, bottom = np.min(x), np.max(x), np.min(y), np.max(y)
                ann["area"] = (right - left) * (bottom - top)
                ann["id"] = i + 1
                ann["bbox"] = [left, top, right - left, bottom - top]

    def loadNumpyAnnotations(self, data: Any) -> list[Ann]:
        """Results from an (N, 7) array of image, x, y, width, height, score, category.

        Boxes and scores stay scalars of the array's dtype, so that areas are computed in it (FLOAT32_AREA).

        Raises:
            AssertionError: not an array of seven columns.
        """
        print("Converting ndarray to lists...")
        _refuse(not isinstance(data, np.ndarray), f"results must be an array, not {type(data).__name__}")
        print(data.shape)
        _refuse(data.ndim != 2 or data.shape[1] != 7, f"results must be an array of shape (N, 7), not {data.shape}")
        n = data.shape[0]
        for i in range(0, n, 1000000):
            print(f"{i}/{n}")
        images, categories = ([int(value) for value in data[:, j].tolist()] for j in (0, 6))
        x, y, w, h, scores = (list(data[:, j]) for j in range(1, 6))
        return [
            {"image_id": image, "bbox": list(box), "score": score, "category_id": category}
            for image, *box, score, category in zip(images, x, y, w, h, scores, categories, strict=True)
        ]

    def annToRLE(self, ann: Ann) -> Any:
        """Not there yet: it needs masks."""
        raise NotImplementedError("annToRLE needs masks, which are not there yet")

    def annToMask(self, ann: Ann) -> Any:
        """Not there yet: it needs masks."""
        raise NotImplementedError("annToMask needs masks, which are not there yet")

    def showAnns(self, anns: list[Ann], draw_bbox: bool = False) -> None:
        """Not there: drawing is not this module's."""
        raise NotImplementedError("showAnns: drawing annotations is not there; pycocotools does it")

    def download(self, tarDir: str | None = None, imgIds: Any = ()) -> None:
        """Not there: fetching images is not this library's."""
        raise NotImplementedError("download: this library fetches no images; pycocotools does it")


def _is_empty_list(value: Any) -> bool:
    return isinstance(value, list) and not value
