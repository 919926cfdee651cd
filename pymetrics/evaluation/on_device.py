"""From tensors on a GPU to Columns there, without the data coming down.

Only what is plainly right is taken: finite boxes that look like pixels, integer labels, no ids. All else is None, and
goes to the host's readers, which say what is wrong with it, or warn. The host waits twice: for how many ids there are,
and for the ids and a few flags.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import kernels
from ..formats.boxes import LAYOUTS
from ..kernels import arrays, cuda_backend
from .columns import CROWD, IGNORE, Columns

INTEGERS = ("torch.int64", "torch.int32", "torch.int16", "torch.int8", "torch.uint8")
NUMBERS = (*INTEGERS, "torch.float64", "torch.float32", "torch.float16", "torch.bfloat16", "torch.bool")


@dataclass(frozen=True, eq=False)
class Side:
    """One side's tensors on one device: boxes (N, 4) in `layout`, labels (N,). scores (N,): detections alone.

    image: (N,) ids; or else the rows are ordered by image: `counts` rows of each, and `places`, where each image stands
    among all (None: as they come).
    """

    boxes: Any
    labels: Any
    layout: str
    image: Any = None
    counts: Any = None
    places: Any = None
    scores: Any = None
    crowd: Any = None
    area: Any = None

    def tensors(self) -> list[Any]:
        """All that are there."""
        columns = (self.boxes, self.labels, self.image, self.scores, self.crowd, self.area)
        return [column for column in columns if column is not None]

    def detached(self) -> Side:
        """The same without gradients."""
        tensors = {name: value for name, value in vars(self).items() if arrays.is_tensor(value)}
        return replace(self, **{name: tensor.detach() for name, tensor in tensors.items()})

    def is_sound(self, device: Any) -> bool:
        """Whether device, shapes and dtypes are as they should be."""
        n = self.labels.shape[0] if arrays.is_tensor(self.labels) and self.labels.ndim == 1 else -1
        return (
            all(arrays.is_tensor(t) and t.device == device and str(t.dtype) in NUMBERS for t in self.tensors())
            and all(t.shape == ((n, 4) if t is self.boxes else (n,)) for t in self.tensors())
            and all(str(t.dtype) in INTEGERS for t in (self.labels, self.image) if t is not None)
            and self.layout in LAYOUTS
        )


def columns_of(
    gt: Side,
    dt: Side,
    *,
    images: Any = None,
    categories: Any = None,
    names: Mapping[int, str] | None = None,
    crowds_are_trunc: bool = False,
    checks_values: bool = True,
) -> Columns | None:
    """Columns on the device; None: let the host do it.

    images: all image ids, ascending, int64, on the host; None: those that either side's `image` holds. categories:
        likewise, for the labels.
    crowds_are_trunc: torchmetrics' flags: any number but 0 ignores, and is a crowd unless it rounds to 0.
    checks_values: whether anything odd about the values is the host's business.
    """
    gt, dt = gt.detached(), dt.detached()
    device = dt.boxes.device
    if not (gt.is_sound(device) and dt.is_sound(device)):
        return None
    torch = arrays.torch()
    dt_boxes, gt_boxes = (to_xywh(side.boxes, side.layout) for side in (dt, gt))
    found_images = _ids(gt.image, dt.image) if images is None else None
    found_categories = _ids(gt.labels, dt.labels) if categories is None else None
    odd = torch.zeros(1, dtype=torch.int64, device=device)
    if checks_values:
        odd += _oddities(gt, gt_boxes) + _oddities(dt, dt_boxes)
    image_ids, category_ids, oddities = _down(found_images, found_categories, odd)
    if oddities[0]:
        return None
    images = images if image_ids is None else image_ids
    categories = categories if category_ids is None else category_ids
    if len(categories) and not -(2**31) <= int(categories[0]) <= int(categories[-1]) < 2**31:
        return None
    places = [_places(side, images) for side in (gt, dt)]
    labels = [_index(side.labels, categories) for side in (gt, dt)]
    if image_ids is None and dt.counts is None and any(int(p.min()) < 0 for p in places if len(p)):
        return None  # a row of an image that is not there
    area = dt_area = None
    if gt.area is not None:
        area = gt.area.to(torch.float64)
        area = torch.where(area > 0, area, gt_boxes[:, 2] * gt_boxes[:, 3]) if crowds_are_trunc else area
    if dt.area is not None:
        dt_area = dt.area.to(torch.float64)
    return Columns(
        image_ids=images,
        category_ids=categories,
        category_names=dict(names or {}),
        dt_image=places[1],
        dt_category=labels[1],
        dt_boxes=dt_boxes,
        dt_scores=dt.scores.to(torch.float64).contiguous(),
        dt_area=arrays.empty(0, "float64", dt_boxes) if dt_area is None else dt_area.contiguous(),
        dt_flags=arrays.empty(0, "uint8", dt_boxes),
        gt_image=places[0],
        gt_category=labels[0],
        gt_boxes=gt_boxes,
        gt_area=(gt_boxes[:, 2] * gt_boxes[:, 3] if area is None else area).contiguous(),
        gt_flags=_flags(gt, crowds_are_trunc),
    )


def to_xywh(boxes: Any, layout: str) -> Any:
    """float64 (N, 4) x, y, width, height: computed in the boxes' own dtype, rounding included; integers in float64."""
    torch = arrays.torch()
    boxes = boxes if boxes.is_floating_point() else boxes.to(torch.float64)
    return corners_to_sizes(boxes, layout).to(torch.float64).contiguous()


