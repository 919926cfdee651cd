"""Objects drawn into an image by Pillow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..formats.values import as_array, widen
from .marks import Mark
from .pixels import as_rgb, pillow

if TYPE_CHECKING:
    from PIL.Image import Image

# Of each side and status: an RGB colour that is told from the others by people who do not see red and green, too.
COLORS = {
    ("gt", ""): (0, 158, 115),
    ("gt", "found"): (0, 158, 115),
    ("gt", "missed"): (204, 64, 142),
    ("gt", "ignored"): (140, 140, 140),
    ("dt", ""): (230, 111, 0),
    ("dt", "tp"): (0, 114, 178),
    ("dt", "fp"): (213, 62, 0),
    ("dt", "ignored"): (140, 140, 140),
}
FILLED = 90  # opacity of masks, of 255


class _Drawn(NamedTuple):
    """One object: how it looks, its box x1, y1, x2, y2, what is written on it, and what else is known of its form."""

    color: tuple[int, int, int]
    dashed: bool
    box: Sequence[float]
    label: str
    corners: Sequence[float] = ()
    points: Any = ()
    bitmap: Any = None


def draw(
    image: Any,
    preds: Mapping[str, Any] | None = None,
    target: Mapping[str, Any] | None = None,
    class_names: Mapping[int, str] | Sequence[str] | None = None,
    score: float = 0.0,
) -> Image:
    """A copy of an image with the boxes and masks of predictions (solid lines) and of ground truth (dashed lines).

    Args:
        image: a path, a PIL image, or an array or tensor (height, width, 3) or (3, height, width): uint8, or floats
            from 0 to 1.
        preds: what a detector returns: "boxes" (N, 4) as x1, y1, x2, y2 in pixels, "labels" (N,), "scores" (N,),
            "masks" (N, height, width) or (N, 1, height, width), of which pixels above .5 are drawn. Boxes or masks may
            be missing.
        target: the same without scores.
        class_names: names by label, a mapping or a list.
        score: predictions below it are left out.

    Returns:
        A new PIL image in RGB.

    Raises:
        ValueError: lengths or shapes do not fit; a box is not finite.
        TypeError: preds or target is no mapping; image is none of these.
        OSError: the image's file is missing, or cannot be read.
        ImportError: Pillow is not installed.
    """
    if isinstance(image, (str, os.PathLike)):
        with pillow().open(image) as opened:
            picture = opened.convert("RGB")
    else:
        picture = as_rgb(image, "image").copy()
    found = [
        *_of_dict(target, "target", "gt", class_names, 0.0, picture),
        *_of_dict(preds, "preds", "dt", class_names, score, picture),
    ]
    return _draw(picture, found)


def draw_marks(image: Any, marks: Iterable[Mark]) -> Image:
    """A copy of an image with its marks: detections in solid lines, ground truths that were found or missed dashed.

    Blue: true positive. Red: false positive. Green: found. Purple: missed. Grey: counts neither for nor against.

    Args:
        image: a PIL image, or an array (height, width, 3).
        marks: of `Marks.of`.
    """
    found = []
    for mark in marks:
        label = f"{mark.name} {mark.score:.2f}" if mark.side == "dt" else mark.name
        label = "" if mark.status == "found" else label  # its true positive says the same
        found.append(
            _Drawn(
                COLORS[mark.side, mark.status], mark.side == "gt", mark.box, label, mark.corners, mark.points,
                mark.bitmap(),
            )
        )  # fmt: skip
    return _draw(as_rgb(image, "image").copy(), found)


def _of_dict(
    item: Any, argument: str, side: str, class_names: Any, score: float, picture: Image
) -> list[_Drawn]:  # fmt: skip
    if item is None:
        return []
    if not isinstance(item, Mapping):
        raise TypeError(f"{argument} must be a dict of one image, got {type(item).__name__}")
    boxes, masks, labels, scores = (
        None if item.get(key) is None else widen(as_array(item[key], f"{argument}[{key!r}]"))
        for key in ("boxes", "masks", "labels", "scores")
    )
    if boxes is None and masks is None:
        raise ValueError(f"{argument} must have 'boxes' or 'masks', got the keys {sorted(map(str, item))}")
    if masks is not None:
        masks = masks[:, 0] if masks.ndim == 4 and masks.shape[1] == 1 else masks
        if masks.ndim != 3 or (len(masks) and masks.shape[1:] != (picture.height, picture.width)):
            raise ValueError(
                f"{argument}['masks'] must have the shape (N, {picture.height}, {picture.width}), got {masks.shape}"
            )
        masks = masks > 0.5 if masks.dtype.kind == "f" else masks != 0
    if boxes is None:
        boxes = np.array([_box_of(mask) for mask in masks]).reshape(-1, 4)
    boxes = boxes.reshape(-1, 4) if boxes.size == 0 else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{argument}['boxes'] must have the shape (N, 4), got {boxes.shape}")
    if not np.isfinite(boxes).all():
        row = int(np.argmax(~np.isfinite(boxes).all(axis=1)))
        raise ValueError(f"{argument}['boxes'][{row}] must be finite, got {boxes[row].tolist()}")
    for key, values in (("masks", masks), ("labels", labels), ("scores", scores)):
        if values is not None and len(values) != len(boxes):
            raise ValueError(f"{argument}[{key!r}] must have {len(boxes)} rows, as the boxes; got {len(values)}")
        if values is not None and key != "masks" and values.ndim != 1:
            raise ValueError(f"{argument}[{key!r}] must have the shape (N,), got {values.shape}")
    names = [] if labels is None else labels.tolist()
    found = []
    for i, box in enumerate(boxes.tolist()):
        if scores is not None and scores[i] < score:
            continue
        words = [] if labels is None else [_name(class_names, names[i])]
        words += [] if scores is None else [f"{float(scores[i]):.2f}"]
        bitmap = None if masks is None else masks[i]
        found.append(_Drawn(COLORS[side, ""], side == "gt", box, " ".join(words), bitmap=bitmap))
    return found


def _name(class_names: Any, label: Any) -> str:
    if isinstance(class_names, Mapping):
        return str(class_names.get(label, label))
    if class_names is not None and isinstance(label, (int, float)) and 0 <= label < len(class_names):
        return str(class_names[int(label)])
    return str(label)


def _box_of(mask: Any) -> list[float]:
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if len(rows) else [0, 0, 0, 0]


def _draw(picture: Image, found: Sequence[_Drawn]) -> Image:
    from PIL import Image as ImageModule
    from PIL import ImageDraw, ImageFont

    side = max(picture.width, picture.height)
    width = max(1, round(side / 320))
    font = ImageFont.load_default(size=max(10, round(side / 45)))
    for one in found:
        if one.bitmap is not None:
            mask = ImageModule.fromarray((one.bitmap * FILLED).astype(np.uint8))
            picture.paste(one.color, (0, 0), mask)
    pen = ImageDraw.Draw(picture)
    for one in found:
        corners = one.corners or (*one.box[:2], one.box[2], one.box[1], *one.box[2:], one.box[0], one.box[3])
        _polygon(pen, corners, one.color, width, one.dashed)
        for x, y, visibility in one.points:
            if visibility > 0:
                pen.ellipse((x - width, y - width, x + width, y + width), fill=one.color)
    for one in found:
        _label(pen, one, font, picture.size, width)
    return picture


def _polygon(pen: Any, corners: Sequence[float], color: Any, width: int, dashed: bool) -> None:
    points = np.array(corners).reshape(-1, 2)
    dash = 5.0 * width
    for a, b in zip(points, np.roll(points, -1, axis=0), strict=True):
        length = float(np.hypot(*(b - a)))
        if not dashed or length <= dash:
            pen.line((*a, *b), fill=color, width=width)
            continue
        n = max(1, min(1000, round(length / dash / 2)))
        for i in range(n):  # a dash and a gap of equal lengths
            part = a + (b - a) * (2 * i / (2 * n)), a + (b - a) * ((2 * i + 1) / (2 * n))
            pen.line((*part[0], *part[1]), fill=color, width=width)


def _label(pen: Any, one: _Drawn, font: Any, size: tuple[int, int], width: int) -> None:
    """Text on a filled bar: of detections above the box, of ground truths below it; inside the image."""
    if not one.label:
        return
    left, top, right, bottom = pen.textbbox((0, 0), one.label, font=font)
    w, h = right - left + 4, bottom - top + 4
    x = min(max(one.box[0], 0), max(size[0] - w, 0))
    y = one.box[3] + width if one.dashed else one.box[1] - h - width
    y = min(max(y, 0), max(size[1] - h, 0))
    pen.rectangle((x, y, x + w, y + h), fill=one.color)
    pen.text((x + 2 - left, y + 2 - top), one.label, fill=(255, 255, 255), font=font)
