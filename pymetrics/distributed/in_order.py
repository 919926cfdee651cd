"""Files that stand in the order of their images: partitions that are read where they are matched, without a shuffle."""

from __future__ import annotations

from typing import Any

from .._records import record
from ..formats.tables import arrow
from ..formats.tables.rows import column_of
from .inputs import Side, joined

MOST_READ = 1.5  # times the rows that there are
SMALL = 1 << 20  # rows of a partition that need not be smaller


@record
class Span:
    """The images of one partition: ids from low up to, but without, high; None: no end. groups: of each side."""

    low: int | None
    high: int | None
    groups: tuple[tuple[int, ...], ...]


def spans_of(sides: tuple[Side, ...], n: int) -> list[Span] | None:
    """About n partitions of all images; None where a shuffle is the better way.

    That is so where a side is no file, where files do not say which integer ids a row group holds, where row groups
    would be read more than MOST_READ times on average, and where the partitions would be much larger than asked for.
    """
    held = [side.image_spans() for side in sides]
    if any(spans is None for spans in held):
        return None
    groups = [(*span, s, i) for s, spans in enumerate(held) for i, span in enumerate(spans or ())]
    n_rows = sum(rows for _, _, rows, *_ in groups)
    bounds: list[int | None] = [None]
    before, start = 0, None
    for low, _, rows, *_ in sorted(groups):
        start = low if start is None else start
        if low > start and before * n >= n_rows * len(bounds):
            bounds.append(low)
            start = low
        before += rows
    spans, most, n_read = [], 0, 0
    for first, end in zip(bounds, [*bounds[1:], None], strict=True):
        inside = [g for g in groups if (end is None or g[0] < end) and (first is None or g[1] >= first)]
        of_side = [tuple(i for *_, s, i in inside if s == side) for side in range(len(sides))]
        spans.append(Span(first, end, tuple(of_side)))
        n_inside = sum(rows for _, _, rows, *_ in inside)
        most, n_read = max(most, n_inside), n_read + n_inside
    if n_read > MOST_READ * n_rows or most > max(SMALL, 3 * n_rows // n):
        return None
    return spans


def read_span(sides: tuple[Side, ...], span: Span) -> list[Any]:
    """The rows of each side whose images are in the span, in the order of the files."""
    return [
        joined([side.empty, *(_inside(side.read(i), side.image, span) for i in groups)])
        for side, groups in zip(sides, span.groups, strict=True)
    ]


def _inside(table: Any, image: str, span: Span) -> Any:
    pa = arrow.pyarrow("table")
    if span.low is not None:
        table = table.filter(pa.compute.greater_equal(column_of(table, image), span.low))
    return table if span.high is None else table.filter(pa.compute.less(column_of(table, image), span.high))
