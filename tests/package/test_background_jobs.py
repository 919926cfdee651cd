"""The tests' children, where the tests run in the background of a shell, which ignores SIGINT."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from helpers.processes import child

CODE = "import time; print('ready', flush=True); time.sleep(60)"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child here")


@pytest.fixture
def _background():
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("_background")
def test_a_child_is_interrupted():
    with child([sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert said.endswith("KeyboardInterrupt\n")
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN  # the tests' own process is as it was


def test_a_child_that_takes_too_long_is_killed_and_its_pipes_are_closed():
    started = time.monotonic()
    command = [sys.executable, "-c", CODE]
    with (
        contextlib.suppress(subprocess.TimeoutExpired),
        child(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
    ):
        assert process.stdout.readline() == "ready\n"
        process.wait(timeout=0.1)
        pytest.fail("it ended by itself")
    assert time.monotonic() - started < 30
    assert process.returncode == -signal.SIGKILL
    assert process.stdout.closed
    assert process.stderr.closed
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
