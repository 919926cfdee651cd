"""How long a model takes for an image, and how much memory: what a comparison of models shows beside accuracy."""

from __future__ import annotations

import ctypes
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from .._records import value_record

CLEAR_REFS = "/proc/self/clear_refs"
STATUS = "/proc/self/status"
SLACK = 1 << 20  # bytes by which the kernel's two numbers for one state of memory differ


@value_record
class ModelTime:
    """What `time_model` measured.

    latency_ms, p90_ms: the median of the calls, and what nine of ten calls need at most; milliseconds for one image, so
    of a call divided by batch_size.
    call_ms, call_p90_ms: the same for one call.
    batch_size: images of a call. n_calls: how many calls were timed.
    device: "cpu", or "cuda:0" with the name of the GPU. threads: torch's threads; None where torch is not loaded.
    parameters: how many numbers the model has learned, None where no torch module is known.
    peak_bytes: memory of the first calls timed. On a GPU the most that torch had allocated, the model and its input
    included. On the CPU by how much the memory of the process grew, so without the model; None where the system does
    not say.
    """

    latency_ms: float
    p90_ms: float
    call_ms: float
    call_p90_ms: float
    batch_size: int
    n_calls: int
    device: str
    threads: int | None
    parameters: int | None
    peak_bytes: int | None

    @property
    def cost(self) -> dict[str, float]:
        """What a report shows beside accuracy: latency_ms, parameters, peak_bytes, as far as they are known."""
        values = {"latency_ms": self.latency_ms, "parameters": self.parameters, "peak_bytes": self.peak_bytes}
        return {key: value for key, value in values.items() if value}

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        return dict(vars(self))

    def __str__(self) -> str:
        text = f"{self.latency_ms:.1f} ms an image (p90 {self.p90_ms:.1f}), {self.batch_size} a call, {self.device}"
        text += "" if self.threads is None else f", {self.threads} threads"
        text += "" if self.parameters is None else f", {self.parameters / 1e6:.1f} M parameters"
        return text + ("" if self.peak_bytes is None else f", {self.peak_bytes / 2**20:.0f} MiB")


def time_model(
    fn: Callable[[Any], Any],
    inputs: Any,
    *,
    batch_size: int | None = None,
    model: Any = None,
    device: Any = None,
    warm_up: int = 3,
    calls: int = 20,
    seconds: float = 3.0,
) -> ModelTime:
    """Time the calls fn(inputs), and take their memory.

    First `warm_up` calls that do not count; then calls until there are `calls` of them and they have taken `seconds`.
    Where torch is loaded, they run under torch.no_grad(). On a GPU each call is timed between two CUDA events, and the
    next one begins when it has ended.

    Args:
        fn: a torch module in eval mode, or any function of one argument.
        inputs: what fn takes, with its tensors on the model's device.
        batch_size: images in `inputs`; by default the length of a list or tuple, or of the first axis of an array or
            tensor of four axes.
        model: the torch module whose parameters are counted, where fn is a function. Default: fn itself, or the module
            whose method fn is.
        device: where fn computes; by default where the model's parameters are, else the first tensor in `inputs`.

    Raises:
        TypeError: fn cannot be called.
        ValueError: the model is in training mode; batch_size must be given; a number is out of range; the device is
            neither the CPU nor a CUDA device.
    """
    if not callable(fn):
        raise TypeError(f"fn must be a function or a torch module, got {type(fn).__name__}")
    for name, number, least in (("warm_up", warm_up, 0), ("calls", calls, 1), ("batch_size", batch_size, 1)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < least):
            raise ValueError(f"{name} must be a whole number of at least {least}, got {number!r}")
    if not (isinstance(seconds, (int, float)) and math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"seconds must be a number of at least 0, got {seconds!r}")
    module = next((m for m in (model, fn, getattr(fn, "__self__", None)) if hasattr(m, "parameters")), None)
    if getattr(module, "training", False):
        raise ValueError("the model is in training mode: call its eval() first")
    images = _batch_size(inputs) if batch_size is None else batch_size
    torch = sys.modules.get("torch")
    cuda = _cuda_device(torch, module, inputs) if device is None else _named_device(torch, device)

    meter: _Cuda | _Cpu = _Cpu() if cuda is None else _Cuda(torch, cuda)
    without_gradients: AbstractContextManager[Any] = nullcontext() if torch is None else torch.no_grad()
    with without_gradients, meter.place():
        for _ in range(warm_up):
            fn(inputs)
        meter.begin()
        times = [meter.time(fn, inputs) for _ in range(calls)]
        peak_bytes = meter.peak_bytes()  # now: many quick calls make a long list
        total = sum(times)
        while total < 1000 * seconds:
            times.append(meter.time(fn, inputs))
            total += times[-1]
    median, p90 = np.quantile(times, (0.5, 0.9)).tolist()
    return ModelTime(
        median / images, p90 / images, median, p90, images, len(times), meter.name,
        None if torch is None else torch.get_num_threads(),
        None if module is None else sum(p.numel() for p in module.parameters()), peak_bytes,
    )  # fmt: skip


