"""The C++ matchers on one cell that takes seconds: a signal's handler runs at once, and memory stays small."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.absent import need_module
from helpers.long_cells import ARGUMENTS

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture
def native():
    return need_module("pymetrics._native")


class AlarmError(Exception):
    pass


@pytest.fixture
def alarm():
    """alarm(seconds): a handler raises AlarmError after so long; and the times when it did."""
    raised = []

    def handle(*_):
        raised.append(time.monotonic())
        raise AlarmError

    before = signal.signal(signal.SIGALRM, handle)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds), raised
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.cases(2)
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
@pytest.mark.parametrize(("n_cells", "n_threads"), [(1, 1), (1, 2), (2, 2), (3, 2)])
@pytest.mark.parametrize("kernel", ARGUMENTS)
def test_interrupts(native, alarm, kernel, n_cells, n_threads):
    after, raised = alarm
    arguments = ARGUMENTS[kernel](n_cells, 6000)
    after(0.4)
    set_at = time.monotonic()
    with pytest.raises(AlarmError):
        getattr(native, kernel)(*arguments, n_threads)
    now = time.monotonic()
    assert raised[0] - set_at < 1.4
    assert now - raised[0] < 1  # the other threads stop as well


CODE = """
import resource, sys
from helpers.long_cells import ARGUMENTS
from pymetrics import _native

kernel, n = sys.argv[1], 2500
arguments = ARGUMENTS[kernel](1, n)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
getattr(_native, kernel)(*arguments, 1)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / n**2)
"""


@pytest.mark.cases(1)
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units")
@pytest.mark.parametrize(("kernel", "most"), [("match_boxes", 8), ("match_cells", 0)])
@pytest.mark.usefixtures("native")
def test_bytes_for_each_pair(kernel, most):
    """match_boxes holds the overlaps of a cell, which are 8 bytes each; match_cells reads those that it is given."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    said = subprocess.check_output([sys.executable, "-c", CODE, kernel], env=environment, text=True)
    assert float(said) < most + 0.5
