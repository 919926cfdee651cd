"""Masks as a metric keeps them: one uint8 tensor per image, on the host.

That of n masks holds int32 (n, 3), the height, width and length of each text; then the texts, COCO's compressed runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..formats import masks as mask_format
from ..formats.ranges import gather_ranges, offsets_of
from ..formats.runs import RunColumns, joined, of_any_bitmaps, of_text

HEAD = 12  # bytes before the texts, for each mask
C_NAMES = {
    torch.float32: "float", torch.float64: "double", torch.int64: "long", torch.int32: "int", torch.int16: "short",
    torch.int8: "signed char",
}  # fmt: skip
Item = Mapping[str, Any]


def are_listed(masks: Any) -> bool:
    """Whether it is a list of runs, dicts of size and counts, or of lists of polygons; not an empty one."""
    return isinstance(masks, (list, tuple)) and bool(masks) and all(_is_listed(mask) for mask in masks)


def _is_listed(mask: Any) -> bool:
    if isinstance(mask, Mapping):
        return "size" in mask and "counts" in mask
    return isinstance(mask, (list, tuple)) and bool(mask) and isinstance(mask[0], (list, tuple))


def read(preds: Sequence[Item], target: Sequence[Item], backend: str) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The states of a batch, whose items have passed validation.check_samples.

    Raises:
        ValueError, TypeError: masks of another dtype or shape, with torchmetrics' words where it has some; or runs and
            polygons that are no masks. The message, or that of its cause, names the sample.
    """
    sides = [[_raw(item["masks"], i, name, backend) for i, item in enumerate(items)]
             for name, items in (("predictions", preds), ("targets", target))]  # fmt: skip
    for i, pair in enumerate(zip(*sides, strict=True)):
        if not all(isinstance(masks, RunColumns) for masks in pair):
            size = _image_size(i, pair, (preds[i], target[i]))
            for side, masks, name in zip(sides, pair, ("predictions", "targets"), strict=True):
                if not isinstance(masks, RunColumns):
                    side[i] = _drawn(masks, size, i, name)
    return packed(sides[0]), packed(sides[1])


def _raw(masks: Any, i: int, side: str, backend: str) -> Any:
    """RunColumns, or RawMasks of polygons."""
    if isinstance(masks, torch.Tensor):
        return _of_tensor(masks, i, side, backend)
    try:
        raw = mask_format.raw_masks(masks, lambda _, row: f"masks[{row}]")
        raw.check(lambda _, row: f"masks[{row}]")
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"Invalid input mask of sample {i} in {side}: {error}") from error
    return raw if raw.needs_sizes else raw.columns(None, lambda name, row: name)


def _of_tensor(masks: torch.Tensor, i: int, side: str, backend: str) -> RunColumns:
    if not masks.shape[0]:
        return RunColumns(np.empty(0, np.uint32), np.zeros(1, np.int64), np.empty((0, 2), np.int64))
    if masks.ndim == 4 and masks.shape[1] == 1:
        masks = masks[:, 0] > 0.5 if masks.is_floating_point() else masks[:, 0]
    if masks.ndim != 3:
        raise ValueError(
            f"Invalid input mask of sample {i}, element 0 (expected shape (num_masks, height, width), got "
            f"{tuple(masks.shape)}) in {side}"
        )
    if masks.dtype not in (torch.bool, torch.uint8):
        raise _wrong_dtype(masks, backend) from ValueError(
            f"Invalid input mask of sample {i}, element 0 (expected bool or uint8, got {masks.dtype}) in {side}"
        )
    return of_any_bitmaps(masks.detach().cpu().numpy())


