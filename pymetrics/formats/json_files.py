"""JSON files, and errors that say where one of them stops being JSON."""

from __future__ import annotations

import os
import re
from typing import Any

GZIP = b"\x1f\x8b"  # how such a file begins


def read_json(path: str | os.PathLike[str], argument: str) -> Any:
    """The parsed content of a JSON file, which may be in gzip's format. `argument` is its name in errors.

    Raises:
        OSError: there is no such file (FileNotFoundError), it is a folder (IsADirectoryError) or cannot be read.
        ValueError: it does not hold JSON; the message names the byte, the line and the key.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(f"{argument}: {os.fspath(path)!r} is a folder, not a JSON file")
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{argument}: no such file: {os.fspath(path)!r}") from error
    except OSError as error:
        raise OSError(f"{argument}: cannot read {os.fspath(path)!r}: {error.strerror}") from error
    except ValueError as error:  # a NUL character
        raise ValueError(f"{argument}: {os.fspath(path)!r} is no path: {error}") from error
    if content[:2] == GZIP:
        try:
            content = unpack(content)
        except ValueError as error:
            raise ValueError(f"{argument}: {os.fspath(path)!r} begins as gzip does, but is damaged: {error}") from error
    import json

    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{argument}: {os.fspath(path)!r} is not JSON: {error}{_place(error, content)}") from error


def unpack(content: bytes) -> bytes:
    """What is packed in gzip's format.

    Raises:
        ValueError: it is damaged.
    """
    import gzip
    import zlib

    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(str(error)) from error


def _place(error: Exception, content: bytes) -> str:
    """Where reading stopped: the byte, the line, and the key before it."""
    import json

    if isinstance(error, json.JSONDecodeError):
        before = error.doc[: error.pos].encode(json.detect_encoding(content), "surrogatepass")
    elif isinstance(error, UnicodeDecodeError):
        before = content[: error.start]
    else:
        return ""
    keys = re.findall(rb'"((?:[^"\\]|\\.)*)"\s*:', before[-4096:])
    after = f", after the key {keys[-1].decode(errors='replace')!r}" if keys else ""
    return f"; byte {len(before)}, line {before.count(bytes([10])) + 1}{after}"
