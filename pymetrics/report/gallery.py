"""The gallery: the worst images as thumbnails, with what was found in them as layers of SVG."""

from __future__ import annotations

import base64
import io
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..evaluation.result import Result
from ..pictures import Mark, Marks, images_of
from ..pictures.pixels import pillow
from .html import attribute, section, text
from .outlines import box_path, mask_path

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_IMAGES = 48
SIDE = 480  # pixels of a thumbnail's longer side
QUALITIES = ((SIDE, 72), (SIDE, 50), (SIDE, 30), (SIDE, 12), (360, 12), (240, 10), (160, 5))
MOST_BYTES = 1_200_000  # of all images and their layers together
MOST_MARK_BYTES = 420_000
MOST_MARKS = (30, 20, 12, 7, 4)  # detections of a model in an image
LOWEST = 0.05  # of the score's range: what is below is not drawn
LAYERS = (("objects", "Objects", "gt"), ("tp", "Right", "tp"), ("fp", "False", "fp"), ("missed", "Missed", "missed"))


def make_gallery(
    content: Mapping[str, Any],
    results: Mapping[str, Result],
    images: Any,
    class_names: Mapping[Any, str] | None,
    room: int = MOST_BYTES,
) -> str:
    """The gallery's section; nothing where no image has an error.

    images: as `write_report`. room: bytes that it may take.

    Raises:
        ValueError: the data is not at hand; an image is missing, cannot be read or has another size than the data says.
    """
    iou = content["models"][0]["at"]["iou"]
    marks = [Marks(result, -math.inf, iou, class_names) for result in results.values()]
    pictures = images_of(next(iter(results.values())), images)
    ids = worst_images(content, list(results.values()))
    if not ids:
        return ""
    opened = [_scaled(pictures.open(id, marks[0].extent(id)), SIDE) for id in ids]
    layers: list[str] = []
    for most in MOST_MARKS:
        layers = [_layers(content, id, marks, picture, most) for id, picture in zip(ids, opened, strict=True)]
        if sum(map(len, layers)) <= min(MOST_MARK_BYTES, room // 2):
            break
    thumbnails = encode([picture for picture, _ in opened], room - sum(map(len, layers)) - 400 * len(ids))
    figures = []
    for id, (picture, _), layer, thumbnail in zip(ids, opened, layers, thumbnails, strict=True):
        name = pictures.name(id)
        width, height = picture.size
        figures.append(
            f'<figure class="image"><div class="picture"><img alt="{attribute(name)}" width="{width}" '
            f'height="{height}" src="data:image/webp;base64,{thumbnail}">'
            f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{layer}</svg></div>'
            f'<figcaption>{text(name)}<span class="counts"></span></figcaption></figure>'
        )
    boxes = "".join(
        f'<label class="layer {kind}"><input type="checkbox" data-layer="{name}" checked>{title}</label>'
        for name, title, kind in LAYERS
    )
    lead = (
        f"The {len(ids)} images with the worst F1"
        + (", of each model in turn" if len(results) > 1 else "")
        + ". Dashed: the objects of the data; solid: detections from the confidence above on, at most "
        f"{MOST_MARKS[0]} of a model in an image."
    )
    return section(
        "gallery",
        "Worst images",
        [
            f'<fieldset class="layers">{"<legend>Show</legend>"}{boxes}</fieldset>',
            f'<div class="images">{"".join(figures)}</div>',
        ],
        lead,
    )


def worst_images(content: Mapping[str, Any], results: Sequence[Result]) -> list[Any]:
    """Ids of images with errors, the worst of each model in turn, and those in which models differ most."""
    rankings = []
    counts: list[dict[Any, int]] = []
    for model, result in zip(content["models"], results, strict=True):
        score = -math.inf if model["best"] is None else model["best"]["threshold"]
        rows = result.at(score, model["at"]["iou"]).per_image
        rankings.append([row["id"] for row in rows if row["fp"] + row["fn"] > 0])
        counts.append({row["id"]: row["tp"] - row["fp"] - row["fn"] for row in rows})
    if len(results) > 1:
        spread = {id: max(of[id] for of in counts) - min(of[id] for of in counts) for id in counts[0]}
        rankings.append(sorted((id for id in spread if spread[id] > 0), key=lambda id: -spread[id]))
    found: dict[Any, None] = {}
    for id in itertools.chain.from_iterable(itertools.zip_longest(*rankings)):
        if id is not None and len(found) < MOST_IMAGES:
            found.setdefault(id)
    return list(found)


def _scaled(picture: Image, side: int) -> tuple[Image, float]:
    """The picture with its longer side of at most `side` pixels, and by what its coordinates are multiplied."""
    scale = min(side / max(picture.size), 1.0)
    if scale == 1.0:
        return picture, scale
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, pillow().Resampling.BILINEAR, reducing_gap=2.0), scale


