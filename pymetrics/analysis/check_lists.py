"""What is wrong with the lists of images and categories of a COCO dict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .._records import record
from .finding import Collector, Finding

TABLE = (
    ("lists", "error", "{n} of images, annotations and categories are missing or no lists", "evaluate refuses it"),
    ("bad_rows", "error", "{n} images or categories have no id, or one that is no whole number or string",
     "evaluate refuses it"),
    ("duplicate_images", "warning", "{n} images have an id that was there before",
     "they count as one image, of the last one's size"),
    ("duplicate_file_names", "warning", "{n} images have a file_name that was there before",
     "the objects of one file are found in one image, and missed in the other"),
    ("duplicate_categories", "error", "{n} categories have an id that was there before",
     "they count as one category, of the last one's name"),
    ("duplicate_names", "warning", "{n} categories have a name that was there before",
     "they are two categories: labels that are names are refused, and formats without ids cannot tell them apart"),
    ("no_sizes", "note", "{n} images have no height and width above 0",
     "boxes outside of them are not found; polygons and boxes in parts of the image cannot be read"),
    ("no_images", "error", "there are no images", "all annotations are left out"),
)  # fmt: skip


@record
class Lists:
    """images: the height and width of each image by id, or None. categories: by id. annotations: those that are dicts,
    with their places in the list. findings: what is wrong with the lists."""

    images: dict[Any, tuple[float, float] | None]
    categories: dict[Any, Mapping[str, Any]]
    annotations: list[tuple[int, Mapping[str, Any]]]
    findings: list[Finding]


def list_findings(dataset: Mapping[str, Any]) -> Lists:
    """What is wrong with the lists, and what they hold."""
    found = Collector()
    lists: dict[str, Sequence[Any]] = {}
    for key in ("images", "annotations", "categories"):
        content = dataset.get(key)
        lists[key] = content if isinstance(content, (list, tuple)) else ()
        if not isinstance(content, (list, tuple)):
            found.add("lists", key)
    images: dict[Any, tuple[float, float] | None] = {}
    file_names = Counter[str]()
    for i, image in enumerate(lists["images"]):
        id = _id(image)
        if id is None:
            found.add("bad_rows", f"images[{i}]")
            continue
        if id in images:
            found.add("duplicate_images", {"image": id})
        name = image.get("file_name")
        if isinstance(name, str) and name:
            file_names[name] += 1
            if file_names[name] > 1:
                found.add("duplicate_file_names", {"image": id, "file_name": name})
        images[id] = size_of(image)
        if images[id] is None:
            found.add("no_sizes", {"image": id})
    if not images and "images" not in found.examples.get("lists", ()):
        found.add("no_images", "images")
    categories: dict[Any, Mapping[str, Any]] = {}
    names: dict[str, Any] = {}
    for i, category in enumerate(lists["categories"]):
        id = _id(category)
        if id is None:
            found.add("bad_rows", f"categories[{i}]")
            continue
        if id in categories:
            found.add("duplicate_categories", {"category": id})
        name = category.get("name")
        if isinstance(name, str) and names.setdefault(name, id) != id:
            found.add("duplicate_names", {"category": id, "name": name})
        categories[id] = category
    annotations = [(i, row) for i, row in enumerate(lists["annotations"]) if isinstance(row, Mapping)]
    for i, row in enumerate(lists["annotations"]):
        if not isinstance(row, Mapping):
            found.add("bad_rows", f"annotations[{i}]")
    return Lists(images, categories, annotations, found.findings(TABLE))


def _id(row: Any) -> Any:
    """The id of an image or category; None where it has none that can be read."""
    return as_id(row.get("id")) if isinstance(row, Mapping) else None


def as_id(value: Any) -> Any:
    """An id as it is compared: a whole number, or a string; None of anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or abs(value) == float("inf"):
        return None
    return int(value) if value == int(value) else None


def size_of(image: Mapping[str, Any]) -> tuple[float, float] | None:
    """Height and width above 0, or None."""
    size = image.get("height"), image.get("width")
    if all(isinstance(side, (int, float)) and not isinstance(side, bool) and 0 < side < 2**31 for side in size):
        return float(size[0]), float(size[1])  # type: ignore[arg-type]
    return None
