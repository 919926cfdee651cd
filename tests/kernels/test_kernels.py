"""Every kernel on every backend: the bytes of the interpreted specification."""

import functools

import numpy as np
import pytest
from helpers.kernel_cases import CALLS, call, make_calls, output_names, parameters, run

from pymetrics.kernels import KERNELS

SEEDS = [range(3), pytest.param(range(3, 24), marks=pytest.mark.slow)]
PARALLEL = sorted(name for name, kernel in KERNELS.items() if kernel.parallel)


@functools.cache
def specified(kernel: str, seed: int) -> list:
    """(arguments, bytes of the outputs) of the calls of a seed."""
    return [(args, run(kernel, "reference", args)) for args in make_calls(kernel, seed)]


def describe(kernel: str, args: dict, want: dict, got: dict) -> str:
    wrong = [name for name in want if want[name] != got[name]]
    shapes = {name: np.shape(value) or value for name, value in args.items()}
    return f"{kernel}: {wrong} differ for arguments of shapes {shapes}"


def test_every_kernel_has_cases():
    assert set(CALLS) == set(KERNELS)
    for name in KERNELS:
        args = make_calls(name, 0)[-1]
        assert sorted(args) == sorted(parameters(name))


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_bytes(kernel, any_backend, seeds):
    if any_backend == "reference":
        pytest.skip("test_outputs_do_not_depend_on_what_was_in_them runs it")
    for seed in seeds:
        for args, want in specified(kernel, seed):
            got = run(kernel, any_backend, args)
            assert got == want, f"seed {seed}. {describe(kernel, args, want, got)}"


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_outputs_do_not_depend_on_what_was_in_them(kernel):
    """The specification writes a byte whatever it was, or leaves it alone."""
    for seed in (1, 2, 3):
        for args, want in specified(kernel, seed):
            again = run(kernel, "reference", args, byte=0x5A)
            for output in output_names(kernel):
                first, second = (np.frombuffer(x[output], np.uint8) for x in (want, again))
                untouched = (first == 0xA5) & (second == 0x5A)
                assert np.all((first == second) | untouched), output


@pytest.mark.parametrize("kernel", PARALLEL)
def test_threads_change_nothing(kernel, backend, threads):
    if backend == "reference":
        pytest.skip("the reference knows no threads")
    for seed in (0, 2, 3, 4):
        for args, want in specified(kernel, seed):
            for n in range(1, 5):
                threads(n)
                got = run(kernel, backend, args)
                assert got == want, f"{n} threads. {describe(kernel, args, want, got)}"


@pytest.mark.parametrize("kernel", PARALLEL)
def test_ranges_of_units(kernel, any_backend):
    """Each range of units writes its own part of the outputs, and nothing else."""
    for args, want in specified(kernel, 5):
        whole = args | {name: args[name].copy() for name in output_names(kernel)}
        for name in output_names(kernel):
            whole[name].view(np.uint8).fill(0xA5) if whole[name].size else None
        cut = args["end"] // 3
        for begin, end in ((cut, args["end"]), (0, cut), (cut, cut)):
            part = whole | {"begin": begin, "end": end}
            call(kernel, any_backend, part)
        got = {name: whole[name].tobytes() for name in output_names(kernel)}
        assert got == want, describe(kernel, args, want, got)


def test_means_of_all_lengths_are_those_of_numpy(any_backend):
    """Lengths around which numpy's halves get one more half."""
    rng = np.random.default_rng(0)
    for n in (*range(1, 20), *range(120, 140), *range(252, 268), *range(500, 530), *range(1008, 1028), 4093, 30_001):
        values, means = rng.random((n, 1)) * 10.0 ** rng.integers(-9, 9, (n, 1)), np.empty(1)
        first, last = np.zeros(1, np.int64), np.full(1, n)
        args = {"values": values, "columns": first, "first_rows": first, "last_rows": last, "means": means}
        call("mean_valid", any_backend, args | {"begin": 0, "end": 1})
        assert means[0] == values[:, 0].mean(), n
