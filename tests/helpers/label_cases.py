"""Scenes with other labels: string ids, as files, as lists per image."""

from __future__ import annotations

import json

import numpy as np

from helpers.ingest_cases import per_image_source

IDS = {10: "a cat", 20: "b/dog", 30: "c cow"}  # they ascend as the integers do


def relabelled(gt, dt, label_of):
    """The scene with other category ids on both sides; the names are the same."""
    return {
        **gt,
        "annotations": [{**row, "category_id": label_of[row["category_id"]]} for row in gt["annotations"]],
        "categories": [{**row, "id": label_of[row["id"]]} for row in gt["categories"]],
    }, [{**row, "category_id": label_of[row["category_id"]]} for row in dt]


def bits(result):
    return [getattr(result, name).tobytes() for name in ("precision", "recall", "scores", "stats")]


def as_files(gt, dt, folder):
    for name, content in (("gt", gt), ("dt", dt)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder / "gt.json", folder / "dt.json"


def as_items(gt, dt):
    """Lists of one dict per image, labels as lists and arrays of strings."""
    number = {label: k for k, label in enumerate(IDS.values())}
    names = np.array(list(IDS.values()))
    sides = per_image_source(*relabelled(gt, dt, number))
    return [
        [item | {"labels": make(names[item["labels"]])} for item in items]
        for items, make in zip(sides, (np.ndarray.tolist, np.array), strict=True)
    ]
