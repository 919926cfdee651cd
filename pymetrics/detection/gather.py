"""The states of a metric, lists of tensors, from all processes in one packed exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from typing import Any

import torch

from ..evaluation.exchange import exchange

DTYPES = (
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64,
)  # fmt: skip
CODE_OF = {dtype: code for code, dtype in enumerate(DTYPES)}
WORD = 8  # bytes of one number of the head


def gather(states: Mapping[str, Sequence[Any]], group: Any, device: Any) -> dict[str, list[Any]]:
    """Each list with the tensors of all processes: the first of rank 0, of rank 1, ..., then the second ones.

    A process that has no more tensors is skipped. Dtypes and shapes stay. The tensors come to `device`.
    """
    parts = [_unpacked(part.to(device), list(states)) for part in exchange(_packed(states, device), group)]
    missing = object()
    return {
        name: [
            tensor
            for tensor in chain.from_iterable(zip_longest(*(part[name] for part in parts), fillvalue=missing))
            if tensor is not missing
        ]
        for name in states
    }


def _packed(states: Mapping[str, Sequence[Any]], device: Any) -> Any:
    """uint8: the length of the head; the head, for each state how many tensors, then dtype, axes, shape of each; data.

    All numbers of the head are int64.
    """
    head: list[int] = []
    data = []
    for tensors in states.values():
        # Only empty tensors may be of other dtypes: update() refuses the rest.
        known = [tensor if tensor.dtype in CODE_OF else tensor.real.float() for tensor in tensors]
        head.append(len(known))
        for tensor in known:
            head += (CODE_OF[tensor.dtype], tensor.ndim, *tensor.shape)
        flat = [tensor.to(device).reshape(-1) for tensor in known]
        alike = len({tensor.dtype for tensor in flat}) == 1
        data += [part.view(torch.uint8) for part in ([torch.cat(flat)] if alike else flat)]
    start = torch.tensor([len(head), *head], dtype=torch.int64).view(torch.uint8).to(device)
    return torch.cat([start, *data])


def _unpacked(payload: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    n_head = int(payload[:WORD].clone().view(torch.int64))
    place = WORD * (1 + n_head)
    head = iter(payload[WORD:place].clone().view(torch.int64).tolist())
    states: dict[str, list[Any]] = {}
    for name in names:
        n = next(head)
        layouts = [(next(head), [next(head) for _ in range(next(head))]) for _ in range(n)]
        dtypes = [DTYPES[code] for code, _ in layouts]
        counts = [torch.Size(shape).numel() for _, shape in layouts]
        if len(set(dtypes)) == 1:  # in one go
            n_bytes = sum(counts) * dtypes[0].itemsize
            flat = payload[place : place + n_bytes].clone().view(dtypes[0]).split(counts)  # a copy is aligned
            place += n_bytes
        else:
            flat = []
            for dtype, count in zip(dtypes, counts, strict=True):
                flat.append(payload[place : place + count * dtype.itemsize].clone().view(dtype))
                place += count * dtype.itemsize
        states[name] = [
            tensor if len(shape) == 1 else tensor.reshape(shape)
            for tensor, (_, shape) in zip(flat, layouts, strict=True)
        ]
    return states
