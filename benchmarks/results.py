"""The file of results: one per machine, with every measurement; written as they come, merged by key."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import re
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from generate import data_source

FOLDER = Path(__file__).resolve().parent / "results"
Entry = dict[str, Any]


class Results:
    """``times``: "case/size/threads/contender" -> Entry; ``memory``, ``start``: what measure.py's functions give."""

    def __init__(self, path: Path) -> None:
        self.path = path
        found = json.loads(path.read_text()) if path.exists() else {}
        self.machine: dict[str, Any] = found.get("machine", {})
        self.times: dict[str, Entry] = found.get("times", {})
        self.memory: dict[str, float] = found.get("memory", {})
        self.start: dict[str, float] = found.get("start", {})

    def record(self, key: str, entry: Entry) -> None:
        """Add one measurement, or a longer version of it, and write the file."""
        self.times[key] = {**summary(entry), **entry}
        self.write()

    def write(self) -> None:
        """Write the file, one measurement a line."""
        self.machine = machine()
        parts = {"machine": {"": self.machine}, "times": self.times, "memory": self.memory, "start": self.start}
        lines = []
        for name, content in parts.items():
            rows = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(content.items())]
            whole = f" {json.dumps(name)}: {{\n" + ",\n".join(rows) + "\n }"
            lines.append(f' "machine": {json.dumps(self.machine)}' if name == "machine" else whole)
        self.path.parent.mkdir(exist_ok=True)
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        temporary.replace(self.path)

    def entry(self, case: str, size: str, name: str, threads: str = "all") -> Entry | None:
        """A measurement that came to an end, or None."""
        found = self.times.get(f"{case}/{size}/{threads}/{name}")
        return found if found and "median" in found and "failed" not in found else None

    def median(self, case: str, size: str, name: str, threads: str = "all") -> float | None:
        """Median seconds, or None."""
        found = self.entry(case, size, name, threads)
        return found["median"] if found else None


def summary(entry: Entry) -> Entry:
    """Median and quartiles of the seconds of an entry."""
    seconds = entry["seconds"]
    if not seconds:
        return {}
    quartiles = statistics.quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else seconds * 3
    return {"median": rounded(statistics.median(seconds)), "quartiles": [rounded(quartiles[0]), rounded(quartiles[2])]}


def middle(entry: Entry | None, kind: str) -> float:
    """The median of a list in an entry, the upper one of two; NaN where there is none."""
    values = sorted(entry.get(kind, [])) if entry else []
    return float(values[len(values) // 2]) if values else float("nan")


def new_entry(version: str | None, build: str) -> Entry:
    """An Entry without measurements: seconds of the call and of CPU, the share of the machine that others used."""
    return {
        "version": version, "date": time.strftime("%Y-%m-%d"), "build": build, "rounds": 0, "seconds": [], "cpu": [],
        "others": [],
    }  # fmt: skip


def rounded(seconds: float) -> float:
    """Six digits."""
    return float(f"{seconds:.6g}")


def machine() -> dict[str, Any]:
    """What the numbers depend on; no name of a host, no path."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    wide = [f for f in ("avx2", "avx512f") if any(line.startswith("flags") and f" {f}" in line for line in lines)]
    return {
        "cpu": (models or [platform.machine()])[0], "vector": wide, "cores": len(os.sched_getaffinity(0)),
        "system": platform.system(), "python": platform.python_version(), "numpy": np.__version__,
        "data": data_source(),
    }  # fmt: skip


def path_of_machine() -> Path:
    """results/CPU-N-cores.json."""
    place = machine()
    return FOLDER / (re.sub(r"[^a-z0-9]+", "-", f"{place['cpu']} {place['cores']} cores".lower()).strip("-") + ".json")


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
