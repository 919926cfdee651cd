"""Boundaries of masks (Cheng et al., 2021): their pixels that lie near the background, or near the image's border."""

import numpy as np

from .registry import kernel


@kernel(parallel=True, outputs=("bounds", "n_runs"), cuda=False)
def boundary_masks(counts, offsets, sizes, distances, room, bounds, n_runs, begin, end):
    """Each mask less its erosion by a square of 2 distance + 1 pixels; what is outside of the image is background.

    counts, offsets, sizes: N masks, see masks.py; runs beyond height * width are cut. distances: int64 (N,), 1 or more.
    room: int64 (N + 1,); the runs of mask n are written from bounds[room[n]] on, as many as there is room for.
    n_runs: int64 (N,), how many runs each has: maybe more. Units are masks.
    """
    for n in range(begin, end):
        height, width, side = sizes[n, 0], sizes[n, 1], 2 * distances[n] + 1
        pixels, tall = np.zeros((width, height), np.uint8), np.zeros((width, height), np.uint8)
        at, value = np.int64(0), 0
        for r in range(offsets[n], offsets[n + 1]):
            stop = min(at + np.int64(counts[r]), height * width)
            for i in range(at, stop if value else at):
                pixels[i // height, i % height] = 1
            at, value = stop, 1 - value
        for x in range(width):
            inside = 0
            for y in range(height):
                inside = inside + 1 if pixels[x, y] else 0
                if inside >= side:
                    tall[x, y - distances[n]] = 1
        for y in range(height):
            inside = 0
            for x in range(width):
                inside = inside + 1 if tall[x, y] else 0
                if inside >= side:
                    pixels[x - distances[n], y] = 0
        found, run, previous = 0, 0, np.uint8(0)
        out = bounds[room[n] : room[n + 1]]
        for x in range(width):
            for y in range(height):
                if pixels[x, y] != previous:
                    if found < out.shape[0]:
                        out[found] = run
                    found, run, previous = found + 1, 0, pixels[x, y]
                run += 1
        if found < out.shape[0]:
            out[found] = run
        n_runs[n] = found + 1
