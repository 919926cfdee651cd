"""Generated batches for MeanAveragePrecision, and the comparison of what two metrics give for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FORMATS = ("xyxy", "xywh", "cxcywh")
Batch = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def complaint(call: Callable[[], Any]) -> tuple[type, str]:
    """The type and the text of what a call raises; NoneType and "" where it raises nothing."""
    try:
        call()
    except Exception as error:
        return type(error), str(error)
    return type(None), ""


def batch(
    seed: int,
    n_images: int = 8,
    n_classes: int = 4,
    most: int = 8,
    *,
    dtype: str = "float32",
    scores: str = "float32",
    labels: str = "int64",
    box_format: str = "xyxy",
    crowd: float = 0.15,
    area: bool = True,
    empty: float = 0.15,
    bare: bool = False,
) -> Batch:
    """Images of up to `most` objects, their detections with ties and strays, as lists of dicts of tensors.

    dtype, scores, labels: torch's names. crowd: share of crowds. area: whether targets state areas, some of them 0.
    empty: share of images that lack detections or objects. bare: these hold torch.tensor([]) throughout, float tensors
    of one axis, as people write them.
    """
    import torch

    rng = np.random.default_rng(seed)
    preds, target = [], []
    for _ in range(n_images):
        n_gt, n_stray = (0 if rng.random() < empty else int(rng.integers(1, most + 1)) for _ in range(2))
        gt, kinds = _boxes(rng, n_gt), rng.integers(0, n_classes, n_gt)
        copied = np.flatnonzero(rng.random(n_gt) < 0.8) if rng.random() >= empty else np.empty(0, int)
        dt = np.concatenate(
            (gt[copied] + rng.integers(-6, 7, (len(copied), 4)) * rng.integers(0, 2), _boxes(rng, n_stray))
        )
        dt[:, 2:] = np.maximum(dt[:, 2:], dt[:, :2])
        dt_kinds = np.concatenate((kinds[copied], rng.integers(0, n_classes, n_stray)))
        preds.append(
            {
                "boxes": _formatted(torch.tensor(dt), dtype, box_format),
                "scores": torch.tensor(rng.integers(0, 12, len(dt)) / 11).to(getattr(torch, scores)),
                "labels": torch.tensor(dt_kinds).to(getattr(torch, labels)),
            }
        )
        item = {
            "boxes": _formatted(torch.tensor(gt), dtype, box_format),
            "labels": torch.tensor(kinds).to(getattr(torch, labels)),
        }
        if crowd:
            item["iscrowd"] = torch.tensor((rng.random(n_gt) < crowd).astype(np.int64))
        if area:
            sizes = (gt[:, 2] - gt[:, 0]) * (gt[:, 3] - gt[:, 1]) * rng.choice([0, 0.5, 1.0], n_gt)
            item["area"] = torch.tensor(sizes, dtype=torch.float32)
        target.append(item)
        if bare:
            for sample in (preds[-1], target[-1]):
                if not len(sample["boxes"]):
                    sample |= {key: torch.tensor([]) for key in sample}
    return preds, target


def with_masks(data: Batch, seed: int, height: int = 40, width: int = 50) -> Batch:
    """The batch with masks, in its items: each box (two corners) at a sixth of its size, some with holes; bool or uint8
    by image."""
    import torch

    rng = np.random.default_rng(seed)
    for item in (*data[0], *data[1]):
        corners = (item["boxes"].double() / 6).long().reshape(-1, 4).tolist()
        masks = torch.zeros(len(corners), height, width, dtype=torch.bool)
        for mask, (x, y, right, bottom) in zip(masks, corners, strict=True):
            mask[y : bottom + 1, x : right + 1] = True
            if rng.random() < 0.5:
                mask &= torch.tensor(rng.random((height, width)) < 0.9)
        item["masks"] = masks if rng.random() < 0.5 else masks.to(torch.uint8)
    return data


def _boxes(rng: np.random.Generator, n: int) -> Any:
    """Whole corners; sides from 0 to 200, so that all area ranges are met."""
    corner, size = rng.integers(0, 120, (n, 2)), rng.integers(0, 201, (n, 2)) * rng.choice([0.1, 0.4, 1], (n, 1))
    return np.concatenate((corner, corner + size.astype(int)), 1)


def _formatted(boxes: Any, dtype: str, box_format: str) -> Any:
    """The corners in another layout. Floats get a fraction that rounds in every dtype."""
    import torch

    kind = getattr(torch, dtype)
    low, size = boxes[:, :2].double(), (boxes[:, 2:] - boxes[:, :2]).double()
    if kind.is_floating_point:
        low, size = low + 0.37, size + 0.141
    sides = {"xyxy": (low, low + size), "xywh": (low, size), "cxcywh": (low + size / 2, size)}[box_format]
    return torch.cat(sides, 1).to(kind)


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two results differ: in keys or their order, types, dtypes, shapes or bits. Empty where nowhere."""
    import torch

    if type(ours) is not type(theirs):
        return [f"{path}: {type(ours)} is not {type(theirs)}"]
    if isinstance(ours, dict):
        if list(ours) != list(theirs):
            return [f"{path}: keys {list(ours)} are not {list(theirs)}"]
        return [line for key in ours for line in differences(ours[key], theirs[key], f"{path}/{key}")]
    if isinstance(ours, list):
        return differences(dict(enumerate(ours)), dict(enumerate(theirs)), path)
    if isinstance(ours, torch.Tensor):
        like = (ours.dtype, ours.shape, ours.device) == (theirs.dtype, theirs.shape, theirs.device)
        if not like or not torch.equal(ours.nan_to_num(-7), theirs.nan_to_num(-7)):
            return [
                f"{path}: {ours.dtype} {tuple(ours.shape)} is not {theirs.dtype} {tuple(theirs.shape)}, or not equal"
            ]
        return []
    return [] if ours == theirs else [f"{path}: {ours} is not {theirs}"]
