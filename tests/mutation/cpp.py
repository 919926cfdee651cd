"""Mutants of the C++ kernels: each is built, and the calls of the conformance suite must show it."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from child import in_child
from cpp_mutants import cpp_mutants

ROOT = Path(__file__).resolve().parents[2]
NOT_RESULTS = ("parallel.h", "vectors.h")  # they decide how fast the kernels are, and when they stop
SEEDS = range(12)


class Build:
    """A copy of the C++ sources and of the package, built without optimisation, by ccache where it is."""

    def __init__(self, folder: Path) -> None:
        import pybind11

        self.source, self.tree, self.package = folder / "source", folder / "build", folder / "cpp"
        self.source.mkdir()
        shutil.copy(ROOT / "CMakeLists.txt", self.source)
        shutil.copytree(ROOT / "csrc", self.source / "csrc")
        ignored = shutil.ignore_patterns("*.so", "__pycache__")
        shutil.copytree(ROOT / "pymetrics", self.package / "pymetrics", ignore=ignored)
        tools = Path(sysconfig.get_path("scripts"))
        self.path = os.pathsep.join([str(tools), os.environ.get("PATH", "")])
        launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        self.call(
            "cmake", "-S", self.source, "-B", self.tree, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
            "-DCMAKE_CXX_FLAGS_RELEASE=-O0 -DNDEBUG", "-DPYMETRICS_BUILD_CUDA=off",
            f"-DPython_EXECUTABLE={sys.executable}", f"-Dpybind11_DIR={pybind11.get_cmake_dir()}", *launcher,
        )  # fmt: skip
        if not self.make():
            raise SystemExit("the C++ code as it is does not compile")

    def call(self, *command: Any) -> str:
        environment = os.environ | {"PATH": self.path}
        done = subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    def make(self) -> bool:
        """Compile what has changed and put the module into the package; False where it does not compile."""
        try:
            self.call("cmake", "--build", self.tree, "--target", "_native")
        except subprocess.CalledProcessError:
            return False
        name = f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
        module = self.package / "pymetrics" / name
        module.unlink(missing_ok=True)
        shutil.copy(self.tree / "out" / name, module)
        return True

    def files(self) -> list[Path]:
        """csrc/*.cpp, and the headers in csrc/ that they include, as the compiler has found them. No readers."""
        own = sorted((self.source / "csrc").glob("*.cpp"))
        headers, is_own = set(), False
        for line in self.call("ninja", "-C", self.tree, "-t", "deps").splitlines():
            if not line.startswith(" "):
                is_own = any(f"csrc/{path.name}.o:" in line for path in own)
            elif is_own and (path := (self.tree / line.strip()).resolve()).parent == self.source / "csrc":
                headers.add(path)
        return [*own, *sorted(path for path in headers if path.name not in NOT_RESULTS)]


def answers() -> list[tuple[str, Any, Any]]:
    """Calls of every kernel, and the bytes that the interpreted kernels write."""
    from helpers.kernel_cases import CALLS, make_calls, run

    return [(kernel, args, run(kernel, "reference", args))
            for kernel in CALLS for seed in SEEDS for args in make_calls(kernel, seed)]  # fmt: skip


def check(expected: Sequence[tuple[str, Any, Any]]) -> None:
    """Of the C++ kernels, by one thread and by three."""
    from helpers.kernel_cases import run

    import pymetrics

    for n_threads in (1, 3):
        pymetrics.set_num_threads(n_threads)
        for kernel, args, want in expected:
            assert run(kernel, "native", args) == want, kernel


def run(folder: Path, sample: int, seed: int, wanted: float) -> bool:
    """Whether enough of a sample of the mutants die; what survived is printed."""
    started = time.monotonic()
    build = Build(folder.resolve())
    state, found = in_child(build.package, answers, 600)
    if state != "done":
        raise SystemExit(f"the specification fails: {found.decode()}")
    expected = pickle.loads(found)
    begin = sum(os.times()[2:4])
    state, why = in_child(build.package, lambda: check(expected), 600, "native")
    if state != "done":
        raise SystemExit(f"the C++ code as it is fails: {why.decode()}")
    limit = 5 + int(3 * (sum(os.times()[2:4]) - begin))

    mutants = [(path, mutant) for path in build.files() for mutant in cpp_mutants(path.read_text(encoding="utf-8"))]
    chosen = random.Random(seed).sample(mutants, min(sample, len(mutants)))
    n_killed, n_built = 0, 0
    for path, mutant in chosen:
        whole = path.read_text(encoding="utf-8")
        path.write_text(mutant.source, encoding="utf-8")
        if build.make():
            n_built += 1
            killed = in_child(build.package, lambda: check(expected), limit, "native")[0] != "done"
            n_killed += killed
            if not killed:
                print(f"  survived: {path.name}:{mutant.line}: {mutant.before}  ->  {mutant.after}", flush=True)
        path.write_text(whole, encoding="utf-8")
    print(
        f"C++: {n_killed} of {n_built} killed ({n_killed / max(1, n_built):.1%}), {len(chosen) - n_built} did not "
        f"compile, of {len(mutants)} in all; {time.monotonic() - started:.0f} s"
    )
    return n_killed >= wanted * n_built
