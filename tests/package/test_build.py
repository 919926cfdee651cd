"""setup.py and CMakeLists.txt: only a missing compiler degrades, and each switch does what it says. No compiling."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Build = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def build(need: Callable[[str], ModuleType], tmp_path: Path) -> Build:
    """build(VARIABLE="value", ...) runs setup.py build_ext into an empty folder, where no C++ compiler is."""
    for name in ("setuptools", "pybind11", "cmake"):
        need(name)

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYMETRICS_")}
        env = {**kept, "CXX": str(tmp_path / "no-such-compiler"), **variables}
        command = [sys.executable, "setup.py", "build_ext", f"--build-lib={tmp_path}", f"--build-temp={tmp_path}/cmake"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
        done.stderr = " ".join(done.stderr.split())  # CMake wraps its messages
        return done

    return run


def test_without_a_compiler_nothing_is_built_and_it_says_so(build: Build) -> None:
    done = build()
    assert done.returncode == 0, done.stderr
    assert "no working C++ compiler" in done.stderr
    assert "pymetrics._native is not built" in done.stderr


@pytest.mark.cases(1)
@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PYMETRICS_BUILD_NATIVE": "on"}, "PYMETRICS_BUILD_NATIVE=on, but no working C++ compiler was found"),
        ({"PYMETRICS_BUILD_NATIVE": "maybe"}, "PYMETRICS_BUILD_NATIVE must be auto, on or off, not 'maybe'"),
        ({"PYMETRICS_BUILD_NATIVE": "off", "PYMETRICS_BUILD_CUDA": "on"}, "PYMETRICS_BUILD_CUDA=on needs"),
        ({"PYMETRICS_CMAKE_ARGS": "-Wno-dev --no-such-option"}, "failed (exit status 1)"),
    ],
)
def test_what_cannot_be_built_is_an_error(variables: dict[str, str], message: str, build: Build) -> None:
    done = build(**variables)
    assert done.returncode != 0
    assert message in done.stderr


def test_the_native_part_can_be_left_out(build: Build) -> None:
    done = build(PYMETRICS_BUILD_NATIVE="off")
    assert done.returncode == 0, done.stderr
    assert "cmake" not in done.stdout


@pytest.mark.slow
def test_cuda_on_is_an_error_without_a_cuda_compiler(build: Build, tmp_path: Path) -> None:
    none = build(CXX=os.environ.get("CXX", "c++"), PYMETRICS_BUILD_CUDA="on", CUDACXX=str(tmp_path / "no-such-nvcc"))
    assert none.returncode != 0
    assert "no working CUDA compiler" in none.stderr or "no working C++ compiler" in none.stderr
