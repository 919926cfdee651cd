"""Who is measured (CONTENDERS) and how (CASES: one module each). A new rival is a line here and a function per case."""

from __future__ import annotations

from . import columns, dicts, files, updates
from .common import Case, Contender

_OURS = "pymetrics-detection"
_NATIVE, _NUMBA = {"PYMETRICS_BACKEND": "native"}, {"PYMETRICS_BACKEND": "numba"}

CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("native", "**pymetrics** (C++)", _OURS, _NATIVE),
        Contender("native-COCOeval", "**pymetrics** (C++), `COCOeval`", _OURS, _NATIVE),
        Contender("numba", "**pymetrics** (Numba)", _OURS, _NUMBA),
        Contender("ultrafast-pycocotools", "ultrafast-pycocotools", "ultrafast-pycocotools"),
        Contender("hotcoco", "hotcoco", "hotcoco"),
        Contender("vernier", "vernier", "vernier"),
        Contender("faster-coco-eval", "faster-coco-eval", "faster-coco-eval", threading="own"),
        Contender("pycocotools", "pycocotools", "pycocotools", threading="none"),
        Contender("metric", "**pymetrics** `MeanAveragePrecision` (C++)", _OURS, _NATIVE, needs=("torchmetrics",)),
        Contender("metric-classes", "**pymetrics**, the same with `class_metrics`", _OURS, _NATIVE,
                  needs=("torchmetrics",)),
        Contender("metric-numba", "**pymetrics** `MeanAveragePrecision` (Numba)", _OURS, _NUMBA,
                  needs=("torchmetrics",)),
        Contender("accumulator", "**pymetrics** `Accumulator` (C++)", _OURS, _NATIVE, needs=("torch",)),
        Contender("hotcoco-streaming", "hotcoco `StreamingEval`", "hotcoco", needs=("torch",)),
        Contender("vernier-background", "vernier `BackgroundEvaluator`", "vernier", needs=("torch",)),
        Contender("torchmetrics-faster", "torchmetrics on faster_coco_eval", "torchmetrics",
                  needs=("faster-coco-eval",), threading="own"),
        Contender("torchmetrics", "torchmetrics on pycocotools", "torchmetrics", needs=("pycocotools", "torchvision")),
    )
}  # fmt: skip
OURS = tuple(name for name, contender in CONTENDERS.items() if contender.ours)
CASES: dict[str, Case] = {case.name: case for case in (files.CASE, columns.CASE, dicts.CASE, updates.CASE)}
