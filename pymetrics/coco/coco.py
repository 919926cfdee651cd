"""COCO: annotations in pycocotools' shape, as plain Python dicts that may be edited in place.

What comes from a file is kept as text and columns (lazy_dataset.py) until its dicts are asked for. Then the columns are
dropped, and the dicts are all there is.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from itertools import chain
from typing import Any

from ..formats.coco_file import read_document
from .dict_columns import index
from .lazy_attributes import LazyAttributes
from .lazy_dataset import Ann, Kept
from .results import load_json, load_results, refuse, rows_of_array


def _is_array_like(value: Any) -> bool:
    return hasattr(value, "__iter__") and hasattr(value, "__len__")


_isArrayLike = _is_array_like  # pycocotools' name, which some callers import


def _as_list(value: Any) -> Any:
    return value if _is_array_like(value) else [value]


class COCO(LazyAttributes):
    """Ground truth or results. The public attributes are live: an edit changes what is evaluated.

    Args:
        annotation_file: path of a COCO JSON file; None makes an empty one, to be filled through `dataset` and
            createIndex().
        verbose: False prints nothing, here and in what loadRes returns.

    Attributes:
        dataset: the parsed file. anns, cats, imgs: its annotations, categories, images by id (of equal ids the last).
        imgToAnns: annotations by image id, in the order of the file. catToImgs: image ids by category id.
        Of a file they are made when they are first asked for: cats, imgs and catToImgs each alone, all else at once.

    Raises:
        AssertionError: the file does not hold a JSON object.
    """

    verbose = True  # also of objects whose __init__ did not run
    BY_IMAGE, BY_CATEGORY = "imgToAnns", "catToImgs"

    def __init__(self, annotation_file: str | os.PathLike[str] | None = None, verbose: bool = True) -> None:
        if not verbose:
            self.verbose = False
        self.dataset = {}
        self.anns, self.cats, self.imgs = {}, {}, {}
        self.imgToAnns, self.catToImgs = defaultdict(list), defaultdict(list)
        if annotation_file is None:
            return
        self._say("loading annotations into memory...")
        start = time.time()
        is_path = isinstance(annotation_file, (str, os.PathLike))
        document = read_document(annotation_file, "gt") if is_path else None
        kept = None if document is None else Kept.of_data_set(document)
        if kept is None:
            dataset = load_json(annotation_file)
            refuse(type(dataset) is not dict, f"annotation file format {type(dataset)} not supported")
            self.dataset = dataset
        else:
            self._keep(kept)
        self._say(f"Done (t={time.time() - start:0.2f}s)")
        self.createIndex()

    @cached_property
    def imgToAnns(self) -> defaultdict[Any, list[Ann]]:
        return self._opened("imgToAnns")  # type: ignore[no-any-return]

    @cached_property
    def cats(self) -> dict[Any, Ann]:
        return self._opened("cats", Kept.categories)  # type: ignore[no-any-return]

    @cached_property
    def catToImgs(self) -> defaultdict[Any, list[Any]]:
        return self._opened("catToImgs", Kept.images_by_category)  # type: ignore[no-any-return]

    def _value(self, key: str) -> Any:
        """dataset[key], for immediate reading. The caller must not store it."""
        kept = self._unopened()
        return self.dataset[key] if kept is None else kept.sections[key].peek()

    def _say(self, *words: Any) -> None:
        if self.verbose:
            print(*words)

    def createIndex(self) -> None:
        """Fill anns, cats, imgs, imgToAnns and catToImgs from `dataset`."""
        self._say("creating index...")
        if self._kept is not None:
            if not vars(self).keys() & self._public():  # all that a file holds will be as this would make it
                self._say("index created!")
                return
            if "dataset" not in vars(self):
                self._open()
        annotations = self.dataset.get("annotations", [])
        self.anns, self.imgToAnns, self.catToImgs = index(annotations, "categories" in self.dataset)
        self.imgs = {img["id"]: img for img in self.dataset.get("images", [])}
        self.cats = {cat["id"]: cat for cat in self.dataset.get("categories", [])}
        self._kept = None
        self._say("index created!")

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

    def loadRes(self, resFile: Any, strict: bool | None = None) -> COCO:
        """Results on this data set, as a COCO of their own.

        Called unbound it takes another library's data set: COCO.loadRes(other, results) needs of `other` the attribute
        `dataset` and the method getImgIds().

        Args:
            resFile: path of a JSON list, the list itself, or an (N, 7) array of image, x, y, width, height, score,
                category. The dicts of a list are used as they are: `id`, `area` and `iscrowd` are written into them,
                and `segmentation` where it is missing.
            strict: whether an empty list raises IndexError, as in pycocotools; None: as set_strict says.

        Raises:
            AssertionError: not a list, or a result's image is not in this data set.
            IndexError: no results, and strict.
        """
        return load_results(self, resFile, strict, COCO(verbose=getattr(self, "verbose", True)))

    def loadNumpyAnnotations(self, data: Any) -> list[Ann]:
        """Results from an (N, 7) array of image, x, y, width, height, score, category.

        Boxes and scores stay scalars of the array's dtype, so that areas are computed in it (FLOAT32_AREA).

        Raises:
            AssertionError: not an array of seven columns.
        """
        return rows_of_array(data, self._say)

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
        """Draw annotations into Matplotlib's current axes, in random colours, or print their captions.

        anns: with `segmentation` (polygons, RLE), `keypoints` (their category has `skeleton`), or `caption`.
        draw_bbox: also draw their boxes.
        """
        from .pictures import show_annotations

        show_annotations(self, anns, draw_bbox)

    def download(self, tarDir: str | os.PathLike[str] | None = None, imgIds: Any = ()) -> int | None:
        """Fetch the images imgIds (all, if none are given) from their `coco_url` into the folder tarDir.

        Files that are there stay as they are. Without tarDir nothing is done, and -1 is returned.

        Raises:
            ValueError: the `file_name` of an image leads out of the folder.
        """
        from .pictures import download

        return download(self.loadImgs(imgIds) if len(imgIds) else list(self.imgs.values()), tarDir, self._say)


def __getattr__(name: str) -> Any:
    """`maskUtils`, under which pycocotools' module has its functions of masks."""
    if name != "maskUtils":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import mask

    return mask
