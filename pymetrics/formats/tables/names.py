"""What the columns of a table are called: presets, and names of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..._records import record

if TYPE_CHECKING:
    from ..options import ReadOptions

# The columns that are read, by the name that COCO gives them.
KEYS = (
    "image_id", "category_id", "bbox", "score", "iscrowd", "ignore", "group_of", "area", "id", "counts", "height",
    "width", "keypoints", "num_keypoints",
)  # fmt: skip
Name = str | tuple[str, ...]
IMAGE_KEYS = ("image_id", "height", "width")  # of a nested table: one value for each image (masks apart)
OBJECTS = "objects"
HF: dict[str, Name] = {key: f"{OBJECTS}.{key}" for key in KEYS if key not in IMAGE_KEYS}
HF["category_id"] = f"{OBJECTS}.category"
OPENIMAGES: dict[str, Name] = {
    "image_id": "ImageID", "category_id": "LabelName", "bbox": ("XMin", "YMin", "XMax", "YMax"), "score": "Score",
    "group_of": "IsGroupOf",
}  # fmt: skip


@record
class Preset:
    """names: of columns, by key; a bbox may be of four columns. box_format: of its boxes; None: as everywhere."""

    names: Mapping[str, Name]
    box_format: str | None = None


PRESETS = {
    "coco": Preset({key: key for key in KEYS}),
    "hf": Preset({**{key: key for key in IMAGE_KEYS}, **HF}),
    "openimages": Preset(OPENIMAGES, "albumentations"),
}


def preset_of(options: ReadOptions, names: Iterable[str]) -> tuple[Preset, frozenset[str]]:
    """The names of the columns of one side, and the keys of those that the user named. names: the table's columns.

    Raises:
        TypeError, ValueError: `columns` is no preset and no mapping, or names what is not read.
    """
    columns = options.tables.columns
    if isinstance(columns, Mapping) and columns and set(columns) <= {"gt", "dt"}:
        columns = columns.get(options.argument)
    if isinstance(columns, str):
        if columns not in PRESETS:
            raise ValueError(f"columns must be one of {', '.join(map(repr, PRESETS))} or a dict; got {columns!r}")
        return PRESETS[columns], frozenset()
    names = set(names)
    preset = PRESETS["hf" if OBJECTS in names and "category_id" not in names else "coco"]
    if columns is None:
        return preset, frozenset()
    if not isinstance(columns, Mapping):
        raise TypeError(f"columns must be a preset's name or a dict of names, got {type(columns).__name__}")
    own: dict[str, Name] = {}
    for key, name in columns.items():
        if key not in KEYS:
            raise ValueError(f"columns has the key {key!r}, which is not one of {', '.join(KEYS)}")
        if not isinstance(name, str):
            is_box = key == "bbox" and isinstance(name, (list, tuple)) and all(isinstance(item, str) for item in name)
            if not is_box:
                of_boxes = " or of boxes a list of such names" if key == "bbox" else ""
                raise TypeError(f"columns[{key!r}] must be the name of a column{of_boxes}, got {name!r}")
            name = tuple(name)
        own[key] = name
    return Preset({**preset.names, **own}, preset.box_format), frozenset(own)
