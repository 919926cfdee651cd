"""Compiles csrc/**/*.cu and their bindings with the C++ compiler into the module `_cuda_emu`.

python tests/cuda_emu/build.py [plain | asan | tsan]   prints where it is

The variants: fibers; fibers under AddressSanitizer and UndefinedBehaviorSanitizer; threads under ThreadSanitizer. An
object is compiled again when a file that it was made from, or its command, has changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
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


def build(variant: str = "plain", patched: Path | None = None) -> Path:
    """The path of the module, after compiling what has changed. Sources in the folder `patched` stand in for csrc's."""
    import pybind11

    csrc, folder = ROOT / "csrc", ROOT / "build" / "cuda_emu" / f"{variant}-{sys.implementation.cache_tag}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        includes = [csrc, HERE, pybind11.get_include(), sysconfig.get_path("include")]
        command = [*compiler(), *FLAGS, *VARIANTS[variant], *(f"-I{path}" for path in includes)]

        def compiled(source: Path) -> Path:
            if patched and (patched / source.name).exists():
                return compile_source(patched / source.name, patched, command)
            return compile_source(source, folder, command)

        with ThreadPoolExecutor(os.cpu_count()) as pool:  # the longest first
            objects = list(pool.map(compiled, [csrc / "bindings" / "cuda.cpp", *sorted(csrc.rglob("*.cu"))]))
        key = digest(shlex.join(command).encode(), *(path.read_bytes() for path in objects))
        module = (patched or folder) / key / f"_cuda_emu{sysconfig.get_config_var('EXT_SUFFIX')}"
        if not module.exists():
            module.parent.mkdir(exist_ok=True)
            made = module.with_suffix(".part")
            subprocess.run([*command, "-shared", "-o", str(made), *map(str, objects)], check=True)
            made.replace(module)
    return module


def load(path: Path) -> ModuleType:
    """The module itself."""
    spec = spec_from_file_location("_cuda_emu", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    print(build(*sys.argv[1:]))
