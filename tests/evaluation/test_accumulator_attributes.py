"""What a subclass of Accumulator adds to it survives copies and pickle."""

import copy
import pickle

import numpy as np
import pytest

from pymetrics import Accumulator

GT = np.array([[1, 10, 10, 50, 50, 3], [2, 5, 5, 20, 20, 4]])
DT = np.array([[1, 10, 10, 50, 40, 0.9, 3], [2, 5, 5, 20, 20, 0.8, 4]])


class Tagged(Accumulator):
    def __init__(self, tag):
        super().__init__(duplicates="first", max_dets=(1, 2))
        self.tag = tag


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda accumulator: pickle.loads(pickle.dumps(accumulator)),
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("make", [lambda: Tagged(["x"]), Accumulator], ids=["subclass", "plain"])
def test_attributes_survive(make, copied):
    accumulator = make()
    accumulator.note = {"epoch": 3}
    accumulator.update(GT, DT)
    other = copied(accumulator)
    assert type(other) is type(accumulator)
    assert (other.protocol, other.iou_type, other.duplicates) == (
        accumulator.protocol, accumulator.iou_type, accumulator.duplicates,
    )  # fmt: skip
    assert other.note == {"epoch": 3}
    assert getattr(other, "tag", None) == getattr(accumulator, "tag", None)
    assert other.compute().stats.tobytes() == accumulator.compute().stats.tobytes()
    other.reset()  # it is independent, and has a lock of its own
    assert (accumulator.n_images, other.n_images) == (2, 0)


def test_states_without_attributes_are_still_read():
    accumulator = Accumulator()
    accumulator.update(GT, DT)
    state = accumulator.__getstate__()
    del state["attributes"]
    other = Accumulator.__new__(Accumulator)
    other.__setstate__(state)
    assert other.to_bytes() == accumulator.to_bytes()
