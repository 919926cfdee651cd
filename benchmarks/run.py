"""Measure every contender and what the README promises; print the tables.

    python benchmarks/run.py                                        everything: some 20 minutes if nobody disturbs
    python benchmarks/run.py --parts times --sizes 500k --contenders native hotcoco --rounds 5
    python benchmarks/run.py --parts none --readme README.md        tables of what was measured before

Every measurement happens in a fresh process; rounds are interleaved, so that a noisy minute meets all contenders. Parts
that are not asked for keep their numbers in results/NAME.json.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from answers import difference, oracle
from contenders import CONTENDERS, OURS
from generate import SIZES, scene
from tables import markdown, write_between_markers
from worker import Worker, stats_of

RESULTS = Path(__file__).resolve().parent / "results"
SLOW = 3.0  # seconds; whoever takes longer runs once
NOISE = 0.1  # of the machine, used by others: a round that met more is done again
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def measure_times(
    names: list[str], sizes: list[str], threads: list[str], rounds: int, repeats: int, patience: int
) -> dict[str, Any]:
    """Seconds of warm evaluations: "columns/500k/all/native" -> seconds, cpu seconds, others' share, difference, ...

    A round during which other processes used more than NOISE of the machine is thrown away and done again, whatever its
    times are, up to ``patience`` times; the last is kept. Who takes longer than SLOW runs once and unasked.
    """
    found: dict[str, Any] = {}
    for size in sizes:
        for count in threads:
            for turn in range(rounds):
                for name in names:
                    key = f"columns/{size}/{count}/{name}"
                    if SIZES[size] > CONTENDERS[name].largest or found.get(key, {}).get("done"):
                        continue
                    single = f"columns/{size}/{threads[0]}/{name}"
                    if CONTENDERS[name].threading == "none" and single in found:
                        found[key] = found[single]
                        continue
                    entry = found.setdefault(key, {"seconds": [], "cpu": [], "others": []})
                    entry["version"] = CONTENDERS[name].version()
                    for attempt in range(patience + 1):
                        with Worker(name, size, count) as worker:
                            runs, others = quietly(worker, 1)
                            entry["difference"] = difference(stats_of(runs[0]), size)
                            entry["done"] = runs[0]["seconds"] > SLOW and name not in OURS  # Numba compiles
                            if not entry["done"]:
                                wait_until_quiet(30)
                                runs, others = quietly(worker, repeats)
                        if others <= NOISE or attempt == patience or entry["done"]:
                            break
                        report(f"{key} round {turn + 1}: others used {others:.0%} of the machine, again")
                    entry["seconds"] += [run["seconds"] for run in runs]
                    entry["cpu"] += [run["cpu"] for run in runs]
                    entry["others"].append(round(others, 3))
                    report(f"{key} round {turn + 1}: {1e3 * statistics.median(entry['seconds']):.1f} ms")
    return found


def quietly(worker: Worker, repeats: int) -> tuple[list[dict[str, Any]], float]:
    """Evaluations, and the share of the machine that other processes used meanwhile."""
    busy, start, own = busy_seconds(), time.perf_counter(), worker.clock
    runs = [worker.ask("run") for _ in range(repeats)]
    busy, elapsed = busy_seconds() - busy, time.perf_counter() - start
    own = worker.clock - own
    return runs, max(0.0, busy - own) / (elapsed * (os.cpu_count() or 1))


def wait_until_quiet(limit: float) -> None:
    """Wait until nobody uses more than NOISE of the machine for half a second; ``limit`` seconds at most."""
    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        busy = busy_seconds()
        time.sleep(0.5)
        if busy_seconds() - busy <= NOISE * 0.5 * (os.cpu_count() or 1):
            break


def busy_seconds() -> float:
    """CPU seconds that all processes together have used since the machine started; 0 where nobody says."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, stat.read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def home_of_package() -> Path:
    """Where the package lies that the workers will import; it is found, not imported."""
    spec = importlib.util.find_spec("pymetrics")
    if spec is None or spec.origin is None:
        raise SystemExit("pymetrics is not installed here: make bench does it")
    return Path(spec.origin).parent