def _wrong_dtype(masks: torch.Tensor, backend: str) -> Exception:
    """What pycocotools and faster-coco-eval say of it."""
    if masks.dtype == torch.bfloat16:
        return TypeError("Got unsupported ScalarType BFloat16")
    if backend == "faster_coco_eval":
        first = np.asfortranarray(masks[0].detach().cpu().numpy())[:, :, None]
        return TypeError(
            "encode(): incompatible function arguments. The following argument types are supported:\n"
            f"    1. (arg0: numpy.ndarray[numpy.uint8]) -> list[dict]\n\nInvoked with: {first!r}"
        )
    if masks.dtype in C_NAMES:
        return ValueError(f"Buffer dtype mismatch, expected 'uint8_t' but got '{C_NAMES[masks.dtype]}'")
    if masks.dtype == torch.float16:
        return ValueError("Does not understand character buffer dtype format string ('e')")
    return ValueError(f"masks must be bool or uint8, got {masks.dtype}")


def _image_size(i: int, pair: Sequence[Any], items: Sequence[Item]) -> NDArray[np.int64]:
    """Height and width of an image that has polygons: of its other masks, or the item's own."""
    for masks in pair:
        runs = masks if isinstance(masks, RunColumns) else masks.runs
        if len(runs):
            return np.array(runs.sizes[0])
    for item in items:
        if "image_size" in item:
            size = np.array([int(side) for side in item["image_size"]], np.int64)
            if size.shape != (2,):
                raise ValueError(f"image_size of sample {i} must be (height, width), got {item['image_size']!r}")
            return size
    raise ValueError(f"Polygons of sample {i} need the key `image_size`, (height, width), in `preds` or `target`")


def _drawn(masks: Any, size: NDArray[np.int64], i: int, side: str) -> RunColumns:
    sizes = np.broadcast_to(size.astype(np.float64), (len(masks), 2))
    try:
        found: RunColumns = masks.columns(sizes, lambda _, row: f"masks[{row}]")
    except ValueError as error:
        raise ValueError(f"Invalid input mask of sample {i} in {side}: {error}") from error
    return found


def packed(images: Sequence[RunColumns]) -> list[torch.Tensor]:
    """The state of each image; they are parts of one tensor."""
    runs = joined(images)
    text, offsets = runs.text()
    heads = np.column_stack((runs.sizes, np.diff(offsets))).astype(np.int32).reshape(-1).view(np.uint8)
    rows = offsets_of(list(map(len, images)))
    ends = HEAD * rows + offsets[rows]
    out = np.empty(ends[-1], np.uint8)
    for begin, (first, last) in zip(ends.tolist(), pairwise(rows.tolist()), strict=False):
        n_head, low, high = HEAD * (last - first), offsets[first], offsets[last]
        out[begin : begin + n_head] = heads[HEAD * first : HEAD * last]
        out[begin + n_head : begin + n_head + high - low] = text[low:high]
    return list(torch.from_numpy(out).split(np.diff(ends).tolist()))


def unpacked(states: Sequence[torch.Tensor], counts: NDArray[np.int64]) -> RunColumns:
    """All masks of some images. counts: int64 (images,), how many masks each has."""
    data, begins, ends, sizes = _parts(states, counts)
    return of_text(data, begins, ends, sizes, lambda row: f"mask {row}")


def texts(state: torch.Tensor, n: int) -> list[tuple[list[int], bytes]]:
    """The size, [height, width], and the compressed runs of each of an image's n masks."""
    data, begins, ends, sizes = _parts([state], np.array([n]))
    return [(size, data[begin:end].tobytes()) for begin, end, size in zip(begins, ends, sizes.tolist(), strict=True)]


def _parts(states: Sequence[torch.Tensor], counts: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
    """All bytes; where the text of each mask begins and ends in them; sizes, int64 (N, 2)."""
    data = torch.cat(list(states)).cpu().numpy() if len(states) else np.empty(0, np.uint8)
    starts = offsets_of([state.numel() for state in states])[:-1]
    head = data[gather_ranges(starts, HEAD * counts)[0]].view(np.int32).reshape(-1, 3).astype(np.int64)
    within = offsets_of(head[:, 2])
    rows = offsets_of(counts)[:-1]
    begins = within[:-1] + np.repeat(starts + HEAD * counts - within[rows], counts)
    return data, begins, begins + head[:, 2], np.ascontiguousarray(head[:, :2])
