"""One HTML file that says how good detectors are, where they fail and whether a difference is real."""

from __future__ import annotations

from .read import Report, read_report
from .write import write_report

__all__ = ["Report", "read_report", "write_report"]
