"""The numbers of parts of the images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..evaluation.merging import without_images
from ..evaluation.result import Result
from .counted import require_result


def slices(result: Result, parts: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """The numbers of parts of the images, as if each part were evaluated alone.

    One row per part, in the order given: name, n_images, n_gt, n_dt, and every key of the summary, -1 where undefined.
    The categories of a part are all of the result.

    Args:
        result: of an evaluation; outcomes are enough, so also of a merged Accumulator.
        parts: ids of images by the part's name. Parts may overlap.

    Raises:
        TypeError: parts is no mapping, or a part holds no ids.
        ValueError: an id is not one of the result's images.
    """
    outcomes, rows = require_result(result).outcomes, []
    known = set(outcomes.image_ids.tolist())
    for name, ids in ids_of_parts(result, parts, "parts").items():
        part = Result(without_images(outcomes, None, known - ids)[0])
        counts = part.per_class
        rows.append(
            {"name": name, "n_images": part.outcomes.n_images, "n_gt": sum(row["n_gt"] for row in counts)}
            | {"n_dt": sum(row["n_dt"] for row in counts), **part}
        )
    return rows


def ids_of_parts(result: Result, parts: Any, argument: str) -> dict[str, set[Any]]:
    """The ids of each part, read once, since an iterator gives them once. argument: what errors call the parts.

    Raises:
        TypeError, ValueError: as `slices`.
    """
    if not isinstance(parts, Mapping):
        raise TypeError(f"{argument} must be a dict of image ids by name, got {type(parts).__name__}")
    known = set(result.outcomes.image_ids.tolist())
    found: dict[str, set[Any]] = {}
    for name, ids in parts.items():
        if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):
            raise TypeError(f"{argument}[{name!r}] must hold image ids, got {ids!r}")
        found[name] = set()
        for id in (id.item() if hasattr(id, "item") else id for id in ids):
            if not isinstance(id, (int, str)) or id not in known:
                raise ValueError(f"{argument}[{name!r}] holds {id!r}, which is not an image of the result")
            found[name].add(id)
    return found
