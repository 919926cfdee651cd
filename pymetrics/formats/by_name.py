"""Detections of one format beside ground truth of another: images by names of files, categories by names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .image_sizes import image_id
from .source import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray


def joined_by_name(gt: Source, dt: Source) -> Source:
    """dt with gt's ids of images, and with names of categories in place of ids that mean others in gt.

    Only where one of both is of a format whose ids a reader made (`SourceAxes.are_names`), and on the host:

    - names of files become the ids of the images of COCO that have them as `file_name`, folders or not;
    - integers become the names of files that are these numbers (000139 is 139), if all of them do;
    - integers that stand for categories become their names, where both sides have names that are not the same.

    Raises:
        ValueError: a name of a file is none of gt's images', whose ids are integers.
    """
    if not (gt.axes.are_names or dt.axes.are_names) or not len(dt):
        return dt
    if not all(isinstance(side.category, np.ndarray) for side in (gt, dt)):
        return dt
    known = gt.image if gt.axes.images is None else gt.axes.images
    return replace(dt, image=_images(gt, dt, known), category=_categories(gt, dt))


def _images(gt: Source, dt: Source, known: Any) -> NDArray[Any]:
    kinds, ids = (known.dtype.kind, dt.image.dtype.kind), known.tolist()
    if kinds == ("i", "U") and dt.axes.are_names and gt.axes.image_names:
        names = gt.axes.image_names
        id_of = _unique((image_id(names[id]), id) for id in ids if id in names)
        by_last = _unique((_last(name), id) for name, id in id_of.items())
        found = [id_of.get(name, by_last.get(_last(name))) for name in dt.image.tolist()]
        for row, id in enumerate(found):
            if id is None:
                name = dt.image[row].item()
                raise ValueError(f"{dt.where('image', row)} is {name!r}, which is the file_name of no image of gt")
        return np.array(found, np.int64)
    if kinds == ("U", "i") and gt.axes.are_names:
        name_of = _unique((int(_last(name)), name) for name in set(ids) if _is_number(_last(name)))
        names_found = [name_of.get(id) for id in dt.image.tolist()]
        return dt.image if None in names_found else np.array(names_found, np.str_)
    if kinds == ("U", "U") and not set(dt.image.tolist()) <= set(ids):
        name_of_last = _unique((_last(name), name) for name in set(ids))
        return np.array([name_of_last.get(_last(name), name) for name in dt.image.tolist()], np.str_)
    images: NDArray[Any] = dt.image
    return images


def _categories(gt: Source, dt: Source) -> NDArray[Any]:
    category: NDArray[Any] = dt.category
    names = dt.axes.names
    if not dt.axes.are_names or not names or category.dtype.kind != "i" or dict(names) == dict(gt.axes.names):
        return category
    are_strings = (gt.category if gt.axes.categories is None else gt.axes.categories).dtype.kind == "U"
    if not are_strings and not gt.axes.names:
        return category
    return np.array([names.get(id, str(id)) for id in category.tolist()], np.str_)


def _unique(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """The pairs as a dict, without the keys that stand for several."""
    found = list(pairs)
    counts = Counter(key for key, _ in found)
    return {key: value for key, value in found if counts[key] == 1}


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 19
