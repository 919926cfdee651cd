"""The gallery: the worst images as thumbnails, with what was found in them as layers of SVG."""

from __future__ import annotations

import base64
import io
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.columns import Side
from ..evaluation.result import Result
from ..pictures import Images, Mark, Marks, images_of
from ..pictures.pixels import pillow
from .html import attribute, section, text
from .outlines import box_path, mask_path
from .summary import count

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_IMAGES = 48
SIDE = 480  # pixels of a thumbnail's longer side
QUALITIES = ((SIDE, 72), (SIDE, 50), (SIDE, 30), (SIDE, 12), (360, 12), (240, 10), (160, 5))
N_SAMPLES = 3  # pictures by which a quality is chosen
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
    pictures = images_of(next(iter(results.values())), images)
    ids, ranks = worst_images(content, list(results.values()))
    if not ids:
        return ""
    marks = [Marks(_only(result, ids), -math.inf, iou, class_names) for result in results.values()]
    opened = [_scaled(_open(pictures, marks[0], id), SIDE) for id in ids]
    drawn = [_Layers(content, id, marks, scale) for id, (_, scale) in zip(ids, opened, strict=True)]
    layers: list[str] = []
    for most in MOST_MARKS:
        layers = [one.html(most) for one in drawn]
        if sum(map(len, layers)) <= min(MOST_MARK_BYTES, room // 2):
            break
    thumbnails = encode([picture for picture, _ in opened], room - sum(map(len, layers)) - 400 * len(ids))
    figures = []
    for id, rank, (picture, _), one, layer, thumbnail in zip(
        ids, ranks, opened, drawn, layers, thumbnails, strict=True
    ):
        name = pictures.name(id)
        width, height = picture.size
        figures.append(
            f'<figure class="image" data-rank="{rank}"><div class="picture"><img alt="{attribute(name)}" '
            f'width="{width}" height="{height}" src="data:image/webp;base64,{thumbnail}">'
            f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{layer}</svg></div>'
            f'<figcaption>{text(name)}<span class="counts">{one.counts}</span></figcaption></figure>'
        )
    boxes = "".join(
        f'<label class="layer {kind}"><input type="checkbox" data-layer="{name}" checked>{title}</label>'
        for name, title, kind in LAYERS
    )
    lead = (
        f"The {count(len(ids), 'image')} with the worst F1"
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


def worst_images(content: Mapping[str, Any], results: Sequence[Result]) -> tuple[list[Any], list[str]]:
    """Ids of images with errors, the worst of each model in turn, and those in which models differ most.

    And for each of them its rank by each model, 0 the worst: "3,0". In the order of the first model's ranks.
    """
    rankings = []
    ranks: list[dict[Any, int]] = []
    counts: list[dict[Any, int]] = []
    for model, result in zip(content["models"], results, strict=True):
        score = -math.inf if model["best"] is None else model["best"]["threshold"]
        rows = result.at(score, model["at"]["iou"]).per_image
        rankings.append([row["id"] for row in rows if row["fp"] + row["fn"] > 0])
        ranks.append({row["id"]: rank for rank, row in enumerate(rows)})
        counts.append({row["id"]: row["tp"] - row["fp"] - row["fn"] for row in rows})
    if len(results) > 1:
        spread = {id: max(of[id] for of in counts) - min(of[id] for of in counts) for id in counts[0]}
        rankings.append(sorted((id for id in spread if spread[id] > 0), key=lambda id: -spread[id]))
    found: dict[Any, None] = {}
    for id in itertools.chain.from_iterable(itertools.zip_longest(*rankings)):
        if id is not None and len(found) < MOST_IMAGES:
            found.setdefault(id)
    ids = sorted(found, key=ranks[0].__getitem__)
    return ids, [",".join(str(rank[id]) for rank in ranks) for id in ids]


def _only(result: Result, ids: Sequence[Any]) -> Result:
    """The result with the data of some images alone, so that only these are matched again."""
    columns = result.columns
    assert columns is not None
    chosen = np.isin(columns.axes.image_ids, ids)

    def part(side: Side) -> Side:
        return replace(side, category=np.where(chosen[side.image], side.category, np.int32(-1)))

    return Result(result.outcomes, replace(columns, gt=part(columns.gt), dt=part(columns.dt)))


def _scaled(picture: Image, side: int) -> tuple[Image, float]:
    """The picture with its longer side of at most `side` pixels, and by what its coordinates are multiplied."""
    scale = min(side / max(picture.size), 1.0)
    if scale == 1.0:
        return picture, scale
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, pillow().Resampling.BILINEAR, reducing_gap=2.0), scale


def _open(pictures: Images, marks: Marks, id: Any) -> Image:
    is_blank = pictures.source is None and id not in pictures.sizes
    return pictures.open(id, marks.extent(id) if is_blank else None)


def encode(pictures: Sequence[Image], room: int) -> list[str]:
    """The pictures as WebP in base64, of the highest quality with which all together fit into `room` bytes."""
    some = pictures[:: max(1, len(pictures) // N_SAMPLES)]
    for side, quality in QUALITIES[:-1]:
        sample = sum(len(_webp(picture, side, quality)) for picture in some)
        if sample * len(pictures) / len(some) > room * 1.1:
            continue
        found = [_webp(picture, side, quality) for picture in pictures]
        if sum(map(len, found)) <= room:
            return found
    return [_webp(picture, *QUALITIES[-1]) for picture in pictures]


def _webp(picture: Image, side: int, quality: int) -> str:
    buffer = io.BytesIO()
    _scaled(picture, side)[0].save(buffer, "WEBP", quality=quality, method=1)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


class _Layers:
    """What is drawn over one image: its objects, then a group for each model's detections."""

    def __init__(self, content: Mapping[str, Any], id: Any, marks: Sequence[Marks], scale: float) -> None:
        scores, shown = content["scores"], content["scores"][content["position"]]
        lowest = scores[0] + LOWEST * (scores[-1] - scores[0])
        found = [of_model.of(id) for of_model in marks]
        truths = [[mark for mark in one if mark.side == "gt"] for one in found]
        self.objects = _objects(truths, shown, scale)
        self.detections = [list(_detections(one, shown, lowest, scale)) for one in found]
        self.counts = _counts(found[0], shown)

    def html(self, most: int) -> str:
        """SVG with at most so many detections of a model, the surest on top."""
        groups = [
            f'<g class="of-model" data-model="{i}">{"".join(reversed(one[:most]))}</g>'
            for i, one in enumerate(self.detections)
        ]
        return f'<g class="objects">{self.objects}</g>{"".join(groups)}'


def _counts(marks: Sequence[Mark], shown: float) -> str:
    """How many detections are right and false, and how many objects missed, as the script writes it."""
    statuses = [mark.status for mark in marks if mark.side == "dt" and mark.score is not None and mark.score >= shown]
    missed = sum(
        mark.status == "missed" or (mark.status == "found" and mark.score is not None and mark.score < shown)
        for mark in marks
        if mark.side == "gt"
    )
    return f"{statuses.count('tp')} right · {statuses.count('fp')} false · {missed} missed"


def _objects(truths: Sequence[Sequence[Mark]], shown: float, scale: float) -> str:
    """truths: by model, the same objects, each with the score of the detection that took it."""
    parts = []
    for i, mark in enumerate(truths[0]):
        taken = [of_model[i].score if of_model[i].status == "found" else None for of_model in truths]
        if mark.status == "ignored":
            kind, data = "gt ignored", ""
        else:
            kind = "gt missed" if taken[0] is None or taken[0] < shown else "gt"
            data = f' data-t="{",".join("" if score is None else _short(score) for score in taken)}"'
        parts.append(
            f'<path class="{kind}"{data} d="{_form(mark, scale)}"><title>{attribute(mark.name)}</title></path>'
        )
    return "".join(parts)


def _detections(marks: Sequence[Mark], shown: float, lowest: float, scale: float) -> Iterator[str]:
    chosen = [mark for mark in marks if mark.side == "dt" and mark.score is not None and mark.score >= lowest]
    for mark in chosen[: MOST_MARKS[0]]:
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
