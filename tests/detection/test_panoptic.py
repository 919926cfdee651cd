"""PanopticQuality and ModifiedPanopticQuality give what torchmetrics' give: counts, values, texts."""

from __future__ import annotations

import copy
import itertools
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers.map_scenes import complaint, differences
from helpers.panoptic_scenes import panoptic_scene

CATEGORIES: dict[str, Any] = {"things": {1, 4}, "stuffs": {0, 3}}
KINDS = ("PanopticQuality", "ModifiedPanopticQuality")


@pytest.fixture(scope="module")
def both(need: Callable[[str], Any]) -> Any:
    """both(kind, **arguments): our metric and torchmetrics'."""
    need("torchmetrics")
    import torchmetrics.detection as theirs

    import pymetrics.detection as ours

    def build(kind: str = KINDS[0], **arguments: Any) -> tuple[Any, Any]:
        arguments = {**CATEGORIES, "allow_unknown_preds_category": True, **arguments}
        return getattr(ours, kind)(**arguments), getattr(theirs, kind)(**arguments)

    return build


def states(metric: Any) -> dict[str, Any]:
    return {name: getattr(metric, name).clone() for name in metric._defaults}


@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_torchmetrics(both: Any, backend: str, kind: str) -> None:
    for seed in range(40):
        ours, theirs = both(kind)
        for i in range(2):
            data = panoptic_scene(100 * seed + i, n_images=1 + seed % 3)
            assert differences(ours(*data), theirs(*data)) == [], seed
        assert differences(states(ours), states(theirs)) == [], seed
        assert differences(ours.compute(), theirs.compute()) == [], seed


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64", "float16"])
def test_kinds_of_tensors(both: Any, dtype: str) -> None:
    import torch

    for kind, seed in itertools.product(KINDS, range(5)):
        ours, theirs = both(kind)
        preds, target = panoptic_scene(seed, dtype=dtype)
        if preds.is_floating_point():  # instances and categories need not be whole
            preds, target = preds - 0.5 * (preds == 2), target + 0.25 * (target == 3)
            preds[0, 0, 0], target[0, 0, 1] = torch.tensor([-1.5, -0.0]), torch.tensor([1.0, -0.0])
        for metric in (ours, theirs):
            metric.update(preds, target)
        assert differences(states(ours), states(theirs)) == [], (kind, seed)


@pytest.mark.parametrize("shape", [(2, 600, 2), (1, 4, 10, 15, 2), (3, 1, 1, 2), (40, 30, 1, 2)])
def test_any_number_of_axes(both: Any, shape: tuple[int, ...]) -> None:
    preds, target = (image.flatten()[: int(np.prod(shape))].reshape(shape) for image in panoptic_scene(3, n_images=2))
    ours, theirs = both()
    assert differences(ours(preds, target), theirs(preds, target)) == []


@pytest.mark.parametrize("parts", [True, False])
@pytest.mark.parametrize("per_class", [True, False])
def test_what_is_returned(both: Any, parts: bool, per_class: bool) -> None:
    """Classes in torchmetrics' order; those that were not seen are 0 and leave the mean."""
    import torchmetrics.functional.detection as theirs_functional

    import pymetrics.functional.detection as functional

    arguments = {"things": [9, 4, 1], "stuffs": [8, 3, 0], "return_sq_and_rq": parts, "return_per_class": per_class}
    ours, theirs = both(**arguments)
    assert (ours.things, ours.stuffs, ours.void_color) == (theirs.things, theirs.stuffs, theirs.void_color)
    assert ours.cat_id_to_continuous_id == theirs.cat_id_to_continuous_id
    data = panoptic_scene(5)
    for metric in (ours, theirs):
        metric.update(*data)
    assert differences(ours.compute(), theirs.compute()) == []
    values = [
        module.panoptic_quality(*data, allow_unknown_preds_category=True, **arguments)
        for module in (functional, theirs_functional)
    ]
    assert differences(*values) == []
    assert differences(values[0], ours.compute()) == []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the mean of nothing, and of a compute before any update
        empty = [metric.compute() for metric in both(**arguments)]
    assert differences(*empty) == []