def corners_to_sizes(boxes: Any, layout: str) -> Any:
    """A tensor of boxes (n, 4) as x, y, width, height, rounded in its own dtype step by step, as in torchvision."""
    if layout == "xywh":
        return boxes
    low, high = boxes[:, :2], boxes[:, 2:]
    if layout == "cxcywh":
        half = 0.5 * high
        low, high = low - half, low + half
    return arrays.torch().cat((low, high - low), 1)


def _flags(gt: Side, crowds_are_trunc: bool) -> Any:
    torch = arrays.torch()
    if gt.crowd is None:
        return torch.zeros(gt.labels.shape[0], dtype=torch.uint8, device=gt.labels.device)
    if not crowds_are_trunc:
        return (gt.crowd != 0).to(torch.uint8) * CROWD
    crowd = gt.crowd.trunc() if gt.crowd.is_floating_point() else gt.crowd
    return (gt.crowd != 0).to(torch.uint8) * IGNORE + (crowd != 0).to(torch.uint8) * CROWD


def _oddities(side: Side, boxes: Any) -> Any:
    """Not 0 where the host should look: what is not finite, boxes that end before they begin or all lie in [0, 1]."""
    torch = arrays.torch()
    found = torch.zeros(1, dtype=torch.int64, device=boxes.device)
    for column in (boxes, side.scores, side.area, side.crowd):
        if column is not None and column.is_floating_point():
            found += (~torch.isfinite(column)).any()
    if boxes.shape[0]:
        found += (boxes[:, 2:] < 0).any() + (side.boxes.min() >= 0) * (side.boxes.max() <= 1)
    return found


def _ids(*columns: Any) -> Any:
    """All ids of the columns, ascending, on the device."""
    torch = arrays.torch()
    return torch.unique(torch.cat([column.to(torch.int64) for column in columns]))


def _down(*columns: Any) -> list[Any]:
    """int64 columns on the host, in one copy; None stays None."""
    there = [column for column in columns if column is not None]
    values = arrays.to_host(arrays.torch().cat(there))
    parts = iter(np.split(values, np.cumsum([len(column) for column in there])[:-1]))
    return [None if column is None else next(parts) for column in columns]


