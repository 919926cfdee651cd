"""The command pymetrics config."""

from __future__ import annotations

import argparse
from typing import Any

import pymetrics


def add_config(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    config = commands.add_parser("config", help="show backends, threads and environment variables")
    config.set_defaults(run=show_config, parser=config)


def show_config(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Print the page."""
    pymetrics.show_config()
