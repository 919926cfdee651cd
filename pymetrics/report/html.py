"""Pieces of HTML that several sections use. Text from data goes through `text` or `attribute`, nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
LONG = 22  # characters of a name that may stand in several lines
N_COLOURS = 8  # of style.css: --m0 to --m7


def attribute(value: Any) -> str:
    """A text in an attribute's quotes."""
    return html.escape(_visible(value), quote=True)


def text(value: Any) -> str:
    """A text of any script as HTML; it does not change the direction of what stands beside it."""
    return f"<bdi>{html.escape(_visible(value))}</bdi>"


def breakable(name: str) -> str:
    """A name as `text`, which may go on in a new line after a sign, where room is short."""
    pieces = re.findall(r"\w+\W*|\W+", _visible(name)) if re.search(r"\w[-_./:]", name) else [_visible(name)]
    pieces = [part for piece in pieces for part in re.split(r"(?<=_)(?=[^_])", piece)]
    return f"<bdi>{'<wbr>'.join(map(html.escape, pieces))}</bdi>"


def _visible(value: Any) -> str:
    """The text without what UTF-8 or HTML cannot hold: lone surrogates, control characters."""
    value = str(value)
    return value if value.isascii() and value.isprintable() else INVISIBLE.sub("\N{REPLACEMENT CHARACTER}", value)


def colour(model: int) -> str:
    """The class that gives an element the colour of a model."""
    return f"m{model % N_COLOURS}"


def model_name(model: int, name: str) -> str:
    """The name of a model beside its colour."""
    long = " long" if len(name) > LONG else ""
    return f'<span class="model {colour(model)}{long}">{breakable(name)}</span>'


def section(id: str, title: str, body: Iterable[str], lead: str = "") -> str:
    """A section of the page with its heading and one or two sentences of what it shows."""
    lead = f'<p class="lead">{lead}</p>' if lead else ""
    return f'<section id="{id}"><h2>{title}</h2>{lead}{"".join(body)}</section>\n'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "", caption: str = "") -> str:
    """A table of HTML cells, the first of each row its heading; a cell that begins with <td or <th stands as it is."""

    def cell(content: str, tag: str) -> str:
        return content if content.startswith(("<td", "<th")) else f"<{tag}>{content}</{tag.split()[0]}>"

    top = "".join(cell(content, 'th scope="col"') for content in head)
    body = "".join(
        "<tr>" + cell(first, 'th scope="row"') + "".join(cell(content, "td") for content in rest) + "</tr>"
        for first, *rest in rows
    )
    caption = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table"><table class="{kind}">{caption}'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def track(marks: Sequence[tuple[int, float | None, float | None, float | None]], stacked: bool) -> str:
    """A line from 0 to 100 with a dot per model at its value, and its interval where it has one.

    marks: model, value, low, high; shares from 0 to 1, or None. stacked: one model under another; else all on one line
    with a bar from the lowest to the highest.
    """
    parts = []
    values = [value for _, value, _, _ in marks if value is not None]
    if not stacked and len(values) > 1:
        low, high = min(values), max(values)
        parts.append(f'<b style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></b>')
    for row, (model, value, low_end, high_end) in enumerate(marks):
        if value is None:
            continue
        top = f";top:{100 * (row + 0.5) / len(marks):.0f}%" if stacked else ""
        if low_end is not None and high_end is not None:
            width = 100 * (high_end - low_end)
            parts.append(f'<u class="{colour(model)}" style="left:{100 * low_end:.1f}%;width:{width:.1f}%{top}"></u>')
        parts.append(f'<i class="{colour(model)}" style="left:{100 * value:.1f}%{top}"></i>')
    height = f' style="height:{max(20, 9 * len(marks) + 4)}px"' if stacked else ""
    return f'<div class="track"{height} aria-hidden="true">{"".join(parts)}</div>'
