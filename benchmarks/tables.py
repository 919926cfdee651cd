"""Makes tables from a results file. Tables show ratios, because absolute times depend on the machine."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

from contenders import CASES, CONTENDERS, OURS
from measure import IMPORTS, NOISE
from promises import SIZE, fastest_rival, promises, table
from results import Entry, Results, middle

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def short(results: Results) -> str:
    """The README's tables: ours, the fastest rival of each case, and the libraries that ours stands in for."""
    rivals = {fastest_rival(results, case, "all") for case in ("files", "columns", "dicts")} - {None}
    kept = ("native", "native-COCOeval", "numba", "pycocotools")
    engines = [name for name in CONTENDERS if name in kept or name in rivals]
    loops = [name for name in CONTENDERS if name in ("metric", "torchmetrics-faster", "torchmetrics")]
    parts = [_head(results), _engines(results, engines), _loop(results, loops)]
    return "\n\n".join(part for part in parts if part)


def overview(results: Results) -> str:
    """The tables of docs/benchmarks.md: every case at 500k on all cores, the training loop, what is promised."""
    remarks = textwrap.fill(_remarks(results), 100)
    parts = [_head(results), _engines(results), _loop(results), promises(results), remarks]
    return "\n\n".join(part for part in parts if part)


def _head(results: Results) -> str:
    return textwrap.fill(
        f"{SIZE} detections, 5,000 images, 36.8k ground truths ({results.machine.get('data')}), all cores; medians, as "
        f"multiples of the first row. {_place(results)}.",
        100,
    )


def details(results: Results) -> str:
    """All tables of one machine: each case at each size, with all threads and with one; memory; import; promises."""
    parts = [
        "# Benchmark results",
        f"{_place(results)}. Written by `make bench`; more is in the JSON file beside this.",
    ]
    for case in CASES.values():
        tables = [_case(results, case.name, threads) for threads in ("all", "1")]
        if any(tables):
            parts += [f"## {case.title}", *tables, _peaks(results) if case.fresh else ""]
    parts += ["## Training loop", _loop(results)] if _loop(results) else []
    if _imports(results):
        parts += ["## Import", _imports(results)]
    parts += ["## Promises", promises(results), _remarks(results)]
    return "\n\n".join(part for part in parts if part)


def write_between_markers(path: Path, text: str) -> None:
    """Replace what stands between the markers; ValueError where there are none."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} has no markers {BEGIN} ... {END}")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def _place(results: Results) -> str:
    place = results.machine
    dates = sorted({entry["date"] for entry in results.times.values()})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}" if dates else "nothing yet"
    return (
        f"{place.get('cpu')}, {place.get('cores')} cores, {place.get('system')}, Python {place.get('python')}, numpy "
        f"{place.get('numpy')}; {when}"
    )


def _engines(results: Results, chosen: Iterable[str] = CONTENDERS) -> str:
    """One row per library that is chosen: all cases that end in pycocotools' twelve numbers, at 500k."""
    cases = [case for case in CASES.values() if case.answers == "coco"]
    names = [name for name in chosen if any(name in case.prepare for case in cases)]
    titles = [case.title.split(" → ")[0] for case in cases]
    title = ["", *titles, "peak memory, files", "import", "equal to pycocotools"]
    rows = []
    for name in names:
        entries = {case.name: results.times.get(f"{case.name}/{SIZE}/all/{name}") for case in cases}
        if not any(entries.values()):
            continue
        cells = [_ratio(results, case.name, SIZE, name) for case in cases]
        verdict = _verdict(entry for entry in results.times.items() if _is_of(entry[0], name, [c.name for c in cases]))
        rows.append([_label(results, name), *cells, _mebibytes(entries["files"]), _import_ms(results, name), verdict])
        if name == "native" and any(results.median(case.name, SIZE, name, "1") for case in cases):
            rows.append(["– with one thread", *(_alone(results, case.name, SIZE) for case in cases), "", "", ""])
    shown = [i for i in range(len(title)) if i == 0 or any(row[i] not in ("–", "") for row in rows)]
    return table([title[i] for i in shown], [[row[i] for i in shown] for row in rows]) if rows else ""


def _loop(results: Results, chosen: Iterable[str] = CONTENDERS) -> str:
    """One row per metric class that is chosen: batches of 16 images at 500k."""
    case = CASES["updates"]
    base = results.entry(case.name, SIZE, case.base)
    if base is None:
        return ""
    rows = []
    for name in (name for name in case.prepare if name in chosen):
        entry = results.times.get(f"{case.name}/{SIZE}/all/{name}")
        if entry is None:
            continue
        kinds = ("update", "compute")
        cells = [_time(middle(entry, kind), middle(base, kind), name == case.base) for kind in kinds]
        verdict = _verdict([(f"{case.name}/{SIZE}/all/{name}", entry)])
        rows.append([_label(results, name), _ratio(results, case.name, SIZE, name), *cells, verdict])
    return table(["batches of 16 images", "all together", "one update", "compute", "equal to torchmetrics"], rows)


