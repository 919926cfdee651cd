"""The decorator of kernels: names of outputs, and kernels that have no CUDA version."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from pymetrics.kernels import KERNELS, arrays, cuda_backend
from pymetrics.kernels.registry import kernel


def add_weighted(values, weight, total, begin, end):
    """total[i] += weight * values[i]; values, total: float64 (N,)."""
    for i in range(begin, end):
        total[i] += weight * values[i]


@pytest.fixture
def toy(monkeypatch):
    """A kernel without a CUDA version, which is registered until the test is over."""
    monkeypatch.setenv("PYMETRICS_BACKEND", "reference")
    monkeypatch.setattr(cuda_backend, "_warned", set())
    yield kernel(parallel=True, outputs=("total",), cuda=False)(add_weighted)
    del KERNELS["add_weighted"]


def test_a_kernel_knows_its_arguments(toy):
    assert KERNELS["add_weighted"] is toy
    assert toy.parameters == ("values", "weight", "total", "begin", "end")
    assert (toy.outputs, toy.parallel, toy.has_cuda) == (("total",), True, False)
    assert KERNELS["match_boxes"].has_cuda
    for each in KERNELS.values():
        assert [name for name in each.parameters if name in each.outputs] == list(each.outputs)


@pytest.mark.parametrize("outputs", [(), ("sum",), ("total", "values")])
def test_outputs_are_arguments_in_their_order(outputs):
    with pytest.raises(ValueError, match="add_weighted: outputs must name arguments in their order"):
        kernel(outputs=outputs)(add_weighted)
    assert "add_weighted" not in KERNELS


def test_without_a_cuda_version_the_host_computes_and_one_warning_says_so(toy, need):
    torch = need("torch")
    values, total = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), torch.full((3,), 10.0, dtype=torch.float64)
    with pytest.warns(
        RuntimeWarning, match="add_weighted has no CUDA version: its data are copied to the host"
    ) as seen:
        toy(values, 2.0, total, 1, 3)
    assert Path(seen[0].filename) == Path(__file__)
    assert total.tolist() == [10, 14, 16]  # the first row is in no unit: it stays as it was
    assert values.tolist() == [1, 2, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        toy(values, 2.0, total, 0, 1)
    assert total.tolist() == [12, 14, 16]


class Tensors:
    """Enough of torch for tables: a device whose copies are numpy arrays of their own."""

    class cuda:
        @staticmethod
        def current_stream(device):
            return "stream"

    @staticmethod
    def from_numpy(array):
        return Copied(array)


class Copied:
    class device:
        type = "cuda"

    def __init__(self, array):
        self.array = array

    def to(self, device):
        return Copied(self.array.copy())


def test_tables_on_a_device_are_kept_up_to_a_number(monkeypatch):
    monkeypatch.setattr(cuda_backend, "torch", lambda: Tensors)
    monkeypatch.setattr(cuda_backend, "_tables", {})
    monkeypatch.setattr(cuda_backend, "MAX_TABLES", 3)
    like, tables = Copied(np.empty(0)), [np.full(2, i) for i in range(5)]
    copies = [arrays.cached_on(table, like) for table in tables[:3]]
    assert [arrays.cached_on(table, like) for table in tables[:3]] == copies
    for table in tables[3:]:
        assert arrays.cached_on(table, like).array.tolist() == table.tolist()
    assert len(cuda_backend._tables) == 3
    assert arrays.cached_on(tables[2], like) is copies[2]
    assert arrays.cached_on(tables[0], like) is not copies[0]  # the oldest went first
