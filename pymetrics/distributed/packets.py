"""Packets: rows that carry a table each, and what engines with a groupby of their own run on them.

    read_packets, cut_packets   rows of one side    -> packets by part of the images
    match_packets               one part's packets  -> packets by part of the categories, and the images' ids
    match_spans                 files in order      -> the same, without the steps above
    reduce_packets              one part's packets  -> a packet of curves

Where a category may have too many detections, match_packets gives samples, too, and there are two steps more:

    cut_categories              packets             -> those of cut categories by range, each a part of its own
    count_packets               one part's packets  -> a packet of the range's counts, which reduce_packets needs

A packet holds the part that an engine groups by, the kind of its table, the place of the table among others, and the
table as a stream of Arrow's: tables of any columns are rows of one table so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..formats.tables import arrow
from . import plan, ranges
from .in_order import Span, read_span
from .inputs import Side, joined
from .shuffle import part_of, split

PART = "part"  # of the images, then of the categories
KINDS = GT, DT, ROWS, IDS, CURVES, SAMPLES, RANGES, COUNTS, PEAKS = range(9)


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


def match_packets(group: Any, n: int, empty: list[Any], options: dict[str, Any], max_rows: int | None = None) -> Any:
    """The outcomes of a partition in packets of n parts by category; as part n its images' ids, and samples.

    empty: a table without rows for each side. options: those of plan.match_partition. max_rows: None for no samples.
    """
    part, tables = group.column(PART)[0].as_py(), _unpacked(group)
    gt, dt = (joined(tables[kind] or [empty[kind]]) for kind in (GT, DT))
    return _matched(part, gt, dt, n, options, max_rows)


def match_spans(
    places: Iterable[int], sides: tuple[Side, Side], spans: Sequence[Span], n: int, options: dict[str, Any],
    max_rows: int | None = None,
) -> Iterator[Any]:  # fmt: skip
    """As match_packets, of the spans at the places that are given."""
    for i in places:
        gt, dt = read_span(sides, spans[i])
        yield _matched(i, gt, dt, n, options, max_rows)


def _matched(part: int, gt: Any, dt: Any, n: int, options: dict[str, Any], max_rows: int | None) -> Any:
    name = f"part-{part}"
    rows = plan.match_partition(gt, dt, name=name, **options)
    pieces = [(i, ROWS, part, piece) for i, piece in enumerate(split(rows, "category", n))]
    pieces.append((n, IDS, part, plan.image_ids(gt, dt, name, columns=options["columns"])))
    if max_rows is not None:
        pieces.append((n, SAMPLES, part, ranges.sample_scores(rows, max_rows)))
    return packed(pieces)


def cut_categories(packets: Any, cuts: Sequence[ranges.Cut], n: int) -> Iterator[Any]:
    """The packets of match_packets, of which those of cuts are by range: the part of range i of all is n + 1 + i."""
    parts = set(part_of(np.array([cut.category for cut in cuts]), n).tolist())
    for i in range(packets.num_rows):
        packet = packets.slice(i, 1)
        part, kind, place, table = (packet[name][0].as_py() for name in packets.schema.names)
        if kind == ROWS and part in parts:
            rest, *pieces = ranges.cut_rows(opened(table), cuts)
            cut = [(n + 1 + at, RANGES, place, piece) for at, piece in enumerate(pieces)]
            packet = packed([(part, ROWS, place, rest), *cut])
        yield packet


def count_packets(group: Any, cuts: Sequence[ranges.Cut], n: int) -> Any:
    """The counts of one range."""
    part = group.column(PART)[0].as_py()
    _, i = _ranges(cuts)[part - n - 1]
    return packed([(0, COUNTS, part, ranges.count_range(joined(_unpacked(group)[RANGES]), i))])


def reduce_packets(
    group: Any, options: dict[str, Any], cuts: Sequence[ranges.Cut] = (), n: int = 0, counts: Sequence[Any] = ()
) -> Any:
    """The curves of the categories of one part, or the precisions of one range; other packets stay as they are.

    options: those of plan.reduce_category. cuts, n: as of cut_categories. counts: the tables of all count_packets.
    """
    part, tables = group.column(PART)[0].as_py(), _unpacked(group)
    if tables[RANGES]:
        cut, i = _ranges(cuts)[part - n - 1]
        peaks = ranges.reduce_range(joined(tables[RANGES]), i, _of_category(counts, cut))
        return packed([(0, PEAKS, part, peaks)])
    rows = tables[ROWS]
    return packed([(0, CURVES, 0, plan.reduce_category(joined(rows), **options))]) if rows else group


def curves_of(found: Iterable[tuple[int, Any]], cuts: Sequence[ranges.Cut], counts: Sequence[Any]) -> list[Any]:
    """The curves of all categories, of the kinds and tables of all reduce_packets."""
    kinds = list(found)
    peaks = [table for kind, table in kinds if kind == PEAKS]
    whole = [ranges.join_ranges(_of_category(counts, cut), _of_category(peaks, cut), cut=cut) for cut in cuts]
    return [*(table for kind, table in kinds if kind == CURVES), *whole]


def only(packets: Any, kind: int) -> Any:
    """The packets of one kind."""
    return packets.filter(arrow.pyarrow("packets").compute.equal(packets["kind"], kind))


def _ranges(cuts: Sequence[ranges.Cut]) -> list[tuple[ranges.Cut, int]]:
    """All ranges in the order of their parts."""
    return [(cut, i) for cut in cuts for i in range(cut.n_ranges)]


def _of_category(tables: Sequence[Any], cut: ranges.Cut) -> Any:
    """Those rows of tables of one row that are of a cut category."""
    return joined([table for table in tables if table["category"][0].as_py() == cut.category])


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


def opened(stream: Any) -> Any:
    """The table of a packet, whose stream is bytes or a buffer."""
    return arrow.pyarrow("table").ipc.open_stream(stream).read_all()


def _unpacked(group: Any) -> dict[int, list[Any]]:
    """The tables of a group by kind, in the order of their places."""
    found: dict[int, list[Any]] = {kind: [] for kind in KINDS}
    kinds, streams = group["kind"].to_pylist(), group["table"]
    for i in np.argsort(group["place"].to_numpy(), kind="stable").tolist():
        found[kinds[i]].append(opened(streams[i].as_buffer()))  # parts of the group's memory
    return found
