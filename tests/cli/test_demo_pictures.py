"""The drawn pictures of the sample: each object fills its box, and one data set gives one set of pictures."""

import json

import numpy as np
import pytest
from helpers.absent import need_module

from pymetrics import demo
from pymetrics.demo.objects import DRAWN, Pen
from pymetrics.demo.pictures import draw_scene, write_pictures

Image = need_module("PIL.Image")

BOXES = [(20, 30, 120, 40), (20, 30, 40, 120), (30.4, 20.6, 80.5, 80.25), (10, 10, 10, 10), (5, 60, 180, 10)]


def test_each_category_is_drawn():
    assert set(DRAWN) == set(demo.NAMES)


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("box", BOXES, ids=str)
def test_an_object_fills_its_box(name, box):
    for color in range(5):
        picture = Image.new("RGB", (200, 160), (1, 2, 3))
        DRAWN[name](Pen(picture, 1).within(box), color)
        changed = (np.asarray(picture) != (1, 2, 3)).any(axis=2)
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        x, y, width, height = box
        found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        slack = 0.08 * min(width, height) + 2  # half a line of a bicycle
        assert np.allclose(found, [x, y, x + width, y + height], rtol=0, atol=slack), (found, color)


def test_categories_differ():
    pictures = set()
    for draw in DRAWN.values():
        picture = Image.new("RGB", (100, 100), (1, 2, 3))
        draw(Pen(picture, 1).within((0, 0, 100, 100)), 0)
        pictures.add((np.asarray(picture) != (1, 2, 3)).any(axis=2).tobytes())
    assert len(pictures) == len(DRAWN)  # by their outlines alone


def test_one_data_set_gives_one_set_of_pictures(tmp_path):
    ground_truth, _ = demo.generate()
    ground_truth["images"] = ground_truth["images"][:12]
    ids = {image["id"] for image in ground_truth["images"]}
    ground_truth["annotations"] = [one for one in ground_truth["annotations"] if one["image_id"] in ids]
    for name in ("a", "b"):
        paths = write_pictures(tmp_path / name, ground_truth)
        assert [path.name for path in paths] == [image["file_name"] for image in ground_truth["images"]]
    contents = [(tmp_path / "a" / path.name).read_bytes() for path in paths]
    assert contents == [path.read_bytes() for path in paths]
    assert len(set(contents)) == 12
    for path in paths:
        with Image.open(path) as picture:
            assert (picture.size, picture.mode) == ((demo.WIDTH, demo.HEIGHT), "RGB")


def test_pictures_leave_the_numbers_alone(tmp_path):
    """Drawing draws no number that boxes need."""
    before = json.dumps(demo.generate())
    draw_scene(1, [])
    assert json.dumps(demo.generate()) == before


def test_small_objects_lie_above_large_ones():
    def annotation(x, y, width, height, category):
        box = [x, y, width, height]
        return {"bbox": box, "area": width * height, "category_id": category, "iscrowd": 0}

    large, small = annotation(100, 100, 300, 300, 6), annotation(200, 250, 60, 80, 5)
    first, second = (draw_scene(3, rows) for rows in ([large, small], [small, large]))
    without = draw_scene(3, [large])
    area = (200, 250, 260, 330)
    assert first.crop(area).tobytes() != without.crop(area).tobytes()
    assert second.crop(area).tobytes() != without.crop(area).tobytes()


def test_a_crowd_is_several():
    row = {"bbox": [100, 100, 200, 100], "area": 20000, "category_id": 1}
    one, several = (np.asarray(draw_scene(5, [row | {"iscrowd": crowd}])) for crowd in (0, 1))
    empty = np.asarray(draw_scene(5, []))
    for picture in (one, several):
        changed = (picture != empty).any(axis=2)
        assert not changed[:98].any()
        assert not changed[202:].any()
        assert changed[105:195, 105:295].any()
    assert (one != several).any()
