"""MeanAveragePrecision and Accumulator over real gloo processes: one packed exchange, whatever each of them holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.map_scenes import differences
from helpers.ranks import launch

TWO_COLLECTIVES = ["all_gather", "all_gather"]


@pytest.fixture(scope="module")
def theirs(need: Callable[[str], Any]) -> Any:
    """torchmetrics' metric."""
    need("torchmetrics"), need("torchvision"), need("pycocotools")
    from torchmetrics.detection import MeanAveragePrecision

    return MeanAveragePrecision


def expected(kind: Any, batch: Any, **arguments: Any) -> dict[str, Any]:
    metric = kind(**arguments)
    metric.update(*batch)
    values: dict[str, Any] = metric.compute()
    return values


@pytest.mark.slow
@pytest.mark.parametrize("n_ranks", [2, 3, 4])
def test_ranks(theirs: Any, n_ranks: int, tmp_path: Path) -> None:
    """Every rank gives what torchmetrics gives in one process that has all images, in the order of the ranks."""
    import rank_scenes as scenes

    from pymetrics.detection import MeanAveragePrecision as Ours

    found = launch("rank_scenes", "scenes", n_ranks, tmp_path)
    for rank, values in enumerate(found):
        for scene in ("even", "uneven", "one empty", "all empty", "mixed"):
            batch = scenes.interleaved(scenes.shards(scene, n_ranks))
            of_one_process = expected(theirs, batch, **scenes.ARGUMENTS)
            assert differences(values[scene][0], of_one_process) == [], scene
            assert values[scene][1] == TWO_COLLECTIVES
            metric = Ours()
            metric.update(*batch)
            assert differences(values[f"{scene} states"], scenes.states(metric)) == [], scene
        shards = scenes.shards("uneven", n_ranks)
        whole = expected(Ours, scenes.interleaved(shards))
        own = shards[rank]
        assert differences(values["rank 0"][0], {} if rank else whole) == []
        assert differences(values["async"][1], {} if rank else whole) == []
        assert values["rank 0"][1] == values["async"][0] == TWO_COLLECTIVES
        assert differences(values["alone"][0], expected(Ours, own)) == []
        assert values["alone"][1] == []
        twice = tuple([sample for sample in side for _ in range(2)] for side in own)
        (found_twice, calls), n_calls = values["own function"]
        assert differences(found_twice, expected(Ours, twice)) == []
        assert calls == []
        assert n_calls == 7 * len(own[0])
        assert differences(values["step"], whole) == []
        assert differences(values["selected"][0], whole["map_50"]) == []
        assert values["selected"][1] == TWO_COLLECTIVES
        batch = scenes.interleaved(scenes.shards("one empty", n_ranks))
        overlap = expected(scenes.GeneralizedIntersectionOverUnion, batch, class_metrics=True)
        assert differences(values["giou"][0], overlap) == []
        assert values["giou"][1] == TWO_COLLECTIVES
        batch = scenes.interleaved(scenes.masked("one empty", n_ranks))
        of_one_process = expected(theirs, batch, iou_type=("segm", "bbox"), **scenes.ARGUMENTS)
        assert differences(values["masks"][0], of_one_process) == []
        assert values["masks"][1] == TWO_COLLECTIVES
        panoptic = scenes.PanopticQuality(things={1, 4}, stuffs={0, 3}, allow_unknown_preds_category=True)
        for other in range(n_ranks):
            for i in range(other + 1):
                panoptic.update(*scenes.panoptic_scene(10 * other + i))
        assert differences(values["panoptic"][0], panoptic.compute()) == []
        assert values["panoptic"][1] == TWO_COLLECTIVES
        members = shards[:2] if rank < 2 else shards[2:]
        assert differences(values["group"], expected(Ours, scenes.interleaved(members))) == []
        equal, calls, n_images, error = values["accumulated"]
        assert equal
        assert calls == TWO_COLLECTIVES
        assert n_images == 3
        assert "image" in error


@pytest.mark.slow
def test_even_ranks_beside_torchmetrics(theirs: Any, tmp_path: Path) -> None:
    """In one run: values and gathered states, bit for bit."""
    for values, states, ours, our_states in launch("rank_scenes", "theirs", 2, tmp_path):
        assert differences(ours, values) == []
        assert differences(our_states, states) == []


@pytest.mark.slow
@pytest.mark.parametrize("n_ranks", [2, 3, 4])
def test_a_rank_that_is_killed(theirs: Any, n_ranks: int, tmp_path: Path) -> None:
    for values in launch("rank_scenes", "killed", n_ranks, tmp_path, lost=(n_ranks - 1,))[:-1]:
        text, seconds, kept = values
        assert text
        assert seconds < 15
        assert kept


@pytest.mark.slow
def test_a_rank_that_does_not_come(theirs: Any, tmp_path: Path) -> None:
    """The others get an error after the group's time-out, 5 s here."""
    ((text, seconds, kept), _) = launch("rank_scenes", "stuck", 2, tmp_path, lost=(1,))
    assert text
    assert 4 < seconds < 13
    assert kept


def test_packed_states(need: Callable[[str], Any]) -> None:
    """Any dtype and shape, tensors that share storage or are not contiguous, odd empty ones."""
    torch = need("torch")
    need("torchmetrics")
    from pymetrics.detection.gather import DTYPES, _packed, _unpacked

    whole = torch.arange(24.0).reshape(6, 4)
    states = {
        "boxes": [whole[:2], whole[:, 1:2].T, torch.empty(1, 0), torch.empty(0, 3, 7)],
        "kinds": [torch.tensor([1, 0, 1]).to(dtype) for dtype in DTYPES],
        "bools": [torch.ones(3, dtype=torch.bool)],
        "none": [],
        "halves": [torch.ones(1).half(), torch.zeros(0, 2).half()],
        "doubles": [torch.ones(2).double()],
    }
    payload = _packed(states, torch.device("cpu"))
    assert payload.dtype == torch.uint8
    assert differences(_unpacked(payload, list(states)), states) == []
    odd = _unpacked(_packed({"odd": [torch.empty(0, dtype=torch.complex64)]}, "cpu"), ["odd"])["odd"][0]
    assert odd.shape == (0,)
