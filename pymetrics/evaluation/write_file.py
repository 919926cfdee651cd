"""Write a file whole or not at all."""

from __future__ import annotations

import os


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file beside `path` and rename it, so that no half-written file is left.

    Raises:
        OSError: the file cannot be written; its name is the path given.
    """
    path = os.fspath(path)
    unfinished = f"{path}.{os.getpid()}.unfinished"
    try:
        with open(unfinished, "wb") as file:
            file.write(data)
        os.replace(unfinished, path)
    except BaseException as error:
        if os.path.exists(unfinished):
            os.remove(unfinished)
        if isinstance(error, OSError) and error.filename is not None:
            raise OSError(error.errno, error.strerror, path) from None  # of the path that the user knows
        raise
