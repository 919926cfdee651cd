"""COCO objects of files: a scene with what files hold beside boxes, and what can be asked of a COCO."""

import contextlib
import copy
import io
import json
import warnings

from helpers.coco_scenes import plain_scene
from pymetrics.coco import COCOeval

PUBLIC = ("dataset", "anns", "cats", "imgs", "imgToAnns", "catToImgs")


def quietly(call, *args):
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the numbers follow pycocotools in a quirk", UserWarning)
        return call(*args)


class ByImage(COCOeval):
    """Overrides a step, so that everything is evaluated image by image."""

    def evaluateImg(self, *args):
        return super().evaluateImg(*args)


def state(coco):
    return {name: getattr(coco, name) for name in PUBLIC}


def is_unopened(coco):
    return coco._kept is not None and not vars(coco).keys() & {"dataset", "anns", "imgToAnns"}


IDS = {
    "ordinary": lambda i: i + 1,
    "from 0": lambda i: i,
    "negative": lambda i: -i - 1,
    "falling": lambda i: 2000 - i,
    "equal, apart": lambda i: i % 23 + 1,
    "equal, in a row": lambda i: i // 3 + 1,
}


def rich_scene(ids="ordinary"):
    """The ordinary scene with what else files hold: other keys, masks, text of all kinds, crowds of true and 1.0."""
    scene = plain_scene()
    scene.gt["info"] = {"year": 2020, "more": [1, {"ü": None}]}
    scene.gt["licenses"] = [{"id": 1, "annotations": "}, {"}]
    for i, ann in enumerate(scene.gt["annotations"]):
        x, y, w, h = ann["bbox"]
        ann["id"] = IDS[ids](i)
        ann["segmentation"] = (
            {"counts": [3, i, 4], "size": [9, 9]} if ann["iscrowd"] else [[x, y, x + w + 0.1, y, x, y + h]]
        )
        if ann["iscrowd"]:
            ann["iscrowd"] = (1, True, 1.0)[i % 3]
        if i % 5 == 0:
            ann |= {"keypoints": [1, 2.5, 2] * 3, "ignore": 1, "more": {'naïve "key"': "\\ é € 𝄞"}}
    for i, image in enumerate(scene.gt["images"]):
        image |= {"file_name": f"bild ä {i}.jpg", "height": 480, "width": 640}
    for i, dt in enumerate(scene.dt):
        if i % 4 == 0:
            dt |= {"segmentation": {"counts": "abc", "size": [9, 9]}, "id": 7, "area": 1e6, "iscrowd": 1}
        if i % 7 == 0:
            dt |= {"score": 1, "more": ["caption", {"bbox": 1}]}
    return scene


def write(folder, scene, **options):
    paths = folder / "gt.json", folder / "dt.json"
    for path, content in zip(paths, (scene.gt, scene.dt), strict=True):
        path.write_text(json.dumps(content, **options), encoding="utf-8")
    return tuple(map(str, paths))


def pair(coco_class, files):
    gt = quietly(coco_class, files[0])
    return gt, quietly(gt.loadRes, files[1])


def evaluated(eval_class, gt, dt, params=()):
    evaluation = eval_class(gt, dt, "bbox")
    for name, value in dict(params).items():
        setattr(evaluation.params, name, copy.deepcopy(value))
    quietly(evaluation.evaluate)
    quietly(evaluation.accumulate)
    return evaluation


def clean(value):
    """Without pycocotools' marks."""
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items() if key != "_ignore"}
    return [clean(item) for item in value] if isinstance(value, list) else value
