"""The page: its sections in order, the style, the script and the numbers, in one file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import classes, curves, errors, summary
from .html import attribute, colour, text

MOST_BYTES = 1_950_000  # of the whole file
FOLDER = Path(__file__).parent
NAMES = {
    "verdict": "In words", "numbers": "Numbers", "costs": "Cost", "curves": "Curves", "classes": "Classes",
    "errors": "Errors", "slices": "Slices", "calibration": "Calibration", "confidence": "Confidence",
    "confusion": "Confusion", "gallery": "Images",
}  # fmt: skip


def make_page(content: Mapping[str, Any], gallery: Callable[[int], str] | None = None) -> str:
    """The HTML of a report. gallery: gives the HTML of its images, which may take so many bytes."""
    numbers, style, script = embedded(content), _file("style.css"), _file("script.js")
    found = {
        "verdict": summary.verdict(content),
        "numbers": summary.numbers(content),
        "costs": summary.costs(content),
        "curves": curves.precision_recall(content),
        "classes": classes.classes(content),
        "errors": errors.error_types(content),
        "slices": classes.slices(content),
        "calibration": curves.calibration(content),
        "confidence": curves.confidence(content),
        "confusion": errors.confusion(content),
    }
    if gallery is not None:
        size = sum(len(part.encode()) for part in (numbers, style, script, *found.values()))
        found["gallery"] = gallery(MOST_BYTES - size - len(_controls(content).encode()))
    found = {name: html for name, html in found.items() if html}
    driven = ("confidence", "confusion", "gallery")
    links = "".join(f'<a href="#{name}">{NAMES[name]}</a>' for name in found)
    fixed = "".join(html for name, html in found.items() if name not in driven)
    moved = "".join(html for name, html in found.items() if name in driven)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
        f'<link rel="icon" href="data:,">\n<title>{attribute(content["title"])} · detection report</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n<main>\n{summary.header(content)}"
        f'<nav aria-label="Sections">{links}</nav>\n{fixed}'
        f'<div class="driven">\n{_controls(content)}{moved}</div>\n{_footer(content)}</main>\n'
        f'<script type="application/json" id="pymetrics">{numbers}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def embedded(content: Mapping[str, Any]) -> str:
    """The content as JSON that may stand in a script element: nothing in it ends the element."""
    plain = json.dumps(content, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _controls(content: Mapping[str, Any]) -> str:
    """What moves with the page over the sections that a confidence drives."""
    scores, position = content["scores"], content["position"]
    models = content["models"]
    choice = ""
    if len(models) > 1:
        choice = "".join(
            f'<label class="model {colour(i)}"><input type="radio" name="model" value="{i}"'
            f"{'' if i else ' checked'}>{text(model['name'])}</label>"
            for i, model in enumerate(models)
        )
        choice = f"<fieldset><legend>Model of matrix and images</legend>{choice}</fieldset>"
    return (
        f'<form class="controls needs-script" autocomplete="off"><label for="score">Confidence from</label>'
        f'<input type="range" id="score" min="0" max="{len(scores) - 1}" step="1" value="{position}" '
        f'aria-valuetext="{scores[position]:.2f}"><output id="score-value" for="score">{scores[position]:.2f}</output>'
        f'<button type="button" id="reset">Best F1</button>{choice}</form>\n'
    )


def _footer(content: Mapping[str, Any]) -> str:
    command = f"<p>Made by <code>{text(content['command'])}</code></p>" if content["command"] else ""
    return (
        f"<footer><p>pymetrics {content['version']}. The numbers are in this file: "
        f"<code>pymetrics.read_report(path)</code> reads them.</p>{command}</footer>\n"
    )


def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
