"""The loops that are compiled for several lengths of vectors give the same bytes with each of them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.kernel_cases import run
from helpers.mask_cases import as_texts, long_texts

KERNELS = (
    "measure_texts", "text_iou", "mask_iou", "boundary_masks", "draw_weights", "match_boxes",
)  # fmt: skip
CODE = f"""
import hashlib, sys
import numpy as np
sys.path.insert(0, {str(Path(__file__).resolve().parents[1])!r})
from helpers.kernel_cases import make_calls, run
from helpers.mask_cases import long_texts
for kernel in {KERNELS!r}:
    digest = hashlib.sha256()
    for seed in range(5):
        for args in make_calls(kernel, seed):
            for name, value in sorted(run(kernel, "native", args).items()):
                digest.update(value)
    print(kernel, digest.hexdigest())
digest = hashlib.sha256()
for seed in range(6):
    for kernel, args in long_texts(np.random.default_rng(seed)):
        for name, value in sorted(run(kernel, "native", args).items()):
            digest.update(value)
print("long texts", digest.hexdigest())
"""


def outputs(isa):
    environment = os.environ | {"PYMETRICS_ISA": isa, "PYMETRICS_BACKEND": "native"}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_vectors_change_nothing(need):
    need("pymetrics._native")
    found = {isa: outputs(isa) for isa in ("sse2", "avx2", "avx512")}
    assert len(found["sse2"].splitlines()) == len(KERNELS) + 1
    assert found["avx2"] == found["sse2"]
    assert found["avx512"] == found["sse2"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 6, 9])
def test_long_texts(seed, backend):
    for kernel, args in long_texts(np.random.default_rng(seed)):
        assert run(kernel, backend, args) == run(kernel, "reference", args), kernel


WIDE = """
import resource
from pymetrics.coco import mask
width = 1 << 27
quarter = width // 4
pairs = [[quarter, 2 * quarter, quarter], [2 * quarter, quarter, quarter]]
a, b = mask.frPyObjects([{"size": [1, width], "counts": counts} for counts in pairs], 1, width)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(mask.iou([a], [b], [0])[0, 0], (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def test_few_runs_of_a_wide_mask_take_little_memory(need):
    need("pymetrics._native"), need("resource")
    environment = os.environ | {"PYMETRICS_BACKEND": "native"}
    done = subprocess.run([sys.executable, "-c", WIDE], capture_output=True, text=True, env=environment, check=False)
    overlap, mebibytes = done.stdout.split()
    assert (float(overlap), int(mebibytes) < 64) == (0.5, True), done


def test_a_mask_of_more_rows_than_an_int32_counts(backend):
    text, ends = as_texts(np.array([5, 10, 200], np.uint32), np.array([0, 3]))
    box = np.empty((1, 4))
    args = {
        "text": text, "begins": ends[:-1].copy(), "ends": ends[1:].copy(), "sizes": np.array([[3_000_000_000, 1]]),
        "n_runs": np.empty(1, np.int64), "areas": np.empty(1, np.uint32), "totals": np.empty(1, np.int64), "boxes": box,
        "begin": 0, "end": 1,
    }  # fmt: skip
    assert run("measure_texts", backend, args) == run("measure_texts", "reference", args)
