"""Images in a run of Weights & Biases: which, their layers of boxes and masks, and what is refused."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.tracker_scene import DT, FILES, GT, NAMES, SIZES, bitmap_of, make_result, make_scene, write_images
from helpers.wandb_files import inspect

import pymetrics

LAYERS = ["ground_truth", "true_positives", "false_positives", "misses"]
TRUE, FALSE, MISSED = [DT[0], DT[1], DT[3]], [DT[4]], [GT[3]]  # from the score .8 on, which has the highest F1


@pytest.fixture
def wandb(need, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    need("PIL")
    return need("wandb")


@pytest.fixture
def payload(wandb):
    return importlib.import_module("pymetrics.trackers.wandb").payload


@pytest.fixture
def logged(wandb, payload, tmp_path):
    """logged(result, images, ...): what the run's file holds of the images, and the folder of its files."""

    def call(*args, **settings):
        run = wandb.init(mode="offline", project="test", dir=tmp_path, settings=wandb.Settings(console="off"))
        run.log({"epoch": 0, **payload(*args, **settings)})
        run.finish()
        path = Path(run.settings.sync_file)
        return json.loads(inspect(path, "--summary"))["summary"]["val/images"], path.parent / "files"

    return call


def positions(boxes, size):
    """x, y, width, height in pixels, rounded, of boxes that are fractions of the image."""
    height, width = size
    found = []
    for box in boxes:
        assert "domain" not in box  # fractions
        x1, x2, y1, y2 = (box["position"][key] for key in ("minX", "maxX", "minY", "maxY"))
        found.append(tuple(np.round([x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height], 9).tolist()))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("masks", [False, True], ids=["boxes", "masks"])
def test_a_run_with_images(logged, tmp_path, masks):
    from PIL import Image

    ids = [8, 7, 9]  # by rising F1; the last has none
    entry, files = logged(make_result(masks), write_images(tmp_path), class_names=NAMES)
    assert entry["count"] == 3
    assert entry["captions"] == [
        "two.png: 1 right, 1 wrong, 1 missed",
        "one.png: 2 right, 0 wrong, 0 missed",
        "three.png: 0 right, 0 wrong, 0 missed",
    ]
    for id_, name in zip(ids, entry["filenames"], strict=True):
        picture = Image.open(files / name)
        assert picture.size == (80, 50)  # the largest; W&B shows images of several sizes wrongly
        (height, width), pixels = SIZES[id_], np.asarray(picture).astype(int)
        assert np.abs(pixels[: height - 16, : width - 16] - [id_, 100, 200]).max() <= 4  # not resized; JPEG
        assert pixels[height + 16 :].max(initial=0) <= 4  # a margin
        assert pixels[:, width + 16 :].max(initial=0) <= 4
    truth = dict(zip(LAYERS, ([*GT[2:], (8, 1, 0, 40, 80, 10)], TRUE, FALSE, MISSED), strict=True))
    for id_, layers in zip(ids, entry["all_boxes"], strict=True):
        assert layers.keys() == set(LAYERS)
        for layer, rows in truth.items():
            boxes = json.loads((files / layers[layer]["path"]).read_text(encoding="utf-8"))["box_data"]
            wanted = [row for row in (GT if layer == "ground_truth" and id_ == 7 else rows) if row[0] == id_]
            assert positions(boxes, (50, 80)) == [row[2:6] for row in wanted]
            assert [box["class_id"] for box in boxes] == [row[1] for row in wanted]
            for box, row in zip(boxes, wanted, strict=True):
                if len(row) == 7:
                    assert box["scores"]["score"] == row[6]
                    assert (box["scores"]["iou"] >= 0.5) == (layer == "true_positives")
                    assert box["box_caption"] == f"{NAMES[row[1]]} {row[6]:.2f}"
                else:
                    assert box["box_caption"] == NAMES[row[1]] + (" (ignored)" if row[3] == 40 else "")
    if not masks:
        assert "all_masks" not in entry
        return
    for id_, layers in zip(ids, entry["all_masks"], strict=True):
        for layer, rows in {"true_positives": TRUE, "false_positives": FALSE, "misses": MISSED}.items():
            wanted = np.zeros((50, 80), np.uint8)
            for row in (row for row in rows if row[0] == id_):
                wanted[: SIZES[id_][0], : SIZES[id_][1]][bitmap_of(id_, row)] = row[1]
            np.testing.assert_array_equal(np.asarray(Image.open(files / layers[layer]["path"])), wanted)


