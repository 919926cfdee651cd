"""Every Python block of the README and of docs/ runs and prints what stands there, or says why it is not run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.absent import absent
from helpers.offline import OFFLINE

sys.path.insert(0, str(Path(__file__).resolve().parent))
from run_page import blocks_of, run_page

from pymetrics import cli

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGES = sorted(page for page in (ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")) if page.exists())
WITH_CODE = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]
QUIET = {
    **OFFLINE, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "WANDB_MODE": "offline",
    "WANDB_CONSOLE": "off",
}  # fmt: skip


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pymetrics demo --out sample` writes."""
    folder = tmp_path_factory.mktemp("demo") / "sample"
    assert cli.main(["demo", "--out", str(folder)]) == 0
    return folder


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_the_blocks_of_a_page(page: Path, sample: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    os.symlink(sample, tmp_path / "sample")
    if page.name == "explain.md":
        data: Callable[[str], Path] = request.getfixturevalue("data")
        request.getfixturevalue("sum_order")
        os.symlink(data("coco_yolact100/gt.json").parent, tmp_path / "coco_yolact100")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "COMET_"))}
    env |= {**QUIET, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error", str(HERE / "run_page.py"), str(page), str(tmp_path)]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert not report["errors"], "\n\n".join(report["errors"])
    assert len(report["ran"]) + len(report["not_run"]) == page.read_text(encoding="utf-8").count("```python")
    if report["missing"]:
        absent(report["missing"][0], f"{len(report['not_run'])} blocks did not run, for want of {report['missing']}")


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_every_block_is_seen(page: Path) -> None:
    """A block that is not run says why; and no fence has another spelling that this test would pass over."""
    text = page.read_text(encoding="utf-8")
    blocks = blocks_of(text)
    assert len(blocks) == text.count("```python") == len(re.findall(r"```\s*(?:py|python3?|pycon)\b", text))
    assert all(len(block.not_run.split()) >= 3 for block in blocks if block.not_run is not None)
    assert text.count("<!-- not run") == sum(block.not_run is not None for block in blocks)
    assert text.count("<!-- needs") == sum(bool(block.needs) for block in blocks)
    assert text.count("```text") == sum(block.printed is not None for block in blocks)


def test_preludes_belong_to_pages() -> None:
    preludes = {path.stem for path in (HERE / "preludes").glob("*.py")}
    assert preludes <= {page.stem for page in WITH_CODE}


PAGE = """
```python
x = 1
print(x)
```

```text
{printed}
```

<!-- not run: x is not divided here -->
```python
x / 0
```

<!-- needs: no_such_module, json -->
```python
x / 0
```

- In a list:

  ```python
  {last}
  ```
"""


@pytest.mark.parametrize(
    ("printed", "last", "words"),
    [
        ("1", "x += 1", None),
        ("2", "x += 1", "-2\n+1"),
        ("1", "x / 0", "ZeroDivisionError"),
        ("1", "x /", "SyntaxError"),
        ("1", "raise SystemExit", "SystemExit"),
    ],
)
def test_the_runner_itself(printed: str, last: str, words: str | None, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.format(printed=printed, last=last))
    report = run_page(page)
    assert report["missing"] == ["no_such_module"]
    assert [len(report[key]) for key in ("ran", "not_run", "errors")] == [2, 2, words is not None]
    assert words is None or words in report["errors"][0]
    if words is not None:
        assert f"page.md:{3 if printed == '2' else 24}" in report["errors"][0]


def test_pictures_are_compared(need: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = need("PIL.Image")
    page = tmp_path / "page.md"
    page.write_text("```python\nImage.new('RGB', size, color).save('a.png')\n```\n\n![A](images/a.png)\n")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr("run_page.HERE", tmp_path)
    (tmp_path / "preludes").mkdir()

    def errors(color: str, size: tuple[int, int], renew: bool = False) -> list[str]:
        (tmp_path / "preludes" / "page.py").write_text(f"from PIL import Image\ncolor, size = {color!r}, {size}")
        return list(run_page(page, renew)["errors"])

    assert errors("#102030", (9, 9)) == ["page.md:2: a.png is not the picture of the page"]
    assert errors("#102030", (9, 9), renew=True) == []
    with image.open(tmp_path / "images" / "a.png") as written:
        assert written.size == (9, 9)
    assert errors("#122232", (9, 9)) == []
    for color, size in (("#203040", (9, 9)), ("#102030", (9, 8))):
        assert errors(color, size) == ["page.md:2: a.png is not the picture of the page"]
    page.write_text(page.read_text().replace("a.png')", "b.png')"))
    (tmp_path / "work" / "a.png").unlink()
    assert errors("#102030", (9, 9)) == ["page.md:2: draws no a.png"]
