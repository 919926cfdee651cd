"""The documents: the README's example prints what stands there, and Markdown is wrapped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pymetrics import cli

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
WRITTEN_BY_PROGRAMS = {path.name for path in (ROOT / "benchmarks" / "results").glob("*.md")}
DOCUMENTS = [
    path
    for path in (
        *ROOT.glob("*.md"),
        *(p for folder in ("docs", "benchmarks", "csrc") for p in ROOT.glob(f"{folder}/**/*.md")),
    )
    if path.name not in WRITTEN_BY_PROGRAMS
]


@pytest.mark.skipif(not README.exists(), reason="not in the source folder")
def test_the_first_example_prints_what_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks is not None
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", "--out", "sample"]) == 0
    capsys.readouterr()
    exec(blocks[1], {})
    assert capsys.readouterr().out == blocks[2]


@pytest.mark.skipif(not README.exists(), reason="not in the source folder")
@pytest.mark.parametrize("page", ["analysis.md", "other-protocols.md", "scale.md"])
def test_the_examples_of_analysis_print_what_stands_there(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of the page, one after another."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", "--out", "sample"]) == 0
    run_page(page, capsys)


@pytest.mark.skipif(not README.exists(), reason="not in the source folder")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_examples_of_explain_print_what_stands_there(
    data: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sum_order: None
) -> None:
    monkeypatch.chdir(data("coco_yolact100/gt.json").parents[1])
    run_page("explain.md", capsys)


def run_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All examples of a page, one after another."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == text.count("```python") >= 3
    names: dict[str, Any] = {}
    capsys.readouterr()
    for code, printed in blocks:
        exec(code, names)
        assert capsys.readouterr().out == printed, code


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_markdown_is_wrapped(path: Path) -> None:
    """Tables apart, which cannot be."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        assert len(line) <= 100 or line.startswith("|"), f"line {number} is of {len(line)} characters"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
