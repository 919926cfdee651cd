"""analysis.time_model: what is counted, memory on the CPU, and CUDA by a stand-in whose events say given times."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.absent import need

from pymetrics.analysis import ModelTime, time_model

MODULE = sys.modules["pymetrics.analysis.time_model"]
QUICK = {"calls": 4, "seconds": 0.0}


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)


def given_times(monkeypatch: pytest.MonkeyPatch, *seconds: float) -> Callable[[Any], None]:
    """A function whose calls seem to take these times; the last one again and again."""
    clock = SimpleNamespace(now=0.0, left=list(seconds))
    monkeypatch.setattr(MODULE, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    def fn(inputs: Any) -> None:
        clock.now += clock.left.pop(0) if len(clock.left) > 1 else clock.left[0]

    return fn


def test_the_median_and_p90_of_the_calls_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    fn = given_times(monkeypatch, 100, 100, *(i / 1000 for i in range(1, 12)), 100)
    found = time_model(fn, [1, 2], warm_up=2, calls=11, seconds=0.001)
    assert (found.call_ms, found.call_p90_ms) == pytest.approx((6, 10))
    assert (found.latency_ms, found.p90_ms) == pytest.approx((3, 5))  # of an image
    assert (found.n_calls, found.batch_size, found.device) == (11, 2, "cpu")


def test_calls_go_on_until_both_limits_are_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    fn = given_times(monkeypatch, 0.5)
    assert time_model(fn, [1]).n_calls == 20
    assert time_model(fn, [1], calls=3).n_calls == 6
    assert time_model(fn, [1], calls=9).n_calls == 9
    assert time_model(given_times(monkeypatch, 0.001), [1], seconds=0.1).n_calls in (100, 101)


def test_a_clock_of_the_machine() -> None:
    found = time_model(lambda _: time.sleep(0.01), [None] * 5, **QUICK)
    assert 10 <= found.call_ms < 1000
    assert found.latency_ms == found.call_ms / 5
    assert found.p90_ms >= found.latency_ms


@pytest.fixture
def peaks() -> None:
    is_known = time_model(lambda _: None, [1], warm_up=0, **QUICK).peak_bytes is not None
    need(is_known, "peak_memory", "the system does not reset the peak of memory")


@pytest.mark.usefixtures("peaks")
@pytest.mark.parametrize("megabytes", [16, 64])
def test_memory_is_what_the_calls_need(megabytes: int) -> None:
    def fn(inputs: Any) -> float:
        return float(np.ones(megabytes << 17).sum())

    np.ones(1 << 25).sum()  # an earlier peak of 256 MiB does not count
    peak = time_model(fn, [1], **QUICK).peak_bytes
    assert peak is not None
    assert abs(peak / 2**20 - megabytes) < 8


@pytest.mark.usefixtures("peaks")
def test_memory_that_the_allocator_keeps_counts() -> None:
    peak = time_model(lambda _: [bytes(1000) for _ in range(20_000)], [1], **QUICK).peak_bytes
    assert peak is not None
    assert 16 < peak / 2**20 < 32


@pytest.mark.parametrize("status", ["VmRSS:\t 100 kB\nVmHWM:\t 9000 kB\n", "VmRSS:\t 100 kB\n", None])
def test_memory_is_none_where_the_reset_is_refused(status: str | None, tmp_path: Any, monkeypatch: Any) -> None:
    """The peak stays where it was; there is none; the file cannot be written."""
    (tmp_path / "status").write_text(status or "")
    monkeypatch.setattr(MODULE, "STATUS", str(tmp_path / "status"))
    monkeypatch.setattr(MODULE, "CLEAR_REFS", str(tmp_path / ("clear" if status else "no folder/clear")))
    assert time_model(lambda _: None, [1], **QUICK).peak_bytes is None


def test_the_batch_is_read_from_the_input() -> None:
    def size(inputs: Any, **arguments: Any) -> int:
        return time_model(lambda _: None, inputs, **QUICK, **arguments).batch_size

    assert size([0, 0, 0]) == 3
    assert size((0,)) == 1
    assert size(np.zeros((4, 3, 8, 8))) == 4
    assert size({"pixel_values": 0}, batch_size=2) == 2
    for inputs in (np.zeros((3, 8, 8)), {"pixel_values": 0}, [], "image"):
        with pytest.raises(ValueError, match=r"batch_size must be given: .* does not say how many images it holds"):
            size(inputs)


def test_without_torch(without_torch: None) -> None:
    found = time_model(lambda _: None, [1], **QUICK)
    assert (found.threads, found.parameters, found.device) == (None, None, "cpu")
    assert time_model(lambda _: None, np.zeros((1, 1, 1, 1)), **QUICK).device == "cpu"  # numpy's arrays have a device
    with pytest.raises(ValueError, match="device is 'cuda', but torch sees no CUDA device"):
        time_model(lambda _: None, [1], device="cuda")


def test_a_module_of_torch(need: Any) -> None:
    torch = need("torch")
    model = torch.nn.Linear(3, 5)
    seen = []
    model.register_forward_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    with pytest.raises(ValueError, match=r"the model is in training mode: call its eval\(\) first"):
        time_model(model, [torch.zeros(3)])
    model.eval()

    def fn(images: Any) -> Any:
        return model(torch.stack(images))

    images = [torch.zeros(3)] * 2
    for found in (
        time_model(model.forward, torch.zeros(2, 1, 1, 3), **QUICK),
        time_model(fn, images, model=model, device="cpu", **QUICK),
        time_model(model, torch.zeros(2, 1, 1, 3), **QUICK),
    ):
        assert (found.parameters, found.batch_size, found.threads) == (20, 2, torch.get_num_threads())
    assert time_model(fn, images, **QUICK).parameters is None
    assert seen == [False] * 7 * 3  # forward() alone calls no hook
    assert torch.is_grad_enabled()


def test_the_record(without_torch: None) -> None:
    found = ModelTime(12.5, 14.0, 25.0, 28.0, 2, 20, "cpu", 2, 41_400_000, 40 << 20)
    assert str(found) == "12.5 ms an image (p90 14.0), 2 a call, cpu, 2 threads, 41.4 M parameters, 40 MiB"
    assert json.loads(json.dumps(found.to_dict()))["peak_bytes"] == 40 << 20
    assert found.cost == {"latency_ms": 12.5, "parameters": 41_400_000, "peak_bytes": 40 << 20}
    least = ModelTime(1.0, 1.0, 1.0, 1.0, 1, 1, "cpu", None, None, None)
    assert least.cost == {"latency_ms": 1.0}
    assert str(least) == "1.0 ms an image (p90 1.0), 1 a call, cpu"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"fn": 5}, TypeError, "fn must be a function or a torch module, got int"),
        ({"calls": 0}, ValueError, "calls must be a whole number of at least 1, got 0"),
        ({"calls": 2.5}, ValueError, "calls must be a whole number of at least 1, got 2.5"),
        ({"warm_up": -1}, ValueError, "warm_up must be a whole number of at least 0, got -1"),
        ({"batch_size": 0}, ValueError, "batch_size must be a whole number of at least 1, got 0"),
        ({"batch_size": True}, ValueError, "batch_size must be a whole number of at least 1, got True"),
        ({"seconds": -1.0}, ValueError, "seconds must be a number of at least 0, got -1.0"),
        ({"seconds": float("nan")}, ValueError, "seconds must be a number of at least 0, got nan"),
        ({"device": "mps"}, ValueError, "device must be the CPU or a CUDA device, got 'mps'"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        time_model(**{"fn": lambda _: None, "inputs": [1], **arguments})


class Cuda:
    """In the place of torch.cuda: records what is asked; events lie 2, 4, 6, ... ms apart."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.n_events = 0
        self.entered: list[Any] = []

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 1

    def get_device_name(self, device: Any) -> str:
        return "stand-in"

    def device(self, device: Any) -> Any:
        self.entered.append(device)
        return nullcontext()

    def synchronize(self, device: Any) -> None:
        self.calls.append("synchronize")

    def reset_peak_memory_stats(self, device: Any) -> None:
        self.calls.append("reset")

    def max_memory_allocated(self, device: Any) -> int:
        self.calls.append("peak")
        return 12345

    def Event(self, enable_timing: bool) -> Any:
        assert enable_timing
        self.n_events += 1
        mine = self.n_events
        return SimpleNamespace(
            record=lambda: self.calls.append("record"),
            synchronize=lambda: self.calls.append("wait"),
            elapsed_time=lambda end: float(mine + 1),
        )


