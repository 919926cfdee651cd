"""The plan: match images in partitions, make the curves of each category, put them together.

    match_partition(gt, dt)     a partition's images     -> a row for each detection that counts, and for each cell
    image_ids(gt, dt, name)     a partition's images     -> their ids, once
    reduce_category(table)      some categories' rows    -> a row for each category: its curves
    check_images(tables)        all partitions' ids      -> how many images there are
    finish(table, n_images)     all categories' curves   -> the Result

Pure functions over Arrow's tables. An engine brings both sides' rows of an image together, calls match_partition,
brings the rows of a category together, calls reduce_category, and collects the curves. The bits are those of
pymetrics.evaluate on the same rows.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._version import VERSION
from ..evaluation import stages
from ..evaluation.build_columns import build_columns
from ..evaluation.cells import group
from ..evaluation.data_warnings import warn_of_misuse, warn_of_zero_ids
from ..evaluation.outcomes import Outcomes
from ..evaluation.protocol import Protocol, as_protocol
from ..evaluation.read_sources import read_sources
from ..evaluation.result import Result
from ..evaluation.shapes import Shape, as_shape
from ..evaluation.totals import Totals, totals_of
from ..formats.ids import joined_ids
from ..formats.options import ReadOptions
from ..formats.source import Source
from ..formats.table_options import TableOptions
from ..formats.tables import Table, arrow, open_table
from ..formats.tables.rows import IMAGE, column_of, has_column, place_of
from ..formats.values import category_column, image_column
from .curve_result import CurveResult
from .intervals import Draws, check_draws, draws_of
from .kept import Kept
from .kept_tables import origins_of
from .outcome_tables import outcomes_of, table_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._arrays import F64

METADATA, FORMAT = b"pymetrics", 1
CURVES, DRAWS = ("precision", "recall", "scores"), "draws"
ROWS_AT_ONCE = 1 << 20  # above which one category is reduced after another


def match_partition(
    gt: Any,
    dt: Any,
    protocol: str | Protocol = "coco",
    iou_type: str = "bbox",
    *,
    box_format: str | None = None,
    normalized: bool = False,
    image_sizes: Any = None,
    columns: str | Mapping[str, Any] | None = None,
    order: str | None = None,
    images: Any = None,
    categories: Any = None,
    sigmas: Iterable[float] | None = None,
    boundary_dilation_ratio: float | None = None,
    kept: Kept | None = None,
    name: str = "",
) -> Any:
    """The outcomes of a partition that holds all rows of each of its images. The arguments are pymetrics.evaluate's.

    images: as there, those of all partitions: detections of other images than these and those of ground truth are
    refused. kept: what is written beside, to Parquet files of this name, which no other partition has.

    Returns:
        A pyarrow.Table with a row for each detection within the last limit, and one for each image and category that
        holds ground truth: `category` and `image`, ids; `rank`, int32, of the detection in its image and category, -1
        in rows of ground truth; `score`; `matched_0`, `ignored_0`, ..., int64, a bit for each area range and threshold;
        `n_gt`, a list of the ground truths that count by area range, null in rows of detections. The protocol stands
        once in the metadata of its schema.

    Raises:
        TypeError, ValueError: as pymetrics.evaluate; or the protocol is "lvis"; or two rows of ground truth have one
            id, of which pymetrics.evaluate, as pycocotools, lets the last count.
        OSError: what is kept cannot be written.
    """
    shape = as_shape(iou_type, sigmas=sigmas, boundary_dilation_ratio=boundary_dilation_ratio)
    found = as_protocol(protocol, None, None, None, None, iou_type)
    if found.federated:
        raise ValueError("protocol must not be 'lvis', whose rule reads the whole ground truth")
    options = ReadOptions("gt", shape.iou_type, tables=TableOptions(columns))
    tables = TableOptions(columns, order, _further_images(gt, dt, options, images), categories)
    sources = read_sources(gt, dt, shape.iou_type, box_format, normalized, tables=tables)
    _require_own_ids(sources[0])
    data = build_columns(*sources, shape, use_cats=found.use_cats, image_sizes=image_sizes)
    warn_of_misuse(*sources, data)
    origins = {} if kept is None else origins_of(sources, data, (gt, dt), shape.iou_type, columns)
    del sources  # later stages reuse their memory
    cells = group(data, found.limit)
    outcomes, _ = stages.match(data, cells, found)
    warn_of_zero_ids(outcomes, data)
    outcomes = outcomes.on_host()
    if kept is not None:
        kept.write(name, Result(outcomes, data, cells), origins)
    return with_header(table_of(outcomes), _header_of(outcomes))


def _further_images(gt: Any, dt: Any, options: ReadOptions, images: Any) -> Any:
    """Those images without ground truth on which this partition may have detections; None: any.

    images: that the user lists. Nested ground truth lists its images, also where it has none.
    """
    if images is not None:
        listed = image_column(images, lambda _, row: "images" if row is None else f"images[{row}]", "images")
        ids = _ids_of(dt, "dt", options.tables.columns)
        return listed[np.isin(listed, ids)] if listed.dtype.kind == ids.dtype.kind else listed[:1]  # refused later
    table = open_table(gt, options)
    return () if table is not None and table.layout(options).nested else None


def _require_own_ids(gt: Source) -> None:
    """What two rows of one id mean depends on all rows of the data, of which a partition has some."""
    if gt.ids is None or gt.one_row_per_id:
        return
    ids, counts = np.unique(np.asarray(gt.ids), return_counts=True)
    if len(ids) < len(gt.ids):
        twice = int(np.argmax(counts > 1))
        raise ValueError(
            f"gt has {counts[twice]} rows of the id {ids[twice].item()!r} in one partition, and repeats "
            f"{np.count_nonzero(counts > 1)} ids: give each row an id of its own"
        )


def image_ids(
    gt: Any, dt: Any, partition: str, *, columns: str | Mapping[str, Any] | None = None, images: Any = None
) -> Any:
    """The ids of a partition's images, each once: a pyarrow.Table of `image` and `partition`, its name.

    images: further images, without rows.

    Raises:
        TypeError, ValueError: a column is missing or of a wrong type; or ids are integers and strings.
    """
    pa = arrow.pyarrow("gt")
    found = [_ids_of(side, argument, columns) for argument, side in (("gt", gt), ("dt", dt))]
    if images is not None:
        found.append(np.asarray(images))
    ids = joined_ids(*found, names=[f"gt[{IMAGE!r}][0]", f"dt[{IMAGE!r}][0]", "images[0]"])
    return pa.table({"image": pa.array(ids), "partition": pa.array([partition] * len(ids), pa.string())})


def _ids_of(side: Any, argument: str, columns: Any) -> NDArray[Any]:
    """The id of the image of each row of a table. Raises TypeError, ValueError."""
    options = ReadOptions(argument, tables=TableOptions(columns))  # type: ignore[arg-type]
    table = Table(argument, arrow.pyarrow(argument).table(side))
    name = str(table.preset(options).names[IMAGE])
    if not has_column(table.schema, name):
        raise ValueError(f"{argument} has no column {name!r}, which columns= may name otherwise")
    place = place_of(_Column(argument, name), IMAGE, 0)  # type: ignore[arg-type]
    return arrow.ids(column_of(table.content, name), place)


class _Column:
    """The name of a column in errors."""

    def __init__(self, argument: str, name: str) -> None:
        self._argument, self._name = argument, name

    def place(self, key: str, row: int | None) -> str:
        return f"{self._argument}[{self._name!r}]" + ("" if row is None else f"[{row}]")


def check_images(tables: Iterable[Any]) -> int:
    """How many images all partitions hold. tables: of image_ids, or of rows of them.

    Raises:
        TypeError: ids are integers in one partition and strings in another.
        ValueError: an image is in two partitions; the message names it and them.
    """
    pa = arrow.pyarrow("tables")
    filled = [table for table in tables if table.num_rows]
    kinds = {pa.types.is_integer(table.schema.field("image").type): table for table in filled}
    if len(kinds) > 1:
        (a, x), (b, y) = ((t.column("image")[0].as_py(), t.column("partition")[0].as_py()) for t in kinds.values())
        raise TypeError(
            f"image ids must be all integers or all strings: {a!r} in partition {x!r}, {b!r} in partition {y!r}"
        )
    if not filled:
        return 0
    whole = pa.concat_tables([table.select(["image", "partition"]) for table in filled])
    counted = whole.group_by("image").aggregate([("partition", "count")])
    twice = counted.filter(pa.compute.greater(counted["partition_count"], 1))
    if twice.num_rows:
        image = min(twice["image"].to_pylist())
        names = sorted(whole.filter(pa.compute.equal(whole["image"], image))["partition"].to_pylist())
        raise ValueError(
            f"image {image!r} is in {len(names)} partitions ({', '.join(map(repr, names[:4]))}); "
            f"{twice.num_rows} of {counted.num_rows} images are: all rows of an image must be in one partition"
        )
    return int(counted.num_rows)


def reduce_category(table: Any, *, keep_scores: bool = True, draws: int = 0, seed: int = 0) -> Any:
    """The curves of some categories, of which the table has all rows that match_partition made, in any order.

    keep_scores: also the scores at which precisions are reached, which `result.curves` and `result.scores` read. draws,
    seed: also the numbers of so many draws of the images, as analysis.bootstrap makes them, for `result.bootstrap()`;
    0: none.

    Returns:
        A pyarrow.Table with a row for each category: `category`; `n_gt`, of the area range "all", and `n_dt`, int64;
        `precision` (T, R, A, M), `recall` (T, A, M) and `scores` (T, R, A, M) as flat lists of float64; with draws also
        `draws` (draws, rows of the summary) and `seed`, uint64.

    Raises:
        TypeError, ValueError: draws or seed is no integer or out of range.
        ValueError: the schema says nothing of the protocol; or an image came from two partitions.
    """
    check_draws(draws, seed)
    header = read_header(table.schema)
    protocol, shape = protocol_of(header)
    parts: Iterable[Any] = [table]
    if table.num_rows > ROWS_AT_ONCE:
        pa = arrow.pyarrow("table")
        column = table["category"]
        parts = (table.filter(pa.compute.equal(column, id)) for id in pa.compute.unique(column))
    found = []
    for part in parts:
        outcomes = outcomes_of(part, protocol, shape)
        arrays = stages.accumulate(outcomes, keep_scores)
        totals = totals_of(outcomes)
        curves = curves_table(outcomes.category_ids, totals.n_gt, totals.n_dt, arrays, header)
        found.append(_with_draws(curves, draws_of(outcomes, draws, seed), seed) if draws else curves)
        del part, outcomes
    return found[0] if len(found) == 1 else arrow.pyarrow("table").concat_tables(found)


def curves_table(ids: Any, n_gt: Any, n_dt: Any, arrays: tuple[Any, Any, Any], header: Mapping[str, Any]) -> Any:
    """The table of reduce_category. arrays: precision (T, R, K, A, M), recall (T, K, A, M), scores, as accumulated."""
    pa = arrow.pyarrow("table")
    columns = {"category": pa.array(ids), "n_gt": pa.array(n_gt, pa.int64()), "n_dt": pa.array(n_dt, pa.int64())}
    for name, values in zip(CURVES, arrays, strict=True):
        columns[name] = _lists(np.ascontiguousarray(np.moveaxis(values, -3, 0)))
    return with_header(pa.table(columns), header)


def _with_draws(curves: Any, values: F64, seed: int) -> Any:
    """curves_table with the values of Draws."""
    pa = arrow.pyarrow("table")
    seeds = pa.repeat(pa.scalar(seed, pa.uint64()), len(values))
    found = curves.append_column(DRAWS, _lists(values)).append_column("seed", seeds)
    return with_header(found, {**read_header(curves.schema), DRAWS: [values.shape[1], seed]})


def _lists(lines: F64) -> Any:
    """A flat list of each of (K, ...)."""
    pa = arrow.pyarrow("table")
    offsets = pa.array(np.arange(len(lines) + 1) * math.prod(lines.shape[1:]), pa.int64())
    return pa.LargeListArray.from_arrays(offsets, pa.array(lines.reshape(-1), pa.float64()))


def finish(curves: Any, n_images: int, categories: Iterable[Any] | Mapping[Any, str] | None = None) -> CurveResult:
    """The Result of the curves of all categories.

    curves: the tables of reduce_category, joined. n_images: what check_images gives. categories: all ids, or their
    names by id, for axis K; None: those of the table.

    Returns:
        A Result without outcomes: numbers, tables by category and curves are there, and `bootstrap()` where draws
        were made; what reads single detections raises ValueError.

    Raises:
        ValueError: a category is there twice, or is not one of `categories`.
    """
    header = read_header(curves.schema)
    protocol, shape = protocol_of(header)
    found = arrow.ids(curves.column("category").combine_chunks(), lambda row: f"curves['category'][{row}]")
    ids, names = joined_ids(found), dict(header["category_names"])
    if len(ids) < len(found):
        twice = next(id for id in ids.tolist() if (found == id).sum() > 1)
        raise ValueError(f"category {twice!r} has several rows of curves: reduce all its rows together")
    if categories is not None and protocol.use_cats:
        given = category_column(list(categories), lambda name, row: f"categories[{row}]")
        unknown = next((id for id in ids.tolist() if id not in set(given.tolist())), None)
        if unknown is not None:
            raise ValueError(f"category {unknown!r} is not one of categories")
        ids = joined_ids(given)
        if isinstance(categories, Mapping):
            names = {str(id): str(name) for id, name in zip(given.tolist(), categories.values(), strict=True)}
    n_thresholds, n_areas = len(protocol.iou_thresholds), len(protocol.area_ranges)
    n_recalls, n_limits = len(protocol.recall_thresholds), len(protocol.max_dets)
    place = {id: k for k, id in enumerate(ids.tolist())}
    at = np.array([place[id] for id in found.tolist()], np.int64)

    def lines(name: str, *axes: int) -> F64:
        column = curves.column(name).combine_chunks()
        values, lengths = arrow.lists(column, lambda row: f"curves[{name!r}][{row}]")
        if name == "scores" and len(found) and not lengths.any():
            axes = (0, *axes[1:])
        if not (lengths == math.prod(axes)).all():
            row = int(np.argmax(lengths != math.prod(axes)))
            raise ValueError(f"curves[{name!r}][{row}] holds {lengths[row]} numbers, expected {math.prod(axes)}")
        whole = np.full((len(ids), *axes), -1.0)
        whole[at] = values.to_numpy(zero_copy_only=False).reshape(len(found), *axes)
        return whole

    arrays = []
    for name in CURVES:
        axes = (n_thresholds, n_areas, n_limits) if name == "recall" else (n_thresholds, n_recalls, n_areas, n_limits)
        arrays.append(np.ascontiguousarray(np.moveaxis(lines(name, *axes), 0, -3)))
    draws = None
    if DRAWS in header:
        n, seed = header[DRAWS]
        if set(curves.column("seed").to_pylist()) - {seed}:
            raise ValueError("the tables were reduced with different seeds, or some without draws")
        draws = Draws(n, seed, lines(DRAWS, n, len(protocol.queries[0])))
    counts = np.zeros((2, len(ids)), np.int64)
    for i, name in enumerate(("n_gt", "n_dt")):
        counts[i, at] = curves.column(name).to_numpy()
    key = str if ids.dtype.kind == "U" else int
    totals = Totals(
        iou_type=shape.iou_type, category_ids=ids, category_names={key(k): name for k, name in names.items()},
        category_groups={}, n_images=n_images, n_gt=counts[0], n_dt=counts[1],
    )  # fmt: skip
    return CurveResult(protocol, shape, totals, arrays[0], arrays[1], arrays[2], draws)


def _header_of(outcomes: Outcomes) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "protocol": outcomes.protocol.to_dict(),
        "iou_type": outcomes.iou_type,
        "shape": dict(outcomes.shape.params),
        "category_names": {str(k): name for k, name in outcomes.category_names.items()},
    }


def with_header(table: Any, header: Mapping[str, Any]) -> Any:
    text = json.dumps(header, sort_keys=True)
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return table.replace_schema_metadata({METADATA: json.dumps({"header": text, "sha256": checksum})})


def read_header(schema: Any) -> dict[str, Any]:
    """What the schema of a table of the plan says. Raises ValueError."""
    try:
        stored = json.loads((schema.metadata or {})[METADATA])
        text = str(stored["header"])
        is_whole = hashlib.sha256(text.encode()).hexdigest() == stored["sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("the table's schema has lost its metadata, which names the protocol: keep it") from error
    if not is_whole:
        raise ValueError("the metadata of the table's schema are damaged: their checksum is wrong")
    header: dict[str, Any] = json.loads(text)
    if header["format"] != FORMAT:
        raise ValueError(f"the table is of format {header['format']}, this pymetrics reads {FORMAT}")
    return header


def protocol_of(header: Mapping[str, Any]) -> tuple[Protocol, Shape]:
    return Protocol.from_dict(header["protocol"]), as_shape(header["iou_type"], **header["shape"])
