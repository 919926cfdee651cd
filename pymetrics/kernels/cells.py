"""Grouping: from rows in any order to cells, one per image and category, each by falling score."""

import numpy as np

from .registry import helper, kernel

LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
SIGN = np.uint64(1 << 63)
INFINITY = np.uint64(0x7FF0000000000000)
SHORT = 24  # up to here insertion is quicker


@kernel(outputs=("out",))
def index_ids(ids, known, out):
    """Where each id stands in `known`, or -1.

    ids: int64 (N,). known: int64 (K,), ascending and unique. out: int32 (N,).
    """
    n_ids, n_known = ids.shape[0], known.shape[0]
    first, span = np.uint64(0), ~np.uint64(0)
    if n_known > 0:
        first = np.uint64(known[0])  # differences of int64 fit into uint64
        span = np.uint64(known[n_known - 1]) - first
    if span <= np.uint64(16 * (n_ids + n_known) + 4096):  # a table pays
        table = np.empty(np.int64(span) + 1, np.int32)
        for i in range(table.shape[0]):
            table[i] = -1
        for k in range(n_known):
            table[np.uint64(known[k]) - first] = k
        for i in range(n_ids):
            at = np.uint64(ids[i]) - first
            out[i] = table[at] if at <= span else -1
        return
    for i in range(n_ids):
        low, high = 0, n_known
        while low < high:
            middle = (low + high) // 2
            if known[middle] < ids[i]:
                low = middle + 1
            else:
                high = middle
        out[i] = low if low < n_known and known[low] == ids[i] else -1


@kernel(outputs=("order", "starts"))
def sort_rows(category, image, n_images, order, starts):
    """The rows in the order of (category, image, row). Rows with a negative category or image are left out.

    category, image: int32 (N,). order: int32 (N,), of which the first starts[-1] are written.
    starts: int64 (K + 1,), where the rows of a category begin in `order`.
    """
    n_categories = starts.shape[0] - 1
    first = np.zeros(n_images + 1, np.int64)
    for i in range(category.shape[0]):
        if category[i] >= 0 and image[i] >= 0:
            first[image[i] + 1] += 1
    for i in range(n_images):
        first[i + 1] += first[i]
    n_rows = first[n_images]
    by_image = np.empty(n_rows, np.int32)
    for k in range(n_categories + 1):
        starts[k] = 0
    for i in range(category.shape[0]):
        if category[i] >= 0 and image[i] >= 0:
            by_image[first[image[i]]] = i
            first[image[i]] += 1
            starts[category[i] + 1] += 1
    for k in range(n_categories):
        starts[k + 1] += starts[k]
    place = np.empty(n_categories, np.int64)
    for k in range(n_categories):
        place[k] = starts[k]
    for i in range(n_rows):
        k = category[by_image[i]]
        order[place[k]] = by_image[i]
        place[k] += 1


@kernel(outputs=("category_cells", "cell_image", "cell_dt", "cell_gt", "offsets"))
def join_cells(
    dt_image, dt_order, dt_starts, gt_image, gt_order, gt_starts, limit,
    category_cells, cell_image, cell_dt, cell_gt, offsets,
):  # fmt: skip
    """The occupied cells: runs of one image within one category, on either side.

    dt_image, dt_order, dt_starts (and gt_*): as for and from sort_rows. limit: detections kept in a cell.
    category_cells: int64 (K + 1,), the first cell of each category. cell_image: int32 (C,), ascending in a category.
    cell_dt, cell_gt: int64 (C + 1,), a cell's first place in the orders. offsets: int64 (C + 1,), its first place among
    the detections kept. C is category_cells[K]; the arrays must be long enough. The last entry of `offsets`, however
    long it is, is the number of detections kept.
    """
    c, d, g = 0, 0, 0
    category_cells[0], offsets[0] = 0, 0
    for k in range(category_cells.shape[0] - 1):
        while d < dt_starts[k + 1] or g < gt_starts[k + 1]:
            if g == gt_starts[k + 1]:
                image = dt_image[dt_order[d]]
            elif d == dt_starts[k + 1]:
                image = gt_image[gt_order[g]]
            else:
                image = min(dt_image[dt_order[d]], gt_image[gt_order[g]])
            cell_image[c], cell_dt[c], cell_gt[c] = image, d, g
            while d < dt_starts[k + 1] and dt_image[dt_order[d]] == image:
                d += 1
            while g < gt_starts[k + 1] and gt_image[gt_order[g]] == image:
                g += 1
            offsets[c + 1] = offsets[c] + min(d - cell_dt[c], limit)
            c += 1
        category_cells[k + 1] = c
    cell_dt[c], cell_gt[c] = d, g
    offsets[offsets.shape[0] - 1] = offsets[c]


@kernel(parallel=True, outputs=("rows", "ranked"))
def rank_detections(scores, dt_order, cell_dt, offsets, rows, ranked, begin, end):
    """Each cell's detections by falling score, equal scores in the order that they have, the surplus cut off.

    scores: float64 (N,). dt_order, cell_dt, offsets: from join_cells. rows: int32 (offsets[-1],), the rows kept.
    ranked: float64 (offsets[-1],), their scores. Units are cells.
    """
    bits = scores.view(np.uint64)
    most = 1
    for c in range(begin, end):
        most = max(most, cell_dt[c + 1] - cell_dt[c])
    keys, order = np.empty(most, np.uint64), np.empty(most, np.int32)
    words, spare = np.empty(most, np.uint64), np.empty(most, np.uint64)
    for c in range(begin, end):
        n = cell_dt[c + 1] - cell_dt[c]
        for i in range(n):
            keys[i] = falling_key(bits[dt_order[cell_dt[c] + i]])
        sort_keys(keys[:n], order, words, spare)
        for i in range(offsets[c + 1] - offsets[c]):
            row = dt_order[cell_dt[c] + order[i]]
            rows[offsets[c] + i] = row
            ranked[offsets[c] + i] = scores[row]


