"""How time, memory and the start are measured: fresh processes, interleaved rounds, a quiet machine."""

from __future__ import annotations

import ctypes
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from answers import difference, oracle
from contenders import CONTENDERS, OURS
from contenders.common import Case
from generate import SIZES
from results import Entry, home_of_package, new_entry, rounded, summary
from worker import Failed, Worker, stats_of

SLOW, VERY_SLOW = 3.0, 10.0  # seconds: what takes longer runs once a round; once at all
NOISE = 0.1  # of the machine, used by others: a round that met more is done again
FRESH_ROUNDS = 3  # where every run has a process of its own: so many times the rounds
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1

Record = Callable[[str, Entry], None]

IMPORTS = {  # what is written before the first evaluation; contender -> (distribution, statement)
    "python": (None, "pass"),
    "numpy": ("numpy", "import numpy"),
    "import pymetrics": ("pymetrics-detection", "import pymetrics"),
    "native": ("pymetrics-detection", "from pymetrics import evaluate, Accumulator"),
    "native-COCOeval": ("pymetrics-detection", "from pymetrics.coco import COCO, COCOeval"),
    "metric": ("pymetrics-detection", "from pymetrics.detection import MeanAveragePrecision"),
    "ultrafast-pycocotools": ("ultrafast-pycocotools", "from ultrafast_pycocotools import COCO, COCOeval"),
    "hotcoco": ("hotcoco", "from hotcoco import COCO, COCOeval"),
    "vernier": ("vernier", "from vernier.instance import Bbox, Evaluator"),
    "faster-coco-eval": ("faster-coco-eval", "from faster_coco_eval import COCO, COCOeval_faster"),
    "pycocotools": ("pycocotools", "from pycocotools.coco import COCO; from pycocotools.cocoeval import COCOeval"),
    "torchmetrics": ("torchmetrics", "from torchmetrics.detection import MeanAveragePrecision"),
}


@dataclass(frozen=True)
class Plan:
    """How often, and how patiently."""

    rounds: int = 2  # fresh processes per contender, size and threads
    repeats: int = 7  # warm evaluations per process
    seconds: float = 3.0  # or fewer, when they have taken so long
    patience: int = 3  # repetitions of a round that others disturbed; 0: do not even wait for a quiet moment


def measure_times(
    case: Case, size: str, items: Iterable[tuple[str, str]], plan: Plan, build: str, record: Record
) -> None:
    """Times of contenders at one size, ``items`` of (name, threads), each round in a fresh process; rounds interleaved.

    A round during which other processes used more than NOISE of the machine is thrown away and done again, whatever its
    times are, up to ``patience`` times; the last is kept. Who takes longer than SLOW is measured at once and not warm.
    """
    case.before(size)
    entries: dict[str, Entry] = {}
    done: set[str] = set()
    for turn in range(1 + FRESH_ROUNDS * plan.rounds if case.fresh else plan.rounds):
        for name, threads in items:
            key = f"{case.name}/{size}/{threads}/{name}"
            if key in done:
                continue
            entry = entries.setdefault(key, new_entry(CONTENDERS[name].version(), build))
            try:
                if _round(case, size, name, threads, plan, entry, untimed=case.fresh and turn == 0):
                    done.add(key)
            except Failed as error:
                entry["failed"] = str(error)
                done.add(key)
            record(key, entry)
            last = 1e3 * statistics.median(entry["seconds"]) if entry["seconds"] else float("nan")
            report(f"{key} round {turn + 1}: {entry.get('failed') or f'{last:.1f} ms'}")
    for key, entry in entries.items():
        record(key, {**entry, "complete": True})


def _round(case: Case, size: str, name: str, threads: str, plan: Plan, entry: Entry, untimed: bool) -> bool:
    """Add one round to ``entry``; True if this contender is so slow that it has had enough of them."""
    for attempt in range(plan.patience + 1):
        wait_until_quiet(10 * plan.patience)
        noise = Noise()
        with Worker(case.name, size, name, threads) as worker:
            runs = [worker.ask("run")]
            others = noise.share(worker.clock)
            seconds = runs[0]["seconds"]
            entry["difference"] = difference(stats_of(runs[0]), case.answers, size)
            entry["oracle"] = oracle(case.answers, size)[1]
            slow = seconds > SLOW and name not in OURS  # Numba compiles
            if not slow and not case.fresh:
                wait_until_quiet(10 * plan.patience)
                noise, before, runs = Noise(), worker.clock, []
                while len(runs) < plan.repeats and sum(run["seconds"] for run in runs) < plan.seconds:
                    runs.append(worker.ask("run"))
                others = noise.share(worker.clock - before)
        if untimed and not slow:
            return False
        if others <= NOISE or slow or attempt == plan.patience:
            break
        report(f"{case.name}/{size}/{threads}/{name}: others used {others:.0%} of the machine, again")
    for kind in ("seconds", "cpu"):
        entry[kind] += [rounded(run[kind]) for run in runs]
    for kind in runs[0]["parts"]:
        entry.setdefault(kind, []).extend(rounded(run["parts"][kind]) for run in runs)
    if case.fresh:
        entry.setdefault("process", []).append(rounded(worker.process_seconds))
    for kind in ("peak_bytes", "base_bytes"):
        entry.setdefault(kind, []).append(runs[-1][kind])
    entry["others"].append(round(others, 3))
    entry["rounds"] += 1
    return slow and (seconds > VERY_SLOW or entry["rounds"] >= plan.rounds)


