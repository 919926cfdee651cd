"""One packed exchange between the processes of torch.distributed: two collectives, whatever each process holds."""

from __future__ import annotations

from typing import Any

from ..kernels import arrays


def exchange_bytes(data: bytes, group: Any = None) -> list[bytes]:
    """The bytes of all processes of a group, in the order of their ranks.

    Raises:
        RuntimeError: as `exchange`; or torch has not been imported, so that there is no process group.
    """
    torch = arrays.torch()
    if torch is None:
        raise RuntimeError("there is no process group: torch.distributed has not been imported")
    payload = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    return [part.cpu().numpy().tobytes() for part in exchange(payload, group)]


def exchange(payload: Any, group: Any = None) -> list[Any]:
    """The payloads of all processes of a group, in the order of their ranks.

    First the lengths are gathered, then the payloads, padded to the longest. They travel on the device that the group's
    backend works on (nccl: the current GPU).

    Args:
        payload: uint8 (n,), on any device; n may be 0, and differs from process to process.
        group: a process group; None: all processes.

    Raises:
        RuntimeError: a process died or did not come within the group's time-out.
    """
    torch = arrays.torch()
    distributed = torch.distributed
    group = distributed.group.WORLD if group is None else group
    device, n_ranks = device_of(group), distributed.get_world_size(group)
    lengths = [torch.empty(1, dtype=torch.int64, device=device) for _ in range(n_ranks)]
    distributed.all_gather(lengths, torch.tensor([payload.numel()], device=device), group=group)
    sizes = [int(length) for length in torch.cat(lengths).tolist()]
    padded = torch.zeros(max(1, *sizes), dtype=torch.uint8, device=device)
    padded[: payload.numel()] = payload
    parts = [torch.empty_like(padded) for _ in range(n_ranks)]
    distributed.all_gather(parts, padded, group=group)
    return [part[:size] for part, size in zip(parts, sizes, strict=True)]


def device_of(group: Any) -> Any:
    """Where a group's collectives work: on the host, where its backend can, or else on the current GPU."""
    torch = arrays.torch()
    kinds = [part.partition(":")[0] for part in torch.distributed.get_backend_config(group).split(",")]
    return torch.device("cpu" if "cpu" in kinds else kinds[0])
