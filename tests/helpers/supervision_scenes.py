"""Generated scenes for supervision's MeanAveragePrecision, and its own numbers of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import pymetrics

N_CATEGORIES = 4


@dataclass
class Scene:
    """Arrays of each image. gt: corners (N, 4), categories, crowds, ignored, areas or None. dt: corners, categories,
    scores, areas or None."""

    gt: list[tuple[Any, ...]]
    dt: list[tuple[Any, ...]]

    def result(self) -> pymetrics.Result:
        n_images = len(self.gt)

        def joined(side: list[tuple[Any, ...]], j: int) -> Any:
            return None if side[0][j] is None else np.concatenate([rows[j] for rows in side])

        def image(side: list[tuple[Any, ...]]) -> Any:
            return np.repeat(np.arange(n_images), [len(rows[0]) for rows in side])

        gt = pymetrics.GroundTruths(
            image=image(self.gt), boxes=joined(self.gt, 0), labels=joined(self.gt, 1), crowd=joined(self.gt, 2),
            ignore=joined(self.gt, 3), area=joined(self.gt, 4), images=list(range(n_images)),
            categories={k: f"kind {k}" for k in range(N_CATEGORIES)}, box_format="xyxy",
        )  # fmt: skip
        dt = pymetrics.Detections(
            image=image(self.dt), boxes=joined(self.dt, 0), labels=joined(self.dt, 1), scores=joined(self.dt, 2),
            area=joined(self.dt, 3), box_format="xyxy",
        )  # fmt: skip
        return pymetrics.evaluate(gt, dt)

    def theirs(self, package: Any, max_dets: int = 100) -> dict[str, Any]:
        """What the package computes. package: supervision."""
        from supervision.metrics import MeanAveragePrecision

        metric = MeanAveragePrecision(max_detection_thresholds=(1, max_dets - 1, max_dets))
        predictions, targets = [], []
        for (gt, gt_category, crowd, ignore, area), (dt, dt_category, scores, dt_area) in zip(
            self.gt, self.dt, strict=True
        ):
            data = {"iscrowd": crowd, "ignore": ignore} | ({} if area is None else {"area": area})
            targets.append(package.Detections(xyxy=gt, class_id=gt_category, data=data))
            data = {} if dt_area is None else {"area": dt_area}
            predictions.append(package.Detections(xyxy=dt, class_id=dt_category, confidence=scores, data=data))
        found = metric.update(predictions, targets).compute()
        sizes = (found, found.small_objects, found.medium_objects, found.large_objects)
        return {
            "classes": found.matched_classes.tolist(), "map": found.map50_95, "map_50": found.map50,
            "map_75": found.map75, "map_small": sizes[1].map50_95, "map_medium": sizes[2].map50_95,
            "map_large": sizes[3].map50_95, "scores": [one.mAP_scores.tolist() for one in sizes],
            "average": [one.ap_per_class.tolist() for one in sizes],
        }  # fmt: skip


def scene(seed: int, n_images: int = 8) -> Scene:
    """Odd seeds: a coarse grid, so that equal overlaps, equal scores and areas of 32² and 96² are common.

    Every third scene gives areas. The last category has no ground truths, and one image is empty.
    """
    rng = np.random.default_rng(seed)
    gts: list[tuple[Any, ...]] = []
    dts: list[tuple[Any, ...]] = []
    for i in range(n_images):
        n, m = (0, 0) if i == 2 else (int(rng.integers(0, 9)), int(rng.integers(0, 30)))
        corner, size = rng.uniform(0, 200, (n, 2)), rng.uniform(4, 150, (n, 2))
        gt = np.concatenate([corner, corner + size], axis=1)
        if n:
            dt = gt[rng.integers(0, n, m)] + rng.normal(0, 4, (m, 4))
        else:
            dt = np.sort(rng.uniform(0, 200, (m, 2, 2)), axis=1).reshape(m, 4)
        scores = rng.random(m)
        if seed % 2:
            gt, dt, scores = np.round(gt / 32) * 32, np.round(dt / 32) * 32, np.round(scores, 1)
        kind = np.float64 if seed % 4 < 2 else np.float32
        gt, dt, scores = (values.astype(kind) for values in (gt, dt, scores))
        crowd, ignore = ((rng.random(n) < 0.15).astype(np.int64) for _ in range(2))
        areas = [None, None]
        if seed % 3 == 0:
            areas = [np.abs((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])) * rng.uniform(0.5, 1, len(b)) for b in (gt, dt)]
        gts.append((gt, rng.integers(0, N_CATEGORIES - 1, n), crowd, ignore, areas[0]))
        dts.append((dt, rng.integers(0, N_CATEGORIES, m), scores, areas[1]))
    return Scene(gts, dts)
