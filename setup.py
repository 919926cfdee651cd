"""setuptools front end: the metadata lives in pyproject.toml, the compiling in CMakeLists.txt.

Switches (environment):
  PYMETRICS_BUILD_NATIVE = auto (default) | on | off   auto: without a C++ compiler, install the Numba path alone
  PYMETRICS_BUILD_CUDA   = auto (default) | on | off   auto: only where a working nvcc is, of CUDA 12 or later
  PYMETRICS_CUDA_ARCHS   = e.g. "90" or "75-real;90-real;120"; default: every one that is supported
  PYMETRICS_CMAKE_ARGS   = extra arguments for CMake's configure step
  PYMETRICS_BUILD_DIR    = keep CMake's tree here (an editable install otherwise builds all of it in a throw-away one)

Only a MISSING compiler degrades: CMake lists what it can build in pymetrics_targets.txt and ends well. Any other
failure (a compile error, a missing source, no Python headers) is an error, whatever the switches.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
SPELLINGS = {"1": "on", "true": "on", "yes": "on", "0": "off", "false": "off", "no": "off", "": "auto"}


def switch(name: str) -> str:
    """The value of one environment switch: auto, on or off."""
    value = os.environ.get(name, "auto").strip().lower()
    value = SPELLINGS.get(value, value)
    if value not in ("auto", "on", "off"):
        raise SystemExit(f"{name} must be auto, on or off, not {value!r}")
    return value


def tool(name: str) -> str | None:
    """Where a build tool is: in the Python package of its name (pip install cmake ninja), else on PATH."""
    try:
        package = import_module(name)
    except ImportError:
        return shutil.which(name)
    folder = getattr(package, "CMAKE_BIN_DIR", None) or getattr(package, "BIN_DIR", None)
    return shutil.which(name, path=folder) or shutil.which(name)


MODES = {"_native": switch("PYMETRICS_BUILD_NATIVE"), "_cuda": switch("PYMETRICS_BUILD_CUDA")}
if MODES["_native"] == "off":
    if MODES["_cuda"] == "on":
        raise SystemExit("PYMETRICS_BUILD_CUDA=on needs PYMETRICS_BUILD_NATIVE=auto or on, not off")
    MODES["_cuda"] = "off"


class CMakeBuild(build_ext):
    """One CMake project; each extension module is one CMake target."""

    def run(self) -> None:
        """Configure, drop the modules that CMake says it cannot build, build the rest."""
        if self.extensions:
            self.cmake = tool("cmake")
            if self.cmake is None:
                raise SystemExit("cmake is not there: pip install cmake ninja, or let pip isolate the build")
            kept = os.environ.get("PYMETRICS_BUILD_DIR")
            self.tree = (Path(kept) / str(sys.implementation.cache_tag) if kept else Path(self.build_temp)).resolve()
            self.configure()
            there = (self.tree / "pymetrics_targets.txt").read_text().split()
            for ext in [e for e in self.extensions if e.name.rpartition(".")[2] not in there]:
                print(f"pymetrics: {ext.name} is not built; CMake's messages above say why", file=sys.stderr)
                self.extensions.remove(ext)
        super().run()

    def build_extension(self, ext: Extension) -> None:
        """Build one CMake target and copy its module to where setuptools wants it."""
        out = Path(self.get_ext_fullpath(ext.name)).resolve()
        jobs = str(self.parallel or os.cpu_count() or 1)
        target = ext.name.rpartition(".")[2]
        config = "Debug" if self.debug else "Release"
        self.call(self.cmake, "--build", str(self.tree), "--target", target, "--config", config, "--parallel", jobs)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.unlink(missing_ok=True)  # a process that has the old module mapped keeps it
        shutil.copy2(self.tree / "out" / out.name, out)

    def configure(self) -> None:
        """Run CMake's configure step."""
        import pybind11

        args = [
            *("-S", str(HERE), "-B", str(self.tree)),
            f"-DCMAKE_BUILD_TYPE={'Debug' if self.debug else 'Release'}",
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
            f"-DPYMETRICS_BUILD_NATIVE={MODES['_native']}",
            f"-DPYMETRICS_BUILD_CUDA={MODES['_cuda']}",
            f"-DPYMETRICS_CUDA_ARCHS={os.environ.get('PYMETRICS_CUDA_ARCHS', '')}",
        ]
        ninja = tool("ninja")
        # On Windows Ninja finds compilers only in a developer's prompt; CMake left alone finds Visual Studio.
        by_ninja = ninja and (os.name != "nt" or "VCINSTALLDIR" in os.environ)
        if by_ninja and not os.environ.get("CMAKE_GENERATOR"):
            # Named every time: the ninja of the last build's isolated environment is gone by now.
            args += ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
        args += shlex.split(os.environ.get("PYMETRICS_CMAKE_ARGS", ""))
        cache = self.tree / "CMakeCache.txt"
        if cache.exists() and self.call(self.cmake, *args, check=False):
            print("pymetrics: trying again without the old CMake cache, which another place or tool left", flush=True)
            cache.unlink()
        if not cache.exists():
            self.call(self.cmake, *args)

    def call(self, *command: str, check: bool = True) -> int:
        """Run a command, shown first, and give its exit status; with check, its failure ends the build."""
        print("+", shlex.join(command), flush=True)
        code = subprocess.run(command).returncode
        if code and check:
            raise SystemExit(f"{' '.join(command[:2])} failed (exit status {code}); its messages are above")
        return code


setup(
    ext_modules=[Extension(f"pymetrics.{name}", sources=[]) for name, mode in MODES.items() if mode != "off"],
    cmdclass={"build_ext": CMakeBuild},
)
