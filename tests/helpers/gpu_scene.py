"""Every CUDA kernel once on a small scene, compared with the host: what compute-sanitizer looks at (make gpu)."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import pymetrics
from helpers import device_scenes as cases
from pymetrics import Accumulator, Detections, GroundTruths, evaluate

for seed in range(3):
    gt, dt = cases.scene(seed)
    host = evaluate(GroundTruths(**gt), Detections(**dt))
    on_gpu = evaluate(GroundTruths(**cases.tensors(gt, "cuda")), Detections(**cases.tensors(dt, "cuda")))
    cases.assert_equal(on_gpu, host)
    target, preds = cases.per_image(gt, dt, "cuda")
    accumulator = Accumulator()
    for i in range(0, len(target), 2):
        accumulator.update(target[i : i + 2], preds[i : i + 2])
    cases.assert_equal(accumulator.compute(), host)
    ious = pymetrics.box_iou(cases.tensors(dt, "cuda")["boxes"], cases.tensors(gt, "cuda")["boxes"])
    expected = pymetrics.box_iou(dt["boxes"], gt["boxes"])
    assert ious.cpu().numpy().tobytes() == expected.tobytes()
    assert np.array_equal(pymetrics.match(ious).cpu().numpy(), pymetrics.match(expected))
print("equal to the host")
