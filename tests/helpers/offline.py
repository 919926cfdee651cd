"""Trackers that reach nothing outside this machine: no account, no telemetry, no reports of their own errors."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

OFFLINE = {
    "COMET_DISABLE_AUTO_LOGGING": "1",  # comet_ml, once imported, sends runs of MLflow and others to its server
    "COMET_ERROR_TRACKING_ENABLE": "false",
    "COMET_LOGGING_CONSOLE": "error",
    "DO_NOT_TRACK": "true",  # MLflow, Hugging Face
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
}


def go_offline() -> None:
    """Set OFFLINE in this process and its children. Call it before a tracker is imported: most read it then."""
    os.environ.update(OFFLINE)


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection of this process to another machine is an error. Import it into a conftest.py to have it."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a connection to {address!r}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)