def encode(pictures: Sequence[Image], room: int) -> list[str]:
    """The pictures as WebP in base64, of the highest quality with which all together fit into `room` bytes."""
    found: list[str] = []
    for side, quality in QUALITIES:
        found = []
        for picture in pictures:
            buffer = io.BytesIO()
            _scaled(picture, side)[0].save(buffer, "WEBP", quality=quality, method=2)
            found.append(base64.b64encode(buffer.getvalue()).decode("ascii"))
            if sum(map(len, found)) > room:
                break
        else:
            break
    return found


def _layers(
    content: Mapping[str, Any], id: Any, marks: Sequence[Marks], picture: tuple[Image, float], most: int
) -> str:
    """The objects, then a group for each model's detections."""
    scores, position = content["scores"], content["position"]
    shown = scores[position]
    low, high = scores[0], scores[-1]
    lowest, scale = low + LOWEST * (high - low), picture[1]
    found = [of_model.of(id) for of_model in marks]
    truths = [[mark for mark in of_model if mark.side == "gt"] for of_model in found]
    parts = ['<g class="objects">']
    for i, mark in enumerate(truths[0]):
        taken = [of_model[i].score if of_model[i].status == "found" else None for of_model in truths]
        if mark.status == "ignored":
            kind, data = "gt ignored", ""
        else:
            is_missed = taken[0] is None or taken[0] < shown
            kind = "gt missed" if is_missed else "gt"
            data = f' data-t="{",".join("" if score is None else _short(score) for score in taken)}"'
        parts.append(
            f'<path class="{kind}"{data} d="{_form(mark, scale)}"><title>{attribute(mark.name)}</title></path>'
        )
    parts.append("</g>")
    for i, of_model in enumerate(found):
        parts.append(f'<g class="of-model" data-model="{i}">')
        parts += _detections(of_model, shown, lowest, scale, most)
        parts.append("</g>")
    return "".join(parts)


def _detections(marks: Sequence[Mark], shown: float, lowest: float, scale: float, most: int) -> Iterator[str]:
    chosen = [mark for mark in marks if mark.side == "dt" and mark.score is not None and mark.score >= lowest][:most]
    for mark in reversed(chosen):  # the surest on top
        assert mark.score is not None
        kind = mark.status + ("" if mark.score >= shown else " below")
        title = attribute(f"{mark.name} {mark.score:.2f}")
        yield (
            f'<path class="{kind}" data-s="{_short(mark.score)}" d="{_form(mark, scale)}"><title>{title}</title></path>'
        )


def _form(mark: Mark, scale: float) -> str:
    if mark.mask is not None:
        path = mask_path(mark.bitmap(), scale)
        if path:
            return path
    return box_path(mark.corners or mark.box, scale)


def _short(score: float) -> str:
    """A score in a few characters."""
    return f"{score:.4g}".replace("0.", ".", 1) if 0 < score < 1 else f"{score:.4g}"
