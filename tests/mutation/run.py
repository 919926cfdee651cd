"""Mutation test of matching and accumulation: does the suite notice when the code is wrong?

    python tests/mutation/run.py [--sample N] [--seed S] [--quirks]

The package's Python files are copied to a temporary folder. One at a time, generic mutants of FILES
(mutants.py) and some for each quirk (quirks.py) are put there; a child process imports the copy
and runs killer.py on the reference backend. An exception, a difference or an endless loop kills the mutant. Ends with 1
if fewer than 85 % of the generic ones die, or any quirk's own survives. Not part of pytest: it takes minutes. POSIX
only. Most survivors are equivalent: quicker ways to the same result, first guesses that a loop mends, scratch space.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401  so that no child has to

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent.parent / "pymetrics"
FILES = tuple(f"kernels/{name}.py" for name in ("matching", "accumulate", "replicates", "means"))
WANTED = 0.85


def in_child(copy: Path, work: Callable[[], Any], cpu_seconds: int) -> tuple[str, bytes]:
    """ "done" and what work() returns, pickled; or "killed", or "endless", and why."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
            sys.path[:0] = [str(copy), str(HERE), str(HERE.parent)]
            sys.dont_write_bytecode = True
            os.environ["PYMETRICS_BACKEND"] = "reference"
            result = pickle.dumps(work())
            code = 0
        except BaseException as error:
            result = f"{type(error).__name__}: {error}".encode()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(result)
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        result = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return ("endless" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL) else "killed"), b"a signal"
    return ("done" if os.WEXITSTATUS(status) == 0 else "killed"), result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, help="so many of the generic mutants, at random; default: all")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--quirks", action="store_true", help="only the quirks' own mutants")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(PACKAGE, copy / "pymetrics", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        return run(copy, options)


def run(copy: Path, options: argparse.Namespace) -> int:
    sys.path.insert(0, str(HERE))
    from mutants import generic_mutants
    from quirks import QUIRKS

    started = time.monotonic()
    state, answers = in_child(copy, lambda: __import__("killer").answers(), 600)
    if state != "done":
        raise SystemExit(f"the code as it is fails: {answers.decode()}")
    expected = pickle.loads(answers)

    def fate(file: str, source: str, cpu_seconds: int) -> tuple[str, bytes]:
        path = copy / "pymetrics" / file
        whole = path.read_text()
        path.write_text(source)
        try:
            return in_child(copy, lambda: __import__("killer").check(expected), cpu_seconds)
        finally:
            path.write_text(whole)

    begin = time.process_time() + sum(os.times()[2:4])
    state, why = fate(FILES[0], (PACKAGE / FILES[0]).read_text(), 600)
    if state != "done":
        raise SystemExit(f"the code as it is fails: {why.decode()}")
    limit = 2 + int(time.process_time() + sum(os.times()[2:4]) - begin)

    lost = []
    for name, file, text, other, n in QUIRKS:
        source = (PACKAGE / file).read_text()
        if source.count(text) != n:
            raise SystemExit(f"quirks.py is out of date: {name}: {text!r} stands {source.count(text)} times in {file}")
        if fate(file, source.replace(text, other), limit)[0] == "done":
            lost.append(f"{name}: {file}: {other!r}")
    print(f"quirks: {len(QUIRKS) - len(lost)} of {len(QUIRKS)} killed")
    print(*(f"  survived: {row}" for row in lost), sep="\n", end="\n" if lost else "")
    if options.quirks:
        return bool(lost)

    mutants = [(file, mutant) for file in FILES for mutant in generic_mutants((PACKAGE / file).read_text())]
    if options.sample:
        mutants = random.Random(options.seed).sample(mutants, min(options.sample, len(mutants)))
    killed, endless, survivors = 0, 0, []
    for file, mutant in mutants:
        state, _ = fate(file, mutant.source, limit)
        killed += state != "done"
        endless += state == "endless"
        if state == "done":
            survivors.append((file, mutant.line, mutant))
    print(
        f"generic: {killed} of {len(mutants)} killed ({killed / len(mutants):.1%}; {endless} ran too long), "
        f"{time.monotonic() - started:.0f} s"
    )
    for file, line, mutant in sorted(survivors, key=lambda row: row[:2]):
        print(f"  survived: {file}:{line}: {mutant.before}  ->  {mutant.after}")
    return bool(lost) or killed < WANTED * len(mutants)


if __name__ == "__main__":
    sys.exit(main())
