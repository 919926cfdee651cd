"""COCO files of the metric's data, both ways: tm_to_coco and coco_to_tm."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..coco import COCO
from ..formats.coco import list_of
from ..formats.json_files import read_json
from . import validation
from .helpers import CocoBackend

Samples = list[dict[str, Any]]
KEYS = {"bbox": "bbox", "segm": "segmentation"}  # of annotations


def write(backend: CocoBackend, states: Mapping[str, Any], name: str, iou_types: Any) -> None:
    """{name}_preds.json, a list of results, and {name}_target.json, a COCO dataset whose categories are the labels.

    states: the metric's lists by name.
    """
    labels = [states[f"{side}_labels"] for side in ("detection", "groundtruth")]
    every = [*labels[0], *labels[1]]
    all_labels = torch.cat(every).unique().tolist() if every else []
    results, dataset = (
        backend._get_coco_format(
            of_side, all_labels, states[f"{side}_box"] or None, states[f"{side}_mask"] or None, iou_type=iou_types,
            average="macro", **{key: states[f"{side}_{key}"] for key in more},
        )
        for side, of_side, more in (
            ("detection", labels[0], ("scores",)), ("groundtruth", labels[1], ("crowds", "area"))
        )
    )  # fmt: skip
    for suffix, content in (("preds", results["annotations"]), ("target", dataset)):
        with open(f"{name}_{suffix}.json", "w", encoding="utf-8") as file:
            json.dump(content, file, indent=4, default=_plain)


def _plain(value: Any) -> Any:
    """What json does not write: the texts and areas of masks."""
    return value.decode() if isinstance(value, bytes) else int(value)


def read(
    coco_preds: str | os.PathLike[str], coco_target: str | os.PathLike[str], iou_types: Any = ("bbox",)
) -> tuple[Samples, Samples]:
    """preds and target for update() of a metric with box_format="xywh": the images that have ground truth.

    Masks are uint8 (n, height, width).

    Raises:
        OSError: a file cannot be read.
        ValueError, TypeError: it does not hold what it should; the message names the annotation and the key.
    """
    dataset, results = read_json(coco_target, "coco_target"), read_json(coco_preds, "coco_preds")
    if not isinstance(dataset, dict):
        raise TypeError(f"coco_target must hold a COCO dict, got {type(dataset).__name__}: the predictions come first")
    if not isinstance(results, list):
        raise TypeError(f"coco_preds must hold a list of results, got {type(results).__name__}")
    keys_of_shapes = tuple(KEYS[kind] for kind in iou_types)
    if "segm" in iou_types:
        dataset, results = _with_bitmaps(dataset, results, iou_types)
    known = {image["id"] for image in list_of(dataset, "images", "coco_target")}
    preds: dict[Any, dict[str, list[Any]]] = {}
    target: dict[Any, dict[str, list[Any]]] = {}
    sources = (
        (target, list_of(dataset, "annotations", "coco_target"), "coco_target['annotations']", ("iscrowd", "area")),
        (preds, results, "coco_preds", ("score",)),
    )
    for samples, rows, name, keys in sources:
        for k, annotation in enumerate(rows):
            for key in ("image_id", "category_id", *keys_of_shapes, *keys):
                if key not in annotation:
                    raise ValueError(f"{name}[{k}] has no {key!r}")
            if samples is preds and annotation["image_id"] not in known:
                raise ValueError(f"{name}[{k}] is of image {annotation['image_id']!r}, which coco_target does not list")
            empty: dict[str, list[Any]] = {key: [] for key in ("category_id", *keys_of_shapes, *keys)}
            sample = samples.setdefault(annotation["image_id"], empty)
            for key, values in sample.items():
                values.append(annotation[key])
    nothing: dict[str, list[Any]] = {key: [] for key in ("score", "category_id", *keys_of_shapes)}
    shapes = {validation.ITEMS[kind]: KEYS[kind] for kind in iou_types}
    of_preds = {"scores": "score", "labels": "category_id", **shapes}
    of_target = {"labels": "category_id", "iscrowd": "iscrowd", "area": "area", **shapes}
    return (
        [_tensors(preds.get(image, nothing), of_preds) for image in target],
        [_tensors(target[image], of_target) for image in target],
    )


def _with_bitmaps(dataset: Any, results: Any, iou_types: Any) -> tuple[Any, Any]:
    """Copies of both whose segmentations are bitmaps, and whose results have boxes where they are asked for."""
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = dataset
        gt.createIndex()
        dt = gt.loadRes([dict(result) for result in results])
    annotations = [
        [{**ann, "segmentation": gt.annToMask(ann)} if "segmentation" in ann else ann for ann in anns]
        for anns in (dataset["annotations"], dt.dataset["annotations"])
    ]
    return {**dataset, "annotations": annotations[0]}, annotations[1]


def _tensors(sample: dict[str, list[Any]], key_of: dict[str, str]) -> dict[str, Any]:
    """float32, but labels and iscrowd int32, and masks uint8."""
    dtype_of = {"labels": torch.int32, "iscrowd": torch.int32, "masks": torch.uint8}
    return {
        name: torch.tensor(
            np.array(sample[key]) if name == "masks" else sample[key], dtype=dtype_of.get(name, torch.float32)
        )
        for name, key in key_of.items()
    }