def _case(results: Results, case_name: str, threads: str) -> str:
    """One case: contenders by sizes."""
    case = CASES[case_name]
    sizes = [size for size in case.sizes if results.entry(case_name, size, case.base, threads)]
    if threads == "1":
        sizes = [size for size in sizes if size in case.one_thread]
    rows = []
    for name in case.prepare if sizes else ():
        keys = {size: f"{case_name}/{size}/{threads}/{name}" for size in sizes}
        if CONTENDERS[name].threading == "none":
            keys = {size: f"{case_name}/{size}/all/{name}" for size in sizes}
        found = [(key, results.times[key]) for key in keys.values() if key in results.times]
        if found:
            cells = [_ratio(results, case_name, size, name, threads) for size in sizes]
            rows.append([_label(results, name), *cells, _verdict(found)])
        if threads == "all" and name == case.base and any(results.median(case_name, size, name, "1") for size in sizes):
            rows.append(["– with one thread", *(_alone(results, case_name, size) for size in sizes), ""])
    whom = "torchmetrics" if case.answers == "torchmetrics" else "pycocotools"
    return table([f"threads: {threads}", *sizes, f"equal to {whom}"], rows) if rows else ""


def _peaks(results: Results) -> str:
    """Files: the whole process."""
    case = CASES["files"]
    sizes = [size for size in case.sizes if results.entry(case.name, size, case.base)]
    rows = []
    for name in case.prepare:
        entries = [results.entry(case.name, size, name) for size in sizes]
        if any(entries):
            whole = [f"{middle(entry, 'process'):.2f} s" if entry else "–" for entry in entries]
            rows.append([_label(results, name), *(_mebibytes(entry) for entry in entries), *whole])
    return (
        table(["the whole process", *(f"{s} peak" for s in sizes), *(f"{s} time" for s in sizes)], rows) if rows else ""
    )


def _imports(results: Results) -> str:
    bare = results.median("imports", "-", "python")
    if bare is None:
        return ""
    rows = []
    for name in IMPORTS:
        entry = results.times.get(f"imports/-/all/{name}")
        if entry and name != "python":
            rows.append([f"`{entry['statement']}`", entry["version"] or "", _import_ms(results, name)])
    return table([f"beyond the bare interpreter's {1e3 * bare:.0f} ms", "version", "time"], rows)


def _import_ms(results: Results, name: str) -> str:
    bare, entry = results.median("imports", "-", "python"), results.times.get(f"imports/-/all/{name}")
    if entry and "failed" in entry:
        return "failed"
    return f"{1e3 * (entry['median'] - bare):.0f} ms" if entry and bare and "median" in entry else "–"


def _remarks(results: Results) -> str:
    entries = results.times.values()
    shares = [share for entry in entries for share in entry["others"]]
    noisy = sum(share > NOISE for share in shares)
    lines = [
        "–: not measured; contenders that need minutes or gigabytes are left out.",
        f"In {noisy} of {len(shares)} rounds other processes used more than a tenth of the machine." if noisy else "",
        "These times are of more than one build of pymetrics."
        if len({entry["build"] for entry in entries}) > 1
        else "",
        *(f"{key} failed: {entry['failed']}." for key, entry in results.times.items() if "failed" in entry),
    ]
    return " ".join(line for line in lines if line)


def _is_of(key: str, name: str, cases: list[str]) -> bool:
    case, *_, contender = key.split("/")
    return contender == name and case in cases


def _verdict(found: Iterable[tuple[str, Entry]]) -> str:
    """Of all measurements of a contender: do they give the same numbers?"""
    entries = dict(found)
    worst = max((entry.get("difference", 0.0) for entry in entries.values()), default=0.0)
    failed = any("failed" in entry for entry in entries.values())
    if all("difference" not in entry for entry in entries.values()):
        return "failed" if failed else "–"
    text = f"differs by {worst:.1e}" if worst else "bit for bit"
    return f"{text}; failed" if failed else text


def _ratio(results: Results, case: str, size: str, name: str, threads: str = "all") -> str:
    """The cell of a contender: milliseconds of the base, multiples of it for all others."""
    base = CASES[case].base
    if CONTENDERS[name].threading == "none" and f"{case}/{size}/{threads}/{name}" not in results.times:
        own = results.median(case, size, name)
    else:
        own = results.median(case, size, name, threads)
    if "failed" in results.times.get(f"{case}/{size}/{threads}/{name}", {}):
        return "failed"
    return _time(own, results.median(case, size, base, threads), name == base)


def _alone(results: Results, case: str, size: str) -> str:
    """Our time with one thread, as a multiple of that with all."""
    base = CASES[case].base
    return _time(results.median(case, size, base, "1"), results.median(case, size, base), False)


def _time(seconds: float | None, base: float | None, is_base: bool) -> str:
    if seconds is None or base is None:
        return "–"
    if is_base:
        return f"{1e3 * seconds:.1f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.0f} µs"
    ratio = seconds / base
    return f"{ratio:.0f}×" if ratio >= 20 else f"{ratio:.1f}×"


def _mebibytes(entry: Entry | None) -> str:
    return f"{middle(entry, 'peak_bytes') / 2**20:.0f} MiB" if entry and entry.get("peak_bytes") else "–"


def _label(results: Results, name: str) -> str:
    versions = {entry["version"] for key, entry in results.times.items() if key.endswith(f"/{name}")} - {None}
    return CONTENDERS[name].label if name in OURS else f"{CONTENDERS[name].label} {'/'.join(sorted(versions))}".strip()
