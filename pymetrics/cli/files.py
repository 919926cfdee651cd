"""The files that the command line reads and writes, and the errors that it reports in one line."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class EvaluationError(Exception):
    """What the files hold cannot be evaluated; the message is for the user."""


def check_file(parser: argparse.ArgumentParser, option: str, path: str) -> None:
    """Refuse a path that is not there, or a folder."""
    if not os.path.exists(path):
        parser.error(f"argument {option}: no such file: {path!r}")
    if os.path.isdir(path):
        parser.error(f"argument {option}: {path!r} is a folder, not a JSON file")


def json_target(parser: argparse.ArgumentParser, option: str | None, inputs: Iterable[str]) -> Path | None:
    """Where --json writes; None: nowhere, or to standard output. Refuses a folder, and what is one of the inputs."""
    target = None if option in (None, "-") else Path(str(option))
    if target and (target.is_dir() or not target.parent.is_dir()):
        parser.error(f"argument --json: cannot write a file at {option!r}")
    if target and target.exists() and any(target.samefile(path) for path in inputs):
        parser.error(f"argument --json: {option!r} is one of the inputs, which it would overwrite")
    return target


@contextlib.contextmanager
def blaming(subject: str) -> Iterator[None]:
    """Turn what bad data raises into one line that names the files; anything else keeps its traceback."""
    try:
        yield
    except (ValueError, TypeError, LookupError, OSError, RecursionError, MemoryError) as error:
        reason = str(error) if isinstance(error, (ValueError, TypeError, OSError)) else repr(error)
        raise EvaluationError(f"evaluation of {subject} failed: {reason}") from error


def write_json(content: Any, target: Path | None) -> None:
    """To a file; None: to standard output."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False)
    if target is None:
        print(text)
        return
    try:
        target.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"could not write {target}: {error}") from error
