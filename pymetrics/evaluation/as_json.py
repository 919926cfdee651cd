"""A Result as plain values, as JSON says them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .summary import UNDEFINED

if TYPE_CHECKING:
    from .result import Result


def to_dict(result: Result) -> dict[str, Any]:
    """As Result.to_dict."""
    per_class = [row | _defined({key: row[key] for key in result}) for row in result.per_class]
    content = {
        "iou_type": result.totals.iou_type,
        "protocol": result.protocol.to_dict(),
        "metrics": _defined(result),
        "per_class": per_class,
        "n_images": result.totals.n_images,
        "n_gt": sum(row["n_gt"] for row in per_class),
        "n_dt": sum(row["n_dt"] for row in per_class),
    }
    plain: dict[str, Any] = plain_values(content)
    return plain


def _defined(values: Mapping[str, float]) -> dict[str, float | None]:
    return {key: None if value == UNDEFINED else value for key, value in values.items()}


def plain_values(value: Any) -> Any:
    """Tuples as lists, and None in place of what JSON cannot say (an area range without an end)."""
    if isinstance(value, dict):
        return {key: plain_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
