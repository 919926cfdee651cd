"""One line on stderr says that Numba compiles; `pymetrics config` says where compiled kernels are kept."""

import os
import subprocess
import sys

import pytest

CODE = """
import os, sys, time
import numpy as np
import pymetrics
from pymetrics import kernels
from pymetrics.kernels import numba_backend
numba_backend.PATIENCE = float(sys.argv[1])
known = np.arange(3)
for _ in range(2):
    out = np.empty(3, np.int32)
    kernels.index_ids(known, known, out)
    assert out.tolist() == [0, 1, 2]
means, one = np.empty(1), np.zeros(1, np.int64)
kernels.mean_valid(np.full((9, 1), 0.5), one, one, np.array([9]), means, 0, 1)
print(means[0], numba_backend.cache_dir())
"""


def run(cache, patience):
    environment = os.environ | {"PYMETRICS_BACKEND": "numba", "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(patience)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0.5 ")
    return done.stderr, done.stdout.split()[1]


@pytest.mark.slow
def test_one_line_once_and_only_when_it_takes_long(need, tmp_path):
    need("numba")
    said, folder = run(tmp_path, 0.1)
    assert said == (
        f"pymetrics: Numba compiles the kernels, some ten seconds in all; the next process finds them in {folder}\n"
    )
    assert run(tmp_path, 5)[0] == ""  # from the cache
    assert run(tmp_path / "other", 60)[0] == ""  # compiled in less


@pytest.mark.slow
def test_without_a_folder_for_them(need, tmp_path):
    need("numba")
    (tmp_path / "file").touch()
    said, folder = run(tmp_path / "file" / "cache", 0.1)
    assert said.endswith("; no folder for them can be written\n")
    assert folder == "None"


@pytest.mark.parametrize("writable", [True, False])
def test_the_page_names_no_folder_that_cannot_be_written(writable, tmp_path):
    (tmp_path / "file").touch()
    home = tmp_path if writable else tmp_path / "file"
    done = subprocess.run(
        [sys.executable, "-m", "pymetrics", "config"], env=os.environ | {"NUMBA_CACHE_DIR": str(home / "cache")},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("numba cache ")]
    said = line.removeprefix("numba cache").strip()
    assert said.startswith(f"{home}/" if writable else f"none, every process compiles anew: cannot write to {home}/")
