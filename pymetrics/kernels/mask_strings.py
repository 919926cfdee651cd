"""Runs as text, as COCO's files hold them: a number's 5-bit groups, the lowest first, as characters from "0" to "o".

The bit 32 of a character says that the number goes on; the bit 16 of the last is its sign. From the fourth run on a
number is the run's difference to the run before the last.
"""

import numpy as np

from .registry import helper, kernel

FIRST, LAST = 48, 111  # "0", "o"
MOST = 12  # characters of a number; 7 hold every difference of runs
LOW_HALF = 0xFFFFFFFF


@kernel(parallel=True, outputs=("n_runs",), cuda=False)
def count_runs(text, begins, ends, n_runs, begin, end):
    """How many runs each text holds.

    text: uint8; begins, ends: int64 (N,), where each text begins and ends. n_runs: int64 (N,); -1 where a character is
    none of those, a number has too many of them, or the last number is cut off. Units are texts.
    """
    for n in range(begin, end):
        n_runs[n] = n_runs_of(text[begins[n] : ends[n]])


@helper
def n_runs_of(text):
    """How many runs a text holds, or -1."""
    found, length, is_wrong = 0, 0, False
    for i in range(text.shape[0]):
        length += 1
        is_wrong |= text[i] < FIRST or text[i] > LAST or length > MOST
        if (np.int64(text[i]) - FIRST) & 32 == 0:
            found, length = found + 1, 0
    return -1 if is_wrong or length > 0 else found


@kernel(parallel=True, outputs=("counts",), cuda=False)
def read_strings(text, begins, ends, run_offsets, counts, begin, end):
    """The runs of texts.

    run_offsets: int64 (N + 1,), the sums of what count_runs says, none of which is negative; behind the end of a text
    runs are 0. counts: uint32, modulo 2**32. Units are texts.
    """
    for n in range(begin, end):
        read_runs(text[begins[n] : ends[n]], counts[run_offsets[n] : run_offsets[n + 1]])


@helper
def read_runs(text, runs):
    """Read the runs of a text; behind its end they are 0."""
    i = 0
    for r in range(runs.shape[0]):
        number, shift, group = np.int64(0), 0, np.int64(32)
        while group & 32 != 0 and i < text.shape[0] and shift < 5 * MOST:
            group = np.int64(text[i]) - FIRST
            number |= (group & 31) << shift
            shift += 5
            i += 1
        if group & 16:
            number |= np.int64(-1) << shift
        if r > 2:
            number += np.int64(runs[r - 2])
        runs[r] = number & LOW_HALF


@kernel(parallel=True, outputs=("lengths",), cuda=False)
def measure_strings(counts, offsets, lengths, begin, end):
    """How many characters the text of each mask has.

    counts: uint32; offsets: int64 (N + 1,). lengths: int64 (N,). Units are masks.
    """
    for n in range(begin, end):
        length = 0
        for r in range(offsets[n + 1] - offsets[n]):
            number = number_of(counts, offsets[n], r)
            length += 1
            while number < -16 or number > 15:
                number >>= 5
                length += 1
        lengths[n] = length


@kernel(parallel=True, outputs=("text",), cuda=False)
def write_strings(counts, offsets, text_offsets, text, begin, end):
    """The texts of masks.

    text_offsets: int64 (N + 1,), the sums of what measure_strings says. text: uint8. Units are masks.
    """
    for n in range(begin, end):
        at = text_offsets[n]
        for r in range(offsets[n + 1] - offsets[n]):
            number = number_of(counts, offsets[n], r)
            while number < -16 or number > 15:
                text[at] = FIRST + (number & 31) + 32
                number >>= 5
                at += 1
            text[at] = FIRST + (number & 31)
            at += 1


@helper
def number_of(counts, first, r):
    """The number that stands for run r."""
    run = np.int64(counts[first + r])
    return run - np.int64(counts[first + r - 2]) if r > 2 else run