def test_a_stand_in_for_cuda(need: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = need("torch")
    cuda = Cuda()
    monkeypatch.setattr(torch, "cuda", cuda)

    def fn(inputs: Any) -> None:
        cuda.calls.append("call")

    found = time_model(fn, [1], device="cuda", warm_up=2, calls=3, seconds=0.012)
    assert cuda.calls == [
        "call", "call", "synchronize", "reset", *["record", "call", "record", "wait"] * 3, "peak",
    ]  # fmt: skip
    assert (found.call_ms, found.n_calls, found.peak_bytes) == (4, 3, 12345)  # 2, 4, 6 ms
    assert found.device == "cuda:1 stand-in"
    assert cuda.entered == [torch.device("cuda", 1)]


def test_the_device_of_the_model_or_of_the_input(need: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = need("torch")
    monkeypatch.setattr(torch, "cuda", Cuda())
    on_gpu = SimpleNamespace(device=torch.device("cuda:3"), numel=lambda: 7)
    on_cpu = SimpleNamespace(device=torch.device("cpu"), numel=lambda: 5)

    def found(inputs: Any, *parameters: Any) -> ModelTime:
        model = SimpleNamespace(parameters=lambda: iter(parameters), training=False)
        return time_model(lambda _: None, inputs, model=model, **QUICK)

    assert found([on_cpu], on_gpu, on_gpu).device == "cuda:3 stand-in"
    assert found([on_cpu], on_gpu, on_gpu).parameters == 14
    assert found([on_gpu], on_cpu).device == "cpu"
    assert found([{"pixel_values": on_gpu}]).device == "cuda:3 stand-in"
    assert found(["text", 3]).device == "cpu"


@pytest.mark.gpu
def test_on_a_gpu(need: Any, lacking: Any) -> None:
    torch = need("torch")
    if not torch.cuda.is_available():
        lacking("cuda", "torch sees no CUDA device")
    model = torch.nn.Conv2d(3, 64, 3).cuda().eval()
    images = torch.rand(8, 3, 256, 256, device="cuda")
    found = time_model(model, images)
    assert found.device.startswith("cuda:0 ")
    assert found.call_ms > 0
    assert found.peak_bytes is not None
    assert found.peak_bytes >= images.numel() * 4 + 8 * 64 * 254 * 254 * 4
