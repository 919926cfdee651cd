"""What docs/benchmarks.md promises: ratios, what is wanted of them, and what was measured."""

from __future__ import annotations

from contenders import CASES, OURS
from results import Results, middle

SIZE = "500k"  # where no size is named


def promises(results: Results) -> str:
    """The table of all promises that the results say something about."""
    rows: list[list[str]] = []

    def add(label: str, measured: float | None, wanted: float, at_least: bool = False, unit: str = "") -> None:
        if measured is not None:
            kept = measured >= wanted if at_least else measured <= wanted
            shown = f"{measured:.0f}" if measured >= 20 else f"{measured:.2f}"
            sign = "≥" if at_least else "≤"
            rows.append([label, f"{sign} {wanted:g}{unit}", f"{shown}{unit}", "yes" if kept else "**no**"])

    def ratio(case: str, name: str, other: str, threads: str = "all", size: str = SIZE) -> float | None:
        above, below = results.median(case, size, name, threads), results.median(case, SIZE, other, threads)
        return above / below if above and below else None

    for case, wanted in (("files", 5.0), ("columns", 5.0), ("dicts", 4.0)):
        for threads, label in (("all", "all threads"), ("1", "one thread each")):
            rival = fastest_rival(results, case, threads)
            if rival:
                title = CASES[case].title.split(" → ")[0]
                found = ratio(case, rival, "native", threads)
                add(f"{title}: fastest rival ({rival}) / C++, {label}", found, wanted, at_least=True)
    peaks = {name: middle(results.entry("files", SIZE, name), "peak_bytes") for name in CASES["files"].prepare}
    rivals = [name for name in peaks if name not in OURS and peaks[name] > 0]
    if rivals and peaks["native"] > 0:
        leanest = min(rivals, key=lambda name: peaks[name])
        add(f"Files: peak memory, C++ / leanest rival ({leanest})", peaks["native"] / peaks[leanest], 1.0)
    for rival, label, wanted in (("torchmetrics-faster", "faster_coco_eval", 60), ("torchmetrics", "pycocotools", 400)):
        found = ratio("updates", rival, "metric")
        add(f"`MeanAveragePrecision`: torchmetrics on {label} / C++", found, wanted, at_least=True)
    add("`MeanAveragePrecision`: with `class_metrics` / without", ratio("updates", "metric-classes", "metric"), 1.2)
    for threads, label in (("all", "all threads"), ("1", "one thread each")):
        add(f"Columns: Numba / C++, {label}", ratio("columns", "numba", "native", threads), 3)
    add("Columns: C++, 5M / 500k", ratio("columns", "native", "native", size="5M"), 11)
    for key, value in results.memory.items():
        size, name = key.split("/")
        if name == "native":
            add(f"Columns: C++, peak bytes a detection beyond columns and results, {size}", value, 64)
    for label, seconds in results.start.items():
        add(f"Numba, {label}", seconds, 10 if "empty" in label else 1.5, unit=" s")
    return table([f"promise, at {SIZE} where no size is named", "wanted", "measured", "kept"], rows) if rows else ""


def fastest_rival(results: Results, case: str, threads: str) -> str | None:
    """The fastest library that is not ours and gives an answer, right or not."""
    times = [(results.median(case, SIZE, name, threads), name) for name in CASES[case].prepare if name not in OURS]
    return min(((time, name) for time, name in times if time is not None), default=(0.0, None))[1]


def table(title: list[str], rows: list[list[str]]) -> str:
    """Markdown."""
    lines = [title, ["---"] * len(title), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