def _places(side: Side, images: Any) -> Any:
    """int32 (N,): each row's place among the images."""
    torch = arrays.torch()
    if side.counts is None:
        return _index(side.image, images)
    counts = np.array(side.counts, np.int64)
    places = np.arange(len(counts)) if side.places is None else np.array(side.places)
    every = arrays.to_device(places.astype(np.int32), side.labels)
    return torch.repeat_interleave(every, arrays.to_device(counts, side.labels), output_size=int(counts.sum()))


def _index(ids: Any, known: Any) -> Any:
    torch = arrays.torch()
    out = arrays.empty(ids.shape[0], "int32", ids)
    kernels.index_ids(ids.to(torch.int64).contiguous(), arrays.to_device(np.ascontiguousarray(known), ids), out)
    return out


def side_of_columns(source: Any, **columns: Any) -> Side | None:
    """The tensors of a Detections or a GroundTruths, where all of them are plainly right; None: read on the host."""
    tensors = {name: arrays.as_tensor(values) for name, values in columns.items() if values is not None}
    if not arrays.is_on_device(tensors["boxes"]) or not cuda_backend.works(tensors["boxes"]):
        return None
    side = Side(layout=source.box_format, **tensors)
    return side if side.is_sound(side.boxes.device) else None


def sides_of_lists(gt: Any, dt: Any, layout: str, first_image: int) -> tuple[Side, Side, Any] | None:
    """Both sides of lists with one dict per image, joined, and the image ids; None: read on the host."""
    if not (_is_list(gt) and _is_list(dt) and len(gt) == len(dt) and arrays.is_on_device(dt[0].get("boxes"))):
        return None
    keys = {"labels": "labels", "boxes": "boxes", "crowd": "iscrowd", "area": "area", "scores": "scores"}
    if not cuda_backend.works(dt[0]["boxes"]) or "scores" in gt[0]:
        return None
    if any(hasattr(item.get("boxes"), "format") for item in (gt[0], dt[0])):  # torchvision's own boxes
        return None
    ids = [item.get("image_id", first_image + i) for i, item in enumerate(gt)]
    if not all(isinstance(id, int) and not isinstance(id, bool) for id in ids) or len(set(ids)) < len(ids):
        return None
    if any("image_id" in item and item["image_id"] != id for item, id in zip(dt, ids, strict=True)):
        return None
    images = np.array(sorted(ids), np.int64)
    sides = []
    for items in (gt, dt):
        given = {name: key for name, key in keys.items() if key in items[0]}
        if any({key for key in keys.values() if key in item} != set(given.values()) for item in items):
            return None
        parts = {name: [item[key] for item in items] for name, key in given.items()}
        if not {"labels", "boxes"} <= given.keys() or not _are_sound(parts, dt[0]["boxes"].device):
            return None
        counts = [part.shape[0] for part in parts["labels"]]
        columns = {name: arrays.torch().cat(tensors) for name, tensors in parts.items()}
        sides.append(Side(layout=layout, counts=counts, places=np.searchsorted(images, ids), **columns))
    return (sides[0], sides[1], images) if sides[1].scores is not None else None


def _is_list(items: Any) -> bool:
    return isinstance(items, (list, tuple)) and bool(items) and all(isinstance(item, Mapping) for item in items)


def _are_sound(parts: dict[str, list[Any]], device: Any) -> bool:
    """Whether every column of every image is a tensor there, of one row per label; of one dtype each."""
    lengths = [part.shape[0] if arrays.is_tensor(part) and part.ndim == 1 else -1 for part in parts["labels"]]
    for name, tensors in parts.items():
        shapes = [(n, 4) if name == "boxes" else (n,) for n in lengths]
        for tensor, shape in zip(tensors, shapes, strict=True):
            if not arrays.is_tensor(tensor) or tensor.shape != shape or tensor.device != device:
                return False
        if len({tensor.dtype for tensor in tensors}) > 1:
            return False
    return True
