"""Means of the valid entries of a table's slices, added in the order of numpy."""

import numpy as np

from .registry import helper, kernel


@kernel(parallel=True, outputs=("means",), linear=True)
def mean_valid(values, columns, first_rows, last_rows, means, begin, end):
    """Means of the entries above -1 in slices of a table, added in numpy's pairwise order; -1 where there is none.

    values: float64 (rows, columns). columns, first_rows, last_rows: int64 (S,). means: float64 (S,). Units are slices.
    """
    for s in range(begin, end):
        valid = np.empty(last_rows[s] - first_rows[s], np.float64)
        n = 0
        for i in range(first_rows[s], last_rows[s]):
            if values[i, columns[s]] > -1.0:
                valid[n] = values[i, columns[s]]
                n += 1
        means[s] = pairwise_sum(valid[:n]) / np.float64(n) if n > 0 else -1.0  # PAIRWISE_SUM


@helper
def pairwise_sum(values):
    """numpy's sum of a contiguous float64 array, to the last bit, without recursion: blocks of at most 128."""
    n = values.shape[0]
    start, length, stage = np.empty(64, np.int64), np.empty(64, np.int64), np.empty(64, np.int64)
    kept = np.empty(64, np.float64)
    start[0], length[0], stage[0] = 0, n, 0
    depth, total = 0, 0.0
    while depth >= 0:
        half = length[depth] // 2
        half -= half % 8
        if length[depth] <= 128:
            total = block_sum(values[start[depth] : start[depth] + length[depth]])
            depth -= 1
        elif stage[depth] == 0:
            stage[depth] = 1
            start[depth + 1], length[depth + 1], stage[depth + 1] = start[depth], half, 0
            depth += 1
        elif stage[depth] == 1:
            kept[depth], stage[depth] = total, 2
            start[depth + 1], length[depth + 1], stage[depth + 1] = start[depth] + half, length[depth] - half, 0
            depth += 1
        else:
            total = kept[depth] + total
            depth -= 1
    return total


@helper
def block_sum(values):
    """At most 128 numbers: eight running sums, then pairs of them, then what is left over."""
    n = values.shape[0]
    if n < 8:
        total = 0.0
        for i in range(n):
            total += values[i]
        return total
    sums = values[:8].copy()
    full = n - n % 8
    for i in range(8, full):
        sums[i % 8] += values[i]
    total = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
    for i in range(full, n):
        total += values[i]
    return total


@helper
def mean(values):
    """The mean as numpy computes it; -1 of no values."""
    n = values.shape[0]
    return pairwise_sum(values) / np.float64(n) if n > 0 else -1.0
