"""match_boxes is area_words of both sides, the overlaps of each cell, and match_cells: the same bytes."""

import numpy as np
import pytest
from helpers.kernel_cases import call, make_calls, offsets_of, poisoned

CROWD, IGNORE = 1, 4
OUTPUTS = ("matched", "ignored", "match_of", "match_iou")


def in_steps(backend, args):
    """The outputs of match_boxes by the three kernels that it joins."""
    n_cells, n_areas = args["n_gt"].shape
    n_words = args["area_bits"].shape[1]
    shared = {"area_ranges": args["area_ranges"], "area_bits": args["area_bits"], "begin": 0, "end": n_cells}
    boxes = args["dt_boxes"]
    with np.errstate(all="ignore"):
        dt_area = args["dt_area"] if len(args["dt_area"]) else boxes[:, 2] * boxes[:, 3]
    dt_words = poisoned("area_words", shared | {
        "area": dt_area, "flags": np.empty(0, np.uint8), "always": 0,
        "rows": args["dt_rows"], "offsets": args["dt_offsets"],
        "words": np.empty((len(args["dt_rows"]), n_words), np.uint64), "n_inside": np.empty((0, n_areas), np.int32),
    })  # fmt: skip
    gt_words = poisoned("area_words", shared | {
        "area": args["gt_area"], "flags": args["gt_flags"], "always": CROWD | IGNORE,
        "rows": args["gt_rows"], "offsets": args["gt_offsets"],
        "words": np.empty((len(args["gt_rows"]), n_words), np.uint64),
        "n_inside": np.empty((n_cells, n_areas), np.int32),
    })  # fmt: skip
    offsets = offsets_of(np.diff(args["dt_offsets"]) * np.diff(args["gt_offsets"]))
    overlaps = poisoned("box_iou", {
        "dt": boxes[args["dt_rows"]], "gt": args["gt_boxes"][args["gt_rows"]],
        "crowd": args["gt_flags"][args["gt_rows"]] & CROWD,
        "dt_offsets": args["dt_offsets"], "gt_offsets": args["gt_offsets"], "out_offsets": offsets,
        "kind": 0, "out": np.empty(offsets[-1]), "begin": 0, "end": n_cells,
    })  # fmt: skip
    call("area_words", backend, dt_words)
    call("area_words", backend, gt_words)
    call("box_iou", backend, overlaps)
    same = ("dt_rows", "dt_flags", "dt_offsets", "gt_rows", "gt_flags", "gt_offsets", "thresholds", "reached_bits")
    matching = poisoned("match_cells", {name: args[name] for name in (*same, *OUTPUTS, "begin", "end")} | {
        "overlaps": overlaps["out"], "overlap_offsets": offsets,
        "dt_ignored": dt_words["words"], "gt_ignored": gt_words["words"],
    })  # fmt: skip
    call("match_cells", backend, matching)
    return {name: matching[name] for name in OUTPUTS} | {"n_gt": gt_words["n_inside"]}


@pytest.mark.parametrize("seed", range(12))
def test_match_boxes_is_its_steps(any_backend, seed):
    for args in make_calls("match_boxes", seed):
        fused = poisoned("match_boxes", args)
        call("match_boxes", any_backend, fused)
        for name, want in in_steps(any_backend, args).items():
            assert fused[name].tobytes() == want.tobytes(), name
