"""The backends as a fixture."""

import numpy as np
import pytest
from cuda_emu import emulated
from helpers.absent import absent, need_module
from helpers.kernel_cases import runs_on

from pymetrics import kernels, set_num_threads
from pymetrics.kernels import cuda_backend

PARTS = {"reference": None, "numba": "numba", "native": "pymetrics._native"}


@pytest.fixture(scope="session", params=PARTS)
def backend(request):
    """The name of a backend that is there. An absent one is skipped, or fails where PYMETRICS_REQUIRE names it."""
    return _there(request.param)


EMULATED = [f"cuda_emu-{schedule}" for schedule in emulated.SCHEDULES]


@pytest.fixture(scope="session", params=[*PARTS, *EMULATED, pytest.param("cuda", marks=pytest.mark.gpu)])
def any_backend(request):
    """As `backend`; and the CUDA kernels on a GPU and in emulation, each schedule for itself; for single kernels."""
    name, _, schedule = request.param.partition("-")
    if name == "cuda":
        why_not = cuda_backend.why_not()
        if why_not:
            absent(name, f"no GPU: {why_not}")
        yield name
        return
    if not schedule:
        yield _there(name)
        return
    why_not = emulated.why_not()
    if why_not:
        absent(name, why_not)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CUDA_EMU_ORDER", schedule)
        yield name


def _there(name):
    if PARTS[name] is not None:
        need_module(PARTS[name])
    if name == "numba":
        _compile()
    return name


@pytest.fixture(autouse=True)
def _skip_kernels_without_cuda(request):
    """A kernel registered with cuda=False has no version for a GPU or its emulation."""
    named = getattr(getattr(request.node, "callspec", None), "params", {})
    if not runs_on(named.get("kernel"), named.get("any_backend", "")):
        pytest.skip(f"{named['kernel']} has no CUDA version")


@pytest.fixture
def on_backend(backend, monkeypatch):
    """Everything runs on this backend."""
    monkeypatch.setenv("PYMETRICS_BACKEND", backend)
    return backend


@pytest.fixture
def threads():
    """threads(n): n threads until the test is over."""
    yield set_num_threads
    set_num_threads(None)


def _compile() -> None:
    """So that no test is charged for it. A compilation that overflows must not warn in the midst of a test."""
    with np.errstate(all="ignore"):
        for kernel in kernels.KERNELS.values():
            _ = kernel.compiled
