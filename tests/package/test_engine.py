"""The engine within a process: forks, threads, Ctrl-C, memory, and where Numba keeps its code."""

import hashlib
import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers.processes import child as child_process

import pymetrics
from pymetrics import _config, kernels
from pymetrics.kernels import numba_backend

PACKAGE = Path(pymetrics.__file__).parent


def problem(n, seed=0):
    """n images' ground truths and detections."""
    rng = np.random.default_rng(seed)
    image, boxes, label = (
        rng.integers(0, n, (8 * n, 1)),
        rng.integers(4, 90, (8 * n, 4)),
        rng.integers(1, 9, (8 * n, 1)),
    )
    gt = np.concatenate([image, boxes, label], axis=1)
    dt = np.repeat(gt, 2, 0) * 1.0
    dt[:, 1:5] += rng.integers(0, 5, (len(dt), 4))
    return gt, np.insert(dt, 5, rng.integers(1, 90, len(dt)) / 90, axis=1)


def digest(gt, dt):
    result = pymetrics.evaluate(gt, dt)
    return hashlib.sha256(b"".join([result.precision, result.recall, result.scores, result.stats])).hexdigest()


# What every child process begins with.
PROLOGUE = f"""
import hashlib, os, sys, time
import numpy as np
import pymetrics
from pymetrics.evaluation import stages
from pymetrics.evaluation.cells import group
from pymetrics.evaluation.columns import Axes, Columns, Side
from pymetrics.evaluation.shapes import as_shape
{inspect.getsource(problem)}
{inspect.getsource(digest)}
"""


def child(code, **environment):
    """What a Python process prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROLOGUE + code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_evaluates(backend):
    """The parent has evaluated with threads; children and grandchildren do so again, and the parent once more."""
    printed = child(
        """
pymetrics.set_num_threads(3)
gt, dt = problem(60)
def say():
    os.write(1, digest(gt, dt).encode() + b"\\n")  # at once, unlike print
say()
child = os.fork()
if child == 0:
    say()
    grandchild = os.fork()
    say()
    if grandchild:
        assert os.waitpid(grandchild, 0)[1] == 0
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
say()
"""
    )
    assert len(printed) == 5
    assert set(printed) == {digest(*problem(60))}


def test_multiprocessing(backend):
    printed = child(
        """
import multiprocessing
pymetrics.set_num_threads(2)
def work(seed):
    return digest(*problem(20, seed))
want = [work(seed) for seed in range(6)]
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(work, range(6)) == want)
"""
    )
    assert printed == ["True"]


def test_many_python_threads_at_once(backend):
    problems = [problem(25, seed) for seed in range(4)]
    want = [digest(*p) for p in problems]
    start = threading.Barrier(4)

    def work(i):
        start.wait()
        return [digest(*problems[(i + j) % 4]) for j in range(4)]

    with ThreadPoolExecutor(4) as pool:
        for i, got in enumerate(pool.map(work, range(4))):
            assert got == want[i:] + want[:i]


@pytest.mark.slow
def test_all_backends_give_the_same_bits(monkeypatch, need):
    need("numba")
    seen = set()
    for name in ("native", "numba", "reference"):
        if name == "native":
            need("pymetrics._native")
        monkeypatch.setenv("PYMETRICS_BACKEND", name)
        assert _config.host_backend() == name
        seen.add(digest(*problem(12)))
    assert len(seen) == 1


def test_the_backend_asked_for_does_all_the_work(monkeypatch, backend):
    called = set()
    for name in _config.BACKENDS:
        run = getattr(kernels.Kernel, name)
        monkeypatch.setattr(
            kernels.Kernel, name, lambda self, *args, name=name, run=run: (called.add(name), run(self, *args))[1]
        )
    digest(*problem(3))
    assert called == {backend}


def test_native_work_does_not_import_numba(need):
    need("pymetrics._native")
    code = "digest(*problem(5)); print('numba' in sys.modules, 'torch' in sys.modules)"
    assert child(code, PYMETRICS_BACKEND="native") == ["False", "False"]


# A crowded scene, and quite a few thousand times the same: many seconds of work for one kernel.
LONG = """
def crowded(n_images, n=300):
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.random((n, 2)), 100 + rng.random((n, 2))], axis=1)
    image = np.repeat(np.arange(n_images, dtype=np.int32), n)
    rows, none = len(image), np.zeros(0)
    zero, flags = np.zeros(rows, np.int32), np.zeros(rows, np.uint8)
    many = np.tile(boxes, (n_images, 1))
    gt = Side(image, zero, many, np.full(rows, 1e4), flags, none)
    dt = Side(image, zero, many, none, np.zeros(0, np.uint8), np.tile(rng.random(n), n_images))
    return Columns(gt, dt, Axes(np.arange(n_images), np.zeros(1, np.int64)), as_shape("bbox"))

def match(columns):
    return stages.match(columns, group(columns, protocol.limit), protocol)

protocol = pymetrics.Protocol(max_dets=(300,))
before = digest(*problem(5))
match(crowded(2))
columns = crowded(3000)
print("ready", flush=True)
try:
    match(columns)
    print("finished", flush=True)
except KeyboardInterrupt:
    print("interrupted", time.monotonic(), digest(*problem(5)) == before, flush=True)
