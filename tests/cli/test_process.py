"""The command line as a process: exit codes, signals, pipes, terminals."""

import contextlib
import json
import os
import subprocess
import sys
import time

from helpers.absent import need
from helpers.processes import child


def command(*arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", "pymetrics", *arguments], capture_output=True, text=True, timeout=300, **settings
    )


def test_as_a_process(here):
    done = command("eval", "--gt", "gt.json", "--dt", "dt_sharp.json", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert "dt_sharp" in json.loads(done.stdout)["detectors"]
    assert " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = " in done.stderr
    assert command("eval", "--gt", "gt.json", "--dt", "nothing.json").returncode == 2
    (here / "bad.json").write_text("{")
    done = command("eval", "--gt", "gt.json", "--dt", "bad.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


def test_the_reader_goes_away(here):
    arguments = [sys.executable, "-m", "pymetrics", "eval", "--gt", "gt.json", "--dt", "dt_sharp.json", "--json", "-"]
    with child(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(300) == 141
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_ctrl_c_of_a_process(here, tmp_path):
    need(hasattr(os, "mkfifo"), "posix", "needs named pipes")
    import signal

    os.mkfifo(tmp_path / "dt.json")
    arguments = [sys.executable, "-m", "pymetrics", "eval", "--gt", "gt.json", "--dt", str(tmp_path / "dt.json")]
    with child(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        writer = None
        while writer is None and process.poll() is None:
            with contextlib.suppress(OSError):  # until the process reads
                writer = os.open(tmp_path / "dt.json", os.O_WRONLY | os.O_NONBLOCK)
            time.sleep(0.05)
        try:
            process.send_signal(signal.SIGINT)  # it waits for what we do not write
            _, err = process.communicate(timeout=60)
        finally:
            os.close(writer)
    assert process.returncode == 130
    assert err == "pymetrics: interrupted\n"


def test_names_that_the_terminal_has_no_letters_for(here, tmp_path):
    ground_truth = json.loads((here / "gt.json").read_text())
    ground_truth["categories"][0]["name"] = "猫"
    (tmp_path / "gt.json").write_text(json.dumps(ground_truth))
    arguments = ["eval", "--gt", str(tmp_path / "gt.json"), "--dt", "dt_sharp.json", "--per-class"]
    done = command(*arguments, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert "\\u732b" in done.stdout


def test_starts_without_the_heavy_libraries():
    code = (
        "import sys; from pymetrics.cli.command import make_parser\n"
        "make_parser(); print({'torch', 'numba', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
