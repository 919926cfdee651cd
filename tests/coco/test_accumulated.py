"""eval["scores"] is computed when it is first read, and every way to read it gives the filled array."""

import contextlib
import copy
import io
import pickle

import numpy as np
import pytest

from pymetrics.coco import COCO, COCOeval
from pymetrics.coco.accumulated import Accumulated
from pymetrics.evaluation import stages

READS = {
    "[]": lambda e: e["scores"],
    "get": lambda e: e.get("scores"),
    "items": lambda e: dict(list(e.items()))["scores"],
    "values": lambda e: list(e.values())[list(e).index("scores")],
    "dict": lambda e: dict(e)["scores"],
    "unpacked": lambda e: {**e}["scores"],
    "copy": lambda e: e.copy()["scores"],
    "copy.copy": lambda e: copy.copy(e)["scores"],
    "deepcopy": lambda e: copy.deepcopy(e)["scores"],
    "pickle": lambda e: pickle.loads(pickle.dumps(e))["scores"],
    "|": lambda e: (e | {})["scores"],
    "r|": lambda e: ({} | e)["scores"],
    "pop": lambda e: e.pop("scores"),
    "setdefault": lambda e: e.setdefault("scores", 0),
    "popitem": lambda e: e.popitem()[1],
    "update of another": lambda e: _updated(e)["scores"],
    "keyword arguments": lambda e: (lambda **values: values)(**e)["scores"],
}


def _updated(values):
    other = {}
    other.update(values)
    return other


@pytest.fixture
def evaluated():
    images = [{"id": 1}, {"id": 2}]
    gt = COCO()
    gt.dataset = {
        "images": images, "categories": [{"id": 1}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0} for i in (1, 2)
        ],
    }  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        gt.createIndex()
        rows = [{"image_id": i, "category_id": 1, "bbox": [0, 0, 9, 8], "score": i / 4} for i in (1, 2)]
        found = COCOeval(gt, gt.loadRes(rows), "bbox")
        found.evaluate()
        found.accumulate()
    return found


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_every_way_to_read(evaluated, read):
    want = stages.accumulate(evaluated._outcomes)[2]
    got = read(evaluated.eval)
    assert got.shape == (10, 101, 1, 4, 3)
    assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("way", ["pickle", "copy", "deepcopy", "torch"])
def test_copies_are_plain_dicts(evaluated, way, need):
    if way == "torch":
        torch = need("torch")
        file = io.BytesIO()
        torch.save(evaluated.eval, file)
        file.seek(0)
        found = torch.load(file, weights_only=False)
    else:
        ways = {"pickle": lambda e: pickle.loads(pickle.dumps(e)), "copy": copy.copy, "deepcopy": copy.deepcopy}
        found = ways[way](evaluated.eval)
    assert type(found) is dict
    assert list(found) == list(evaluated.eval)
    assert isinstance(found["scores"], np.ndarray)


def test_nothing_is_computed_before_it_is_read(evaluated, monkeypatch):
    calls = []
    monkeypatch.setattr(stages, "accumulate", lambda *args, **kwargs: calls.append(args))
    with contextlib.redirect_stdout(io.StringIO()):
        evaluated.summarize()
    _ = evaluated.eval["precision"], evaluated.eval.get("recall"), list(evaluated.eval), "scores" in evaluated.eval
    assert not calls


def test_what_is_written_stays(evaluated):
    evaluated.eval["scores"] = 5
    assert evaluated.eval["scores"] == 5
    assert len(evaluated.eval) == 6
    del evaluated.eval["scores"]
    assert "scores" not in evaluated.eval
    assert evaluated.eval.get("scores", 7) == 7


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_reading_can_be_repeated(error):
    def interrupted():
        raise error

    evaluated = Accumulated({"precision": 1}, {"scores": interrupted})
    for _ in range(2):
        with pytest.raises(error):
            _ = evaluated["scores"]
    evaluated._later["scores"] = lambda: 7
    assert evaluated["scores"] == dict(evaluated)["scores"] == 7
