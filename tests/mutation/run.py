"""Mutation test of the kernels: does the suite notice when the code is wrong?

    python tests/mutation/run.py [--only quirks|python|cpp] [--sample N] [--seed S] [--all]

Three parts. Wrong code near the marks of the quirks (quirks.py): every mutant must be noticed. A sample of generic
mutants of the Python kernels (mutants.py) and of the C++ kernels (cpp_mutants.py): 85 % and 75 % must be. Files are
copied to a temporary folder; one at a time a mutant is put there, and a child process imports the copy: for Python it
runs killer.py on the reference backend, for C++ it builds the module and compares the bytes of the conformance suite's
calls. An exception, a difference, a signal or an endless loop kills the mutant. Ends with 1 where too many survive.
Not part of pytest: it takes minutes. POSIX only. Most survivors are equivalent: quicker ways to the same result, first
guesses that a loop mends, scratch space.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import cpp  # noqa: E402
from child import in_child  # noqa: E402
from mutants import generic_mutants  # noqa: E402
from quirks import quirk_mutants  # noqa: E402

PACKAGE = HERE.parent.parent / "pymetrics"
FILES = tuple(f"kernels/{name}.py" for name in ("matching", "accumulate", "means"))
WANTED, WANTED_CPP = 0.85, 0.75


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("quirks", "python", "cpp"), help="one of the three parts")
    parser.add_argument("--sample", type=int, default=60, help="so many generic mutants of each language; default: 60")
    parser.add_argument("--all", action="store_true", help="all generic mutants: an hour and more")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    options = parser.parse_args()
    sample = sys.maxsize if options.all else options.sample
    fine = True
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "cpp":
            fine &= run_python(Path(folder), sample, options.seed, options.only)
        if options.only in (None, "cpp"):
            fine &= cpp.run(Path(folder), sample, options.seed, WANTED_CPP)
    return not fine


def run_python(copy: Path, sample: int, seed: int, only: str | None) -> bool:
    """The quirks' mutants and a sample of the generic ones; whether enough of them die."""
    shutil.copytree(PACKAGE, copy / "pymetrics", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    started = time.monotonic()
    state, answers = in_child(copy, lambda: __import__("killer").answers(), 600)
    if state != "done":
        raise SystemExit(f"the code as it is fails: {answers.decode()}")
    expected = pickle.loads(answers)

    def fate(file: str, source: str, seconds: int) -> tuple[str, bytes]:
        path = copy / "pymetrics" / file
        whole = path.read_text(encoding="utf-8")
        path.write_text(source, encoding="utf-8")
        try:
            return in_child(copy, lambda: __import__("killer").check(expected), seconds)
        finally:
            path.write_text(whole, encoding="utf-8")

    begin = time.process_time() + sum(os.times()[2:4])
    state, why = fate(FILES[0], (PACKAGE / FILES[0]).read_text(), 600)
    if state != "done":
        raise SystemExit(f"the code as it is fails: {why.decode()}")
    limit = 2 + int(time.process_time() + sum(os.times()[2:4]) - begin)

    lost = []
    planted = list(quirk_mutants(PACKAGE)) if only != "python" else []
    for mark, edit in planted:
        file = edit.path.relative_to(PACKAGE).as_posix()
        if fate(file, edit.text, limit)[0] == "done":
            lost.append(f"{mark}: {file}:{edit.line}: {edit.changed}")
    print(f"quirks: {len(planted) - len(lost)} of {len(planted)} killed, {time.monotonic() - started:.0f} s")
    print(*(f"  survived: {row}" for row in lost), sep="\n", end="\n" if lost else "")
    if only == "quirks":
        return not lost

    mutants = [(file, mutant) for file in FILES for mutant in generic_mutants((PACKAGE / file).read_text())]
    chosen = random.Random(seed).sample(mutants, min(sample, len(mutants)))
    n_killed, n_endless, survivors = 0, 0, []
    for file, mutant in chosen:
        state, _ = fate(file, mutant.source, limit)
        n_killed += state != "done"
        n_endless += state == "endless"
        if state == "done":
            survivors.append((file, mutant.line, mutant))
    print(
        f"Python: {n_killed} of {len(chosen)} killed ({n_killed / len(chosen):.1%}; {n_endless} ran too long), of "
        f"{len(mutants)} in all; {time.monotonic() - started:.0f} s"
    )
    for file, line, mutant in sorted(survivors, key=lambda row: row[:2]):
        print(f"  survived: {file}:{line}: {mutant.before}  ->  {mutant.after}")
    return not lost and n_killed >= WANTED * len(chosen)


if __name__ == "__main__":
    sys.exit(main())
