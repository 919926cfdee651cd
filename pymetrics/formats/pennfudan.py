"""Folders as Penn-Fudan's: PNGImages/NAME.png, and PedMasks/NAME_mask.png, whose pixels number the objects from 1."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .boxes import BoxFormat
from .image_sizes import SUFFIXES, image_id
from .rows import Image, Row, Rows
from .runs import of_bitmaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERSON = 1
MASK = "_mask"
MOST_OBJECTS = 10_000  # of one image: more are pixels of a photograph


def read(path: str | os.PathLike[str], side: str) -> Rows:
    """The objects of all masks: masks, and the boxes around their pixels. All are of the category 1, "person".

    Raises:
        OSError: a file cannot be read.
        ValueError: a mask is no image of one channel of whole numbers; an image has no mask, or a mask no image.
        ImportError: Pillow is not installed.
    """
    folder = Path(path)
    masks_folder, images_folder = folder / "PedMasks", folder / "PNGImages"
    if side == "dt":
        raise ValueError(f"dt: {str(folder)!r} holds masks without scores, which are ground truth")
    if not masks_folder.is_dir():
        raise ValueError(f"gt: {str(folder)!r} has no folder PedMasks")
    masks = {image_id(file.name).removesuffix(MASK): file for file in _images_in(masks_folder)}
    files = {image_id(file.name): file for file in _images_in(images_folder)} if images_folder.is_dir() else {}
    if files:
        for name, file in files.items():
            if name not in masks:
                raise ValueError(f"gt: {str(file)!r} has no mask in {str(masks_folder)!r}")
        for name, file in masks.items():
            if name not in files:
                raise ValueError(f"gt: {str(file)!r} has no image in {str(images_folder)!r}")
    images, rows = [], []
    for id in sorted(masks):
        pixels = _pixels(masks[id])
        images.append(Image(id, files[id].name if files else f"{id}.png", pixels.shape))
        rows += _objects(pixels, id, str(masks[id]))
    return Rows("a folder as Penn-Fudan's", rows, BoxFormat("xywh"), images, {PERSON: "person"}, True)


def _images_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)


def _pixels(path: Path) -> NDArray[Any]:
    """The numbers of the objects, (height, width)."""
    try:
        from PIL import Image as Pillow
    except ImportError as error:
        raise ImportError(
            "masks in PNG files are read by Pillow, which is not installed: pip install 'pymetrics-detection[images]'"
        ) from error
    try:
        with Pillow.open(path) as image:
            pixels = np.array(image)
            mode = image.mode
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(f"gt: {str(path)!r} is not an image that can be read: {error}") from error
    except Exception as error:  # of a damaged file Pillow raises errors of many kinds
        raise ValueError(f"gt: {str(path)!r} is not an image that can be read: {error}") from error
    if pixels.ndim != 2 or pixels.dtype.kind not in "iub" or not pixels.size:
        raise ValueError(f"gt: {str(path)!r} must have one channel of whole numbers, got the mode {mode!r}")
    return pixels


def _objects(pixels: NDArray[Any], id: str, file: str) -> list[Row]:
    numbers = np.unique(pixels)
    numbers = numbers[numbers != 0]
    if len(numbers) > MOST_OBJECTS:
        raise ValueError(f"gt: {file!r} has {len(numbers)} different pixels; each should be the number of an object")
    rows = []
    for begin in range(0, len(numbers), 64):
        part = numbers[begin : begin + 64]
        columns = of_bitmaps((pixels[None] == part[:, None, None]).view(np.uint8), True)
        texts, boxes = columns.texts(), columns.measures.boxes.tolist()
        size = list(pixels.shape)
        rows += [
            Row(id, PERSON, box, file, mask={"size": size, "counts": text})
            for box, text in zip(boxes, texts, strict=True)
        ]
    return rows
