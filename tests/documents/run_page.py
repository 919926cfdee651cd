"""Run the Python blocks of a Markdown page, one after another in one namespace, and compare what they print.

    python tests/documents/run_page.py docs/recipes.md FOLDER            # FOLDER is where the blocks run
    python tests/documents/run_page.py docs/recipes.md FOLDER --renew    # writes what they print and draw into the page

A block is run unless a comment before it says otherwise. A block `text` behind it, one empty line apart, is what it
prints. A picture behind that, one empty line apart, is what it draws into a file of the same name.

    <!-- not run: why -->
    <!-- needs: pandas, matplotlib -->     run where these can be imported

preludes/PAGE.py runs first, in the same namespace. The last line printed is JSON: errors, the blocks that were run or
not run, and what is missing.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import io
import json
import os
import re
import shutil
import sys
import textwrap
import traceback
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
BLOCK = re.compile(
    r"(?:^ *<!-- (?P<mark>not run|needs): (?P<said>[^>]*?) -->\n)?"
    r"^(?P<indent> *)```python\n(?P<code>.*?)^(?P=indent)```$"
    r"(?:\n\n(?P=indent)```text\n(?P<printed>.*?)^(?P=indent)```$)?"
    r"(?:\n\n!\[[^\]]*\]\((?P<picture>[^)]+)\))?",
    re.DOTALL | re.MULTILINE,
)
ALIKE = 4.0  # levels of 255 by which the pixels of two pictures may differ on average: fonts and antialiasing


class Block(NamedTuple):
    """A block of code. line: its first line in the page. printed: None where the page does not say. needs: modules."""

    line: int
    code: str
    printed: str | None
    picture: str | None
    not_run: str | None
    needs: tuple[str, ...]


def blocks_of(text: str) -> list[Block]:
    found = []
    for match in BLOCK.finditer(text):
        said, mark = match["said"], match["mark"]
        printed = match["printed"]
        found.append(
            Block(
                text.count("\n", 0, match.start("code")) + 1,
                textwrap.dedent(match["code"]),
                None if printed is None else textwrap.dedent(printed),
                match["picture"],
                said if mark == "not run" else None,
                tuple(name.strip() for name in said.split(",")) if mark == "needs" else (),
            )
        )
    return found


def lacking(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if importlib.util.find_spec(name) is None]


def execute(code: str, name: str, line: int, names: dict[str, Any]) -> tuple[str, str | None]:
    """What the code prints, and the traceback of its exception."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (line - 1) + code, name, "exec"), names)
    except BaseException:
        return printed.getvalue(), traceback.format_exc()
    return printed.getvalue(), None


def difference_of_pictures(one: Path, other: Path) -> float:
    """The mean difference of their pixels, 0 to 255; 255 where their sizes differ."""
    import numpy as np
    from PIL import Image

    pixels = []
    for path in (one, other):
        with Image.open(path) as image:
            pixels.append(np.asarray(image.convert("RGB"), dtype=np.float64))
    return float(np.abs(pixels[0] - pixels[1]).mean()) if pixels[0].shape == pixels[1].shape else 255.0


def run_page(page: Path, renew: bool = False) -> dict[str, Any]:
    """Run a page in the current folder: {"errors": [text], "ran": [line], "not_run": [...], "missing": [module]}."""
    text = page.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "__main__"}
    report: dict[str, Any] = {"errors": [], "ran": [], "not_run": [], "missing": []}
    prelude = HERE / "preludes" / f"{page.stem}.py"
    if prelude.exists():
        _, error = execute(prelude.read_text(encoding="utf-8"), str(prelude), 1, names)
        if error:
            return {**report, "errors": [error]}
    for block in blocks_of(text):
        missing = lacking(block.needs)
        report["missing"] += missing
        if block.not_run is not None or missing:
            report["not_run"].append(block.line)
            continue
        printed, error = execute(block.code, page.name, block.line, names)
        report["ran"].append(block.line)
        if error:
            report["errors"].append(f"{page.name}:{block.line}: the block stops\n{error}")
            break
        if block.printed not in (None, printed):
            if renew:
                old = f"{block.code}```\n\n```text\n{block.printed}"
                text = text.replace(old, f"{block.code}```\n\n```text\n{printed}")
            else:
                lines = difflib.unified_diff(
                    str(block.printed).splitlines(), printed.splitlines(), "in the page", "printed", lineterm=""
                )
                report["errors"].append(f"{page.name}:{block.line}: other output\n" + "\n".join(lines))
        if block.picture is not None:
            drawn, shown = Path(Path(block.picture).name), page.parent / block.picture
            if not drawn.exists():
                report["errors"].append(f"{page.name}:{block.line}: draws no {drawn}")
            elif renew:
                shown.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(drawn, shown)
            elif not shown.exists() or difference_of_pictures(drawn, shown) > ALIKE:
                report["errors"].append(f"{page.name}:{block.line}: {drawn} is not the picture of the page")
    if renew:
        page.write_text(text, encoding="utf-8")
    return report


if __name__ == "__main__":
    path = Path(sys.argv[1]).resolve()
    sys.path.append(str(HERE.parent))  # preludes import from helpers
    os.chdir(sys.argv[2])
    print("\n" + json.dumps(run_page(path, "--renew" in sys.argv)))
