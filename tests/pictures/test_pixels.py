"""Where the pixels of images come from, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.absent import need_module

from pymetrics.pictures import Images

PIL = need_module("PIL.Image")
GREY = np.full((6, 8, 3), 90, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "val").mkdir()
    PIL.fromarray(GREY).save(tmp_path / "val" / "a.png")
    PIL.fromarray(GREY).save(tmp_path / "7.png")
    PIL.fromarray(GREY).save(tmp_path / "000000000009.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return tmp_path


@pytest.mark.parametrize(
    ("image_id", "names"),
    [(1, {1: "val/a.png"}), (7, {}), (9, {}), ("val/a.png", {}), ("7", {}), (1, {1: "other/7.png"})],
)
def test_folders(folder: Path, image_id: Any, names: dict[Any, str]) -> None:
    picture = Images(folder, {image_id: (6, 8)}, names).open(image_id)
    assert picture.mode == "RGB"
    assert np.array_equal(np.asarray(picture), GREY)


@pytest.mark.parametrize(
    "image",
    [
        GREY,
        GREY[:, :, 0],
        GREY[:, :, :1],
        np.moveaxis(GREY, 2, 0),
        (GREY / np.float32(255)),
        PIL.fromarray(GREY),
        PIL.fromarray(GREY).convert("L"),
    ],
    ids=["HWC", "HW", "HW1", "CHW", "float", "RGB", "L"],
)
def test_images_in_memory(image: Any) -> None:
    for source in ({5: image}, lambda _: image):
        assert np.array_equal(np.asarray(Images(source).open(5)), GREY)


def test_blank_canvases() -> None:
    assert Images(None, {1: (6, 8)}).open(1).size == (8, 6)
    assert Images(None).open(1, otherwise=(6, 8)).size == (8, 6)
    with pytest.raises(ValueError, match="image 1 has neither pixels nor a size: name a folder of images"):
        Images(None).open(1)


def test_what_is_refused(folder: Path) -> None:
    def refused(error: type[Exception], message: str, source: Any, image_id: Any = 1, **of_data: Any) -> None:
        with pytest.raises(error, match=re.escape(message)):
            Images(source, **of_data).open(image_id)

    refused(ValueError, f"image 1 (c.png) is not in the folder {str(folder)!r}", folder, names={1: "c.png"})
    refused(ValueError, f"image 1 (1) is not in the folder {str(folder)!r}", folder)
    refused(ValueError, "leads out of the folder: '../secret.png'", folder, names={1: "../secret.png"})
    refused(ValueError, "image '../a' (../a) is not in the folder", folder, "../a")
    refused(ValueError, f"image 1 cannot be read from {str(folder / 'broken.jpg')!r}", folder, names={1: "broken.jpg"})
    refused(ValueError, "images has no image 2", {1: GREY}, 2)
    refused(ValueError, "image 1 (x.png) is 8 x 6 pixels, but the data says 8 x 60: boxes would be drawn at wrong",
            {1: GREY}, sizes={1: (60, 8)}, names={1: "x.png"})  # fmt: skip
    refused(ValueError, "images must be a folder that exists, got 'nowhere'", "nowhere")
    refused(TypeError, "images must be a folder, a mapping from image id, a function of the image id or None", 5)
    refused(TypeError, "images[1] must be a path, a PIL image or an array, got int", {1: 5})
    refused(ValueError, "images[1] must have the shape (height, width, 3)", {1: np.zeros((4, 4, 2), np.uint8)})
    refused(ValueError, "images[1] of dtype float64 must hold values from 0 to 1", {1: np.full((4, 4), 2.0)})
    refused(ValueError, "images[1] must have the dtype uint8 or a floating one, got int64", {1: np.ones((4, 4), int)})
