"""Examples run in processes of their own, as people run them, and offline: a connection elsewhere is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from helpers.offline import OFFLINE

ROOT = Path(__file__).resolve().parents[2]
# What runs before the example: its folder is the place of its imports, as where Python starts it.
START = """
import runpy, socket, sys
connect = socket.socket.connect
def refuse(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise AssertionError(f"a connection to {address!r}")
    connect(self, address)
socket.socket.connect = refuse
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_in(folder: Path, name: str, *arguments: Any, **variables: str) -> str:
    """What an example prints, started in a folder."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB_", "COMET_"))}
    env |= {**OFFLINE, "OMP_NUM_THREADS": "1", "WANDB_DIR": str(folder), "WANDB_DATA_DIR": str(folder / "data")}
    env |= {"HOME": str(folder), "MPLBACKEND": "Agg", **variables}
    command = [sys.executable, "-c", START, str(ROOT / "examples" / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
