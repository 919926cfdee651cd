"""MkDocs' hooks: the order of the pages, and pages made of what lies outside docs/.

The README is the site's first page. A link from a page to another file of the repository leads to a page with that
file's text. So Markdown is written for the repository, where its links work as they are.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "csrc/README.md": "csrc.md",
    "benchmarks/README.md": "measuring.md",
}
LANGUAGES = {".py": "python", ".yml": "yaml"}
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)#:\s]+)(#[^)\s]*)?\)")
ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?(https?:)?//[^>]*>""")
# Pages that are not named here stand at the end of the guides. Titles are those of the pages, but for some long ones.
TITLES = {
    "index.md": "pymetrics",
    "usage.md": "Input and output",
    "analysis.md": "Analysis",
    "torchmetrics.md": "torchmetrics",
    "replacing.md": "pycocotools",
    "limits.md": "What has not been run",
    "coco-quirks.md": "pycocotools' oddities",
    "measuring.md": "How it is measured",
    "csrc.md": "The C++ code",
}
PAGES = {
    "Start": ["index.md", "installation.md", "usage.md", "recipes.md", "training.md", "cli.md"],
    "Guides": [
        "analysis.md", "report.md", "trackers.md", "wandb.md", "torchmetrics.md", "replacing.md", "formats.md",
        "tables.md", "scale.md", "explain.md", "other-protocols.md", "configuration.md",
    ],
    "Reference": ["coco-quirks.md", "limits.md"],
    "Benchmarks": ["benchmarks.md", "measuring.md"],
    "Development": ["architecture.md", "contributing.md", "csrc.md", "changelog.md"],
}  # fmt: skip


def on_config(config: Any) -> Any:
    found = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    found |= set(DOCUMENTS.values())
    named = {page for pages in PAGES.values() for page in pages}
    sections = {title: [page for page in pages if page in found] for title, pages in PAGES.items()}
    sections["Guides"] += sorted(page for page in found - named if "/" not in page)
    sections["Reference"] += sorted(page for page in found if page.startswith("api/"))
    results = sorted((ROOT / "benchmarks" / "results").glob("*.md"))
    sections["Benchmarks"] += [_place(path.relative_to(ROOT).as_posix()) for path in results]
    config.nav = [
        {title: [{TITLES[page]: page} if page in TITLES else page for page in pages]}
        for title, pages in sections.items()
    ]
    return config


def on_files(files: Files, config: Any) -> Files:
    wanted = {*DOCUMENTS, *(path.relative_to(ROOT).as_posix() for path in ROOT.glob("benchmarks/results/*.md"))}
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in ROOT.glob("docs/**/*.md")}
    while wanted:  # what is shown may link to more
        for name in wanted:
            texts[name] = (ROOT / name).read_text(encoding="utf-8")
            files.append(File.generated(config, _place(name), content=_page(name, texts[name])))
        linked = {_target(name, match[2]) for name, text in texts.items() if name.endswith(".md")
                  for match in LINK.finditer(text)}  # fmt: skip
        wanted = {name for name in linked - texts.keys() if not name.startswith("docs/") and (ROOT / name).is_file()}
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """The links of pages in docs/; those of other pages are rewritten where they are made."""
    if page.file.generated_by is not None:
        return markdown
    return _links("docs/" + page.file.src_uri, markdown)


def on_post_build(config: Any) -> None:
    """No page loads anything from another place."""
    for path in Path(config.site_dir).rglob("*.html"):
        found = ELSEWHERE.search(path.read_text(encoding="utf-8"))
        if found:
            raise PluginError(f"{path.relative_to(config.site_dir)} loads {found[0]}")


def _target(name: str, link: str) -> str:
    """What a link in a file leads to, from the root of the repository. A folder is its README, or its first table."""
    target = os.path.normpath(os.path.join(os.path.dirname(name), link))
    if (ROOT / target).is_dir():
        inside = sorted((ROOT / target).glob("README.md")) or sorted((ROOT / target).glob("*.md"))
        target = inside[0].relative_to(ROOT).as_posix() if inside else target
    return target


def _place(name: str) -> str:
    """Where a file of the repository is on the site."""
    if name in DOCUMENTS:
        return DOCUMENTS[name]
    if name.startswith("docs/"):
        return name.removeprefix("docs/")
    return name.lstrip(".") if name.endswith(".md") else name.lstrip(".") + ".md"


def _page(name: str, text: str) -> str:
    if name.endswith(".md"):
        return _links(name, text)
    return f"# {Path(name).name}\n\n```{LANGUAGES.get(Path(name).suffix, 'text')}\n{text}```\n"


def _links(name: str, text: str) -> str:
    """The text of a file with its links as they are on the site."""
    here = os.path.dirname(_place(name))

    def rewritten(match: re.Match[str]) -> str:
        target = _target(name, match[2])
        place = _place(target) if (ROOT / target).exists() else match[2]
        return f"{match[1]}{os.path.relpath(place, here or '.')}{match[3] or ''})"

    return LINK.sub(rewritten, text)
