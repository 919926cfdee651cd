"""Every CUDA kernel in emulation under a sanitizer: the calls of the conformance suite, and the host's bytes.

python tests/cuda_emu/check.py [plain | asan | tsan] [--kernels A,B] [--seeds N] [--patched FOLDER] [--seconds S]

Fails where bytes differ, a sanitizer complains, the emulator ends the process, or it takes longer than S seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from cuda_emu import build, emulated

LIBRARIES = {"plain": (), "asan": ("libasan.so", "libubsan.so"), "tsan": ("libtsan.so",)}
SCHEDULES = {"plain": emulated.SCHEDULES, "asan": ("reverse", "1"), "tsan": ("threads",)}
OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "ignore_noninstrumented_modules=1 halt_on_error=1",
}


def check(
    variant: str, kernels: str = "", seeds: int = 4, patched: Path | None = None, seconds: float = 600
) -> tuple[bool, str]:
    """Whether all is well, and what the process said."""
    module = build.build(variant, patched)
    paths = [subprocess.check_output([*build.compiler(), f"-print-file-name={name}"], text=True).strip()
             for name in LIBRARIES[variant]]  # fmt: skip
    environment = os.environ | OPTIONS | {"CUDA_EMU_MODULE": str(module), "LD_PRELOAD": " ".join(paths)}
    command = [sys.executable, __file__, variant, "--here", f"--kernels={kernels}", f"--seeds={seeds}"]
    try:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return False, f"no end after {seconds} seconds"
    end = f"ended by signal {-done.returncode}" if done.returncode < 0 else ""
    return done.returncode == 0, done.stdout + end


def compare(variant: str, kernels: str, seeds: int) -> None:
    """In this process: the bytes of the emulated kernels against the host's."""
    from helpers.kernel_cases import CALLS, make_calls, run, runs_on

    from pymetrics._config import host_backend

    n_calls = 0
    for kernel in kernels.split(",") if kernels else (name for name in CALLS if runs_on(name, "cuda_emu")):
        for seed in range(seeds):
            for args in make_calls(kernel, seed):
                want = run(kernel, host_backend(), args)
                for schedule in SCHEDULES[variant]:
                    os.environ["CUDA_EMU_ORDER"] = schedule
                    n_calls += 1
                    if run(kernel, "cuda_emu", args) != want:
                        raise SystemExit(f"{kernel}: other bytes than the host's (seed {seed}, schedule {schedule})")
    print(f"{variant}: {n_calls} calls, the host's bytes, no complaint")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variant", nargs="?", default="plain", choices=build.VARIANTS)
    parser.add_argument("--kernels", default="")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--patched", type=Path)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        compare(options.variant, options.kernels, options.seeds)
    else:
        fine, said = check(options.variant, options.kernels, options.seeds, options.patched, options.seconds)
        sys.exit(print(said) if fine else said)
