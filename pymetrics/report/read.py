"""Read the numbers of a report back."""

from __future__ import annotations

import os


class Report:
    """What a report holds of one model."""


def read_report(path: str | os.PathLike[str]) -> dict[str, Report]:
    """The models of a report by name."""
    raise NotImplementedError
