"""What would be unsafe memory is refused by the argument's name, and nothing is written."""

import contextlib
import functools
import re

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.bad_arguments import BAD_VALUES, LOOSE
from helpers.kernel_cases import make_calls, output_names, parameters, poisoned

from pymetrics.kernels import KERNELS


@pytest.fixture
def native():
    return need_module("pymetrics._native")


@functools.cache
def first_good_call(kernel):
    for seed in range(1, 500):
        for args in make_calls(kernel, seed)[4:7]:
            if all(len(value) > 1 and value.size > 1 for value in args.values() if isinstance(value, np.ndarray)):
                return args
    raise AssertionError(f"no call of {kernel} has two rows of everything")


def good_call(kernel):
    """Arguments with two rows at least in every array, and outputs of their own."""
    return poisoned(kernel, first_good_call(kernel))


ARRAYS = [
    (kernel, name)
    for kernel in sorted(KERNELS)
    for name in parameters(kernel)
    if isinstance(first_good_call(kernel)[name], np.ndarray)
]


def call(native, kernel, args):
    getattr(native, kernel)(*(args[name] for name in parameters(kernel)), *((2,) if KERNELS[kernel].parallel else ()))


def refused(native, kernel, args, error, words):
    """The call raises, naming an argument, and leaves the outputs as they were."""
    before = {name: args[name].tobytes() for name in output_names(kernel)}
    with pytest.raises(error, match=words) as caught:
        call(native, kernel, args)
    assert {name: args[name].tobytes() for name in output_names(kernel)} == before
    named = re.match(r"([\w, ]+): ", str(caught.value))
    assert named, caught.value
    assert set(named[1].split(", ")) <= {*parameters(kernel), "n_threads"}, caught.value


def misaligned(array):
    buffer = np.zeros(array.nbytes + 1, np.uint8)
    out = buffer[1:].view(array.dtype).reshape(array.shape)
    out[...] = array
    return out


def strided(array):
    wide = np.zeros((*array.shape[:-1], array.shape[-1] * 2), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def unviewable(array, is_output):
    """(what cannot be viewed in place of an array, why)"""
    with np.errstate(all="ignore"):
        yield array.astype(np.float32 if array.dtype == np.float64 else np.float64), "expected .*, got float"
        yield array.astype(np.int8), "expected .*, got int8"
    yield array[None], f"expected {array.ndim} dimensions, got {array.ndim + 1}"
    yield strided(array), "expected a C-contiguous array"
    yield array[::-1], "expected a C-contiguous array"
    if array.itemsize > 1:
        yield array.astype(array.dtype.newbyteorder()), "expected .*, got [<>]"
        yield misaligned(array), "expected an aligned array"
    if array.ndim > 1 and min(array.shape) > 1:
        yield np.asfortranarray(array), "expected a C-contiguous array"
    if is_output:
        array = array.copy()
        array.flags.writeable = False
        yield array, "expected a writeable array"


@pytest.mark.cases(75)
@pytest.mark.parametrize(("kernel", "name"), ARRAYS)
def test_arrays_that_cannot_be_viewed(native, kernel, name):
    args = good_call(kernel)
    for value, why in unviewable(args[name], name in output_names(kernel)):
        refused(native, kernel, args | {name: value}, TypeError, f"^{name}: {why}")
    for value in (args[name].tolist(), memoryview(args[name]), None):
        with pytest.raises(TypeError, match=f"^{name}: expected a numpy array"):
            call(native, kernel, args | {name: value})


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_inputs_may_be_read_only(native, kernel, backend):
    for args in make_calls(kernel, 2):
        args = poisoned(kernel, args)
        for name, value in args.items():
            if isinstance(value, np.ndarray) and name not in output_names(kernel):
                args[name] = value.copy()
                args[name].flags.writeable = False
        getattr(KERNELS[kernel], backend)(*(args[name] for name in parameters(kernel)))


@pytest.mark.parametrize(("kernel", "name"), ARRAYS)
def test_one_row_too_few(native, kernel, name):
    args = good_call(kernel)
    args[name] = args[name][:-1].copy()
    if (kernel, name) in LOOSE:
        with contextlib.suppress(ValueError):
            call(native, kernel, args)
        return
    refused(native, kernel, args, ValueError, ": ")


@pytest.mark.parametrize(
    ("kernel", "apply", "words"), [(kernel, *bad) for kernel, several in BAD_VALUES.items() for bad in several]
)
def test_values_that_point_outside(native, kernel, apply, words):
    args = good_call(kernel)
    apply(args)
    refused(native, kernel, args, ValueError, f"^({words})")


def test_numbers_of_the_wrong_kind(native):
    args = good_call("box_iou")
    for name, value in (("kind", 1.5), ("kind", "iou"), ("begin", None), ("end", 2**70)):
        with pytest.raises((TypeError, OverflowError)):
            call(native, "box_iou", args | {name: value})
    with pytest.raises(ValueError, match="n_threads: expected at least 1, got 0"):
        native.box_iou(*(args[name] for name in parameters("box_iou")), 0)
    with pytest.raises(TypeError):
        native.box_iou()
