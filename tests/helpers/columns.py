"""Columns for tests: read from any source, or as one flat dict of arrays; and their outcomes."""

from __future__ import annotations

from typing import Any

from pymetrics.evaluation import stages
from pymetrics.evaluation.build_columns import build_columns
from pymetrics.evaluation.cells import Cells, group
from pymetrics.evaluation.columns import Columns
from pymetrics.evaluation.outcomes import Outcomes
from pymetrics.evaluation.protocol import Protocol, as_protocol
from pymetrics.evaluation.read_sources import read_sources
from pymetrics.evaluation.shapes import as_shape


def ingest(
    gt: Any,
    dt: Any,
    *,
    iou_type: str = "bbox",
    protocol: str | Protocol = "coco",
    box_format: str | None = None,
    normalized: bool = False,
    image_sizes: Any = None,
    first_image: int = 0,
) -> Columns:
    """The columns of any two sources; the arguments are those of pymetrics.evaluate."""
    sources = read_sources(gt, dt, iou_type, box_format, normalized, first_image)
    return build_columns(*sources, as_shape(iou_type), use_cats=as_protocol(protocol).use_cats, image_sizes=image_sizes)


def match(columns: Columns, protocol: str | Protocol = "coco") -> Outcomes:
    """The outcomes of columns, grouped by image and category."""
    protocol = as_protocol(protocol)
    outcomes, _ = stages.match(columns, group(columns, protocol.limit), protocol)
    return outcomes


def match_and_keep(columns: Columns, protocol: Protocol) -> tuple[Cells, Outcomes, stages.RowMatches]:
    """The cells of columns, their outcomes, and which ground truth each detection took."""
    cells = group(columns, protocol.limit)
    outcomes, matches = stages.match(columns, cells, protocol, keep_matches=True)
    assert matches is not None
    return cells, outcomes, matches


def flat(columns: Columns) -> dict[str, Any]:
    """Every field of the columns: "dt_scores", "gt_shape", "image_ids", ..., "shape"."""
    sides = {f"{side}_{name}": value for side in ("gt", "dt") for name, value in vars(getattr(columns, side)).items()}
    return sides | vars(columns.axes) | {"shape": columns.shape}
