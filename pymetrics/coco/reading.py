"""What COCOeval reads of a COCO besides its annotations."""

from __future__ import annotations

from typing import Any

from .coco import COCO
from .lazy_dataset import Kept
from .params import ELSEWHERE, IOU_TYPES, OF_MASKS, Params

OWN_READING = {name: getattr(COCO, name) for name in ("getAnnIds", "loadAnns")}


def unopened(coco: Any) -> Kept | None:
    """The unparsed data set of a COCO of ours, if it would be read by the methods of this library alone."""
    if not isinstance(coco, COCO) or vars(coco).keys() & OWN_READING.keys():
        return None
    if any(getattr(type(coco), name) is not method for name, method in OWN_READING.items()):
        return None
    return coco._unopened()


def names_of(coco: Any) -> dict[Any, Any]:
    """The names of the categories that have one."""
    kept = unopened(coco)
    if kept is not None and "cats" not in vars(coco):
        return kept.names()
    cats = getattr(coco, "cats", None) or {}
    return {category: cat["name"] for category, cat in cats.items() if "name" in cat}


def images_of(coco: Any, p: Params, rows: Any) -> Any:
    """The images by id, for masks in dicts alone: those of a file are made when they are asked for."""
    return coco.imgs if p.iouType in OF_MASKS and isinstance(rows, list) else None


def require_known(p: Params) -> None:
    """Raise ValueError where params.iouType was set to something else."""
    is_boundary = p.iouType == "boundary" and hasattr(p, "boundary_dilation_ratio")  # as in pymetrics.coco.faster
    if p.iouType not in IOU_TYPES and not is_boundary:
        names, hint = ", ".join(map(repr, IOU_TYPES)), ELSEWHERE.get(str(p.iouType), "")
        raise ValueError(f"params.iouType must be one of {names}; got {p.iouType!r}{hint}")
