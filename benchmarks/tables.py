"""From results/*.json to the README's tables: ratios, for milliseconds are another machine's tomorrow."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from contenders import CONTENDERS, OURS
from generate import SIZES

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def markdown(results: dict[str, Any]) -> str:
    """All tables of one results file."""
    machine = results["machine"]
    place = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, numpy {machine['numpy']}"
    runs = sorted({entry["run"] for entry in results["times"].values()})
    parts = [
        f"Numpy columns → twelve numbers, 5,000 images, 36.8k ground truths ({results['data']}); medians, as multiples "
        f"of the time of pymetrics (C++). {place}.",
        *(_times(results, count) for count in ("all", "1")),
        _memory(results),
        _promises(results),
    ]
    rounds = [share for entry in results["times"].values() for share in entry["others"]]
    noisy = sum(share > 0.1 for share in rounds)
    if noisy:
        parts.append(f"In {noisy} of {len(rounds)} rounds other processes used more than a tenth of the machine.")
    if len({entry["build"] for entry in results["times"].values()}) > 1:
        parts.append("These times are of more than one build of pymetrics.")
    if len(runs) > 1:
        parts.append(f"From {len(runs)} runs: {', '.join(runs)}.")
    return "\n\n".join(part for part in parts if part)


def write_between_markers(path: Path, text: str) -> None:
    """Replace what stands between the markers; ValueError where there are none."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} has no markers {BEGIN} ... {END}")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def median(results: dict[str, Any], size: str, threads: str, name: str) -> float | None:
    """Median seconds, or None where it was not measured."""
    entry = results["times"].get(f"columns/{size}/{threads}/{name}")
    return statistics.median(entry["seconds"]) if entry and entry["seconds"] else None


def fastest_rival(results: dict[str, Any], size: str, threads: str) -> tuple[float, str] | None:
    """Median seconds and name of the fastest library that is not ours."""
    times = [(median(results, size, threads, name), name) for name in CONTENDERS if name not in OURS]
    return min(((t, name) for t, name in times if t is not None), default=None)


def _times(results: dict[str, Any], threads: str) -> str:
    sizes = [size for size in SIZES if median(results, size, threads, "native") is not None]
    if not sizes:
        return ""
    lines = [_row([f"threads: {threads}", *sizes, "equal to pycocotools"]), _row(["---"] * (len(sizes) + 2))]
    for name in CONTENDERS:
        cells, differences, version = [], [], ""
        for size in sizes:
            own, time = median(results, size, threads, "native"), median(results, size, threads, name)
            if own is None or time is None:
                cells.append("–")
                continue
            entry = results["times"][f"columns/{size}/{threads}/{name}"]
            version = entry["version"]
            differences.append(entry["difference"])
            cells.append(f"{1e3 * time:.1f} ms" if name == "native" else f"{time / own:.1f}×")
        if differences:
            verdict = "bit for bit" if not max(differences) else f"differs by {max(differences):.1e}"
            lines.append(_row([_label(name, version), *cells, verdict]))
    return "\n".join(lines)


def _memory(results: dict[str, Any]) -> str:
    """Peak bytes a detection; a rival's own copy of the detections counts, for its users cannot do without."""
    memory = results["memory"]
    sizes = [size for size in SIZES if f"{size}/native" in memory]
    if not sizes:
        return ""
    lines = [_row(["peak bytes a detection beyond columns and results", *sizes]), _row(["---"] * (len(sizes) + 1))]
    for name, contender in CONTENDERS.items():
        values = [memory.get(f"{size}/{name}") for size in sizes]
        if any(value is not None for value in values):
            cells = ["–" if value is None else f"{value:.0f}" for value in values]
            lines.append(_row([_label(name, contender.version() or ""), *cells]))
    return "\n".join(lines)


def _label(name: str, version: str) -> str:
    if name in OURS:
        return f"**pymetrics** ({'C++' if name == 'native' else 'Numba'})"
    return f"{name} {version}".strip()


def _promises(results: dict[str, Any]) -> str:
    lines = [_row(["promise", "wanted", "measured"]), _row(["---"] * 3)]
    for threads, label in (("all", "all threads"), ("1", "one thread each")):
        own, rival = median(results, "500k", threads, "native"), fastest_rival(results, "500k", threads)
        if own and rival:
            lines.append(_row([f"fastest rival ({rival[1]}) / C++, 500k, {label}", "≥ 5", f"{rival[0] / own:.1f}"]))
        numba = median(results, "500k", threads, "numba")
        if own and numba:
            lines.append(_row([f"Numba / C++, 500k, {label}", "≤ 3", f"{numba / own:.1f}"]))
        large = median(results, "5M", threads, "native")
        if own and large:
            lines.append(_row([f"C++, 5M / 500k, {label}", "≤ 11", f"{large / own:.1f}"]))
    for key, value in results["memory"].items():
        size, name = key.split("/")
        if name == "native":
            lines.append(_row([f"C++, bytes a detection beyond columns and results, {size}", "≤ 64", f"{value:.0f}"]))
    for label, seconds in results["start"].items():
        lines.append(_row([f"Numba, {label}", "≤ 10 s" if "empty" in label else "≤ 1.5 s", f"{seconds:.2f} s"]))
    return "\n".join(lines) if len(lines) > 2 else ""


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
