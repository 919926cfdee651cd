"""Does the emulation notice wrong CUDA code? Each fault is planted in a copy of one source, and must be found.

python tests/cuda_emu/faults.py [WORD]   minutes; only the faults whose names hold WORD

`by` is the variant that must find it: plain, where the bytes differ or the emulator ends the process; or a sanitizer.
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

BYTES = "other bytes than the host's"
RACE = "ThreadSanitizer: data race"
OVERRUN = "AddressSanitizer: (heap|global)-buffer-overflow|runtime error: index"
NEVER = "waits for lanes that never come"


class Fault(NamedTuple):
    name: str
    source: str
    right: str
    wrong: str
    kernels: str
    by: str
    found: str


FAULTS = [
    Fault(
        "barrier missing between the levels of a tree",
        "means.cu", "            __syncthreads();\n        }", "        }", "mean_valid", "tsan", RACE,
    ),
    Fault(
        "barrier of a warp missing before its leaf is read",
        "means.cu", "        __syncwarp();\n        if (lane == 0)", "        if (lane == 0)",
        "mean_valid", "plain", BYTES,
    ),
    Fault(
        "barrier missing before the candidates are read",
        "match_by_block.h",
        "            __syncthreads();\n            const int n = state", "            const int n = state",
        "match_boxes,match_cells", "plain", f"{BYTES}|threads wait at different __syncthreads",
    ),
    Fault(
        "barrier missing before other sections' maxima are read",
        "curves_device.h", "    __syncthreads();\n    if (!real) return;", "    if (!real) return;",
        "accumulate", "plain", BYTES,
    ),
    Fault(
        "every lane writes what one should",
        "match_by_block.h", "if (threadIdx.x % kWarp == 0 && half < 2)", "if (half < 2)", "match_boxes", "tsan", RACE,
    ),
    Fault(
        "a sum of the block without an atomic",
        "match_by_block.h", "const int i = atomicAdd(&state.tile.n[lane], 1);", "const int i = state.tile.n[lane]++;",
        "match_boxes", "tsan", RACE,
    ),
    Fault(
        "shared memory not initialised",
        "match_by_block.h", "            if (warp == 0) state.tile.n[lane] = 0;\n", "", "match_boxes", "plain", BYTES,
    ),
    Fault(
        "a barrier that some threads go around",
        "match_by_block.h", "            __syncthreads();\n            if (state.has_nan) {",
        "            if (nan) __syncthreads();\n            if (state.has_nan) {",
        "match_boxes", "plain", "threads wait at different __syncthreads",
    ),
    Fault(
        "a ballot that some lanes go around",
        "means.cu", "row < p.n_rows(s); row += kWarp)", "row + lane < p.n_rows(s); row += kWarp)",
        "mean_valid", "plain", NEVER,
    ),
    Fault(
        "a mask that leaves the caller out",
        "means.cu", "__popc(__ballot_sync(kAllLanes, p.value(", "__popc(__ballot_sync(1u, p.value(",
        "mean_valid", "plain", "a mask that leaves it out",
    ),
    Fault(
        "shared memory too small",
        "means.cu", "__shared__ double leaves[kWarps][kLeaf];", "__shared__ double leaves[1][kLeaf];",
        "mean_valid", "asan", OVERRUN,
    ),
    Fault(
        "scratch too small",
        "cells.cu", "queue.take<word_t>(n_dt + n_gt + 2)", "queue.take<word_t>(n_dt + n_gt + 1)",
        "join_cells", "asan", OVERRUN,
    ),
    Fault(
        "one row too many",
        "cells.cu", "i < category.shape[0]; i += thread_count()", "i <= category.shape[0]; i += thread_count()",
        "sort_rows", "asan", OVERRUN,
    ),
    Fault(
        "scratch not initialised",
        "cells.cu", "        side.counts[i] = count;", "        if (count) side.counts[i] = count;",
        "join_cells", "plain", f"{BYTES}|signal 11",  # nonsense for places
    ),
    Fault(
        "a thread that relies on another's result",
        "cells.cu", "        of.starts[c] = of.first_dt + of.offsets[c];",
        "        of.starts[c] = c > 0 ? of.starts[c - 1] + of.counts[c - 1] : of.first_dt + of.offsets[c];",
        "place_cells", "plain", BYTES,
    ),
    Fault(
        "the counts of a cell without an atomic",
        "matching.cu", "atomicAdd(&of.n_inside(c, a), 1);", "of.n_inside(c, a) += 1;", "area_words", "tsan", RACE,
    ),
    Fault(
        "counts not cleared",
        "matching.cu", "    clear_counts(of.n_inside, of.begin, of.end, queue);\n", "", "area_words", "plain", BYTES,
    ),
    Fault(
        "more threads than a block has",
        "means.cu", "PM_RUN(sum_trees, blocks_for(n, 1), threads,", "PM_RUN(sum_trees, blocks_for(n, 1), 2048,",
        "mean_valid", "plain", "invalid configuration argument",
    ),
]  # fmt: skip


def plant(fault: Fault, folder: Path) -> None:
    """The source with the fault in a folder; of a header, those that include it as well."""
    csrc = build.ROOT / "csrc"
    text = (csrc / fault.source).read_text()
    if text.count(fault.right) != 1:
        raise SystemExit(f"{fault.name}: {fault.source} holds its place {text.count(fault.right)} times, not once")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in csrc.glob("*.cu"):
        if f'#include "{fault.source}"' in source.read_text():
            shutil.copy(source, folder)
    (folder / fault.source).write_text(text.replace(fault.right, fault.wrong))


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
