"""What classes and numbers are called on the page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..evaluation.summary import UNDEFINED, SummaryRow


def class_labels(ids: Sequence[Any], name_of: Mapping[Any, str]) -> list[str]:
    """A text for each category: its name, its id where it has none, both where several have one name."""
    names = [str(name_of.get(id)) if name_of.get(id) not in (None, "") else None for id in ids]
    n_uses = Counter(names)
    labels = []
    for id, name in zip(ids, names, strict=True):
        if name is None:
            labels.append(str(id))
        else:
            labels.append(f"{name} ({id})" if n_uses[name] > 1 else name)
    return labels


def metric_label(row: SummaryRow) -> str:
    """A row of the summary in a few characters: AP, AP50, AP small, AR100."""
    key = row.coco_key
    for end, word in (("s", "small"), ("m", "medium"), ("l", "large")):
        if key in (f"AP{end}", f"AR{end}"):
            return f"{key[:2]} {word}"
    return key


def defined(value: Any) -> float | None:
    """A number, or None in place of what is undefined: -1, NaN, infinity."""
    value = float(value)
    return None if value == UNDEFINED or not math.isfinite(value) else value


def points(value: float | None, digits: int = 1) -> str:
    """A share from 0 to 1 in points from 0 to 100; a dash where it is undefined."""
    return "–" if value is None else f"{100 * value:.{digits}f}"


def signed(value: float | None, digits: int = 1) -> str:
    """A difference of shares in points, with its sign; a dash where it is undefined."""
    if value is None:
        return "–"
    text = f"{100 * value:+.{digits}f}"
    if float(text) == 0:
        return "±" + text[1:]
    return text.replace("-", "\N{MINUS SIGN}")


def grouped(n: int) -> str:
    """A count with thousands set apart."""
    return f"{n:,}"
