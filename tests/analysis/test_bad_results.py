"""What is no Result is refused by each analysis, by name."""

import pytest

import pymetrics
from pymetrics import analysis

CALLS = {
    "at": analysis.at, "best_threshold": analysis.best_threshold, "bootstrap": analysis.bootstrap,
    "calibration": analysis.calibration, "confusion": analysis.confusion, "lrp": analysis.lrp,
    "miss_rate": analysis.miss_rate, "per_image": analysis.per_image, "tide": analysis.tide,
    "ultralytics": analysis.ultralytics, "voc": analysis.voc, "why": lambda it: analysis.why(it, "map"),
    "slices": lambda it: analysis.slices(it, {}), "crowdpose": lambda it: analysis.crowdpose(it, []),
    "images_needed": analysis.images_needed,
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("value", [5, pymetrics.Accumulator()], ids=["number", "Accumulator"])
def test_what_is_no_result(call, value):
    with pytest.raises(TypeError, match=f"^result must be a Result.*, got {type(value).__name__}"):
        call(value)


def test_what_are_no_results():
    for call in (analysis.suspects, pymetrics.compare):
        with pytest.raises(TypeError, match="results"):
            call(5)
        with pytest.raises(TypeError, match=r"^results\['a'\] must be a Result, got int"):
            call({"a": 5, "b": 6})
