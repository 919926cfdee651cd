"""The sections of parts of the data: classes, sizes, slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .curves import missing
from .html import model_name, section, table, text, track
from .labels import grouped, points, signed

MOST_TRACKS = 100  # classes from the top of the table that have a track; and those that have curves


def classes(content: Mapping[str, Any]) -> str:
    """A row for each class, those that lost most first."""
    models, of_classes, row = content["models"], content["classes"], content["rows"][0]
    key, label = row["key"], row["coco_key"]
    values = [model["per_class"][key] for model in models]
    n, several = len(of_classes["ids"]), len(models) > 1
    changes = [_change([column[k] for column in values]) for k in range(n)]
    if several:
        order = sorted(range(n), key=lambda k: (changes[k] is None, changes[k] or 0.0, k))
    else:
        order = sorted(range(n), key=lambda k: (values[0][k] is None, values[0][k] or 0.0, k))
    sure = {row["id"] for pair in content["comparisons"] for row in pair["reliable_classes"]}
    with_track = {*order[:MOST_TRACKS], *of_classes["with_curves"]}
    further = (
        [name for name in ("map_50", "map_75", "mar_100") if name in models[0]["per_class"]] if not several else []
    )
    rows = []
    for k in order:
        found = [column[k] for column in values]
        name = text(of_classes["labels"][k])
        cells = [name, grouped(of_classes["n_gt"][k]), *(points(x) for x in found)]
        cells += [points(models[0]["per_class"][column][k]) for column in further]
        plot = track([(i, x, None, None) for i, x in enumerate(found)], stacked=False) if k in with_track else ""
        cells.append(f"<td class=wide>{plot}</td>")
        if several:
            star = '<abbr title="more than chance, over all classes">*</abbr>' if of_classes["ids"][k] in sure else ""
            cells.append(f"{signed(changes[k])}{star}")
        rows.append(cells)
    names = {"map_50": "AP50", "map_75": "AP75", "mar_100": "AR100"}
    head = [
        "Class",
        "Objects",
        *((model_name(i, model["name"]) for i, model in enumerate(models)) if several else [label]),
    ]
    head += [names[name] for name in further] + ['<th class="wide" data-plain>0 to 100</th>']
    last = text(models[-1]["name"]) if len(models) == 2 else "the model that lost most"
    lead = f"{label} of each class, in points"
    if several:
        head.append("Change")
        lead += f"; the change is from {text(models[0]['name'])} to {last}. The largest losses come first."
        lead += " * marks changes that are more than chance." if sure else ""
    else:
        lead += ", the lowest first."
    body = table(head, rows, "sortable classes")
    return section("classes", "Classes", [f'<div class="tall">{body}</div>'], lead)


def _change(values: Sequence[float | None]) -> float | None:
    """The largest fall from the first model to another; the smallest rise, where none falls."""
    first, *others = values
    changes = [other - first for other in others if first is not None and other is not None]
    return min(changes, default=None)


def slices(content: Mapping[str, Any]) -> str:
    """Numbers of objects by their size, and of parts of the images."""
    models, row = content["models"], content["rows"][0]
    blocks = []
    sizes = [model["slices"]["size"] for model in models]
    label = row["coco_key"]
    if all(rows for rows in sizes):
        names = [f'<span class="range">{_area(rows["low"])} – {_area(rows["high"])}</span>' for rows in sizes[0]]
        counts = [rows["n_gt"] for rows in sizes[0]]
        values = [[rows["map"] for rows in of_model] for of_model in sizes]
        blocks.append(_slice_table(content, "Area, in pixels²", names, ("Objects", counts), values))
    elif "size" in models[0]["missing"]:
        blocks.append(missing(models[0]["missing"]["size"]))
    parts = [model["slices"]["parts"] for model in models]
    if all(part for part in parts):
        names = [text(part["name"]) for part in parts[0]]
        counts = [part["n_images"] for part in parts[0]]
        values = [[part[row["key"]] for part in of_model] for of_model in parts]
        blocks.append(_slice_table(content, "Part of the data", names, ("Images", counts), values))
    if not blocks:
        return ""
    lead = f"{label} of objects by size, in fifths with as many objects each"
    lead += ", and of parts of the images." if all(part for part in parts) else "."
    return section("slices", "Slices", blocks, lead)


def _slice_table(
    content: Mapping[str, Any],
    title: str,
    names: Sequence[str],
    counts: tuple[str, Sequence[int]],
    values: Sequence[Sequence[float | None]],
) -> str:
    rows = []
    for j, name in enumerate(names):
        found = [column[j] for column in values]
        plot = track([(i, x, None, None) for i, x in enumerate(found)], stacked=False)
        rows.append([name, grouped(counts[1][j]), *(points(x) for x in found), f"<td class=wide>{plot}</td>"])
    models = content["models"]
    named = [model_name(i, model["name"]) for i, model in enumerate(models)]
    head = [title, counts[0], *(named if len(models) > 1 else [content["rows"][0]["coco_key"]])]
    return table([*head, '<th class="wide">0 to 100</th>'], rows)


def _area(value: float) -> str:
    return grouped(round(value)) if value >= 10 else f"{value:.3g}"
