"""COCO files of the metric's data, both ways: tm_to_coco and coco_to_tm."""

from __future__ import annotations

import json
import os
from typing import Any

import torch

from ..evaluation.columns import CROWD, Axes, Columns, Side
from ..formats.coco import list_of, read_json

Samples = list[dict[str, Any]]


def write(columns: Columns, name: str) -> None:
    """{name}_preds.json, a list of results, and {name}_target.json, a COCO dataset whose categories are the labels."""
    dt, gt, axes = columns.dt, columns.gt, columns.axes
    area = columns.shape.area(dt.shape).tolist()
    results = _annotations(dt, axes, area, [0] * len(area))
    for result, score in zip(results, dt.scores.tolist(), strict=True):
        result["score"] = score
    crowds = ((gt.flags & CROWD) != 0).astype(int).tolist()
    dataset = {
        "images": [{"id": i} for i in axes.image_ids.tolist()],
        "annotations": _annotations(gt, axes, gt.area.tolist(), crowds),
        "categories": [{"id": label, "name": str(label)} for label in axes.category_ids.tolist()],
        "info": {"description": "written by pymetrics"},
    }
    for side, content in (("preds", results), ("target", dataset)):
        with open(f"{name}_{side}.json", "w", encoding="utf-8") as file:
            json.dump(content, file, indent=4)


def _annotations(side: Side, axes: Axes, area: list[float], crowds: list[int]) -> list[dict[str, Any]]:
    keys = ("id", "image_id", "area", "category_id", "iscrowd", "bbox")
    labels = axes.category_ids[side.category].tolist()
    rows = zip(range(1, len(area) + 1), side.image.tolist(), area, labels, crowds, side.shape.tolist(), strict=True)
    return [dict(zip(keys, row, strict=True)) for row in rows]


def read(coco_preds: str | os.PathLike[str], coco_target: str | os.PathLike[str]) -> tuple[Samples, Samples]:
    """preds and target for update() of a metric with box_format="xywh": the images that have ground truth.

    Raises:
        OSError: a file cannot be read.
        ValueError, TypeError: it does not hold what it should; the message names the annotation and the key.
    """
    dataset, results = read_json(coco_target, "coco_target"), read_json(coco_preds, "coco_preds")
    if not isinstance(dataset, dict):
        raise TypeError(f"coco_target must hold a COCO dict, got {type(dataset).__name__}: the predictions come first")
    if not isinstance(results, list):
        raise TypeError(f"coco_preds must hold a list of results, got {type(results).__name__}")
    known = {image["id"] for image in list_of(dataset, "images", "coco_target")}
    preds: dict[Any, dict[str, list[Any]]] = {}
    target: dict[Any, dict[str, list[Any]]] = {}
    sources = (
        (target, list_of(dataset, "annotations", "coco_target"), "coco_target['annotations']", ("iscrowd", "area")),
        (preds, results, "coco_preds", ("score",)),
    )
    for samples, rows, name, keys in sources:
        for k, annotation in enumerate(rows):
            for key in ("image_id", "category_id", "bbox", *keys):
                if key not in annotation:
                    raise ValueError(f"{name}[{k}] has no {key!r}")
            if samples is preds and annotation["image_id"] not in known:
                raise ValueError(f"{name}[{k}] is of image {annotation['image_id']!r}, which coco_target does not list")
            sample = samples.setdefault(annotation["image_id"], {key: [] for key in ("category_id", "bbox", *keys)})
            for key, values in sample.items():
                values.append(annotation[key])
    nothing: dict[str, list[Any]] = {"score": [], "category_id": [], "bbox": []}
    return (
        [_tensors(preds.get(image, nothing), {"scores": "score", "labels": "category_id"}) for image in target],
        [_tensors(target[image], {"labels": "category_id", "iscrowd": "iscrowd", "area": "area"}) for image in target],
    )


def _tensors(sample: dict[str, list[Any]], key_of: dict[str, str]) -> dict[str, Any]:
    """float32, but labels and iscrowd int32."""
    dtype_of = {"labels": torch.int32, "iscrowd": torch.int32}
    return {
        name: torch.tensor(sample[key], dtype=dtype_of.get(name, torch.float32))
        for name, key in {**key_of, "boxes": "bbox"}.items()
    }
