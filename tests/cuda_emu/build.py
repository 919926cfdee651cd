"""Compiles csrc/*.cu and their bindings with the C++ compiler into the module `_cuda_emu`.

python tests/cuda_emu/build.py [plain | asan | tsan]   prints where it is

The variants: fibers; fibers under AddressSanitizer and UndefinedBehaviorSanitizer; threads under ThreadSanitizer. An
object is compiled again when a file that it was made from, or its command, has changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FLAGS = [
    *("-std=c++17", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-pthread"),
    *("-ffp-contract=off", "-fno-trapping-math", "-DPM_CUDA_EMU", "-DPM_MODULE=_cuda_emu"),
]
VARIANTS = {
    "plain": ["-O1"],
    "asan": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"],
    "tsan": ["-O1", "-g", "-fsanitize=thread", "-DCUDA_EMU_THREADS"],
}


def compiler() -> list[str]:
    """The command of the C++ compiler."""
    return shlex.split(os.environ.get("CXX", "g++"))


def digest(*parts: bytes) -> str:
    out = hashlib.sha256()
    for part in parts:
        out.update(len(part).to_bytes(8, "little") + part)
    return out.hexdigest()[:24]


def fingerprint(command: list[str], dependencies: Path) -> str:
    """Of the command and of every file that the compiler read; "" where one of them is gone."""
    try:
        names = dependencies.read_text().replace("\\\n", " ").partition(":")[2].split()
        return digest(shlex.join(command).encode(), *(Path(name).read_bytes() for name in names))
    except OSError:
        return ""


def compile_source(source: Path, folder: Path, command: list[str]) -> Path:
    """The object of a source, made only if need be."""
    out, dependencies, key = (folder / f"{source.stem}{end}" for end in (".o", ".d", ".key"))
    command = [*command, "-x", "c++", "-c", str(source), "-o", str(out), "-MD", "-MF", str(dependencies)]
    if out.exists() and key.exists() and key.read_text() == fingerprint(command, dependencies) != "":
        return out
    key.unlink(missing_ok=True)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}\n{done.stderr}")
    sys.stderr.write(done.stderr)
    key.write_text(fingerprint(command, dependencies))
    return out


def unwritten(csrc: Path, folder: Path, good: set[str]) -> list[Path]:
    """A source with a stub for every kernel that a header declares and no .cu that compiles defines."""
    written = "".join(path.read_text() for path in csrc.glob("*.cu") if path.stem in good)
    stubs = {}
    for header in ("accumulate", "boxes", "cells", "matching"):
        declared = (csrc / f"{header}.h").read_text().partition("namespace cuda {")[2]
        for name, parameters in re.findall(r"void (\w+)\(([^;]*)\);", declared):
            if not re.search(rf"^void {name}\(", written, re.M):
                stubs[name] = f'void {name}({parameters}) {{ throw DeviceError("{name} is not written yet"); }}'
    if not stubs:
        return []
    source = folder / "unwritten.cpp"
    text = "\n".join(
        [*(f'#include "{header}.h"' for header in ("accumulate", "boxes", "cells", "matching")),
         "namespace pymetrics::cuda {", *stubs.values(), "}"]
    )  # fmt: skip
    if not source.exists() or source.read_text() != text:
        source.write_text(text)
    return [source]


def build(variant: str = "plain", csrc: Path = ROOT / "csrc", into: Path = ROOT / "build" / "cuda_emu") -> Path:
    """The path of the module, after compiling what has changed."""
    import pybind11

    folder = into / f"{variant}-{sys.implementation.cache_tag}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        includes = [csrc, HERE, pybind11.get_include(), sysconfig.get_path("include")]
        command = [*compiler(), *FLAGS, *VARIANTS[variant], *(f"-I{path}" for path in includes)]
        sources = [csrc / "bindings" / "cuda.cpp", *sorted(csrc.glob("*.cu"))]  # the longest first

        def attempt(source: Path) -> Path | None:
            try:
                return compile_source(source, folder, command)
            except RuntimeError as error:
                sys.stderr.write(f"{error}\n")
                return None

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = [path for path in pool.map(attempt, sources) if path]
        for source in unwritten(csrc, folder, {path.stem for path in objects}):
            objects.append(compile_source(source, folder, [*command, "-w"]))
        key = digest(shlex.join(command).encode(), *(path.read_bytes() for path in objects))
        module = folder / key / f"_cuda_emu{sysconfig.get_config_var('EXT_SUFFIX')}"
        if not module.exists():
            module.parent.mkdir(exist_ok=True)
            made = module.with_suffix(".part")
            subprocess.run([*command, "-shared", "-o", str(made), *map(str, objects)], check=True)
            made.replace(module)
    return module


def load(variant: str = "plain", **options: Path) -> ModuleType:
    """The module itself, built if need be."""
    spec = spec_from_file_location("_cuda_emu", build(variant, **options))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    print(build(*sys.argv[1:]))
