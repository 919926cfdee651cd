"""For each quirk of docs/coco-quirks.md that lives in the engine: edits of the code that must not go unnoticed.

Each row: the quirk, the file in pymetrics, the text, what replaces it. The text must stand there exactly once, or as
often as the last column says.
"""

MATCHING, ACCUMULATE, MEANS, CELLS, BOXES = (
    f"kernels/{name}.py" for name in ("matching", "accumulate", "means", "cells", "boxes")
)
PROTOCOL = "evaluation/protocol.py"

QUIRKS = [
    ("LAST_OF_EQUALS", MATCHING, "ious[d, order[i - 1]] <= ious[d, g]", "ious[d, order[i - 1]] < ious[d, g]", 1),
    ("NAN_OVERLAP", MATCHING, "literal |= ious[d, g] != ious[d, g]", "literal |= False", 1),
    ("NAN_OVERLAP", MATCHING, "if ious[d, g] < best:", "if not ious[d, g] >= best:", 1),
    ("NAN_OVERLAP", MATCHING, "best, m, m_ignored = ious[d, g], g,", "m, m_ignored = g,", 1),
    ("CROWD_UNION", BOXES, "area if crowd else area +", "area +", 1),
    ("CROWD_UNION", MATCHING, "elif gt_flags[g] & CROWD:", "elif False:", 1),
    ("CROWD_UNION", MATCHING, " and not gt_flags[g] & CROWD:", ":", 1),
    ("MATCHED_OUTSIDE", MATCHING, "(ignored[d, w] & ~matched[d, w])", "ignored[d, w]", 1),
    ("CLOSED_AREAS", MATCHING, "if area < area_ranges[a, 0] or", "if area <= area_ranges[a, 0] or", 1),
    ("CLOSED_AREAS", MATCHING, "or area > area_ranges[a, 1]:", "or area >= area_ranges[a, 1]:", 1),
    (
        "CLOSED_AREAS",
        MATCHING,
        "if not (gt_area[row] < area_ranges[a, 0] or",
        "if not (gt_area[row] <= area_ranges[a, 0] or",
        1,
    ),
    ("CLOSED_AREAS", MATCHING, "or gt_area[row] > area_ranges[a, 1])", "or gt_area[row] >= area_ranges[a, 1])", 1),
    (
        "CLOSED_AREAS (areas that are not numbers)",
        MATCHING,
        "if area < area_ranges[a, 0] or area > area_ranges[a, 1]:",
        "if not (area_ranges[a, 0] <= area <= area_ranges[a, 1]):",
        1,
    ),
    ("ID_ZERO", MATCHING, "if not gt_flags[g] & ID_ZERO:", "if True:", 1),
    ("ID_ZERO (literally)", MATCHING, "if not gt_flags[m] & ID_ZERO:", "if True:", 1),
    (
        "KEEPS_FREE",
        MATCHING,
        "if not dt_flags[d] & KEEPS_FREE:\n                        taken[g",
        "if True:\n                        taken[g",
        1,
    ),
    (
        "KEEPS_FREE (literally)",
        MATCHING,
        "if not dt_flags[d] & KEEPS_FREE:\n        taken[m",
        "if True:\n        taken[m",
        1,
    ),
    ("regular ones first", MATCHING, "if ignorable == 0:", "if False:", 1),
    ("regular ones first (literally)", MATCHING, "if m >= 0 and not m_ignored:", "if False:", 1),
    ("what is taken is taken", MATCHING, "got &= ~gt_ignored[g, w] & ~taken[g, w]", "got &= ~gt_ignored[g, w]", 1),
    ("what takes an ignored one is ignored", MATCHING, "if ignorable == 1:", "if False:", 1),
    (
        "the whole list, not an IGNORE flag alone",
        MATCHING,
        "if flags[g] & (CROWD | IGNORE):",
        "if flags[g] & IGNORE:",
        1,
    ),
    ("the IGNORE flag", MATCHING, "if flags[g] & (CROWD | IGNORE):", "if flags[g] & CROWD:", 1),
    ("THRESHOLD_CAP", PROTOCOL, "[min(threshold, 1 - 1e-10) for threshold in", "[threshold for threshold in", 1),
    ("NAN_SCORE_LAST", CELLS, "return ~np.uint64(0)", "return np.uint64(0)", 1),
    (
        "NAN_SCORE_LAST (negative NaN)",
        CELLS,
        "if (bits & ~SIGN) > INFINITY:",
        "if bits > INFINITY and not bits & SIGN:",
        1,
    ),
    ("NAN_SCORE_LAST (zeros are equal)", CELLS, "if bits == SIGN:", "if False:", 1),
    ("FIRST_PRECISION", ACCUMULATE, "(np.float64(counted_so_far) + EPSILON)", "np.float64(counted_so_far)", 1),
    (
        "FIRST_PRECISION (half of it)",
        ACCUMULATE,
        "EPSILON = np.float64(2.220446049250313e-16)",
        "EPSILON = np.float64(1e-16)",
        1,
    ),
    ("UNREACHED_RECALL", ACCUMULATE, "reached = reached and need[r]", "reached = top[m] >= 0 and need[r]", 1),
    ("NO_DETECTIONS", ACCUMULATE, "if positives == 0:", "if positives == 0 or n == 0:", 1),
    ("NO_DETECTIONS (nothing there is -1)", ACCUMULATE, "recall[t, k, a, m] = -1.0", "recall[t, k, a, m] = 0.0", 1),
    ("the envelope", ACCUMULATE, "if ratio[start + j] > ratio[start + j - 1]:", "if False:", 1),
    ("scores at recall 0", ACCUMULATE, "scores[top[m]] if need[r] == 0 else ", "", 1),
    ("limits per image", ACCUMULATE, "max_dets[m] <= i - offsets[c]", "max_dets[m] <= i - first", 1),
    ("pairwise sums", MEANS, "means[s] = pairwise_sum(valid[:n])", "means[s] = valid[:n].cumsum()[-1]", 1),
    (
        "equal scores in order of image",
        CELLS,
        "while j > 0 and keys[order[j - 1]] > keys[i]:",
        "while j > 0 and keys[order[j - 1]] >= keys[i]:",
        1,
    ),
]