def installation() -> str:
    """A fingerprint of the package that is measured."""
    home, digest = home_of_package(), hashlib.sha256()
    for path in sorted([*home.rglob("*.py"), *home.glob("*.so")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def measure_memory(names: list[str], sizes: list[str]) -> dict[str, Any]:
    """Peak memory of an evaluation beyond its columns and result arrays: "500k/native" -> bytes per detection.

    The median of three processes. The result arrays are subtracted as if they were there at the peak: where the peak
    comes before them, it is understated, by 31 bytes a detection at most at 500k and 3 at 5M.
    """
    found: dict[str, Any] = {}
    for size in sizes:
        for name in names:
            if SIZES[size] > CONTENDERS[name].largest:
                continue
            peaks = []
            for _ in range(1 if CONTENDERS[name].threading == "none" else 3):
                with Worker(name, size, "all") as worker:
                    answer = worker.ask("peak")
                peaks.append((answer["peak_bytes"] - answer["result_bytes"]) / SIZES[size])
            found[f"{size}/{name}"] = statistics.median(peaks)
            report(f"memory {size}/{name}: {found[f'{size}/{name}']:.1f} bytes a detection")
    return found


def measure_start(size: str = "500k") -> dict[str, float]:
    """Seconds of a process's first evaluation on Numba: empty cache, next process, read-only installation and home."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        for label in ("first evaluate, empty cache", "first evaluate, next process"):
            with Worker(
                "numba", size, "all", env={"XDG_CACHE_HOME": str(root / "cache"), "NUMBA_CACHE_DIR": ""}
            ) as worker:
                found[label] = worker.ask("run")["seconds"]
        site = root / "site"
        shutil.copytree(home_of_package(), site / "pymetrics", ignore=shutil.ignore_patterns("__pycache__"))
        temporary = root / "tmp"
        temporary.mkdir()
        temporary.chmod(0o777)
        for path in [site, *site.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        settings = {"PYTHONPATH": str(site), "HOME": str(root), "TMPDIR": str(temporary), "NUMBA_CACHE_DIR": ""}
        settings |= {"XDG_CACHE_HOME": str(root / "nowhere")}
        root.chmod(0o555)
        for label in ("read-only installation and home, empty cache", "read-only installation and home, next process"):
            with Worker("numba", size, "all", env=settings, preexec_fn=obey_permissions) as worker:
                found[label] = worker.ask("run")["seconds"]
        root.chmod(0o755)
        for path in [site, *site.rglob("*")]:
            path.chmod(0o755)
    for label, seconds in found.items():
        report(f"{label}: {seconds:.2f} s")
    return found


def obey_permissions() -> None:
    """In a new process of the superuser: let read-only mean read-only."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def machine() -> dict[str, Any]:
    """What the numbers depend on; no name of a host, no path."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    wide = [f for f in ("avx2", "avx512f") if any(line.startswith("flags") and f" {f}" in line for line in lines)]
    return {
        "cpu": (models or [platform.machine()])[0], "vector": wide, "cores": len(os.sched_getaffinity(0)),
        "system": platform.system(), "python": platform.python_version(), "numpy": np.__version__,
    }  # fmt: skip


def report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--parts", nargs="+", choices=["times", "memory", "start", "none"], default=["times", "memory", "start"]
    )
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--threads", nargs="+", choices=["all", "1"], default=["all", "1"])
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes per contender, size and threads")
    parser.add_argument("--repeats", type=int, default=7, help="warm evaluations per process")
    parser.add_argument("--patience", type=int, default=5, help="repetitions of a round that others disturbed")
    parser.add_argument("--name", default="columns", help="results/NAME.json")
    parser.add_argument("--readme", help="also write the tables into this file, between its markers")
    options = parser.parse_args()

    names = [name for name in options.contenders if CONTENDERS[name].version() is not None]
    for absent in sorted(set(options.contenders) - set(names)):
        report(f"{absent} is not installed: left out")
    path = RESULTS / f"{options.name}.json"
    results: dict[str, Any] = (
        json.loads(path.read_text()) if path.exists() else {"times": {}, "memory": {}, "start": {}}
    )
    results |= {"machine": machine(), "data": scene(1_000).source, "oracle": {size: oracle(size) for size in SIZES}}
    started, build = time.strftime("%Y-%m-%d %H:%M"), installation()
    if "times" in options.parts:
        found = measure_times(names, options.sizes, options.threads, options.rounds, options.repeats, options.patience)
        results["times"] |= {key: {**entry, "run": started, "build": build} for key, entry in found.items()}
    if "memory" in options.parts:
        results["memory"] |= measure_memory(names, [size for size in options.sizes if SIZES[size] >= 500_000])
    if "start" in options.parts and "numba" in names:
        results["start"] |= measure_start()
    if installation() != build:
        raise SystemExit(
            "pymetrics changed while it was measured, so that the numbers mix two builds: nothing is written"
        )
    if options.parts != ["none"]:
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(results, indent=1) + "\n")
    text = markdown(results)
    print(text)
    if options.readme:
        write_between_markers(Path(options.readme), text)


if __name__ == "__main__":
    main()
