"""COCO: annotations in pycocotools' shape, as plain Python dicts that may be edited in place.

What comes from a file is kept as text and columns (lazy_dataset.py) until its dicts are asked for. Then the columns are
dropped, and the dicts are all there is.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from ..formats.coco import XYWH, where_of
from ..formats.coco_file import has_other_crowds, has_other_ignore, read_document, with_ignore
from ..formats.ids import joined_ids
from ..formats.options import ReadOptions
from ..formats.source import Source
from .dict_columns import complete_boxes, index
from .lazy_dataset import Ann, Kept, Section, Text, opening


def _is_array_like(value: Any) -> bool:
    return hasattr(value, "__iter__") and hasattr(value, "__len__")


def _as_list(value: Any) -> Any:
    return value if _is_array_like(value) else [value]


def _refuse(condition: bool, message: str) -> None:
    """What pycocotools asserts; unlike an assert statement it holds under `python -O` too."""
    if condition:
        raise AssertionError(message)


def _load_json(path: Any) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class COCO:
    """Ground truth or results. The public attributes are live: an edit changes what is evaluated.

    Args:
        annotation_file: path of a COCO JSON file; None makes an empty one, to be filled through `dataset` and
            createIndex().

    Attributes:
        dataset: the parsed file. anns, cats, imgs: its annotations, categories, images by id (of equal ids the last).
        imgToAnns: annotations by image id, in the order of the file. catToImgs: image ids by category id.
        Of a file they are made when they are first asked for: cats, imgs and catToImgs each alone, all else at once.

    Raises:
        AssertionError: the file does not hold a JSON object.
    """

    _kept: Kept | None = None  # of a file, while there are no dicts of its annotations

    def __init__(self, annotation_file: str | os.PathLike[str] | None = None) -> None:
        self.dataset = {}
        self.anns, self.cats, self.imgs = {}, {}, {}
        self.imgToAnns, self.catToImgs = defaultdict(list), defaultdict(list)
        if annotation_file is None:
            return
        print("loading annotations into memory...")
        start = time.time()
        is_path = isinstance(annotation_file, (str, os.PathLike))
        document = read_document(annotation_file, "gt") if is_path else None
        kept = None if document is None else Kept.of_data_set(document)
        if kept is None:
            dataset = _load_json(annotation_file)
            _refuse(type(dataset) is not dict, f"annotation file format {type(dataset)} not supported")
            self.dataset = dataset
        else:
            self._keep(kept)
        print(f"Done (t={time.time() - start:0.2f}s)")
        self.createIndex()

    @cached_property
    def dataset(self) -> dict[str, Any]:
        return self._opened("dataset")  # type: ignore[no-any-return]

    @cached_property
    def anns(self) -> dict[Any, Ann]:
        return self._opened("anns")  # type: ignore[no-any-return]

    @cached_property
    def imgToAnns(self) -> defaultdict[Any, list[Ann]]:
        return self._opened("imgToAnns")  # type: ignore[no-any-return]

    @cached_property
    def cats(self) -> dict[Any, Ann]:
        return self._opened("cats", Kept.categories)  # type: ignore[no-any-return]

    @cached_property
    def imgs(self) -> dict[Any, Ann]:
        # All at once: training code reads imgs before it forks workers, so that the workers share the dicts.
        return self._opened("imgs")  # type: ignore[no-any-return]

    @cached_property
    def catToImgs(self) -> defaultdict[Any, list[Any]]:
        return self._opened("catToImgs", Kept.images_by_category)  # type: ignore[no-any-return]

    def _opened(self, name: str, alone: Callable[[Kept], Any] | None = None) -> Any:
        """A public attribute that is asked for; `alone` makes it and nothing else."""
        with opening():
            if self._kept is not None and alone is not None:
                vars(self).setdefault(name, alone(self._kept))
            else:
                self._open()
        if name not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return vars(self)[name]

    def _open(self) -> None:
        """Make every public attribute that is not there yet."""
        with opening():
            if self._kept is not None:
                for name, value in self._kept.opened().items():
                    vars(self).setdefault(name, value)
                self._kept = None

    def _keep(self, kept: Kept) -> None:
        """Be what is kept of a file."""
        for name in PUBLIC:
            vars(self).pop(name, None)
        self._kept = kept

    def _unopened(self) -> Kept | None:
        """The unparsed data set, if no attribute through which annotations can be changed was given out."""
        return None if vars(self).keys() & {"dataset", "anns", "imgToAnns"} else self._kept

    def _value(self, key: str) -> Any:
        """dataset[key], for immediate reading. The caller must not store it."""
        kept = self._unopened()
        return self.dataset[key] if kept is None else kept.sections[key].peek()

    def __copy__(self) -> COCO:
        self._open()  # for copies share their dicts
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        return other

    def evaluation_source(self, options: ReadOptions) -> Source | None:
        """For pymetrics.evaluate: what it would read from `dataset`; None: let it do so."""
        kept = self._unopened()
        if kept is None or vars(self).keys() & {"cats", "imgs"}:
            return None
        is_plain = options.iou_type == "bbox" and options.format("xywh") == XYWH
        if not is_plain or (kept.source.scores is None) != (options.argument == "gt"):
            return None
        source = kept.evaluation_source()
        if has_other_crowds(source) or (options.use_ignore and has_other_ignore(source)):
            return None
        if options.argument == "dt":
            return replace(source, where=where_of("dt['annotations']"))
        return with_ignore(source) if options.use_ignore else source

    def createIndex(self) -> None:
        """Fill anns, cats, imgs, imgToAnns and catToImgs from `dataset`."""
        print("creating index...")
        if self._kept is not None:
            if not vars(self).keys() & PUBLIC:  # all that a file holds will be as this would make it
                print("index created!")
                return
            if "dataset" not in vars(self):
                self._open()
        annotations = self.dataset.get("annotations", [])
        self.anns, self.imgToAnns, self.catToImgs = index(annotations, "categories" in self.dataset)
        self.imgs = {img["id"]: img for img in self.dataset.get("images", [])}
        self.cats = {cat["id"]: cat for cat in self.dataset.get("categories", [])}
        self._kept = None
        print("index created!")

    def info(self) -> None:
        """Print the data set's own description."""
        for key, value in self._value("info").items():
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
        cats = self._value("categories")
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
            if self._kept is not None and "imgs" not in vars(self):
                return list(dict.fromkeys(self._kept.image_ids))
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
        imgs = self._opened("imgs", Kept.images)
        return [imgs[id] for id in _as_list(ids)]

    def loadRes(self, resFile: Any) -> COCO:
        """Results on this data set, as a COCO of their own.

        Args:
            resFile: path of a JSON list, the list itself, or an (N, 7) array of image, x, y, width, height, score,
                category. The dicts of a list are used as they are: `id`, `area` and `iscrowd` are written into them,
                and `segmentation` where it is missing.

        Raises:
            AssertionError: not a list, or a result's image is not in this data set.
        """
        info, images = self._info_and_images()
        print("Loading and preparing results...")
        start = time.time()
        anns, kept = resFile, None
        if isinstance(resFile, (str, os.PathLike)):
            kept = _kept_results(resFile)
            anns = _load_json(resFile) if kept is None else None
        elif isinstance(resFile, np.ndarray):
            anns = self.loadNumpyAnnotations(resFile)
        if kept is None:
            _refuse(type(anns) is not list, f"results in not an array of objects, but {type(anns).__name__}")
            shown = {ann["image_id"] for ann in anns}
        else:
            shown = set(joined_ids(kept.source.image).tolist())
        unknown = shown - set(self.getImgIds())
        if unknown:
            some = sorted(unknown, key=str)[:5]
            raise AssertionError(f"Results do not correspond to current coco set: it has no images {some}")
        res = COCO()
        if kept is None:
            res.dataset = {"info": info.value(), "images": list(images.value())}
            self._complete(anns, res)
            res.dataset["annotations"] = anns
        else:
            kept.sections = {"info": info, "images": images, "categories": self._categories()} | kept.sections
            mine = self._unopened()
            kept.image_ids = [img["id"] for img in images.value()] if mine is None else mine.image_ids
            res._keep(kept)
        print(f"DONE (t={time.time() - start:0.2f}s)")
        res.createIndex()
        return res

    def _info_and_images(self) -> tuple[Section, Section]:
        """For results: a copy of the info; the images, which are the same dicts."""
        kept = self._unopened()
        if kept is None:
            info = copy.deepcopy(self.dataset.get("info", {}))
            return Section(None, value=info), Section(None, value=list(self.dataset["images"]))
        return kept.sections.get("info", Section(None, value={})).copied(), kept.sections["images"]

    def _categories(self) -> Section:
        """For results: a copy of the categories."""
        kept = self._unopened()
        mine = Section(None, value=self.dataset["categories"]) if kept is None else kept.sections["categories"]
        return mine.copied()

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
        res.dataset["categories"] = self._categories().value()
        if has_boxes:
            complete_boxes(anns)
        elif "segmentation" in first:
            from .mask_rows import complete_masks

            complete_masks(anns)
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
        """The mask of an annotation as an RLE: of polygons or a list of runs a new one, else its own."""
        from . import mask

        image, segmentation = self.imgs[ann["image_id"]], ann["segmentation"]
        height, width = image["height"], image["width"]
        if isinstance(segmentation, list):
            return mask.merge(mask.frPyObjects(segmentation, height, width))
        if isinstance(segmentation["counts"], list):
            return mask.frPyObjects(segmentation, height, width)
        return segmentation

    def annToMask(self, ann: Ann) -> Any:
        """The mask of an annotation as a bitmap: uint8 (height, width), in Fortran order."""
        from . import mask

        return mask.decode(self.annToRLE(ann))

    def showAnns(self, anns: list[Ann], draw_bbox: bool = False) -> None:
        """Not there: drawing is not this module's."""
        raise NotImplementedError("showAnns: drawing annotations is not there; pycocotools does it")

    def download(self, tarDir: str | None = None, imgIds: Any = ()) -> None:
        """Not there: fetching images is not this library's."""
        raise NotImplementedError("download: this library fetches no images; pycocotools does it")


PUBLIC = {name for name, value in vars(COCO).items() if isinstance(value, cached_property)}


def _kept_results(path: str | os.PathLike[str]) -> Kept | None:
    """Results in a file, still without images and categories; None where json has to read them."""
    document = read_document(path, "dt")
    if document is None:
        return None
    text = Text(document.text)
    if "caption" in text.first_record():  # other rules hold then
        return None
    return Kept(
        document.source, {"annotations": Section(text, document.spans["annotations"])}, (), True, complete_boxes
    )


def _is_empty_list(value: Any) -> bool:
    return isinstance(value, list) and not value
