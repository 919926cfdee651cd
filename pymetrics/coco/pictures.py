"""What COCO does with images: annotations drawn by Matplotlib, and files fetched from their addresses."""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .coco import COCO

Ann = dict[str, Any]
CROWD_COLOR = (2 / 255, 166 / 255, 101 / 255)
FILLED, MASK_ALPHA = 0.4, 0.5  # opacity of polygons and of masks


def show_annotations(coco: COCO, anns: Sequence[Ann], draw_bbox: bool) -> None:
    """COCO.showAnns. The first annotation tells what kind they all are. Colours are numpy.random's, as pycocotools'.

    Raises:
        Exception: the first annotation has neither segmentation, keypoints nor caption (pycocotools' own choice).
    """
    if not len(anns):
        return
    if "segmentation" not in anns[0] and "keypoints" not in anns[0]:
        if "caption" not in anns[0]:
            raise Exception("datasetType not supported: anns[0] has neither segmentation, keypoints nor caption")
        for ann in anns:
            print(ann["caption"])
        return
    from matplotlib import pyplot
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Polygon

    axes = pyplot.gca()
    axes.set_autoscale_on(False)
    patches, colors = [], []
    for ann in anns:
        color = (_random_color() * 0.6 + 0.4).tolist()
        outlines = []
        if "segmentation" in ann:
            if isinstance(ann["segmentation"], list):
                outlines += [np.reshape(points, (-1, 2)) for points in ann["segmentation"]]
            else:
                axes.imshow(_colored_mask(coco, ann))
        if isinstance(ann.get("keypoints"), list):
            _draw_keypoints(axes, coco, ann, color)
        if draw_bbox:
            x, y, w, h = ann["bbox"]
            outlines.append(np.array([[x, y], [x, y + h], [x + w, y + h], [x + w, y]]))
        patches += [Polygon(points) for points in outlines]
        colors += [color] * len(outlines)
    axes.add_collection(PatchCollection(patches, facecolor=colors, linewidths=0, alpha=FILLED))
    axes.add_collection(PatchCollection(patches, facecolor="none", edgecolors=colors, linewidths=2))


def _random_color() -> Any:
    """Three numbers from 0 to 1, of the generator that numpy.random.seed sets."""
    return np.random.random((1, 3))[0]  # noqa: NPY002


def _colored_mask(coco: COCO, ann: Ann) -> Any:
    """float64 (height, width, 4): one colour, opaque by half where the mask is."""
    mask = coco.annToMask(ann)
    color = CROWD_COLOR if ann["iscrowd"] == 1 else _random_color()
    return np.dstack([np.broadcast_to(color, (*mask.shape, 3)), mask * MASK_ALPHA])


def _draw_keypoints(axes: Any, coco: COCO, ann: Ann, color: Any) -> None:
    """Lines between visible points that the category's skeleton joins; points, those that are not hidden by an edge."""
    x, y, visibility = (np.array(ann["keypoints"][i::3]) for i in range(3))
    for pair in np.array(coco.loadCats(ann["category_id"])[0]["skeleton"]) - 1:  # COCO counts from 1
        if (visibility[pair] > 0).all():
            axes.plot(x[pair], y[pair], linewidth=3, color=color)
    for least, edge in ((0, "k"), (1, color)):
        seen = visibility > least
        axes.plot(
            x[seen], y[seen], "o", markersize=8, markerfacecolor=color, markeredgecolor=edge, markeredgewidth=2
        )  # fmt: skip


def download(images: Sequence[Ann], folder: str | os.PathLike[str] | None, say: Callable[..., None]) -> int | None:
    """COCO.download. A file appears under its name when it is complete.

    Raises:
        ValueError: the `file_name` of an image leads out of the folder.
    """
    if folder is None:
        say("Please specify target directory")
        return -1
    root = os.path.abspath(folder)
    for i, image in enumerate(images):
        start = time.time()
        path = os.path.abspath(os.path.join(root, image["file_name"]))
        if os.path.commonpath([root, path]) != root or path == root:
            raise ValueError(f"imgs[{image['id']!r}]['file_name'] must stay in the folder, got {image['file_name']!r}")
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            part = f"{path}.{os.getpid()}.part"
            try:
                urllib.request.urlretrieve(image["coco_url"], part)
                os.replace(part, path)
            finally:
                if os.path.exists(part):
                    os.remove(part)
        say(f"downloaded {i}/{len(images)} images (t={time.time() - start:0.1f}s)")
    os.makedirs(root, exist_ok=True)
    return None
