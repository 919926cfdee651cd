"""One thing that check() found."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

from .._records import record

ORDER = ("error", "warning", "note")
SHOWN = 5  # examples of each finding


@record
class Finding:
    """One thing that is wrong with data, or worth knowing.

    severity: "error", "warning" or "note". kind: its short name. message: what was seen, with its count. effect: what
    it does to the numbers. count: of how many rows, images or categories. examples: the first of them.
    """

    severity: Literal["error", "warning", "note"]
    kind: str
    message: str
    effect: str
    count: int
    examples: list[Any]

    def __repr__(self) -> str:
        examples = f" ({', '.join(map(_shown, self.examples))}{', ...' if self.count > len(self.examples) else ''})"
        return f"{self.severity}: {self.message}{examples if self.examples else ''}: {self.effect}"

    __str__ = __repr__

    def to_dict(self) -> dict[str, Any]:
        """Plain values; numbers that are not finite as text, for JSON has none."""
        return {**vars(self), "examples": [_plain(example) for example in self.examples]}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    return value if value is None or isinstance(value, (bool, int, str)) else repr(value)


def _shown(example: Any) -> str:
    if isinstance(example, dict):
        return " ".join(f"{key} {value!r}" for key, value in example.items())
    return repr(example)


class Collector:
    """Counts and first examples of each kind of finding."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.examples: dict[str, list[Any]] = {}

    def add(self, kind: str, example: Any) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        shown = self.examples.setdefault(kind, [])
        if len(shown) < SHOWN:
            shown.append(example)

    def findings(self, table: Iterable[tuple[str, Any, str, str]]) -> list[Finding]:
        """Those that were found. table: kind, severity, message with {n}, effect."""
        return [
            Finding(severity, kind, message.format(n=self.counts[kind]), effect, self.counts[kind], self.examples[kind])
            for kind, severity, message, effect in table
            if self.counts.get(kind)
        ]
