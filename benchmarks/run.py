"""Measure every contender in every case, and what is promised; write the results and their tables.

    python benchmarks/run.py                                   everything: some 40 minutes on two quiet cores
    python benchmarks/run.py --quick                           the smallest size, one round: a look, nothing is kept
    python benchmarks/run.py --cases files --sizes 500k --contenders native hotcoco --rounds 5
    python benchmarks/run.py --resume                          what is not yet measured, or failed, for this build
    python benchmarks/run.py --cases none --documents          the tables of what was measured before, into README.md
                                                               (the short ones) and docs/benchmarks.md

Results go to results/MACHINE.json as they come: a run that is stopped has kept what it had. Whatever is not measured
anew keeps its numbers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from contenders import CASES, CONTENDERS, OURS
from generate import CACHE, SIZES
from measure import IMPORTS, Plan, measure_imports, measure_memory, measure_start, measure_times, report
from results import Entry, Results, installation, path_of_machine
from tables import details, overview, short, write_between_markers

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("imports", "memory", "start")  # beside the cases: import time; columns' peak memory; Numba's first call


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    everything = [*CASES, *EXTRAS]
    parser.add_argument("--cases", nargs="+", choices=[*everything, "none"], default=everything)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--threads", nargs="+", choices=["all", "1"], default=["all", "1"])
    parser.add_argument("--rounds", type=int, default=2, help="fresh processes per contender, size and threads")
    parser.add_argument("--repeats", type=int, default=7, help="warm evaluations per process")
    parser.add_argument("--patience", type=int, default=3, help="repetitions of a round that others disturbed")
    parser.add_argument("--quick", action="store_true", help="36.8k, one round, results in .cache, no documents")
    parser.add_argument("--resume", action="store_true", help="leave out what the same build was measured in")
    parser.add_argument("--results", type=Path, help="another file of results")
    parser.add_argument(
        "--documents", action="store_true", help="also write README.md's and docs/benchmarks.md's tables"
    )
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.rounds, options.repeats, options.patience = ["36.8k"], 1, 3, 0
        options.cases = [case for case in options.cases if case not in ("memory", "start")]
        options.results = options.results or CACHE / "quick.json"
        options.documents = False
    return options


def items_of(case: str, size: str, options: argparse.Namespace) -> list[tuple[str, str]]:
    """Who is measured at this size, with how many threads: our C++ with one, too; the rivals where the case says so."""
    items = []
    for name in CASES[case].prepare:
        contender = CONTENDERS[name]
        if name not in options.contenders or size not in CASES[case].sizes_of(name):
            continue
        if "all" in options.threads:
            items.append((name, "all"))
        alone = size in CASES[case].one_thread or (contender.ours and name in (CASES[case].base, "accumulator"))
        if "1" in options.threads and alone and contender.threading != "none":
            items.append((name, "1"))
    return items


def measure(options: argparse.Namespace, results: Results) -> None:
    """Everything that the options ask for."""
    build = installation()
    plan = Plan(options.rounds, options.repeats, patience=options.patience)
    absent = [name for name in options.contenders if CONTENDERS[name].version() is None]
    for name in absent:
        report(f"{name} is not installed: left out")
    options.contenders = [name for name in options.contenders if name not in absent]

    def record(key: str, entry: Entry) -> None:
        if installation() != build:
            raise SystemExit("pymetrics changed while it was measured: what was measured before is kept, this is not")
        if key.startswith("imports") or entry["seconds"] or "failed" in entry:
            results.record(key, entry)

    def missing(key: str) -> bool:
        entry = results.times.get(key, {})
        return not (options.resume and entry.get("build") == build and "complete" in entry and "failed" not in entry)

    for case in (case for case in CASES if case in options.cases):
        for size in (size for size in CASES[case].sizes if size in options.sizes):
            items = [item for item in items_of(case, size, options) if missing(f"{case}/{size}/{item[1]}/{item[0]}")]
            if items:
                measure_times(CASES[case], size, items, plan, build, record)
    if "imports" in options.cases:
        measure_imports([name for name in IMPORTS if missing(f"imports/-/all/{name}")], plan, build, record)
    if "memory" in options.cases and "native" in options.contenders:
        ours = [name for name in ("native", "numba") if name in options.contenders]
        results.memory |= measure_memory(ours, [size for size in ("500k", "5M") if size in options.sizes])
        results.write()
    if "start" in options.cases and "numba" in options.contenders:
        results.start |= measure_start()
        results.write()


def main() -> None:
    options = parse()
    results = Results(options.results or path_of_machine())
    if options.cases != ["none"]:
        measure(options, results)
    text = details(results)
    print(text)
    if options.results is None:
        results.path.with_suffix(".md").write_text(text + "\n")
    if options.documents:
        write_between_markers(ROOT / "README.md", short(results))
        write_between_markers(ROOT / "docs" / "benchmarks.md", overview(results))
    wrong = [key for key, entry in results.times.items() if key.split("/")[-1] in OURS and _wrong(entry)]
    if wrong:
        sys.exit(f"pymetrics itself failed or answered differently: {', '.join(wrong)}")


def _wrong(entry: Entry) -> bool:
    return bool("failed" in entry or entry.get("difference"))


if __name__ == "__main__":
    main()
