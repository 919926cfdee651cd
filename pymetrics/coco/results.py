"""Results on a data set, as COCO.loadRes makes them: of a file, a list of dicts or an array."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formats.boxes import RawBoxes
from ..formats.coco_file import read_document
from ..formats.ids import joined_ids
from . import strict as strictness
from .copies import deep_copy
from .dict_columns import complete_boxes
from .lazy_dataset import Ann, Kept, Section, Text

if TYPE_CHECKING:
    from .coco import COCO


def refuse(condition: bool, message: str) -> None:
    """What pycocotools asserts; unlike an assert statement it holds under `python -O` too."""
    if condition:
        raise AssertionError(message)


def load_json(path: Any) -> Any:
    """The JSON value of a file."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def load_results(other: Any, results: Any, strict: bool | None, res: COCO) -> COCO:
    """COCO.loadRes. other: a COCO of this library, or what has `dataset` and getImgIds(). res: empty, to be filled."""
    mine = other._unopened() if hasattr(other, "_unopened") else None
    info, images = _info_and_images(other, mine)
    res._say("Loading and preparing results...")
    start = time.time()
    anns, kept = results, None
    if isinstance(results, (str, os.PathLike)):
        kept = _kept_results(results)
        anns = load_json(results) if kept is None else None
    elif isinstance(results, np.ndarray):
        read = getattr(other, "loadNumpyAnnotations", None)
        anns = rows_of_array(results, res._say) if read is None else read(results)
    if kept is None:
        refuse(type(anns) is not list, f"results in not an array of objects, but {type(anns).__name__}")
        shown = {ann["image_id"] for ann in anns}
    else:
        shown = set(joined_ids(kept.source.image).tolist())
    unknown = shown - set(other.getImgIds())
    if unknown:
        some = sorted(unknown, key=str)[:5]
        raise AssertionError(f"Results do not correspond to current coco set: it has no images {some}")
    n_results = len(anns) if kept is None else len(kept.source)
    if n_results == 0 and (strictness.is_strict() if strict is None else strict):  # EMPTY_RESULTS
        raise IndexError("there are no results, which pycocotools refuses; strict=False makes an empty COCO of them")
    if kept is None:
        res.dataset = {"info": info.value(), "images": list(images.value())}
        _complete(anns, res, lambda: _categories(other, mine).value())
        res.dataset["annotations"] = anns
    else:
        kept.sections = {"info": info, "images": images, "categories": _categories(other, mine)} | kept.sections
        kept.image_ids = [img["id"] for img in images.value()] if mine is None else mine.image_ids
        res._keep(kept)
    res._say(f"DONE (t={time.time() - start:0.2f}s)")
    res.createIndex()
    return res


def _info_and_images(other: Any, kept: Kept | None) -> tuple[Section, Section]:
    """A copy of the info; the images, which are the same dicts."""
    if kept is None:
        info = deep_copy(other.dataset.get("info", {}))
        return Section(None, value=info), Section(None, value=list(other.dataset["images"]))
    return kept.sections.get("info", Section(None, value={})).copied(), kept.sections["images"]


def _categories(other: Any, kept: Kept | None) -> Section:
    """A copy of the categories."""
    section = Section(None, value=other.dataset["categories"]) if kept is None else kept.sections["categories"]
    return section.copied()


def _complete(anns: list[Ann], res: COCO, categories: Callable[[], Any]) -> None:
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
    res.dataset["categories"] = categories()
    if has_boxes:
        complete_boxes(anns)
    elif "segmentation" in first:
        from .mask_rows import complete_masks

        complete_masks(anns)
    else:
        from .pose_rows import complete_poses

        complete_poses(anns)


def rows_of_array(data: Any, say: Callable[..., None]) -> list[Ann]:
    """COCO.loadNumpyAnnotations. say: what prints."""
    say("Converting ndarray to lists...")
    refuse(not isinstance(data, np.ndarray), f"results must be an array, not {type(data).__name__}")
    say(data.shape)
    refuse(data.ndim != 2 or data.shape[1] != 7, f"results must be an array of shape (N, 7), not {data.shape}")
    n = data.shape[0]
    for i in range(0, n, 1000000):
        say(f"{i}/{n}")
    images, categories = ([int(value) for value in data[:, j].tolist()] for j in (0, 6))
    x, y, w, h, scores = (list(data[:, j]) for j in range(1, 6))
    return [
        {"image_id": image, "bbox": list(box), "score": score, "category_id": category}
        for image, *box, score, category in zip(images, x, y, w, h, scores, categories, strict=True)
    ]


def _kept_results(path: str | os.PathLike[str]) -> Kept | None:
    """Results in a file, still without images and categories; None where json has to read them."""
    document = read_document(path, "dt")
    if document is None:
        return None
    text = Text(document)
    if len(document.source) and "caption" in text.first_record():  # other rules hold then
        return None
    complete = complete_boxes
    if document.source.shape.name == "masks":
        from .mask_rows import complete_masks as complete
    elif not isinstance(document.source.shape, RawBoxes):
        from .pose_rows import complete_poses as complete
    section = Section(text, document.spans["annotations"])
    return Kept(document.source, text, {"annotations": section}, (), True, complete)


def _is_empty_list(value: Any) -> bool:
    return isinstance(value, list) and not value
