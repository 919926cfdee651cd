"""Does the emulation notice wrong CUDA code? Each fault is planted in a copy of one source, and must be found.

python tests/cuda_emu/faults.py [WORD]   minutes; only the faults whose names hold WORD

A fault names a mark in csrc/, not a file or a line. `by` is the variant that must find it: plain, where the bytes
differ or the emulator ends the process; or a sanitizer.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from cuda_emu import build, check
from helpers.marks import Edit, edits, sources

BYTES = "other bytes than the host's"
RACE = "ThreadSanitizer: data race"
OVERRUN = "AddressSanitizer: (heap|global)-buffer-overflow|runtime error: index"
NEVER = "waits for lanes that never come"


class Fault(NamedTuple):
    name: str
    mark: str  # in csrc/*.cu and *.h, once
    right: str  # a regular expression; what it finds on the mark's line or right after it becomes `wrong`
    wrong: str
    kernels: str
    by: str
    found: str


FAULTS = [
    Fault(
        "barrier missing between the levels of a tree",
        "TREE_BARRIER", r"__syncthreads\(\);", "", "mean_valid", "tsan", RACE,
    ),
    Fault(
        "barrier of a warp missing before its leaf is read",
        "LEAF_BARRIER", r"__syncwarp\(\);", "", "mean_valid", "plain", BYTES,
    ),
    Fault(
        "barrier missing before the candidates are read",
        "CANDIDATES_BARRIER", r"__syncthreads\(\);", "", "match_boxes,match_cells", "plain",
        f"{BYTES}|threads wait at different __syncthreads",  # by other numbers of candidates
    ),
    Fault(
        "barrier missing before other sections' maxima are read",
        "SECTIONS_BARRIER", r"__syncthreads\(\);", "", "accumulate", "plain", BYTES,
    ),
    Fault(
        "every lane writes what one should",
        "ONE_LANE_WRITES", r"threadIdx\.x % kWarp == 0 && ", "", "match_boxes", "tsan", RACE,
    ),
    Fault(
        "a sum of the block without an atomic",
        "TILE_COUNT_ATOMIC", r"atomicAdd\(&(.*), 1\)", r"\1++", "match_boxes", "tsan", RACE,
    ),
    Fault(
        "shared memory not initialised",
        "TILE_COUNT_CLEARED", r"if \(.*;", ";", "match_boxes", "plain", BYTES,
    ),
    Fault(
        "a barrier that some threads go around",
        "NAN_BARRIER", r"__syncthreads", r"if (nan) __syncthreads",
        "match_boxes", "plain", "threads wait at different __syncthreads",
    ),
    Fault(
        "a ballot that some lanes go around",
        "SECTION_BALLOT", r"row < (p\.n_rows)", r"row + lane < \1", "mean_valid", "plain", NEVER,
    ),
    Fault(
        "a mask that leaves the caller out",
        "BALLOT_MASK", r"kAllLanes", "1u", "mean_valid", "plain", "a mask that leaves it out",
    ),
    Fault(
        "shared memory too small",
        "LEAVES_SIZE", r"\[kWarps\]", "[1]", "mean_valid", "asan", OVERRUN,
    ),
    Fault(
        "scratch too small",
        "COUNTS_SIZE", r" \+ 2\)", " + 1)", "join_cells", "asan", OVERRUN,
    ),
    Fault(
        "one row too many",
        "ROWS_END", r"i < ", "i <= ", "sort_rows", "asan", OVERRUN,
    ),
    Fault(
        "scratch not initialised",
        "COUNTS_WRITTEN", r"(\S+) = (\w+);", r"if (\2) \1 = \2;", "join_cells", "plain",
        f"{BYTES}|signal 11",  # nonsense for places
    ),
    Fault(
        "a thread that relies on another's result",
        "OWN_START", r"((\S+)starts\[c\]) = (.*);", r"\1 = c > 0 ? \2starts[c - 1] + \2counts[c - 1] : \3;",
        "place_cells", "plain", BYTES,
    ),
    Fault(
        "the counts of a cell without an atomic",
        "INSIDE_ATOMIC", r"atomicAdd\(&(.*), 1\)", r"\1 += 1", "area_words", "tsan", RACE,
    ),
    Fault(
        "counts not cleared",
        "INSIDE_CLEARED", r"clear_counts.*;", "", "area_words", "plain", BYTES,
    ),
    Fault(
        "more threads than a block has",
        "BLOCK_LIMIT", r"\bthreads,", "2048,", "mean_valid", "plain", "invalid configuration argument",
    ),
]  # fmt: skip


def planted(fault: Fault) -> Edit:
    """The one place of a fault in the sources."""
    found = list(edits(sources(build.ROOT / "csrc", ".cu", ".h"), fault.mark, fault.right, fault.wrong, "  //"))
    if len(found) != 1:
        raise SystemExit(f"{fault.name}: {fault.right!r} stands near {len(found)} marks {fault.mark}, not near one")
    return found[0]


def plant(fault: Fault, folder: Path) -> None:
    """The source with the fault in a folder; of a header, those that include it as well."""
    csrc, edit = build.ROOT / "csrc", planted(fault)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    changed = {edit.path.name}
    while more := {
        path.name
        for path in (*csrc.glob("*.cu"), *csrc.glob("*.h"))
        if path.name not in changed and any(f'#include "{name}"' in path.read_text() for name in changed)
    }:
        changed |= more
    for name in changed:
        shutil.copy(csrc / name, folder)
    (folder / edit.path.name).write_text(edit.text)


def main(word: str = "") -> None:
    """Plant them one by one."""
    missed = 0
    chosen = [fault for fault in FAULTS if word in fault.name]
    for fault in chosen:
        started = time.monotonic()
        folder = build.ROOT / "build" / "cuda_emu" / "faults" / re.sub(r"\W+", "-", fault.name)
        plant(fault, folder)
        fine, said = check.check(fault.by, fault.kernels, 4, folder, 300)
        found = re.search(fault.found, said)
        missed += fine or not found
        what = found[0] if found and not fine else f"NOT FOUND{'' if fine else ', but: ' + said[-2000:]}"
        print(f"{fault.name}: {fault.by}: {what} ({time.monotonic() - started:.0f} s)", flush=True)
    if missed:
        raise SystemExit(f"{missed} of {len(chosen)} faults were not found")
    print(f"all {len(chosen)} faults were found")


if __name__ == "__main__":
    main(*sys.argv[1:2])