"""


@pytest.mark.cases(1)
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child here")
@pytest.mark.parametrize("n_threads", ["1", "2"])
def test_ctrl_c_stops_a_long_call_within_a_second(backend, n_threads):
    waits = []
    while len(waits) < 3 and (not waits or waits[-1] >= 1):  # a machine may be busy with other things once or twice
        waits.append(seconds_from_ctrl_c(n_threads))
    assert waits[-1] < 1, waits


def seconds_from_ctrl_c(n_threads):
    environment = os.environ | {"PYMETRICS_NUM_THREADS": n_threads}
    command = [sys.executable, "-c", PROLOGUE + LONG]
    with child_process(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        word, *rest = process.stdout.readline().split()
        assert word == "interrupted"
        assert rest[1] == "True"  # the process is well afterwards
        return float(rest[0]) - sent


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
def test_memory_and_threads_do_not_grow(backend):
    """Fifty evaluations, each with 20 MB of results; in a process of its own."""
    grown, more_threads = child(
        """
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

pymetrics.set_num_threads(2)
gt, dt = problem(40)
gt[:, 5], dt[:, 6] = np.arange(len(gt)) % 100, np.arange(len(dt)) // 2 % 100
def work():
    result = pymetrics.evaluate(gt, dt)
    result.stats, result.per_class
    accumulator = pymetrics.Accumulator()
    accumulator.update(gt, dt)
    pymetrics.Accumulator.from_bytes(accumulator.to_bytes())
for _ in range(5):
    work()
before, n_threads = resident(), len(os.listdir("/proc/self/task"))
for _ in range(50):
    work()
for _ in range(50):  # a thread that was joined may take a moment to be gone
    if len(os.listdir("/proc/self/task")) <= n_threads:
        break
    time.sleep(0.1)
print(resident() - before, len(os.listdir("/proc/self/task")) - n_threads)
"""
    )
    assert int(grown) < 15e6
    assert int(more_threads) <= 0


# Where Numba keeps what it compiled. Three small kernels, with helpers in one file and in two.

NUMBA = """
from pathlib import Path
from pymetrics import kernels
from pymetrics.kernels import numba_backend
used = [kernels.KERNELS[name] for name in ("index_ids", "mean_valid", "place_cells")]
out, means = np.empty(2, np.int32), np.empty(1)
one, zero, two = np.zeros(1, np.int64), np.zeros(1, np.int32), np.zeros(2, np.int64)
used[0].numba(np.array([3, 4]), np.array([4, 5]), out)
used[1].numba(np.full((9, 1), 0.5), one, one, np.array([9]), means, 0, 1)
used[2].numba(two, zero, zero[:0], zero[:0], one, 0, zero[:0], zero[:0], one[:0], one[:0])
assert out.tolist() == [-1, 0] and means[0] == 0.5
stats = [kernel.compiled.stats for kernel in used]
print(sum(sum(s.cache_hits.values()) for s in stats), sum(sum(s.cache_misses.values()) for s in stats), len(stats))
print(numba_backend.cache_dir())
"""


def listing(folder):
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def numba_child(need, monkeypatch):
    need("numba")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    before = list(PACKAGE.rglob("*.nb?"))

    def run(**environment):
        hits, misses, n, folder = child(NUMBA, PYMETRICS_BACKEND="numba", **environment)
        assert list(PACKAGE.rglob("*.nb?")) == before, "site-packages may be read-only"
        return int(hits), int(misses), int(n), Path(folder)

    return run


@pytest.mark.slow
def test_a_second_process_compiles_nothing(numba_child, tmp_path):
    hits, misses, n, folder = numba_child(XDG_CACHE_HOME=str(tmp_path))
    assert (hits, misses) == (0, n)
    assert folder.parent == tmp_path / "pymetrics"
    before = listing(folder)
    assert len(before) == 2 * n  # an index and the code
    assert numba_child(XDG_CACHE_HOME=str(tmp_path)) == (n, 0, n, folder)
    assert listing(folder) == before
    own = tmp_path / "own"
    assert numba_child(NUMBA_CACHE_DIR=str(own))[3].parent == own  # numba's own variable goes first


@pytest.mark.slow
def test_a_home_that_cannot_be_written(numba_child, tmp_path):
    """Then in the folder of temporary files; without that, for the process alone."""
    file, temporary = tmp_path / "file", tmp_path / "temporary"
    file.touch()
    temporary.mkdir()
    hits, misses, n, folder = numba_child(HOME=str(file / "home"), TMPDIR=str(temporary))
    assert (hits, misses) == (0, n)
    assert folder.parent.parent == temporary
    assert numba_child(HOME=str(file / "home"), TMPDIR=str(temporary))[:2] == (n, 0)


@pytest.mark.slow
def test_no_place_to_write_at_all(need, monkeypatch, tmp_path):
    need("numba")
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(file / "cache"))
    assert numba_backend.cache_dir.__wrapped__() is None
    for folder in (None, file / "cache"):  # or it has gone since
        monkeypatch.setattr(numba_backend, "cache_dir", lambda folder=folder: folder)
        compiled = numba_backend.jit(kernels.KERNELS["index_ids"].function, cache=True)
        out = np.empty(2, np.int32)
        compiled(np.array([3, 4]), np.array([4, 5]), out)
        assert out.tolist() == [-1, 0]


def test_an_edit_of_any_kernel_file_is_noticed(monkeypatch, tmp_path):
    """Numba looks at the file of a kernel only, not at the helpers in others that it calls."""
    sources = tmp_path / "kernels"
    sources.mkdir()
    for path in Path(numba_backend.__file__).parent.glob("*.py"):
        (sources / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    unedited = numba_backend.cache_dir.__wrapped__()
    monkeypatch.setattr(numba_backend, "__file__", str(sources / "numba_backend.py"))
    assert numba_backend.cache_dir.__wrapped__() == unedited
    folders = {unedited}
    for path in sorted(sources.glob("*.py")):
        path.write_text(path.read_text() + "\n")
        folders.add(numba_backend.cache_dir.__wrapped__())
    assert len(folders) == 1 + len(list(sources.glob("*.py")))