@kernel(outputs=("out_category", "out_image", "starts", "counts"))
def place_cells(
    category_cells, categories, cell_image, images, offsets, first_dt, out_category, out_image, starts, counts
):  # fmt: skip
    """One chunk's cells among those of several chunks.

    category_cells: int64 (K + 1,); cell_image: int32 (C,); offsets: int64 (C + 1,). categories: int32 (K,) and images:
    int32, their new places; negative leaves out. first_dt: the chunk's first detection among those of all chunks.
    out_category, out_image: int32 (C,). starts, counts: int64 (C,), a cell's first detection and how many it has.
    """
    for k in range(categories.shape[0]):
        for c in range(category_cells[k], category_cells[k + 1]):
            out_category[c] = categories[k]
            out_image[c] = images[cell_image[c]]
            starts[c] = first_dt + offsets[c]
            counts[c] = offsets[c + 1] - offsets[c]


@kernel(outputs=("new_offsets", "new_cell_image", "new_n_gt", "new_scores", "new_matched", "new_ignored"))
def move_cells(
    order, starts, counts, cell_image, n_gt, scores, matched, ignored,
    new_offsets, new_cell_image, new_n_gt, new_scores, new_matched, new_ignored,
):  # fmt: skip
    """Put cells into another order, with their detections.

    order: int32 (C,), which old cell comes where. starts, counts: int64, an old cell's first detection and how many.
    cell_image: int32; n_gt: int32 (cells, A). scores: float64 (D,). matched, ignored: uint64 (D, W).
    The outputs likewise; new_offsets: int64 (C + 1,).
    """
    new_offsets[0] = 0
    for c in range(order.shape[0]):
        old, to = order[c], new_offsets[c]
        new_cell_image[c] = cell_image[old]
        for a in range(n_gt.shape[1]):
            new_n_gt[c, a] = n_gt[old, a]
        for i in range(counts[old]):
            new_scores[to + i] = scores[starts[old] + i]
            for w in range(matched.shape[1]):
                new_matched[to + i, w] = matched[starts[old] + i, w]
                new_ignored[to + i, w] = ignored[starts[old] + i, w]
        new_offsets[c + 1] = to + counts[old]


@helper
def falling_key(bits):
    """From a float64's bits to a key that rises as the number falls; zeros are equal, NaN last (NAN_SCORE_LAST)."""
    if bits == SIGN:  # NAN_SCORE_LAST: -0.0 as 0.0
        return SIGN - np.uint64(1)
    if (bits & ~SIGN) > INFINITY:  # NAN_SCORE_LAST
        return ~np.uint64(0)
    if bits & SIGN:
        return bits
    return ~SIGN - bits


@helper
def sort_keys(keys, order, words, spare):
    """order[:n] becomes the stable order of the n keys (uint64), ascending. words, spare: uint64 scratch."""
    n = keys.shape[0]
    if n <= SHORT:
        for i in range(n):
            j = i
            while j > 0 and keys[order[j - 1]] > keys[i]:  # IMAGE_ORDER
                order[j] = order[j - 1]
                j -= 1
            order[j] = i
        return
    # By the upper halves; then every run of equal upper halves whose lower halves are out of order, by those.
    for i in range(n):
        words[i] = (keys[i] & ~LOW) | np.uint64(i)
    sort_words(words[:n], spare)
    start = 0
    while start < n:
        stop, falls = start + 1, False
        while stop < n and (words[stop] >> HALF) == (words[start] >> HALF):
            falls |= keys[words[stop] & LOW] < keys[words[stop - 1] & LOW]
            stop += 1
        if falls:
            for i in range(start, stop):
                at = words[i] & LOW
                words[i] = ((keys[at] & LOW) << HALF) | at
            sort_words(words[start:stop], spare)
        start = stop
    for i in range(n):
        order[i] = words[i] & LOW


@helper
def sort_words(words, spare):
    """Sort by the upper halves, stably: radix passes over the bits that vary."""
    n = words.shape[0]
    low, high = words[0] >> HALF, words[0] >> HALF
    for i in range(1, n):
        low = min(low, words[i] >> HALF)
        high = max(high, words[i] >> HALF)
    n_bits = 0
    while ((high - low) >> np.uint64(n_bits)) > np.uint64(0):
        n_bits += 1
    if n_bits == 0:
        return
    n_passes = (n_bits + (7 if n < 2048 else 10)) // (8 if n < 2048 else 11)
    width = (n_bits + n_passes - 1) // n_passes
    mask = np.uint64((1 << width) - 1)
    place = np.empty(1 << width, np.int64)
    for p in range(n_passes):
        shift = np.uint64(p * width)
        for b in range(1 << width):
            place[b] = 0
        for i in range(n):
            place[(((words[i] >> HALF) - low) >> shift) & mask] += 1
        total = 0
        for b in range(1 << width):
            total, place[b] = total + place[b], total
        for i in range(n):
            b = (((words[i] >> HALF) - low) >> shift) & mask
            spare[place[b]] = words[i]
            place[b] += 1
        for i in range(n):
            words[i] = spare[i]
