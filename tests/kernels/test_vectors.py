"""The loops that are compiled for several lengths of vectors give the same bytes with each of them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.kernel_cases import run
from helpers.mask_cases import long_texts

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