def test_functional_modified(both: Any) -> None:
    import torchmetrics.functional.detection as theirs_functional

    import pymetrics.functional.detection as functional

    values = [
        module.modified_panoptic_quality(*panoptic_scene(6), **CATEGORIES, allow_unknown_preds_category=True)
        for module in (functional, theirs_functional)
    ]
    assert differences(*values) == []


def test_many_segments(both: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The room for pairs grows; large ids do not matter."""
    import torch

    from pymetrics.detection import segments

    ours, theirs = both()
    preds, target = panoptic_scene(8)
    preds[..., 1] *= 2**40
    whole, _ = both()
    whole.update(preds, target)
    monkeypatch.setattr(segments, "ROOM", 2)
    for metric in (ours, theirs):
        metric.update(preds, target)
    assert differences(states(ours), states(theirs)) == []
    assert differences(states(ours), states(whole)) == []
    generator = torch.Generator().manual_seed(0)
    strewn = torch.randint(0, 50, (1, 60, 60, 2), generator=generator)
    values = [metric(strewn, strewn.roll(1, 1)) for metric in both(things=range(50), stuffs=[])]
    assert differences(*values) == []


@pytest.mark.parametrize("kind", KINDS)
def test_arguments_that_are_refused(both: Any, kind: str) -> None:
    classes = [type(metric) for metric in both(kind)]
    for arguments in (
        {"things": {1, 2}, "stuffs": {2, 3}},
        {"things": {1, "2"}, "stuffs": {3}},
        {"things": [1], "stuffs": [1.5]},
        {"things": [], "stuffs": []},
        {"foo": 1},
    ):
        texts = [complaint(lambda c=c, more=arguments: c(**{**CATEGORIES, **more})) for c in classes]
        assert texts[0] == texts[1]
        assert texts[0][1]
    warned = []
    for of in classes:
        with pytest.warns(UserWarning, match="contained duplicates") as caught:
            of(things=[1, 1], stuffs=[2, 2])
        warned.append([str(warning.message) for warning in caught])
    assert warned[0] == warned[1]


def test_batches_that_are_refused(both: Any) -> None:
    import torch

    sound = torch.zeros(2, 4, 4, 2).long()
    unknown = sound.clone()
    unknown[1, 2, 3] = torch.tensor([7, 5])
    cases: dict[str, Any] = {
        "no tensor": ([1], sound), "no target": (sound, None), "shapes": (sound, sound[:, :3]),
        "two axes": (sound[0, 0], sound[0, 0]), "three channels": (torch.zeros(1, 4, 3), torch.zeros(1, 4, 3)),
        "unknown": (unknown, sound), "unknown floats": (unknown.float(), sound.float()),
    }  # fmt: skip
    for kind, (name, data) in itertools.product(KINDS, cases.items()):
        ours, theirs = both(kind, allow_unknown_preds_category=False)
        before = states(ours)
        texts = [complaint(lambda m=m, data=data: m.update(*data)) for m in (ours, theirs)]
        assert texts[0] == texts[1], name
        assert texts[0][1], name
        assert differences(states(ours), before) == []
        ours.update(sound, unknown)


def test_life(both: Any) -> None:
    """Copies, merging, a collection, scripts."""
    import torch
    from torchmetrics import MetricCollection

    data = [panoptic_scene(seed) for seed in range(4)]
    whole, parts = both()[0], [both()[0] for _ in range(2)]
    for i, batch in enumerate(data):
        whole.update(*batch)
        parts[i // 2].update(*batch)
    for copied in (copy.deepcopy(whole), pickle.loads(pickle.dumps(whole)), whole.clone()):
        assert differences(copied.compute(), whole.compute()) == []
        copied.update(*data[0])
    parts[0].merge_state(parts[1])
    assert differences(states(parts[0]), states(whole)) == []
    collection = MetricCollection({"a": both()[0], "b": both(return_per_class=True)[0]})
    for batch in data:
        collection.update(*batch)
    found = collection.compute()
    assert found["a"] == whole.compute()
    assert found["b"].shape == (1, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated
        torch.jit.script(both()[0])
    whole.reset()
    assert not whole.true_positives.any()


def test_plot(both: Any, need: Callable[[str], Any]) -> None:
    need("matplotlib")
    for metric in (both()[0], both(KINDS[1])[0]):
        metric.update(*panoptic_scene(1))
        metric.plot()
