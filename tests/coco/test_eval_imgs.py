"""The dicts of evalImgs: those that the C++ part makes are those of the Python loops, key by key and bit by bit."""

import copy
import gc

import numpy as np
import pytest
from helpers.coco_scenes import entry_differences, make_scene, plain_scene, run

from pymetrics import _config
from pymetrics.coco import COCO, COCOeval, eval_imgs

native = _config.native
pytestmark = pytest.mark.skipif(native is None, reason="the C++ part is not there")


@pytest.fixture
def both(monkeypatch):
    """The entries of an evaluation by the C++ part and by the Python loops."""

    def entries(evaluation):
        found = []
        for backend in ("native", "reference"):
            monkeypatch.setenv("PYMETRICS_BACKEND", backend)
            found.append(evaluation._entries())
        return found

    return entries


@pytest.mark.cases(100)
@pytest.mark.parametrize("seed", range(300))
def test_as_the_loops(seed, both):
    ours, loops = both(run(COCO, COCOeval, make_scene(seed)))
    assert entry_differences(loops, ours) == []


def test_more_than_64_pairs_of_range_and_threshold(both):
    evaluation = run(COCO, COCOeval, plain_scene())
    evaluation.params.iouThrs = np.linspace(0.1, 0.9, 33)
    evaluation.evaluate()
    ours, loops = both(evaluation)
    assert entry_differences(loops, ours) == []
    assert any(entry is not None and entry["dtIgnore"][-1].any() for entry in ours[-12:])


def test_values_that_changed_since(both):
    """They stand there as they were evaluated; those that are no ints and floats, as the annotations have them."""
    evaluation = run(COCO, COCOeval, plain_scene())
    gts, dts = evaluation._rows
    gts[0]["id"], gts[1]["id"] = 7_777, np.int64(gts[1]["id"])
    dts[0]["score"], dts[1]["id"] = 0.123, "text"
    del dts[2]["id"]
    ours, loops = both(evaluation)
    assert entry_differences(loops, ours) == []
    values = [value for entry in ours if entry is not None for value in entry["gtIds"] + entry["dtScores"]]
    assert 7_777 not in values
    assert 0.123 not in values
    assert any(type(value) is np.int64 for value in values)


def test_collections_do_not_walk_through_entries():
    evaluation = run(COCO, COCOeval, plain_scene())
    entries = [entry for entry in evaluation.evalImgs if entry is not None]
    assert not any(gc.is_tracked(item) for entry in entries for item in (entry, entry["dtIds"], entry["dtScores"]))
    entries[0]["mine"] = []
    if hasattr(gc, "is_finalized") and gc.is_tracked({"a": []}) and not gc.is_tracked({"a": 1}):  # until Python 3.14
        assert gc.is_tracked(entries[0])
    assert copy.deepcopy(entries[1]).keys() == entries[1].keys()


@pytest.fixture
def arguments(monkeypatch):
    """What write_entries gets of an evaluation, by name."""
    evaluation, calls = run(COCO, COCOeval, plain_scene()), []
    own = native.write_entries
    monkeypatch.setattr(native, "write_entries", lambda *given: calls.append(given) or own(*given))
    evaluation._entries()
    names = [
        "images", "categories", "ranges", "limit", "dt_ids", "dt_scores", "gt_ids", "category", "image", "dt_offsets",
        "gt_offsets", "gt_rows", "gt_of", "ignored", "dt_numbers", "gt_numbers", "gt_area", "gt_ignore", "bounds",
    ]  # fmt: skip
    monkeypatch.undo()
    return dict(zip(names, calls[0], strict=True))


def changed(array, place, value):
    out = array.copy()
    out.reshape(-1)[place] = value
    return out


BAD = {
    "images": lambda value: value[:-1],
    "categories": lambda value: value[:-1],
    "ranges": lambda value: value[:-1],
    "dt_ids": lambda value: value[:-1],
    "dt_scores": lambda value: [*value, 0.5],
    "gt_ids": lambda value: value[:-1],
    "category": lambda value: changed(value, 0, -1),
    "image": lambda value: changed(value, 0, 1000),
    "dt_offsets": lambda value: changed(value, -1, value[-1] + 1),
    "gt_offsets": lambda value: changed(value, 1, value[-1]),
    "gt_rows": lambda value: changed(value, 0, -1),
    "gt_of": lambda value: changed(value, -1, 10_000),
    "ignored": lambda value: value[:-1],
    "dt_numbers": lambda value: value[:-1],
    "gt_numbers": lambda value: value[:-1],
    "gt_area": lambda value: value[:-1],
    "gt_ignore": lambda value: value[:-1],
    "bounds": lambda value: value[:, :1].copy(),
}


@pytest.mark.parametrize("name", BAD)
def test_what_would_be_unsafe_is_refused(name, arguments):
    native.write_entries(*arguments.values())
    with pytest.raises(ValueError, match=r"expected|not in \[|must not fall|must end"):
        native.write_entries(*(arguments | {name: BAD[name](arguments[name])}).values())


def test_matches_from_another_cell_are_refused(arguments):
    d, bit = np.argwhere(arguments["gt_of"] >= 0)[0]
    cell = np.searchsorted(arguments["dt_offsets"], d, "right") - 1
    others = np.delete(arguments["gt_rows"], slice(*arguments["gt_offsets"][cell : cell + 2]))
    gt_of = arguments["gt_of"].copy()
    gt_of[d, bit] = others[0]
    with pytest.raises(ValueError, match="another cell"):
        native.write_entries(*(arguments | {"gt_of": gt_of}).values())


def test_values_as_read():
    rows = [{"id": 1}, {"id": 2.5}, {"id": 3}]
    numbers, places = np.array([3.0, 1.0]), np.array([2, 0], np.int32)
    assert native.values_as_read(rows, places, "id", numbers) == [3, 1]
    assert repr(native.values_as_read(rows, None, "id", np.array([1, 2.5, 3]))) == "[1, 2.5, 3]"
    for bad in ([{"id": 4}], [{"id": True}], [{"id": 10**400}], [{}], [None], [], ({"id": np.float64(3)},)):
        assert native.values_as_read(bad, None, "id", np.array([3.0])) is None
    assert native.values_as_read(rows, places + 1, "id", numbers) is None
    with pytest.raises(ValueError, match="places: expected 0 or more"):
        native.values_as_read(rows, -places, "id", numbers)
    with pytest.raises(ValueError, match="places: expected length 2"):
        native.values_as_read(rows, places[:1], "id", numbers)
    assert eval_imgs._as_evaluated([{"id": 4}], None, "id", np.array([3.0])) == [3]
