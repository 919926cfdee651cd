"""Fields of the protocol as keywords of evaluate and Accumulator, and the protocol's tables of words."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
import pytest

from pymetrics import Accumulator, Protocol, evaluate
from pymetrics.evaluation.protocol import as_protocol, tables


def scene() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    n = 60
    gt = np.concatenate(
        [rng.integers(low, high, (n, m)) for low, high, m in ((0, 6, 1), (0, 50, 2), (5, 120, 2), (1, 4, 1))],
        axis=1,
    ).astype(float)  # fmt: skip
    dt = np.insert(gt, 5, rng.permutation(n) / n, axis=1)
    dt[:, 1:5] += rng.integers(0, 6, (n, 4))
    return gt, dt


@pytest.mark.parametrize(
    ("keywords", "fields"),
    [
        ({"max_dets": (1, 10, 300)}, {"max_dets": (1, 10, 300)}),
        ({"max_dets": [2]}, {"max_dets": (2,)}),
        ({"iou_thresholds": [0.5]}, {"iou_thresholds": (0.5,)}),
        ({"iou_thresholds": np.array([0.3, 0.6])}, {"iou_thresholds": (0.3, 0.6)}),
        ({"recall_thresholds": np.linspace(0, 1, 11)}, {"recall_thresholds": tuple(np.linspace(0, 1, 11))}),
        (
            {"area_ranges": {"tiny": (0, 400), "rest": (400, 1e10)}},
            {"area_names": ("all", "tiny", "rest"), "area_ranges": ((0, 1e10), (0, 400), (400, 1e10))},
        ),
        (
            {"area_ranges": {"wide": (400, 1e10), "all": (0, 1e6)}, "max_dets": (5,)},
            {"area_names": ("wide", "all"), "area_ranges": ((400, 1e10), (0, 1e6)), "max_dets": (5,)},
        ),
    ],
)
def test_keywords_replace_the_protocols_fields(keywords: dict[str, Any], fields: dict[str, Any]) -> None:
    gt, dt = scene()
    wanted = evaluate(gt, dt, protocol=Protocol(**fields))
    found = evaluate(gt, dt, **keywords)
    assert found.protocol == wanted.protocol
    assert found.stats.tobytes() == wanted.stats.tobytes()
    accumulator = Accumulator(**keywords)
    accumulator.update(gt, dt)
    assert accumulator.compute().stats.tobytes() == wanted.stats.tobytes()


def test_keywords_beside_a_protocol() -> None:
    own = Protocol(iou_thresholds=(0.4,), area_ranges=((1, 2), (3, 4)), area_names=("all", "b"), use_cats=False)
    found = as_protocol(own, max_dets=(7,), area_ranges={"c": (5, 6)})
    assert (found.iou_thresholds, found.max_dets, found.use_cats) == ((0.4,), (7,), False)
    assert (found.area_names, found.area_ranges) == (("all", "c"), ((1, 2), (5, 6)))
    assert as_protocol("torchmetrics", max_dets=(1,)).iou_thresholds == as_protocol("torchmetrics").iou_thresholds
    assert as_protocol(own) is own


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"max_dets": ["1"]}, ValueError, "max_dets must hold numbers, got ['1']"),
        ({"max_dets": "15"}, ValueError, "max_dets must hold numbers, got '15'"),
        ({"max_dets": [b"1"]}, ValueError, "max_dets must hold numbers, got [b'1']"),
        ({"max_dets": 100}, ValueError, "max_dets must hold numbers, got 100"),
        ({"max_dets": (0,)}, ValueError, "max_dets[0] must be at least 1, got 0"),
        ({"iou_thresholds": ["0.5"]}, ValueError, "iou_thresholds must hold numbers, got ['0.5']"),
        ({"iou_thresholds": [1.5]}, ValueError, "iou_thresholds[0] must be in [0, 1], got 1.5"),
        ({"area_ranges": [(0, 5)]}, TypeError, "area_ranges must be a dict of (lowest, highest) by name, got [(0, 5)]"),
        (
            {"area_ranges": {"a": (5, 0)}},
            ValueError,
            "area_ranges['a'] must rise from lowest to highest, got (5.0, 0.0)",
        ),
        ({"area_ranges": {"a": 5}}, ValueError, "area_ranges[1] must hold numbers, got 5"),
    ],
)
def test_a_bad_keyword(keywords: dict[str, Any], error: type[Exception], words: str) -> None:
    gt, dt = scene()
    with pytest.raises(error, match=re.escape(words)):
        evaluate(gt, dt, **keywords)
    with pytest.raises(error, match=re.escape(words)):
        Accumulator(**keywords)


def test_both_families_of_names() -> None:
    result = evaluate(*scene())
    for ours, coco in (("map", "AP"), ("map_50", "AP50"), ("map_small", "APs"), ("mar_100", "AR100")):
        assert result[ours] == result[coco]
        assert coco in result
    assert list(result) == list(evaluate(*scene()).scalars(undefined="keep"))  # one family is listed
    with pytest.raises(KeyError, match=r"'AP60' is not one of map, map_50, .*mar_large, nor of AP, AP50, AP75, APs"):
        _ = result["AP60"]
    assert "AP60" not in result


def literal_words(protocol: Protocol) -> tuple[list[list[int]], list[list[int]]]:
    """Reached bits and area bits from bit strings as Python integers."""
    n_areas, n_thresholds = len(protocol.area_ranges), len(protocol.iou_thresholds)
    capped = [min(threshold, 1 - 1e-10) for threshold in protocol.iou_thresholds]
    strings = [0]
    for t in sorted(range(n_thresholds), key=capped.__getitem__):
        strings.append(strings[-1] | sum(1 << (a * n_thresholds + t) for a in range(n_areas)))
    areas = [((1 << n_thresholds) - 1) << (a * n_thresholds) for a in range(n_areas)]

    def split(values: list[int]) -> list[list[int]]:
        return [[value >> (64 * w) & (2**64 - 1) for w in range(protocol.n_words)] for value in values]

    return split(strings), split(areas)


@pytest.mark.parametrize("n_areas", [0, 1, 2, 4, 7, 50])
@pytest.mark.parametrize("n_thresholds", [1, 2, 10, 16, 63, 64, 65, 300])
def test_words(n_areas: int, n_thresholds: int) -> None:
    rng = np.random.default_rng(n_areas * 1000 + n_thresholds)
    thresholds = rng.integers(0, 50, n_thresholds) / 49  # many are equal
    protocol = Protocol(
        iou_thresholds=tuple(thresholds), area_ranges=((0, 1),) * n_areas,
        area_names=tuple(f"area {a}" for a in range(n_areas)), lenient=True,
    )  # fmt: skip
    reach, areas = literal_words(protocol)
    found = tables(protocol)
    for array, wanted, n in ((found.reached_bits, reach, n_thresholds + 1), (found.area_bits, areas, n_areas)):
        assert (array.dtype, array.shape) == (np.uint64, (n, protocol.n_words))
        assert array.flags.c_contiguous
        assert array.tolist() == wanted
    assert found.thresholds.tolist() == sorted(min(value, 1 - 1e-10) for value in thresholds)


def test_ten_thousand_thresholds_are_quick() -> None:
    """The words are 25 MB then; made of Python's integers they took 14 seconds."""
    thresholds = tuple(np.linspace(0, 1, 10_000))
    protocol = Protocol(iou_thresholds=thresholds, area_ranges=((0, 1e10),) * 2, area_names=("all", "b"))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        found = tables.__wrapped__(protocol)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1
    ones = np.bitwise_count(found.reached_bits).sum(axis=1) if hasattr(np, "bitwise_count") else None
    if ones is not None:
        assert ones.tolist() == [2 * level for level in range(10_001)]
