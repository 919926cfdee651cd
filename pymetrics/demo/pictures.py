"""Pictures of the sample, drawn with Pillow: on a soft background each object fills its box.

One data set gives one set of pictures, to the last bit, with one version of Pillow.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from .objects import DRAWN, Pen
from .sample import HEIGHT, NAMES, WIDTH

if TYPE_CHECKING:
    from PIL.Image import Image

SCALE = 2  # pictures are drawn so much larger, and made smaller for smooth edges
SKIES = (
    ((214, 232, 245), (245, 240, 230)), ((250, 226, 205), (253, 244, 230)), ((221, 228, 240), (240, 236, 244)),
    ((205, 226, 226), (240, 243, 232)), ((232, 222, 240), (249, 238, 236)),
)  # fmt: skip
GROUNDS = ((203, 214, 190), (222, 211, 190), (205, 208, 214), (196, 210, 208), (216, 202, 200))


def write_pictures(folder: Path, ground_truth: Mapping[str, Any]) -> list[Path]:
    """Draw each image of the sample into a folder, which is made where it is missing, under its file_name.

    Raises:
        ImportError: Pillow is not there.
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    objects: dict[int, list[Mapping[str, Any]]] = {image["id"]: [] for image in ground_truth["images"]}
    for annotation in ground_truth["annotations"]:
        objects[annotation["image_id"]].append(annotation)
    paths = []
    for image in ground_truth["images"]:
        paths.append(folder / image["file_name"])
        draw_scene(image["id"], objects[image["id"]]).save(paths[-1], quality=85)
    return paths


def draw_scene(image_id: int, annotations: list[Mapping[str, Any]]) -> Image:
    """The picture of one image: large objects first, so that small ones are seen."""
    from PIL import Image

    rng = numpy.random.default_rng([image_id, 7])  # its own: the boxes' random numbers stay what they are
    picture = _background(rng)
    pen = Pen(picture, SCALE)
    for annotation in sorted(annotations, key=lambda one: -one["area"]):
        draw, box = DRAWN[NAMES[annotation["category_id"] - 1]], annotation["bbox"]
        color = int(rng.integers(0, 1 << 16))
        for part in _of_crowd(box) if annotation["iscrowd"] else [box]:
            draw(pen.within(part), color)
            color += 1
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def _of_crowd(box: list[float]) -> list[list[float]]:
    """The boxes of a crowd: three in a row, which overlap."""
    x, y, width, height = box
    return [[x + i * width / 4, y + (height / 6 if i == 1 else 0), width / 2, height * 5 / 6] for i in (0, 2, 1)]


def _background(rng: numpy.random.Generator) -> Image:
    """A sky that fades, hills and a floor."""
    from PIL import Image, ImageDraw

    width, height = WIDTH * SCALE, HEIGHT * SCALE
    k, horizon = int(rng.integers(len(SKIES))), int(height * rng.uniform(0.45, 0.65))
    top, bottom = numpy.array(SKIES[k], float)
    share = numpy.linspace(0, 1, horizon)[:, None]
    rows = numpy.empty((height, 3))
    rows[:horizon] = top + (bottom - top) * share
    floor = numpy.array(GROUNDS[k], float)
    rows[horizon:] = floor * numpy.linspace(1.03, 0.93, height - horizon)[:, None]
    pixels = numpy.repeat(rows.clip(0, 255).round().astype(numpy.uint8)[:, None], width, axis=1)
    picture = Image.fromarray(pixels, "RGB")
    draw = ImageDraw.Draw(picture)
    radius = int(height * rng.uniform(0.04, 0.07))
    x, y = int(width * rng.uniform(0.1, 0.9)), int(horizon * rng.uniform(0.15, 0.5))
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=(255, 249, 235))
    for i in range(4):
        x, radius = int(width * rng.uniform(-0.1, 1.1)), int(width * rng.uniform(0.12, 0.3))
        shade = tuple(int(value) for value in (floor * (0.97 - 0.02 * i) + 6))
        flat = int(radius * rng.uniform(0.25, 0.45))
        draw.pieslice([x - radius, horizon - flat, x + radius, horizon + flat], 180, 360, fill=shade)
    return picture
