"""Detections of a scene as netcal takes them: score and place, and whether they are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.analysis_scenes import match, scene

SIZE = (80.0, 64.0)  # width, height of every image
SETTINGS = ((10, ("score",)), (5, ("score", "cx", "cy", "w", "h")), (8, ("score", "w", "cy")))


def points(seed: int, axes: tuple[str, ...]) -> tuple[Any, Any]:
    """float64 (N, axes), each clipped to [0, 1], and int (N,), of the detections that count at the threshold .5."""
    of = scene(2 * seed, n_images=30)
    said = match(of, 0.5)
    rows, right = [], []
    for i, (status, _) in said.items():
        if status == "ignored":
            continue
        (x, y, w, h), score = of.dt[i][2], of.dt[i][3]
        place = {"score": score, "cx": (x + w / 2) / SIZE[0], "cy": (y + h / 2) / SIZE[1], "w": w / SIZE[0]}
        place["h"] = h / SIZE[1]
        rows.append([min(max(place[axis], 0.0), 1.0) for axis in axes])
        right.append(int(status == "tp"))
    return np.array(rows, float).reshape(-1, len(axes)), np.array(right, int)