class _Cpu:
    """Calls on the CPU."""

    name = "cpu"
    _start: int | None = None

    def place(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def begin(self) -> None:
        """From here on the system's peak counts. Memory that the allocator only keeps goes back to the system first."""
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
        if trim is not None:
            trim(0)
        try:
            with open(CLEAR_REFS, "w") as file:
                file.write("5")  # the peak is the present state
            memory = _memory()
        except (OSError, KeyError):
            return
        if memory["VmHWM"] <= memory["VmRSS"] + SLACK:  # some systems take the 5 and do nothing
            self._start = memory["VmRSS"]

    def time(self, fn: Callable[[Any], Any], inputs: Any) -> float:
        start = time.perf_counter()
        fn(inputs)
        return 1000 * (time.perf_counter() - start)

    def peak_bytes(self) -> int | None:
        return None if self._start is None else max(0, _memory()["VmHWM"] - self._start)


class _Cuda:
    """Calls on a CUDA device: between two events of its stream."""

    def __init__(self, torch: Any, device: Any) -> None:
        self.cuda, self.device = torch.cuda, device
        self.name = f"{device} {torch.cuda.get_device_name(device)}"

    def place(self) -> AbstractContextManager[Any]:
        place: AbstractContextManager[Any] = self.cuda.device(self.device)
        return place

    def begin(self) -> None:
        self.cuda.synchronize(self.device)
        self.cuda.reset_peak_memory_stats(self.device)

    def time(self, fn: Callable[[Any], Any], inputs: Any) -> float:
        start, end = (self.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        fn(inputs)
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end))

    def peak_bytes(self) -> int:
        return int(self.cuda.max_memory_allocated(self.device))


def _memory() -> dict[str, int]:
    """The present and the highest memory of this process, VmRSS and VmHWM, in bytes."""
    with open(STATUS) as file:
        rows = dict(line.split(":", 1) for line in file)
    return {key: 1024 * int(rows[key].split()[0]) for key in ("VmRSS", "VmHWM")}


def _batch_size(inputs: Any) -> int:
    shape: Any = getattr(inputs, "shape", ())
    size = len(inputs) if isinstance(inputs, (list, tuple)) else shape[0] if len(shape) == 4 else 0
    if size < 1:
        raise ValueError(f"batch_size must be given: {type(inputs).__name__} does not say how many images it holds")
    return int(size)


def _tensors(inputs: Any) -> Iterator[Any]:
    """What has a device, in lists, tuples and mappings."""
    if isinstance(inputs, (list, tuple)) or (isinstance(inputs, Mapping) and not hasattr(inputs, "device")):
        for part in inputs.values() if isinstance(inputs, Mapping) else inputs:
            yield from _tensors(part)
    elif hasattr(inputs, "device"):
        yield inputs


def _cuda_device(torch: Any, module: Any, inputs: Any) -> Any:
    """Where the model is, or else the first tensor of its input; None for the CPU."""
    first = next(iter(module.parameters()), None) if module is not None else None
    if first is None:
        first = next(_tensors(inputs), None)
    of = None if torch is None or first is None else first.device
    return _named_device(torch, of) if torch is not None and isinstance(of, torch.device) else None


def _named_device(torch: Any, device: Any) -> Any:
    """A CUDA device with its number; None for the CPU."""
    kind, _, number = str(device).partition(":")
    if kind == "cpu":
        return None
    if kind != "cuda":
        raise ValueError(f"device must be the CPU or a CUDA device, got {str(device)!r}")
    if torch is None or not torch.cuda.is_available():
        raise ValueError(f"device is {str(device)!r}, but torch sees no CUDA device")
    return torch.device("cuda", int(number) if number else torch.cuda.current_device())
