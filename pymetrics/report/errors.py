"""The sections of errors: what each kind costs, and which classes are confused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .curves import missing
from .html import attribute, colour, model_name, section, table, text
from .labels import grouped, overlap_name
from .packed import unpack

KINDS = {
    "Miss": ("Missed", "objects without any detection"),
    "Loc": ("Localisation", "right class, too little overlap"),
    "Cls": ("Class", "right place, wrong class"),
    "Both": ("Both", "wrong class and too little overlap"),
    "Dupe": ("Duplicate", "of an object already found"),
    "Bkg": ("Background", "where no object is"),
}
SPECIAL = {"FalsePos": ("All false positives", ""), "FalseNeg": ("All missed objects", "")}


def error_types(content: Mapping[str, Any]) -> str:
    """What each kind of error costs (TIDE)."""
    found = [(i, model) for i, model in enumerate(content["models"]) if model["tide"] is not None]
    if not found:
        return section("errors", "Kinds of errors", [missing(content["models"][0]["missing"].get("tide", ""))])
    most = max(max(model["tide"]["costs"].values()) for _, model in found) or 1
    rows = []
    for key, (name, described) in {**KINDS, **SPECIAL}.items():
        bars = []
        for i, model in found:
            cost, n = model["tide"]["costs"][key], model["tide"]["counts"].get(key)
            title = f"{model['name']}: {cost:.2f} points" + ("" if n is None else f", {grouped(n)} errors")
            bars.append(
                f'<span class="bar {colour(i)}" title="{attribute(title)}" style="--v:{100 * cost / most:.1f}%"><i></i>'
                f"<em>{cost:.1f}</em></span>"
            )
        small = f"<small>{described}</small>" if described else ""
        rows.append(f"<dt{' class=special' if key in SPECIAL else ''}>{name}{small}</dt><dd>{''.join(bars)}</dd>")
    overlap, iou = overlap_name(content["iou_type"]), found[0][1]["tide"]["iou"]
    lead = (
        f"By how many points AP at {overlap} {iou:.2f} would rise if all errors of a kind were mended (TIDE). "
        "The kinds do not add up."
    )
    legend = '<div class="legend">' + "".join(model_name(i, model["name"]) for i, model in found) + "</div>"
    return section(
        "errors", "Kinds of errors", [legend if len(found) > 1 else "", f'<dl class="bars">{"".join(rows)}</dl>'], lead
    )


def confusion(content: Mapping[str, Any]) -> str:
    """The confusion matrix of each model, and the classes that are confused most often."""
    found = [(i, model) for i, model in enumerate(content["models"]) if model["confusion"] is not None]
    if not found:
        return section("confusion", "Confusion", [missing(content["models"][0]["missing"].get("confusion", ""))])
    scores = found[0][1]["confusion"]["scores"]
    chosen = content["scores"][content["position"]]
    position = min(range(len(scores)), key=lambda p: abs(scores[p] - chosen))
    shown, n = len(found[0][1]["confusion"]["classes"]), content["data"]["categories"]
    blocks = []
    for i, model in found:
        heading = f"<h3>{model_name(i, model['name'])}</h3>" if len(found) > 1 else ""
        blocks.append(
            f'<div class="of-model confusion" data-model="{i}">{heading}<div class="beside">'
            f"{_matrix(content, model['confusion'], position)}{_top(content, model['confusion'], position)}</div></div>"
        )
    overlap, iou = overlap_name(content["iou_type"]), found[0][1]["confusion"]["iou"]
    lead = (
        f"Rows: what an object is; columns: what it was taken for, at {overlap} {iou:.2f} and a confidence of <output "
        f'id="confusion-score">{scores[position]:.2f}</output>. The last row holds detections where nothing is, the '
        "last column missed objects. The deeper the colour, the larger the share of the row."
    )
    if shown < n:
        lead += f" {shown} of {grouped(n)} classes, those that are confused most."
    return section("confusion", "Confusion", blocks, lead)


def _matrix(content: Mapping[str, Any], confusion: Mapping[str, Any], position: int) -> str:
    labels = [content["classes"]["labels"][k] for k in confusion["classes"]]
    matrix = unpack(confusion["matrix"])[position].tolist()
    totals = [content["classes"]["n_gt"][k] for k in confusion["classes"]] + [max(matrix[-1], default=0)]
    n = len(labels)
    head = "".join(f'<th scope="col"><span>{text(label)}</span></th>' for label in [*labels, "missed"])
    rows = []
    for r, (line, label) in enumerate(zip(matrix, [*labels, "nothing there"], strict=True)):
        cells = "".join(_cell(value, totals[r], r == c < n, r == n and c == n) for c, value in enumerate(line))
        rows.append(f'<tr><th scope="row">{text(label)}</th>{cells}</tr>')
    return (
        '<div class="scroll fits" tabindex="0" role="region" aria-label="Confusion matrix">'
        f'<table class="matrix{" roomy" if n <= 12 else ""}"><thead><tr><td></td>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(value: int, total: int, is_right: bool, is_corner: bool) -> str:
    if is_corner:
        return "<td></td>"
    share = min(value / total, 1) if total else 0
    kinds = (("right", is_right), ("deep", share > 0.55), ("full", share > 0.78))  # where letters are to differ
    kind = " ".join(name for name, holds in kinds if holds)
    style = f' style="--v:{round(100 * share)}%"' if value else ""
    return f"<td{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}{style}>{value or ''}</td>"


def _top(content: Mapping[str, Any], confusion: Mapping[str, Any], position: int) -> str:
    rows = confusion["top"][position]
    labels = content["classes"]["labels"]
    lines = top_rows(rows, labels)
    return (
        '<div class="top"><h4>Confused most often</h4>'
        f"{table(['Object', 'taken for', 'Times'], lines or [['none', '', '']])}</div>"
    )


def top_rows(rows: Sequence[Sequence[int]], labels: Sequence[str]) -> list[list[str]]:
    """Rows of the table of confusions: two classes and a count."""
    return [[text(labels[actual]), text(labels[predicted]), grouped(n)] for actual, predicted, n in rows]
