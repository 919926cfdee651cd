"""What a fresh process loads: the import, and the first evaluation on the C++ backend."""

import json
import os
import subprocess
import sys

import pytest

# Modules of the standard library that take milliseconds, and the parts of this package that other backends need.
HEAVY = (
    "asyncio", "concurrent.futures", "email", "hashlib", "http", "importlib.metadata", "inspect", "json", "logging",
    "multiprocessing", "queue", "socket", "ssl", "subprocess", "tempfile", "threading", "unittest", "urllib.request",
    "numba", "torch", "pymetrics.kernels.numba_backend", "pymetrics.kernels.cuda_backend", "pymetrics._show_config",
    "pymetrics.analysis", "pymetrics.cli", "pymetrics.coco", "pymetrics.detection",
)  # fmt: skip

CODE = """
import sys
import numpy as np
before = set(sys.modules)
import pymetrics
{call}
print(*sorted(set(sys.modules) - before))
"""
ARRAYS = """
gt = np.array([[1, 10, 10, 50, 50, 3], [2, 5, 5, 20, 20, 4]])
dt = np.array([[1, 10, 10, 50, 40, 0.9, 3], [2, 5, 5, 20, 20, 0.8, 4]])
result = pymetrics.evaluate(gt, dt)
assert len(result.stats) == 12 and result["map"] > 0 and result.per_class
"""
COLUMNS = """
gt = pymetrics.GroundTruths(image=[1, 2], boxes=[[10, 10, 60, 60], [5, 5, 25, 25]], labels=[3, 4])
dt = pymetrics.Detections(image=[1, 2], boxes=[[10, 10, 60, 50], [5, 5, 25, 25]], labels=[3, 4], scores=[0.9, 0.8])
assert pymetrics.evaluate(gt, dt)["map"] > 0
"""
FILES = """
assert pymetrics.evaluate("gt.json", "dt.json")["map"] > 0
"""


@pytest.mark.parametrize("call", ["", ARRAYS, COLUMNS, FILES], ids=["import", "arrays", "columns", "files"])
def test_loads_only_what_it_uses(call, tmp_path, need):
    need("pymetrics._native")
    box = {"image_id": 1, "category_id": 3, "bbox": [10, 10, 50, 50]}
    gt = {
        "images": [{"id": 1, "width": 100, "height": 100}],
        "annotations": [box | {"id": 1, "iscrowd": 0, "area": 2500}],
        "categories": [{"id": 3, "name": "cat"}],
    }
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    (tmp_path / "dt.json").write_text(json.dumps([box | {"score": 0.5}]))
    code = CODE.format(call=call)
    environment = os.environ | {"PYMETRICS_BACKEND": "native"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "pymetrics" in loaded
    assert loaded.isdisjoint(HEAVY)