@pytest.mark.slow
def test_the_report_in_a_run(wandb, tmp_path):
    """As docs/trackers.md says."""
    make_result().report(tmp_path / "report.html")
    run = wandb.init(mode="offline", project="test", dir=tmp_path, settings=wandb.Settings(console="off"))
    with open(tmp_path / "report.html", encoding="utf-8") as file:
        run.log({"report": wandb.Html(file, inject=False)})
    run.finish()
    path = Path(run.settings.sync_file)
    entry = json.loads(inspect(path, "--summary"))["summary"]["report"]
    logged = path.parent / "files" / entry["path"]
    assert logged.read_text(encoding="utf-8") == (tmp_path / "report.html").read_text(encoding="utf-8")


def test_which_images(payload):
    result = make_result()
    names = [FILES[8], FILES[7], FILES[9]]

    def shown(**settings):
        return [image._caption.split(":")[0] for image in payload(result, True, **settings)["val/images"]]

    assert shown() == names
    assert shown(shown=1) == names[:1]
    assert shown(shown=np.array([9, 7])) == [FILES[9], FILES[7]]
    assert "val/images" not in payload(result, True, shown=0)
    assert "val/images" not in payload(result, True, media=False)
    assert "val/images" not in payload(result)


def test_blank_canvases_have_the_size_of_the_image(payload):
    for id_ in SIZES:
        (image,) = payload(make_result(), True, shown=[id_])["val/images"]
        assert (image._height, image._width) == SIZES[id_]
    gt, dt = make_scene()
    for image in gt["images"]:
        del image["height"], image["width"]
    (image,) = payload(pymetrics.evaluate(gt, dt), True, shown=[7])["val/images"]
    assert (image._height, image._width) == (25, 43)  # that holds all boxes


def test_rotated_boxes_are_drawn(payload):
    from PIL import Image

    rows = {"boxes": np.array([[20.0, 20.0, 20.0, 10.0, 30.0]]), "labels": np.array([1])}
    result = pymetrics.evaluate(
        [rows], [rows | {"scores": np.array([0.9])}], iou_type="obb", box_format="cxcywhr"
    )  # fmt: skip
    (image,) = payload(result, lambda _: np.full((50, 50, 3), 255, np.uint8))["val/images"]
    assert image._boxes is None
    assert np.asarray(Image.open(image._path)).min() < 200


def test_categories_beyond_what_masks_hold(payload):
    """A mask has 255 numbers: of more categories boxes alone are shown, with their place for a number."""
    gt, dt = make_scene(masks=True)
    gt["categories"] += [{"id": id_, "name": f"class {id_}"} for id_ in range(300, 600)]
    (image,) = payload(pymetrics.evaluate(gt, dt, iou_type="segm"), True, shown=[7])["val/images"]
    assert image._masks is None
    assert [box["class_id"] for box in image._boxes["true_positives"]._val] == [1, 2]


@pytest.mark.parametrize(
    ("images", "settings", "message"),
    [
        ({7: "nowhere.png"}, {}, "image 7 cannot be read from 'nowhere.png'"),
        ({8: "nowhere.png"}, {}, "images has no image 7"),
        (lambda _: np.zeros((4, 4, 3), np.uint8), {}, "is 4 x 4 pixels, but the data says 60 x 40"),
        ("no/folder", {}, "images must be a folder that exists, got 'no/folder'"),
        (True, {"shown": [7, 5]}, r"shown\[1\] must be the id of an image that was evaluated, got 5"),
        (True, {"shown": -1}, "shown must be a number from 0 on, or ids of images, got -1"),
        (True, {"shown": "7"}, "shown must be a number from 0 on, or ids of images, got '7'"),
        (True, {"shown": [7] * 109}, "shown must be at most 108 images, got 109"),
    ],
)  # fmt: skip
def test_images_that_do_not_fit(payload, images, settings, message):
    with pytest.raises(ValueError, match=message):
        payload(make_result(), images, **{"shown": [7], **settings})


def test_without_the_data(payload, tmp_path):
    make_result().save(tmp_path / "result")
    result = pymetrics.Result.load(tmp_path / "result")
    assert "val/confusion" not in payload(result)
    assert "val/per_image" in payload(result)
    with pytest.raises(ValueError, match="keep_data"):
        payload(result, True)
