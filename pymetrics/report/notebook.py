"""A result as a small table of HTML, which notebooks show."""

from __future__ import annotations

from ..evaluation.result import Result
from .html import text
from .labels import defined, points
from .summary import count, metric_name


def table_of(result: Result) -> str:
    """The numbers of the summary in points from 0 to 100, in one row; a dash where one is undefined."""
    totals = result.totals
    head = "".join(f'<th style="text-align:right">{text(metric_name(row.coco_key))}</th>' for row in result.rows)
    cells = "".join(f'<td style="text-align:right">{points(defined(value))}</td>' for value in result.values())
    n_gt = sum(row["n_gt"] for row in result.per_class)
    facts = [
        count(totals.n_images, "image"), count(n_gt, "object"), count(len(totals.category_ids), "class", "classes"),
        text(totals.iou_type),
    ]  # fmt: skip
    return (
        f"<table><caption>{' · '.join(facts)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody><tr>{cells}</tr></tbody></table>"
    )
