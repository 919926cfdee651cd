"""A scene for which two sets of rules give one number, and edits after which one rule makes a difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pymetrics.analysis import Rules

N_IMAGES = 12
CATEGORIES = (1, 2, 3, 4, 5)  # no object is of 3 or 5
SIDE = 100


class Planted:
    """COCO's dicts. `gt` and `dt` are what explain_difference takes."""

    def __init__(self) -> None:
        self.images = [{"id": i} for i in range(1, N_IMAGES + 1)]
        self.annotations: list[dict[str, Any]] = []
        self.dt: list[dict[str, Any]] = []
        for image in range(1, N_IMAGES + 1):
            for place, category in enumerate((1, 2, 4)):
                self.object(image, category, [300 * place, 0, SIDE, SIDE])
                self.detection(image, category, [300 * place, 0, SIDE, SIDE])

    @property
    def gt(self) -> dict[str, Any]:
        return {
            "images": self.images,
            "annotations": self.annotations,
            "categories": [{"id": k, "name": f"kind {k}"} for k in CATEGORIES],
        }

    def object(self, image: int, category: int, box: list[float], **flags: int) -> None:
        area = box[2] * box[3]
        row = {"id": len(self.annotations) + 1, "image_id": image, "category_id": category, "bbox": box, "area": area}
        self.annotations.append({**row, "iscrowd": 0, "ignore": 0, **flags})

    def detection(self, image: int, category: int, box: list[float], score: float | None = None) -> None:
        score = 0.7 + len(self.dt) / 1000 if score is None else score  # all differ
        self.dt.append({"image_id": image, "category_id": category, "bbox": box, "score": score})


def images_without_objects(of: Planted) -> int:
    """False positives on images that nothing was annotated on."""
    for i in range(4):
        of.images.append({"id": 100 + i})
        for k in range(2):
            of.detection(100 + i, 2, [300 * k, 0, SIDE, SIDE], 0.99)
    return 8


def labels_of_another_category(of: Planted) -> int:
    """Detections of category 4 that are said to be of 5."""
    for row in [row for row in of.dt if row["category_id"] == 4][:5]:
        row["category_id"] = 5
    return 5


def fractions_of_pixels(of: Planted) -> int:
    """Objects of one pixel, found .49 pixels off: an overlap of .15, and of .4 where boxes are a pixel wider."""
    for i in range(6):
        of.object(i + 1, 2, [20 * i, 400, 1, 1])
        of.detection(i + 1, 2, [20 * i + 0.49, 400.49, 1, 1])
    return 6


def a_pixel_off(of: Planted) -> int:
    """Objects of five pixels, found one off: overlaps of 16 / 34 and, a pixel wider, 25 / 47."""
    for i in range(7):
        of.object(i + 1, 1, [20 * i, 500, 5, 5])
        of.detection(i + 1, 1, [20 * i + 1, 501, 5, 5])
    return 7


def low_scores(of: Planted) -> int:
    """Right detections with low scores."""
    for i, row in enumerate([row for row in of.dt if row["category_id"] == 1][:4]):
        row["score"] = 0.2 + i / 100
    return 4


def many_detections(of: Planted) -> int:
    """113 detections of a category in an image, those on objects at the end."""
    for i in range(8):
        of.object(11, 4, [300 * i, 900, SIDE, SIDE])
        of.detection(11, 4, [300 * i, 900, SIDE, SIDE], 0.5 + i / 1000)
    for i in range(104):
        of.detection(11, 4, [20 * i, 1500, 10, 10], 0.6 + i / 2000)
    return 13


def crowds(of: Planted) -> int:
    """Detections within crowds."""
    of.object(3, 2, [0, 2000, 900, SIDE], iscrowd=1)
    for i in range(9):
        of.detection(3, 2, [SIDE * i, 2000, SIDE, SIDE], 0.99)
    return 9


def objects_to_ignore(of: Planted) -> int:
    """Detections of ground truths to be ignored."""
    for i in range(3):
        of.object(4 + i, 1, [0, 2500, SIDE, SIDE], ignore=1)
        of.detection(4 + i, 1, [0, 2500, SIDE, SIDE], 0.99)
    return 3


def an_id_of_zero(of: Planted) -> int:
    """An annotation of id 0, whose detection pycocotools takes for unmatched."""
    next(row for row in of.annotations if row["category_id"] == 2)["id"] = 0
    return 1


def neighbours(of: Planted) -> int:
    """Two objects and two detections, each of which overlaps the first object most: .74 and .67; the second .54."""
    for i in range(5):
        x = 300.0 * i
        of.object(5, 1, [x, 3000, SIDE, SIDE])
        of.object(5, 1, [x + 50, 3000, SIDE, SIDE])
        of.detection(5, 1, [x + 15, 3000, SIDE, SIDE], 0.98)
        of.detection(5, 1, [x + 20, 3000, SIDE, SIDE], 0.97)
    return 5


def categories_without_objects(of: Planted) -> int:
    """Detections of a category that has no object."""
    for i in range(11):
        of.detection(i + 1, 3, [0, 3500, SIDE, SIDE])
    return 11


def loose_boxes(of: Planted) -> int:
    """Detections that overlap their objects by .6."""
    for row in [row for row in of.dt if row["category_id"] == 2][:6]:
        row["bbox"] = [row["bbox"][0], 0, 60, SIDE]
    return 0


PLANTS: dict[str, Callable[[Planted], int]] = {
    "images": images_without_objects,
    "category_map": labels_of_another_category,
    "dt_decimals": fractions_of_pixels,
    "overlap": a_pixel_off,
    "confidence": low_scores,
    "max_dets": many_detections,
    "iou_thresholds": loose_boxes,
    "crowd": crowds,
    "ignore": objects_to_ignore,
    "annotation_ids": an_id_of_zero,
    "matching": neighbours,
    "empty_categories": categories_without_objects,
}
# Fields in which another tool differs from COCO, whatever the data.
OTHER = {
    "images": "with_ground_truth", "dt_decimals": 0, "overlap": "inclusive", "confidence": 0.3, "max_dets": 300,
    "iou_thresholds": (0.5,), "crowd": "left_out", "ignore": "left_out", "annotation_ids": "unread",
    "matching": "pointing",
}  # fmt: skip
# Either of these changes what the other one does.
ONE_OF = {"category_map": {5: 4}, "empty_categories": "zero"}


def other_tool(planted: Iterable[str]) -> Rules:
    """The rules of the other tool, with category_map or with empty_categories, as the plants need it."""
    name = "category_map" if "category_map" in planted else "empty_categories"
    return Rules("coco", **OTHER, **{name: ONE_OF[name]})
