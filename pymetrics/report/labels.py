"""Numbers as the page writes them."""

from __future__ import annotations

import math
from typing import Any

from ..evaluation.summary import UNDEFINED


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


def overlap_name(iou_type: str) -> str:
    """What overlaps are called: of keypoints they are their similarity."""
    return "OKS" if iou_type.startswith("keypoints") else "IoU"


def grouped(n: int) -> str:
    """A count with thousands set apart."""
    return f"{n:,}"
