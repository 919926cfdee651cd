"""Segments of two panoptic images: which share how many pixels."""

import numpy as np

from .registry import helper, kernel


@kernel(parallel=True, outputs=("colors", "areas", "n_pairs"), cuda=False)
def panoptic_pairs(preds, target, colors, areas, n_pairs, begin, end):
    """The distinct pairs of a predicted and a true segment that share a pixel, in the order of their first pixels.

    preds, target: int64 (B, P, 2): the category and the instance of each pixel of B images.
    colors: int64 (B, room, 4), the category and instance in preds, then those in target, of each pair. areas: int64
    (B, room), how many pixels it has; what an image leaves of its rows stays as it was.
    n_pairs: int64 (B,), how many pairs; room + 1 where there are more, and then the rows are of no use.
    Units are images.
    """
    room = colors.shape[1]
    n_slots = 2
    while n_slots < 2 * room:
        n_slots *= 2
    slots = np.empty(n_slots, np.int64)
    for b in range(begin, end):
        for s in range(n_slots):
            slots[s] = -1
        n, pair = 0, 0
        for i in range(preds.shape[1]):
            if n == 0 or not is_pair(colors, pair, preds, target, b, i):
                at = slot_of(preds, target, b, i, n_slots)
                while slots[at] >= 0 and not is_pair(colors, slots[at], preds, target, b, i):
                    at = (at + 1) & (n_slots - 1)
                if slots[at] < 0:
                    if n == room:
                        n = room + 1
                        break
                    slots[at] = n
                    colors[b, n, 0], colors[b, n, 1] = preds[b, i, 0], preds[b, i, 1]
                    colors[b, n, 2], colors[b, n, 3] = target[b, i, 0], target[b, i, 1]
                    areas[b, n] = 0
                    n += 1
                pair = slots[at]
            areas[b, pair] += 1
        n_pairs[b] = n


@helper
def is_pair(colors, pair, preds, target, b, i):
    """Whether a pair of image b is that of pixel i."""
    return (
        colors[b, pair, 0] == preds[b, i, 0]
        and colors[b, pair, 1] == preds[b, i, 1]
        and colors[b, pair, 2] == target[b, i, 0]
        and colors[b, pair, 3] == target[b, i, 1]
    )


@helper
def slot_of(preds, target, b, i, n_slots):
    """Where the search for a pair begins; any place would do."""
    mixed = preds[b, i, 0] ^ (preds[b, i, 1] << 3) ^ (target[b, i, 0] << 7) ^ (target[b, i, 1] << 11)
    return (mixed ^ (mixed >> 17)) & (n_slots - 1)
