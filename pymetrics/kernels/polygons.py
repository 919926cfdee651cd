"""Polygons to runs, by pycocotools' rule: the outline is drawn on a grid five times as fine.

A fine point is int(5 v + .5), cut towards zero. Along the longer side of an edge the outline takes one fine point a
step, and the other coordinate is rounded in the same way. Where it passes from fine column 5 c + 2 to the next or
back, the runs of column c turn at the lower of the two fine rows, in pixels. All turns are sorted; equal ones cancel
in pairs.
"""

import numpy as np

from .registry import helper, kernel

MOST = 2.0**27  # the size of coordinates: five times as much fits into 32 bits, as does the difference of two


@kernel(parallel=True, outputs=("counts", "n_runs"), cuda=False)
def draw_polygons(points, offsets, sizes, room, counts, n_runs, begin, end):
    """The masks of polygons.

    points: float64 (M, 2), x and y in pixels, each of less than 2**27 in size. offsets: int64 (P + 1,); the points of
    polygon p are points[offsets[p] : offsets[p + 1]]. sizes: int64 (P, 2), height and width, both above 0.
    room: int64 (P + 1,); the runs of polygon p are written from counts[room[p]] on, up to room[p + 1].
    counts: uint32. n_runs: int64 (P,); where it is more than the room, so many are needed, and what was written is of
    no use. Units are polygons.
    """
    for p in range(begin, end):
        height, width = sizes[p, 0], sizes[p, 1]
        first, last = offsets[p], offsets[p + 1]
        out = counts[room[p] : room[p + 1]]
        n_turns = 0
        for i in range(first, last):
            j = i + 1 if i + 1 < last else first
            n_turns = draw_edge(
                fine(points[i, 0]), fine(points[i, 1]), fine(points[j, 0]), fine(points[j, 1]), height, width,
                out, n_turns,
            )  # fmt: skip
        n_runs[p] = n_turns + 1
        if n_turns < out.shape[0]:
            out[:n_turns].sort()
            out[n_turns] = height * width
            n_runs[p] = turns_to_runs(out[: n_turns + 1])


@helper
def fine(value):
    """A coordinate on the fine grid."""
    return np.int64(5.0 * value + 0.5)


@helper
def draw_edge(x0, y0, x1, y1, height, width, turns, n):
    """Write the turns of an edge behind the n that are there; their number. Those that do not fit are counted only."""
    dx, dy = abs(x1 - x0), abs(y1 - y0)
    if dx == 0:
        return n
    if (dx >= dy and x0 > x1) or (dx < dy and y0 > y1):
        x0, y0, x1, y1 = x1, y1, x0, y0
    slope = float(y1 - y0) / float(dx) if dx >= dy else float(x1 - x0) / float(dy)
    low, high = x0, x1  # the outline passes from each fine column in [low, high) to the next, or back
    if dx < dy:
        low, high = fine_at(x0, slope, 0), fine_at(x0, slope, dy)
    if low > high:
        low, high = high, low
    for c in range(max(np.int64(0), (low + 2) // 5), min(width - 1, (high - 3) // 5) + 1):
        column = 5 * c + 2
        if dx >= dy:
            t = column - x0
            row = min(fine_at(y0, slope, t), fine_at(y0, slope, t + 1))
        else:
            row = y0 + last_step_before(x0, slope, dy, column)
        y = min(max(row + 2, np.int64(0)) // 5, height)
        if n < turns.shape[0]:
            turns[n] = c * height + y
        n += 1
    return n


@helper
def fine_at(start, slope, t):
    """The shorter side's coordinate after t steps along the longer one."""
    return np.int64(float(start) + slope * float(t) + 0.5)


@helper
def last_step_before(x0, slope, dy, column):
    """Of a steep edge: the last step on the side of `column` where it starts; it ends on the other side."""
    guess = (float(column) + 0.5 - float(x0)) / slope
    t = min(max(np.int64(guess), np.int64(0)), dy - 1)
    if slope > 0:
        while fine_at(x0, slope, t) > column:
            t -= 1
        while fine_at(x0, slope, t + 1) <= column:
            t += 1
    else:
        while fine_at(x0, slope, t) <= column:
            t -= 1
        while fine_at(x0, slope, t + 1) > column:
            t += 1
    return t


@helper
def turns_to_runs(turns):
    """Turn sorted turns, the last of which ends the mask, into runs in their place; the number of runs."""
    n, i, previous = 1, 1, np.int64(turns[0])
    while i < turns.shape[0]:
        run, previous, i = np.int64(turns[i]) - previous, np.int64(turns[i]), i + 1
        if run > 0:
            turns[n] = run
            n += 1
        elif i < turns.shape[0]:  # a turn and back: the run before goes on
            turns[n - 1] += np.uint32(np.int64(turns[i]) - previous)
            previous, i = np.int64(turns[i]), i + 1
    return n
