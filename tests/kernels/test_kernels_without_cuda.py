"""A kernel that has no CUDA version is left out where CUDA kernels are compared, and nowhere else."""

import pytest
from helpers.kernel_cases import runs_on

from pymetrics.kernels import KERNELS


@pytest.fixture(scope="module", autouse=True)
def _mean_valid_has_none():
    """As if it had been registered with cuda=False."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KERNELS["mean_valid"], "has_cuda", False)
        yield


@pytest.mark.parametrize("kernel", ["box_iou", "mean_valid"])
@pytest.mark.parametrize("any_backend", ["reference", "cuda_emu", "cuda"])
def test_skipped_by_the_attribute(kernel, any_backend):
    assert (kernel, any_backend) in [
        ("mean_valid", "reference"),
        *(("box_iou", b) for b in ("reference", "cuda_emu", "cuda")),
    ]


@pytest.mark.parametrize("backend", ["native", "numba", "reference", "cuda", "cuda_emu-forward"])
def test_runs_on(backend):
    assert runs_on("box_iou", backend)
    assert runs_on("mean_valid", backend) == (not backend.startswith("cuda"))
