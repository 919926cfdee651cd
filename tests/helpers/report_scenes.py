"""The demo's results, small data sets with odd names, and pictures for reports."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import numpy as np

import pymetrics
from pymetrics import demo

ODD = (
    "</script><script>alert(1)</script>",
    "\"quoted\" & 'single'",
    "<b>bold</b>",
    "\u05d0\u05d1\u05d2 rtl",
    "\U0001f600",
)
WIDTH, HEIGHT = 64, 48


def demo_results() -> dict[str, pymetrics.Result]:
    """The demo's two detectors."""
    ground_truth, detections = demo.generate()
    return {name: pymetrics.evaluate(ground_truth, found) for name, found in detections.items()}


def picture(image_id: Any) -> Any:
    """A picture of the demo's size: uint8 (480, 640, 3)."""
    shade = np.linspace(90, 200, demo.WIDTH, dtype=np.uint8)
    return np.repeat(np.repeat(shade[None, :, None], demo.HEIGHT, axis=0), 3, axis=2)


def odd_data(names: tuple[str, ...] = ODD) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A category for each name; two images, of which one is called by the first name; a detection of each object."""
    boxes = [[4.0 + 11 * i, 5.0, 9.0, 20.0] for i in range(len(names))]
    ground_truth = {
        "images": [
            {"id": i, "width": WIDTH, "height": HEIGHT, "file_name": f"{names[0]}{i}.jpg"} for i in (1, 2)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
        "annotations": [
            {"id": 1 + i + len(names) * (image - 1), "image_id": image, "category_id": i + 1, "bbox": box,
             "area": 180.0, "iscrowd": 0}
            for image in (1, 2)
            for i, box in enumerate(boxes)
        ],
    }  # fmt: skip
    detections = [
        {"image_id": image, "category_id": 1 + (i + image - 1) % len(names), "bbox": box, "score": 0.9 - 0.1 * i}
        for image in (1, 2)
        for i, box in enumerate(boxes)
    ]
    return ground_truth, detections


class Elements(HTMLParser):
    """The elements of a page: (tag, attributes), and the texts outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self._tag not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All text that is shown."""
        return "".join(self.texts)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]
