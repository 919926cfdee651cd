"""Write a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator


@contextlib.contextmanager
def unfinished(path: str | os.PathLike[str]) -> Iterator[str]:
    """The path to write to, beside `path`; renamed to it at the end, and removed where something fails.

    Raises:
        OSError: the file cannot be written; its name is the path given.
    """
    path = os.fspath(path)
    beside = f"{path}.{secrets.token_hex(4)}.unfinished"  # its own, where two processes write one file
    try:
        yield beside
        os.replace(beside, path)
    except BaseException as error:
        if os.path.exists(beside):
            os.remove(beside)
        if isinstance(error, OSError) and error.filename is not None:
            raise OSError(error.errno, error.strerror, path) from None  # of the path that the user knows
        raise


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file beside `path` and rename it, so that no half-written file is left.

    Raises:
        OSError: the file cannot be written; its name is the path given.
    """
    with unfinished(path) as beside, open(beside, "wb") as file:
        file.write(data)
