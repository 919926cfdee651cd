"""What categories are called where people read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def labels_of(category_ids: Sequence[Any], name_of: Mapping[Any, str] | None) -> dict[Any, str]:
    """A text for each category, all different: its name; "name (id)" where another one has the same; else its id.

    Raises:
        TypeError: name_of is no mapping, as a list of names is none.
    """
    if name_of is not None and not isinstance(name_of, Mapping):
        raise TypeError(f"class_names must map category ids to names, got {type(name_of).__name__}")
    names = {id: str((name_of or {}).get(id, id)) for id in category_ids}
    n_uses = Counter(names.values())
    told_apart = {id: f"{name} ({id})" if n_uses[name] > 1 else name for id, name in names.items()}
    if len(set(told_apart.values())) == len(told_apart):
        return told_apart
    return {id: f"{name} ({id})" for id, name in names.items()}
