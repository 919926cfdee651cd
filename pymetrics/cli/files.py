"""The files that the command line reads and writes, and the errors that it reports in one line."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

STANDARD_INPUT = "-"


class EvaluationError(Exception):
    """What the files hold cannot be evaluated; the message is for the user."""


def check_file(parser: argparse.ArgumentParser, option: str, path: str) -> None:
    """Refuse a path that is not there, or a folder."""
    if not os.path.exists(path):
        parser.error(f"argument {option}: no such file: {path!r}")
    if os.path.isdir(path):
        parser.error(f"argument {option}: {path!r} is a folder, not a JSON file")


def check_inputs(parser: argparse.ArgumentParser, inputs: Mapping[str, str | None]) -> list[str]:
    """The paths that were given, by option; refuses one that is not there."""
    for option, path in inputs.items():
        if path is not None and not os.path.exists(path):
            parser.error(f"argument {option}: no such file or folder: {path!r}")
    return [path for path in inputs.values() if path is not None]


@contextlib.contextmanager
def readable(paths: Iterable[str]) -> Iterator[dict[str, str]]:
    """For each path one that can be read several times. Of standard input ("-") and of pipes it is that of a copy.

    The copies go at the end. Messages of EvaluationErrors name what was given in place of them.
    """
    found = {path: path for path in paths}
    copied = [path for path in found if is_once_only(path)]
    with contextlib.ExitStack() as stack:
        if copied:
            import tempfile

            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pymetrics-"))
            for i, path in enumerate(copied):
                found[path] = os.path.join(folder, str(i))
                _copy(path, found[path])
        try:
            yield found
        except EvaluationError as error:
            message = str(error)
            for path in copied:
                message = message.replace(repr(found[path]), "standard input" if path == STANDARD_INPUT else repr(path))
            raise EvaluationError(message) from error


def is_once_only(path: str) -> bool:
    """Whether it can be read once only: standard input, a pipe."""
    if path == STANDARD_INPUT:
        return True
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))


def _copy(path: str, copy: str) -> None:
    with open(copy, "wb") as file, blaming(path), contextlib.ExitStack() as stack:
        if path != STANDARD_INPUT:
            shutil.copyfileobj(stack.enter_context(open(path, "rb")), file)
        elif sys.stdin is None:
            raise ValueError("standard input is closed")
        else:
            shutil.copyfileobj(sys.stdin.buffer, file)


def target_of(
    parser: argparse.ArgumentParser, option: str, path: str | None, inputs: Iterable[str], *, stdout: bool = False
) -> Path | None:
    """Where an option writes; None: nowhere, or to standard output ("-", where `stdout` allows it).

    Refuses a folder, and what is one of the inputs.
    """
    if path is None or (stdout and path == "-"):
        return None
    target = Path(path)
    if path == "-":
        parser.error(f"argument {option}: cannot be written to standard output")
    if target.is_dir() or not target.parent.is_dir():
        why = "it is a folder" if target.is_dir() else f"there is no folder {str(target.parent)!r}"
        parser.error(f"argument {option}: cannot write a file at {path!r}: {why}")
    if target.exists() and any(os.path.exists(other) and target.samefile(other) for other in inputs):
        parser.error(f"argument {option}: {path!r} is one of the inputs, which it would overwrite")
    return target


def json_target(parser: argparse.ArgumentParser, option: str | None, inputs: Iterable[str]) -> Path | None:
    """Where --json writes; None: nowhere, or to standard output."""
    return target_of(parser, "--json", option, inputs, stdout=True)


@contextlib.contextmanager
def blaming(subject: str, what: str = "evaluation") -> Iterator[None]:
    """Turn what bad data raises into one line that names the files; anything else keeps its traceback."""
    try:
        yield
    except (ValueError, TypeError, LookupError, OSError, RecursionError, MemoryError) as error:
        reason = str(error) if isinstance(error, (ValueError, TypeError, OSError)) else repr(error)
        raise EvaluationError(f"{what} of {subject} failed: {reason}") from error


def write_json(content: Any, target: Path | None) -> None:
    """To a file; None: to standard output."""
    write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n", target)


def write_text(text: str, target: Path | None) -> None:
    """To a file, by another name that is changed at the end, so that it is never half there; None: to standard output.

    Raises:
        EvaluationError: the file cannot be written.
    """
    if target is None:
        sys.stdout.write(text)
        return
    from ..formats.write_file import write_file

    data = text.encode("utf-8", "backslashreplace")
    try:
        if target.exists() and not target.is_file():  # /dev/null
            target.write_bytes(data)
        else:
            write_file(target, data)
    except OSError as error:
        raise EvaluationError(f"could not write {target}: {error}") from error
