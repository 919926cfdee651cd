"""Packets: rows that carry a table each, and what engines with a groupby of their own run on them.

    read_packets, cut_packets   rows of one side    -> packets by part of the images
    match_packets               one part's packets  -> packets by part of the categories, and the images' ids
    reduce_packets              one part's packets  -> a packet of curves

A packet holds the part that an engine groups by, the kind of its table, the place of the table among others, and the
table as a stream of Arrow's: tables of any columns are rows of one table so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..formats.tables import arrow
from . import plan
from .inputs import Side, joined
from .shuffle import split

PART = "part"  # of the images, then of the categories
GT, DT, ROWS, IDS, CURVES = range(5)  # kinds


def read_packets(places: Iterable[int], kind: int, side: Side, n: int) -> Iterator[Any]:
    """The packets of the row groups whose places in side.groups are given: the rows of each in n parts by image."""
    for i in places:
        yield packed([(part, kind, i, piece) for part, piece in enumerate(split(side.read(i), side.image, n))])


def cut_packets(table: Any, kind: int, side: Side, n: int) -> Any:
    """The packets of a table in memory, whose rows have no order."""
    pieces = split(table.select(side.top_columns(table.schema.names)), side.image, n)
    return packed([(part, kind, 0, piece) for part, piece in enumerate(pieces)])


def empty_packets(sides: Iterable[Side]) -> Any:
    """A packet without rows for each side, so that part 0 is always there."""
    return packed([(0, kind, 0, side.empty) for kind, side in enumerate(sides)])


def match_packets(group: Any, n: int, empty: list[Any], options: dict[str, Any]) -> Any:
    """The outcomes of a partition in packets of n parts by category, and its images' ids as part n.

    empty: a table without rows for each side. options: those of plan.match_partition.
    """
    part, tables = group.column(PART)[0].as_py(), _unpacked(group)
    gt, dt = (joined(tables[kind] or [empty[kind]]) for kind in (GT, DT))
    name = f"part-{part}"
    rows = plan.match_partition(gt, dt, name=name, **options)
    pieces = [(i, ROWS, part, piece) for i, piece in enumerate(split(rows, "category", n))]
    ids = plan.image_ids(gt, dt, name, columns=options["columns"])
    return packed([*pieces, (n, IDS, part, ids)])


def reduce_packets(group: Any, **options: Any) -> Any:
    """The curves of the categories of one part; ids stay as they are. options: those of plan.reduce_category."""
    rows = _unpacked(group)[ROWS]
    return packed([(0, CURVES, 0, plan.reduce_category(joined(rows), **options))]) if rows else group


def packed(pieces: list[tuple[int, int, int, Any]]) -> Any:
    """Packets of part, kind, place and table: without the empty ones, but for those of part 0 and place 0.

    These give the columns where all others are empty.
    """
    pa = arrow.pyarrow("table")
    kept = [piece for piece in pieces if piece[3].num_rows or piece[0] == piece[2] == 0]
    parts, kinds, places, tables = zip(*kept, strict=True) if kept else ((), (), (), ())
    streams = []
    for table in tables:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        streams.append(sink.getvalue().to_pybytes())
    names = {PART: parts, "kind": kinds, "place": places}
    whole = {name: pa.array(values, pa.int64()) for name, values in names.items()}
    return pa.table({**whole, "table": pa.array(streams, pa.large_binary())})


def opened(stream: bytes) -> Any:
    """The table of a packet."""
    return arrow.pyarrow("table").ipc.open_stream(stream).read_all()


def _unpacked(group: Any) -> dict[int, list[Any]]:
    """The tables of a group by kind, in the order of their places."""
    found: dict[int, list[Any]] = {kind: [] for kind in (GT, DT, ROWS, IDS, CURVES)}
    for row in group.sort_by("place").select(["kind", "table"]).to_pylist():
        found[row["kind"]].append(opened(row["table"]))
    return found
