"""A Result as a flat dict of numbers, for experiment trackers."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .summary import UNDEFINED

if TYPE_CHECKING:
    from .result import Result


def scalars(
    result: Result, prefix: str, keys: str, class_names: Mapping[int, str] | bool | None, undefined: str
) -> dict[str, float]:
    """As Result.scalars."""
    _check_choice("keys", keys, ("torchmetrics", "coco"))
    _check_choice("undefined", undefined, ("drop", "keep", "nan"))
    is_coco = keys == "coco"
    values = {row.coco_key if is_coco else row.key: result[row.key] for row in result.rows}
    names = _class_keys(result, class_names)
    values |= {f"{'AP' if is_coco else 'map'}/{name}": result.per_class[k]["map"] for k, name in enumerate(names)}
    if undefined == "drop":
        values = {key: value for key, value in values.items() if value != UNDEFINED}
    elif undefined == "nan":
        values = {key: math.nan if value == UNDEFINED else value for key, value in values.items()}
    return {prefix + key: value for key, value in values.items()}


def _class_keys(result: Result, class_names: Mapping[int, str] | bool | None) -> list[str]:
    """The categories' names, fit for a tracker's key and all different; empty where none are wanted."""
    if class_names is None or class_names is False:
        return []
    name_of = result.totals.category_names if class_names is True else class_names
    if not isinstance(name_of, Mapping):
        raise TypeError(f"class_names must map category ids to names or be True, got {type(class_names).__name__}")
    ids = result.totals.category_ids.tolist()
    ends = [str(k if isinstance(id_, str) else id_) for k, id_ in enumerate(ids)]  # ids may be any text
    names = [
        re.sub(r"\W+", "_", str(name_of.get(id_, id_))).strip("_") or end for id_, end in zip(ids, ends, strict=True)
    ]
    n_uses = Counter(names)
    told_apart = [f"{name}_{end}" if n_uses[name] > 1 else name for end, name in zip(ends, names, strict=True)]
    if len(set(told_apart)) == len(told_apart):
        return told_apart
    return [f"{name}_{end}" for end, name in zip(ends, names, strict=True)]


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}, got {value!r}")
