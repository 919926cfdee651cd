"""Generated scenes for pymetrics.analysis, and their matching by the definition, one decision at a time.

Ties of scores and of overlaps, crowds, ignored ground truths, images without objects, categories without ground truth,
ids that are numbers or text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import pymetrics


@dataclass
class Scene:
    """Rows as plain lists. gt: (image, category, box, crowd, ignore). dt: (image, category, box, score). Boxes xywh."""

    images: list[Any]
    categories: dict[Any, str]
    gt: list[tuple[Any, Any, list[float], bool, bool]]
    dt: list[tuple[Any, Any, list[float], float]]

    def sources(self) -> tuple[Any, Any]:
        gt = pymetrics.GroundTruths(
            image=self._ids([g[0] for g in self.gt], self.images),
            boxes=np.array([g[2] for g in self.gt], float).reshape(-1, 4),
            labels=self._ids([g[1] for g in self.gt], list(self.categories)),
            crowd=np.array([g[3] for g in self.gt], np.int64), ignore=np.array([g[4] for g in self.gt], np.int64),
            images=self.images, categories=self.categories, box_format="xywh",
        )  # fmt: skip
        dt = pymetrics.Detections(
            image=self._ids([d[0] for d in self.dt], self.images),
            boxes=np.array([d[2] for d in self.dt], float).reshape(-1, 4),
            scores=np.array([d[3] for d in self.dt], float),
            labels=self._ids([d[1] for d in self.dt], list(self.categories)), box_format="xywh",
        )  # fmt: skip
        return gt, dt

    @staticmethod
    def _ids(ids: list[Any], known: list[Any]) -> Any:
        return np.array(ids, "U9" if isinstance(known[0], str) else np.int64)

    def evaluate(self, **settings: Any) -> pymetrics.Result:
        return pymetrics.evaluate(*self.sources(), **settings)

    def merged(self) -> pymetrics.Result:
        """The result of two accumulators, one of the first three images and one of the others."""
        parts = [pymetrics.Accumulator(), pymetrics.Accumulator()]
        for part, images in zip(parts, (self.images[:3], self.images[3:]), strict=True):
            part.update(*self.part(images).sources())
        parts[0].merge(parts[1])
        return parts[0].compute()

    def part(self, images: list[Any]) -> Scene:
        """The rows of some images."""
        gt, dt = ([row for row in rows if row[0] in images] for rows in (self.gt, self.dt))
        return Scene(images, self.categories, gt, dt)


def scene(seed: int, n_images: int = 7, n_categories: int = 4) -> Scene:
    """Text for ids where the seed is odd. The last image is empty, the last category has no ground truth."""
    rng = np.random.default_rng(seed)
    images: list[Any] = [3 * i + 1 for i in range(n_images)]
    names: dict[Any, str] = {k + 2: f"kind {k}" for k in range(n_categories)}
    if seed % 2:
        images, names = [f"im{i}" for i in images], {f"c{k}": name for k, name in names.items()}
    kinds = list(names)
    gt, dt = [], []
    for image in images[:-1]:
        boxes = (rng.integers(0, 5, (int(rng.integers(0, 6)), 4)) * 8 + [0, 0, 8, 8]).tolist()
        for box in boxes:
            gt.append((image, kinds[rng.integers(0, n_categories - 1)], box, rng.random() < 0.12, rng.random() < 0.12))
        for _ in range(int(rng.integers(0, 14))):
            if boxes and rng.random() < 0.8:
                box = (np.array(boxes[rng.integers(len(boxes))]) + rng.integers(-1, 2, 4)).tolist()
            else:
                box = [int(x) for x in rng.integers(1, 40, 4)]
            dt.append((image, kinds[rng.integers(0, n_categories)], box, float(rng.integers(1, 9)) / 8))
    for rows in (gt, dt):
        order = rng.permutation(len(rows))
        rows[:] = [rows[i] for i in order]
    return Scene(images, names, gt, dt)


def overlap(d: list[float], g: list[float], crowd: bool) -> float:
    w = min(d[0] + d[2], g[0] + g[2]) - max(d[0], g[0])
    h = min(d[1] + d[3], g[1] + g[3]) - max(d[1], g[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (d[2] * d[3] if crowd else d[2] * d[3] + g[2] * g[3] - w * h)


def match(of: Scene, iou: float, limit: int = 100) -> dict[int, tuple[str, int]]:
    """For each row of dt within the limit: "tp", "fp" or "ignored", and the row of gt that it took or -1."""
    found = {}
    for image in of.images:
        for category in of.categories:
            dts = [i for i, d in enumerate(of.dt) if d[:2] == (image, category)]
            gts = [i for i, g in enumerate(of.gt) if g[:2] == (image, category)]
            counts = {i: not (of.gt[i][3] or of.gt[i][4]) for i in gts}
            taken: set[int] = set()
            for i in sorted(dts, key=lambda i: -of.dt[i][3])[:limit]:
                found[i] = ("fp", -1)
                for wanted in (True, False):  # ground truths that count come first
                    best, took = iou, -1
                    for g in gts:
                        if counts[g] != wanted or (g in taken and not of.gt[g][3]):
                            continue
                        value = overlap(of.dt[i][2], of.gt[g][2], of.gt[g][3])
                        if value >= best:  # of equals the later
                            best, took = value, g
                    if took >= 0:
                        taken.add(took)
                        found[i] = ("tp" if wanted else "ignored", took)
                        break
    return found


def count(of: Scene, matches: dict[int, tuple[str, int]], score: float, image: Any = None, category: Any = None) -> Any:
    """n_gt, n_dt, tp, fp, fn of the detections from a score on, of one image or category or of all."""

    def chosen(row: tuple[Any, ...]) -> bool:
        return (image is None or row[0] == image) and (category is None or row[1] == category)

    n_gt = sum(chosen(g) and not g[3] and not g[4] for g in of.gt)
    said = [status for i, (status, _) in matches.items() if chosen(of.dt[i]) and of.dt[i][3] >= score]
    return n_gt, len(said), said.count("tp"), said.count("fp"), n_gt - said.count("tp")


def f_beta(tp: int, fp: int, fn: int, beta: float) -> float:
    if tp == fp == fn == 0:
        return -1.0
    whole = (1 + beta**2) * tp + beta**2 * fn + fp
    return (1 + beta**2) * tp / whole if whole else 0.0


def tree_sum(values: list[float]) -> float:
    """Halves of a list whose length is a power of two."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return tree_sum(values[:half]) + tree_sum(values[half:])


def macro(of: Scene, matches: dict[int, tuple[str, int]], score: float, beta: float = 1.0) -> tuple[float, ...]:
    """Means of precision, recall, F-beta over categories with ground truth."""
    rows = [count(of, matches, score, category=category) for category in of.categories]
    n = sum(row[0] > 0 for row in rows)
    if n == 0:
        return -1.0, -1.0, -1.0
    width = 1
    while width < len(rows):
        width *= 2
    values = [
        (tp / (tp + fp) if tp + fp else 0.0, tp / n_gt, f_beta(tp, fp, fn, beta)) if n_gt else (0.0, 0.0, 0.0)
        for n_gt, _, tp, fp, fn in rows
    ] + [(0.0, 0.0, 0.0)] * (width - len(rows))
    return tuple(tree_sum([value[j] for value in values]) / n for j in range(3))
