"""Folders as Penn-Fudan's: a small set is drawn, and read as masks and as boxes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import pymetrics
from pymetrics.formats import detect

SIZES = {"FudanPed00001": (40, 60), "FudanPed00002": (30, 30), "PennPed00003": (20, 50)}
# image, number, first row, last, first column, last
OBJECTS = [("FudanPed00001", 1, 2, 20, 3, 10), ("FudanPed00001", 2, 5, 30, 20, 41), ("PennPed00003", 7, 0, 20, 0, 9)]


@pytest.fixture
def folder(tmp_path, need):
    image = need("PIL.Image")
    (tmp_path / "PNGImages").mkdir()
    (tmp_path / "PedMasks").mkdir()
    for name, (height, width) in SIZES.items():
        pixels = np.zeros((height, width), np.uint8)
        for _, number, top, bottom, left, right in (each for each in OBJECTS if each[0] == name):
            pixels[top:bottom, left:right] = number
        image.fromarray(pixels).save(tmp_path / "PedMasks" / f"{name}_mask.png")
        image.fromarray(pixels).convert("RGB").save(tmp_path / "PNGImages" / f"{name}.png")
    return tmp_path


def same_in_coco():
    ids = {name: i for i, name in enumerate(SIZES)}
    annotations = []
    for image, _, top, bottom, left, right in OBJECTS:
        pixels = np.zeros(SIZES[image], np.uint8)
        pixels[top:bottom, left:right] = 1
        mask = pymetrics.mask.encode(np.asfortranarray(pixels))
        box = [left, top, right - left, bottom - top]
        annotations.append(
            {"id": len(annotations) + 1, "image_id": ids[image], "category_id": 1, "bbox": box, "segmentation": mask}
        )
    images = [{"id": ids[name], "height": h, "width": w} for name, (h, w) in SIZES.items()]
    return {"images": images, "categories": [{"id": 1, "name": "person"}], "annotations": annotations}


def predictions():
    """One dict per image, in the order of the names, as detectors give them."""
    found = []
    for name, (height, width) in SIZES.items():
        boxes, masks = [], []
        for _, _, top, bottom, left, right in (each for each in OBJECTS if each[0] == name):
            boxes.append([left, top, right + 3, bottom])
            masks.append(np.zeros((height, width), bool))
            masks[-1][top:bottom, left : right + 3] = True
        n = len(boxes)
        found.append(
            {
                "boxes": np.array(boxes, float).reshape(-1, 4),
                "masks": np.array(masks).reshape(n, height, width),
                "scores": np.linspace(0.9, 0.5, n),
                "labels": np.ones(n, int),
            }
        )
    return found


@pytest.mark.parametrize("iou_type", ["bbox", "segm", "boundary"])
def test_masks_and_boxes(folder, iou_type, backend):
    assert detect(folder) == "pennfudan"
    with_ids = [{**item, "image_id": i} for i, item in enumerate(predictions())]
    result = pymetrics.evaluate(folder, predictions(), iou_type=iou_type)
    wanted = pymetrics.evaluate(same_in_coco(), with_ids, iou_type=iou_type)
    assert result.stats.tobytes() == wanted.stats.tobytes()
    assert 0 < result["map"] < 1
    assert result.per_class[0]["name"] == "person"
    by_name = [{**item, "image_id": name} for name, item in zip(SIZES, predictions(), strict=True)]
    by_name.reverse()
    assert pymetrics.evaluate(folder, by_name, iou_type=iou_type).stats.tobytes() == wanted.stats.tobytes()


def test_what_is_wrong(folder, monkeypatch):
    with pytest.raises(ValueError, match="gt and dt must have one item per image; gt has 3, dt has 2"):
        pymetrics.evaluate(folder, predictions()[:2])
    with pytest.raises(ValueError, match="holds masks without scores, which are ground truth"):
        pymetrics.evaluate(same_in_coco(), folder)
    mask = folder / "PedMasks" / "PennPed00003_mask.png"
    whole = mask.read_bytes()
    mask.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"^gt: '.*PennPed00003_mask.png' is not an image that can be read"):
        pymetrics.evaluate(folder, predictions())
    mask.write_bytes((folder / "PNGImages" / "PennPed00003.png").read_bytes())
    with pytest.raises(ValueError, match=r"^gt: '.*' must have one channel of whole numbers, got the mode 'RGB'"):
        pymetrics.evaluate(folder, predictions())
    mask.unlink()
    with pytest.raises(ValueError, match=r"^gt: '.*PNGImages.PennPed00003.png' has no mask in"):
        pymetrics.evaluate(folder, predictions())
    (folder / "PNGImages" / "PennPed00003.png").unlink()
    (folder / "PNGImages" / "FudanPed00002.png").unlink()
    with pytest.raises(ValueError, match=r"^gt: '.*FudanPed00002_mask.png' has no image in"):
        pymetrics.evaluate(folder, predictions())
    monkeypatch.setitem(sys.modules, "PIL", None)
    (folder / "PedMasks" / "FudanPed00002_mask.png").unlink()
    with pytest.raises(ImportError, match=r"pip install 'pymetrics-detection\[images\]'"):
        pymetrics.evaluate(folder, predictions())


def test_damaged_masks_raise_value_errors(folder):
    mask = folder / "PedMasks" / "FudanPed00001_mask.png"
    whole, rng, refused = mask.read_bytes(), np.random.default_rng(0), []
    for _ in range(100):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        mask.write_bytes(damaged)
        try:
            pymetrics.read(folder, "gt")
        except ValueError as error:
            refused.append(str(error))
    assert len(refused) > 25
    assert all("FudanPed00001_mask.png" in message for message in refused)


def test_the_path_of_a_text(folder: Path):
    assert pymetrics.read(str(folder), "gt").axes.images.tolist() == list(SIZES)
