"""The package as a whole: what importing it does, the environment's switches, which module may import which."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.absent import need

import pymetrics
from pymetrics import _config, kernels
from pymetrics.evaluation import columns
from pymetrics.kernels import matching

PACKAGE = Path(pymetrics.__file__).parent
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYMETRICS_")}


def run(code: str, *, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python of its own, without the environment's PYMETRICS_ variables."""
    env = {**ENVIRONMENT, **variables}
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No number of threads asked for, by call or by environment."""
    monkeypatch.setattr(_config, "_threads_asked", None)
    monkeypatch.delenv("PYMETRICS_NUM_THREADS", raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    return monkeypatch


def test_import_is_light(tmp_path: Path) -> None:
    code = (
        "import sys, pymetrics\n"
        "heavy = 'torch numba pyarrow matplotlib torchmetrics pycocotools PIL pandas wandb cv2'.split()\n"
        "heavy = set(heavy) & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = run(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_public_names_are_there() -> None:
    for name in pymetrics.__all__:
        assert getattr(pymetrics, name) is not None
    assert set(pymetrics.__all__) <= set(dir(pymetrics))
    with pytest.raises(AttributeError, match="no attribute 'mean_average_precision'"):
        _ = pymetrics.mean_average_precision


def test_subpackages_are_fetched_at_their_first_use(tmp_path: Path) -> None:
    code = (
        "import sys, pymetrics\n"
        "early = [name for name in ('analysis', 'coco', 'trackers') if 'pymetrics.' + name in sys.modules]\n"
        "assert not early, early\n"
        "assert callable(pymetrics.analysis.tide) and pymetrics.coco.COCO is pymetrics.COCO\n"
        "assert 'detection' in dir(pymetrics)"
    )
    done = run(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_show_config(capsys: pytest.CaptureFixture[str], threads: pytest.MonkeyPatch) -> None:
    threads.setenv("PYMETRICS_NUM_THREADS", "3")
    pymetrics.show_config()
    page = capsys.readouterr().out
    rows = dict(line.split(maxsplit=1) for line in page.splitlines())
    assert rows["pymetrics"].startswith(pymetrics.__version__)
    assert rows["threads"] == rows["PYMETRICS_NUM_THREADS"] == "3"
    assert {"backend", "native", "numba", "cuda", "numpy", "python"} <= set(rows)


@pytest.mark.cases(1)
@pytest.mark.parametrize("name", ["PYMETRICS_BACKEND", "PYMETRICS_NUM_THREADS", "LOCAL_WORLD_SIZE"])
def test_the_command_line_with_a_bad_environment(name: str, tmp_path: Path) -> None:
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = f"import sys; sys.argv = ['bin/pymetrics', *{arguments!r}]; from pymetrics.cli import main; exit(main())"
        return run(code, cwd=tmp_path, **{name: "odd"})

    done = command("eval", "--gt", "gt.json", "--dt", "dt.json")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"pymetrics: {name} must be ")
    page = command("config")
    assert (page.returncode, page.stderr) == (2, done.stderr)
    assert re.search(f"environment error +{name} must be .*got 'odd'\n", page.stdout)
    assert re.search(f"{name} +odd\n", page.stdout)
    env = {**ENVIRONMENT, name: "odd"}
    module = subprocess.run([sys.executable, "-m", "pymetrics", "config"], env=env, capture_output=True, text=True)
    assert (module.returncode, module.stdout, module.stderr) == (2, page.stdout, done.stderr)


def test_threads_have_a_limit(threads: pytest.MonkeyPatch) -> None:
    threads.setenv("PYMETRICS_NUM_THREADS", "99999999999")
    assert pymetrics.get_num_threads() == 1024
    with pytest.raises(ValueError, match="n must be at least 1 and at most 1024, got 10000000000"):
        pymetrics.set_num_threads(10**10)
    pymetrics.set_num_threads(1024)
    assert pymetrics.get_num_threads() == 1024
    assert pymetrics.box_iou([[0, 0, 1, 1]], [[0, 0, 1, 1]]).tolist() == [[1]]


def test_the_source_distribution_holds_what_the_tests_read() -> None:
    need((ROOT / "MANIFEST.in").exists(), "source", "not in the source folder")
    assert {"graft csrc", "graft tests", "graft examples"} <= set((ROOT / "MANIFEST.in").read_text().splitlines())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"max_dets": (1, 0)}, "max_dets[1] must be at least 1, got 0"),
        ({"max_dets": (1, float("nan"))}, "max_dets[1] must be a whole number below 2**63, got nan"),
        ({"max_dets": (float("inf"),)}, "max_dets[0] must be a whole number below 2**63, got inf"),
        ({"max_dets": (1, 10**30)}, "max_dets[1] must be a whole number below 2**63, got 1e+30"),
        ({"max_dets": (1, 10**400)}, "max_dets must hold numbers, got (1, 1000"),
        ({"max_dets": (10, 10)}, "max_dets must differ, got (10, 10)"),
        ({"max_dets": range(1, 256)}, "max_dets (params.maxDets) must hold at most 254 limits, got 255"),
        ({"iou_thresholds": ()}, "iou_thresholds (params.iouThrs) must not be empty"),
        ({"area_ranges": 5}, "area_ranges must hold pairs, got 5"),
        ({"area_names": 5}, "area_names must hold names, got 5"),
        ({"area_names": "all"}, "area_names must hold names, got 'all'"),
        ({"area_names": ("all", "50", "b", "c")}, "area_names[1] must not be '50'"),
        ({"area_names": ("all", "a", "100", "c")}, "area_names[2] must not be '100'"),
        ({"use_cats": "no"}, "use_cats must be True or False, got 'no'"),
    ],
)
def test_a_bad_protocol(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        pymetrics.Protocol(**arguments)


def test_threads_default_to_this_process_share_of_the_cores(threads: pytest.MonkeyPatch) -> None:
    threads.setattr(os, "sched_getaffinity", lambda pid: set(range(12)), raising=False)
    assert pymetrics.get_num_threads() == 12
    threads.setenv("LOCAL_WORLD_SIZE", "8")
    assert pymetrics.get_num_threads() == 1
    threads.setenv("LOCAL_WORLD_SIZE", "100")
    assert pymetrics.get_num_threads() == 1
    threads.setenv("PYMETRICS_NUM_THREADS", "5")
    assert pymetrics.get_num_threads() == 5
    pymetrics.set_num_threads(7)
    assert pymetrics.get_num_threads() == 7
    pymetrics.set_num_threads(None)
    assert pymetrics.get_num_threads() == 5


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "²"])
@pytest.mark.parametrize("name", ["PYMETRICS_NUM_THREADS", "LOCAL_WORLD_SIZE"])
def test_a_bad_number_of_threads_in_the_environment(name: str, value: str, threads: pytest.MonkeyPatch) -> None:
    threads.setenv(name, value)
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, got '{value}'"):
        pymetrics.get_num_threads()


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (-3, ValueError), (2.0, TypeError), (True, TypeError)])
def test_a_bad_number_of_threads(n: object, error: type[Exception], threads: pytest.MonkeyPatch) -> None:
    with pytest.raises(error, match="n must be"):
        pymetrics.set_num_threads(n)  # type: ignore[arg-type]
    assert _config._threads_asked is None


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"PYMETRICS_BACKEND": "fast"}, "ValueError: PYMETRICS_BACKEND must be one of native, numba, reference"),
        ({"PYMETRICS_NUM_THREADS": "many"}, "ValueError: PYMETRICS_NUM_THREADS must be a whole number"),
    ],
)
def test_a_bad_switch_is_an_error_at_import(variables: dict[str, str], error: str, tmp_path: Path) -> None:
    done = run("import pymetrics", cwd=tmp_path, **variables)
    assert done.returncode == 1
    assert error in done.stderr


def test_the_backend_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in ("numba", "reference"):
        monkeypatch.setenv("PYMETRICS_BACKEND", backend)
        assert _config.host_backend() == backend
    monkeypatch.setattr(_config, "native", None)
    monkeypatch.setenv("PYMETRICS_BACKEND", "native")
    with pytest.raises(ImportError, match="PYMETRICS_BACKEND=native, but"):
        _config.host_backend()
    monkeypatch.delenv("PYMETRICS_BACKEND")
    assert _config.host_backend() == "numba"


# Runs `import pymetrics` as it is in an install without a compiler, or without numba.
WITHOUT = """
import sys, warnings
class Without:
    def find_spec(self, name, path=None, target=None):
        if name in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Without())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import pymetrics
    import pymetrics.evaluation.protocol