def measure_imports(names: Iterable[str], plan: Plan, build: str, record: Record) -> None:
    """Whole processes that do nothing but import: "imports/-/all/NAME". The first of each, which fills caches, is lost.

    Imports of seconds get fewer rounds.
    """
    entries: dict[str, Entry] = {}
    with tempfile.TemporaryDirectory() as folder:  # so that what lies in the current folder is not what is imported
        for turn in range(1 + FRESH_ROUNDS * plan.rounds):
            for name in names:
                if turn > plan.rounds and entries.get(name, {}).get("median", 0.0) > 1.0:
                    continue
                distribution, statement = IMPORTS[name]
                version = _version(distribution)
                if distribution and version is None:
                    continue
                wait_until_quiet(10 * plan.patience)
                noise, start = Noise(), time.perf_counter()
                usage = os.times()
                run = subprocess.run([sys.executable, "-c", statement], cwd=folder, capture_output=True, text=True)
                seconds = time.perf_counter() - start
                now = os.times()
                own = now.children_user + now.children_system - usage.children_user - usage.children_system
                entry = entries.setdefault(name, new_entry(version, build))
                entry["statement"] = statement
                if run.returncode:
                    entry["failed"] = (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1][:200]
                elif turn:
                    entry["seconds"].append(rounded(seconds))
                    entry["cpu"].append(rounded(own))
                    entry["others"].append(round(noise.share(own), 3))
                    entry["rounds"] += 1
                    entry |= summary(entry)
                record(f"imports/-/all/{name}", entry)
    for name, entry in entries.items():
        record(f"imports/-/all/{name}", {**entry, "complete": True})
        last = 1e3 * statistics.median(entry["seconds"]) if entry["seconds"] else float("nan")
        report(f"imports {name}: {entry.get('failed') or f'{last:.0f} ms'}")


def _version(distribution: str | None) -> str | None:
    try:
        return metadata.version(distribution) if distribution else None
    except metadata.PackageNotFoundError:
        return None


class Noise:
    """From now on: which share of the machine do other processes use?"""

    def __init__(self) -> None:
        self._busy, self._start = busy_seconds(), time.perf_counter()

    def share(self, own: float) -> float:
        """The share since then, of which our process used ``own`` seconds of CPU."""
        busy, elapsed = busy_seconds() - self._busy, time.perf_counter() - self._start
        return max(0.0, busy - own) / (elapsed * (os.cpu_count() or 1))


def wait_until_quiet(limit: float) -> None:
    """Wait until no other process uses more than NOISE of the machine for a third of a second, at most ``limit`` s."""
    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        noise = Noise()
        time.sleep(0.35)
        if noise.share(0.0) <= NOISE:
            break


def busy_seconds() -> float:
    """CPU seconds that all processes together have used since the machine started; 0 where the system does not say."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, stat.read_text().split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def measure_memory(names: Iterable[str], sizes: Iterable[str]) -> dict[str, float]:
    """Peak memory of an evaluation of columns beyond them and the result arrays: "500k/native" -> bytes per detection.

    The median of three processes. The result arrays are subtracted as if they were there at the peak: where the peak
    comes before them, it is understated, by 31 bytes a detection at most at 500k and 3 at 5M.
    """
    found: dict[str, float] = {}
    for size in sizes:
        for name in names:
            peaks = []
            for _ in range(3):
                with Worker("columns", size, name) as worker:
                    answer = worker.ask("peak")
                peaks.append((answer["peak_bytes"] - answer["result_bytes"]) / SIZES[size])
            found[f"{size}/{name}"] = round(statistics.median(peaks), 2)
            report(f"memory {size}/{name}: {found[f'{size}/{name}']:.1f} bytes a detection")
    return found


def measure_start(size: str = "500k") -> dict[str, float]:
    """Seconds of a process's first evaluation on Numba: empty cache, next process, read-only installation and home."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        settings = {"XDG_CACHE_HOME": str(root / "cache"), "NUMBA_CACHE_DIR": ""}
        for label in ("first evaluate, empty cache", "first evaluate, next process"):
            found[label] = _first_run(size, env=settings)
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
        try:
            for label in ("empty cache", "next process"):
                label = f"read-only installation and home, {label}"
                found[label] = _first_run(size, env=settings, preexec_fn=obey_permissions)
        finally:
            root.chmod(0o755)
            for path in [site, *site.rglob("*")]:
                path.chmod(0o755)
    for label, seconds in found.items():
        report(f"{label}: {seconds:.2f} s")
    return found


def _first_run(size: str, **popen: Any) -> float:
    wait_until_quiet(30)
    with Worker("columns", size, "numba", **popen) as worker:
        return rounded(worker.ask("run")["seconds"])


def obey_permissions() -> None:
    """In a new process of the superuser: let read-only mean read-only."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def report(line: str) -> None:
    """Tell how far it is."""
    print(line, file=sys.stderr, flush=True)
