"""Processes of torch.distributed on this machine: gloo, by the loopback interface, with a time-out."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent


def launch(
    module: str, function: str, n_ranks: int, folder: Path, timeout: float = 150, lost: tuple[int, ...] = ()
) -> list[Any]:
    """What module.function(rank, n_ranks) returns in each process; None for the ranks `lost`, which must die.

    The group's time-out is 5 s where ranks are to be lost, and 60 s otherwise.
    """
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS), str(TESTS / "detection"), str(TESTS / "coco")]),
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    code = (
        "import importlib, pickle, sys\n"
        "from datetime import timedelta\n"
        "from torch import distributed\n"
        "module, function, rank, n_ranks, folder, seconds = sys.argv[1:]\n"
        "call = getattr(importlib.import_module(module), function)\n"
        "distributed.init_process_group('gloo', init_method=f'file://{folder}/store', rank=int(rank),\n"
        "    world_size=int(n_ranks), timeout=timedelta(seconds=float(seconds)))\n"
        "found = call(int(rank), int(n_ranks))\n"
        "pickle.dump(found, open(f'{folder}/{rank}.pickle', 'wb'))\n"
        "sys.stdout.flush(); sys.stderr.flush()\n"
        "import os; os._exit(0)\n"
    )
    seconds = "5" if lost else "60"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, module, function, str(rank), str(n_ranks), str(folder), seconds],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(n_ranks)
    ]  # fmt: skip
    try:
        texts = [process.communicate(timeout=timeout)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    for rank, (process, text) in enumerate(zip(processes, texts, strict=True)):
        assert (process.returncode == 0) == (rank not in lost), f"rank {rank}: {text}"
    return [None if rank in lost else pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(n_ranks)]