for warning in caught:
    print(warning.category.__name__, warning.filename, warning.message)
"""


def test_a_missing_native_part_warns_once_and_says_how_to_mend_it(tmp_path: Path) -> None:
    code = WITHOUT.format(names=("pymetrics._native",))
    done = run(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    for words in ("RuntimeWarning <string>", "C++ part", "no C++ compiler", "--no-cache-dir"):
        assert words in done.stdout
    for backend in ("numba", "reference"):  # asked for: nothing to warn of
        assert run(code, cwd=tmp_path, PYMETRICS_BACKEND=backend).stdout == ""


@pytest.mark.parametrize(
    ("missing", "variable", "value"),
    [
        ("pymetrics._native", "PYMETRICS_REQUIRE", "numba,native"),
        ("pymetrics._native", "PYMETRICS_BACKEND", "native"),
        ("pymetrics._cuda", "PYMETRICS_REQUIRE", "cuda"),
    ],
)
def test_a_part_that_is_required_and_missing_is_an_error(
    missing: str, variable: str, value: str, tmp_path: Path
) -> None:
    done = run(WITHOUT.format(names=(missing,)), cwd=tmp_path, **{variable: value})
    assert done.returncode == 1
    assert "ImportError: " + variable in done.stderr
    assert missing.rpartition("_")[2] in done.stderr


def test_a_foreign_pymetrics_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "pymetrics-0.9.1.dist-info").mkdir()
    code = "import warnings\nwarnings.simplefilter('error', RuntimeWarning)\nimport pymetrics"
    done = run(code, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "another project with the same import name" in done.stderr
    assert run(code, cwd=ROOT.parent, PYMETRICS_BACKEND="numba").returncode == 0


# Imports point down. A module may import those of its own row's folders and of every later row.
LAYERS = (
    {"__main__"},
    {"cli"},
    {"_show_config", "report", "trackers"},
    {"pictures"},
    {"functional"},
    {"detection"},
    {"coco", "demo", "distributed"},
    {"analysis"},
    {"evaluation"},
    {"formats"},
    {"kernels"},
    {"_config", "_records", "_warnings"},
    {"_native", "_cuda", "_arrays", "_version"},
)
# What a Result has as methods is fetched at its first use.
FETCHED = {
    ("evaluation/result.py", "analysis"),
    ("evaluation/result.py", "report"),
    ("evaluation/curves.py", "analysis"),
    ("analysis/compare.py", "report"),
}
EXTENSIONS = {"_native", "_cuda"}  # compiled; they need not be there
LEVEL_OF = {name: level for level, names in enumerate(LAYERS) for name in names}
SOURCES = sorted(PACKAGE.rglob("*.py"))
CSRC = sorted(path for end in ("h", "cpp", "cu") for path in (ROOT / "csrc").rglob(f"*.{end}"))


def imports_of(path: Path) -> set[str]:
    """The full names of what a module imports anywhere in it, but for type checkers only."""
    parts = ("pymetrics", *path.relative_to(PACKAGE).with_suffix("").parts)
    found = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parts[: len(parts) - node.level]) + "." if node.level else ""
            module = f"{base}{node.module or ''}".strip(".")
            found.update(f"{module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def test_every_module_has_a_layer() -> None:
    parts = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in SOURCES}
    assert parts - {"__init__"} == LEVEL_OF.keys() - EXTENSIONS


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path: Path) -> None:
    part = path.relative_to(PACKAGE).with_suffix("").parts[0]
    if part == "__init__":
        return  # the table of contents: it fetches names from everywhere, at their first use
    for name in imports_of(path):
        if not name.startswith("pymetrics."):
            continue
        other = name.split(".")[1]
        if (path.relative_to(PACKAGE).as_posix(), other) in FETCHED:
            continue  # test_cold_start: evaluating does not load it
        if other in LEVEL_OF and other != part:
            assert LEVEL_OF[other] > LEVEL_OF[part], f"{part} must not import {other}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_heavy_libraries_stay_in_their_folders(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0]
    libraries = {name.split(".")[0] for name in imports_of(path)}
    if part != "detection" and path.relative_to(PACKAGE).as_posix() != "kernels/arrays.py":  # CuPy's and JAX's arrays
        assert "torch" not in libraries
    if part not in ("kernels", "_show_config.py"):
        assert "numba" not in libraries
    if part != "trackers":
        assert "wandb" not in libraries
    if part != "detection":
        assert "torchmetrics" not in libraries
    assert not libraries & {"pycocotools", "torchvision"}


def test_the_stages_do_no_arithmetic_of_numpy_or_torch() -> None:
    """Between the columns and the Result only kernels touch data, so that the stages run on a GPU unchanged."""
    path = PACKAGE / "evaluation" / "stages.py"
    libraries = {name.split(".")[0] for name in imports_of(path)}
    assert not libraries & {"numpy", "torch", "numba"}
    names = {node.id for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Name)}
    assert not names & {"np", "numpy", "torch"}


# Functions by which rows could be grouped into cells again, where they do something else, and what that is.
GROUPING = {"lexsort", "searchsorted", "bincount"}
OTHER_USES = {
    ("analysis/confusion.py", "bincount"): "the counts of pairs of categories",
    ("analysis/confusions.py", "bincount"): "the counts of pairs of categories",
    ("analysis/confusions.py", "lexsort"): "the pairs of a detection by falling overlap",
    ("analysis/calibration.py", "bincount"): "the counts of bins of scores",
    ("analysis/tide.py", "bincount"): "the counts of kinds of errors, and of categories",
    ("analysis/at.py", "bincount"): "the counts of all cells of an image, added up",
    ("coco/evaluation_input.py", "searchsorted"): "the places of dicts in the list they are from",
    ("coco/faster/extended.py", "searchsorted"): "how many detections of a category have a score or a higher one",
    ("evaluation/federated.py", "bincount"): "how many detections the fullest image has",
    ("report/model.py", "searchsorted"): "the places of the slider's positions among scores",
    ("distributed/shuffle.py", "bincount"): "how many rows each part of a table has",
    ("evaluation/score_ranges.py", "searchsorted"): "the range of a score, and the first limit that a rank is within",
    ("formats/tables/held.py", "searchsorted"): "the range of images that an id is in",
    ("formats/tables/source.py", "lexsort"): "the rows of a table, in the order that the user says",
    ("formats/tables/source.py", "searchsorted"): "the file of a row, for the text of an error",
    ("formats/tables/write.py", "bincount"): "the lengths of lists of a table",
    ("formats/ids.py", "searchsorted"): "the places of string ids on an axis",
    ("formats/mask_text.py", "searchsorted"): "the quotes behind strings",
    ("detection/segments.py", "lexsort"): "the segments of an image, in torch.unique's order",
    ("detection/segments.py", "searchsorted"): "the places of category ids",
    ("trackers/content.py", "searchsorted"): "the point of a curve at each of some scores",
    ("detection/state_columns.py", "searchsorted"): "the sample of a row, for the text of an error",
}


def test_groupings_are_made_by_cells_alone() -> None:
    found: list[tuple[str, str]] = []
    for path in SOURCES:
        file = path.relative_to(PACKAGE).as_posix()
        if file == "evaluation/cells.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "attr", getattr(node, "id", getattr(node, "name", None)))
            if name in GROUPING:
                found.append((file, name))
    assert sorted(found) == sorted(OTHER_USES), "reuse Cells; where it is no grouping, say in OTHER_USES what it is"


def test_flags_are_those_of_the_kernels() -> None:
    for name in ("CROWD", "ID_ZERO", "IGNORE", "KEEPS_FREE"):
        assert getattr(columns, name) == getattr(matching, name), name


def test_the_matcher_knows_neither_shapes_nor_areas() -> None:
    parameters = kernels.match_cells.parameters
    assert {"overlaps", "dt_ignored", "gt_ignored"} <= set(parameters)
    assert not [name for name in parameters if re.search("area|box|mask", name)]
    assert not [name for name in kernels.area_words.parameters if re.search("box|mask", name)]


@pytest.mark.parametrize("path", [*SOURCES, *CSRC], ids=lambda path: "/".join(path.parts[-2:]))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
