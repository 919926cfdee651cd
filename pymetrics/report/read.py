"""Read the numbers of a report back."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ..analysis import Interval
from ..evaluation.summary import UNDEFINED
from .contents import SCHEMA
from .packed import unpack

ELEMENT = re.compile(r'<script type="application/json" id="pymetrics">(.*?)</script>', re.DOTALL)


class Report:
    """What a report holds of one model. Numbers are as in the result that it was made of; None stands for undefined.

    name: of the model. iou_type: what was compared. content: all of the report's JSON; model: this model's part of it.
    """

    def __init__(self, content: dict[str, Any], model: dict[str, Any]) -> None:
        self.content, self.model = content, model
        self.name: str = model["name"]
        self.iou_type: str = content["iou_type"]

    @property
    def scalars(self) -> dict[str, float | None]:
        """The summary's numbers by key (map, map_50, ...), all digits of them."""
        return {key: one["value"] for key, one in self.model["metrics"].items()}

    @property
    def intervals(self) -> dict[str, Interval]:
        """The 95 % intervals by key; -1 where undefined, as `analysis.bootstrap` gives them."""
        return {
            key: Interval(*(UNDEFINED if one[end] is None else one[end] for end in ("value", "low", "high")))
            for key, one in self.model["metrics"].items()
        }

    @property
    def protocol(self) -> dict[str, Any]:
        """How detections were matched and counted: `Protocol.to_dict()`, with None for an area without an end."""
        found: dict[str, Any] = self.content["protocol"]
        return found

    @cached_property
    def per_class(self) -> list[dict[str, Any]]:
        """A row for each category: id, name, n_gt, n_dt and the numbers of the summary, to six digits.

        Of more than 200 categories: map, map_50, map_75 and the recall at the last limit alone.
        """
        classes, columns = self.content["classes"], self.model["per_class"]
        rows = []
        for k, (id, name, n_gt) in enumerate(zip(classes["ids"], classes["names"], classes["n_gt"], strict=True)):
            rows.append({"id": id, "name": name, "n_gt": n_gt, **{key: values[k] for key, values in columns.items()}})
        return rows

    @cached_property
    def curves(self) -> dict[str, Any]:
        """Curves as numpy arrays, of the mean and of the categories `ids` (at most 100, those that differ most).

        ids: C categories. recall: float64 (R,). precision: by IoU threshold (None: the mean over all), float64
        (1 + C, R), the mean over categories first, to 1e-5; -1 where undefined. scores: float64 (101,), where
        detections are counted; tp, fp: int64 (1 + C, 101), all categories together first; n_gt: int64 (1 + C,).
        macro: precision, recall and F1 as means over categories, float64 (3, 101), to 1e-5.
        """
        import numpy as np

        classes, curves, at = self.content["classes"], self.model["curves"], self.model["at"]
        lines = unpack(curves["precision"])
        return {
            "ids": [classes["ids"][k] for k in classes["with_curves"]],
            "recall": np.array(curves["recall"]),
            "precision": dict(zip(curves["ious"], lines, strict=True)),
            "scores": np.array(at["scores"]),
            "tp": unpack(at["tp"]),
            "fp": unpack(at["fp"]),
            "n_gt": np.array(at["n_gt"]),
            "macro": unpack(at["macro"]),
        }

    @cached_property
    def tables(self) -> dict[str, Any]:
        """The other numbers by section: best, confusion, tide, calibration, slices, cost; None where one is missing.

        confusion: scores, and for each of them a matrix int64 (n + 1, n + 1) of the categories `ids`, with background
        last, rows actual; and the 20 pairs confused most often: actual id, predicted id, count.
        """
        found = {name: self.model[name] for name in ("best", "tide", "calibration", "slices", "cost")}
        confusion, ids = self.model["confusion"], self.content["classes"]["ids"]
        if confusion is not None:
            confusion = {
                "iou": confusion["iou"],
                "scores": confusion["scores"],
                "ids": [ids[k] for k in confusion["classes"]],
                "matrices": list(unpack(confusion["matrix"])),
                "top": [[(ids[a], ids[b], n) for a, b, n in rows] for rows in confusion["top"]],
            }
        return {**found, "confusion": confusion}

    @property
    def matches(self) -> Any:
        """Not in a report. Raises AttributeError, which says where they are."""
        raise AttributeError("a report holds no matches: save the result, result.save(path), and load it")

    @property
    def images(self) -> Any:
        """Not in a report. Raises AttributeError, which says where they are."""
        raise AttributeError("a report holds numbers and thumbnails, no images: they are where the data is")

    def __repr__(self) -> str:
        key = next(iter(self.scalars))
        value = self.scalars[key]
        return f"<Report {self.name} {key}={'undefined' if value is None else format(value, '.3f')}>"


def read_report(path: str | os.PathLike[str]) -> dict[str, Report]:
    """The models of a report by name, in its order.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no report, it is damaged, or a newer version wrote it.
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        found = ELEMENT.search(file.read())
    name = os.fspath(path)
    if found is None:
        raise ValueError(f"{name!r} is not a report of pymetrics: it holds no numbers")
    try:
        content = json.loads(found.group(1))
    except ValueError as error:
        raise ValueError(f"{name!r} is damaged: {error}") from None
    schema = content.get("schema") if isinstance(content, Mapping) else None
    if schema != SCHEMA:
        raise ValueError(f"{name!r} has the schema {schema!r}; this version reads {SCHEMA!r}")
    return {model["name"]: Report(content, model) for model in content["models"]}
