"""check(): what is wrong with ground truth, and what it does to the numbers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..formats import read_rows
from ..formats.coco_rows import dataset_of
from ..formats.detect import KINDS, detect
from ..formats.image_sizes import read_sizes
from ..formats.json_files import read_json
from ..formats.rows import Image, Rows, in_pixels
from .check_annotations import annotation_findings
from .check_detections import detection_findings
from .check_lists import list_findings
from .finding import ORDER, Finding


class Findings(list[Finding]):
    """A list of Finding, errors first. Its text is one line each."""

    @property
    def errors(self) -> list[Finding]:
        """Those of severity "error"."""
        return [each for each in self if each.severity == "error"]

    def __repr__(self) -> str:
        if not self:
            return "nothing is wrong"
        return "\n".join(map(str, self))

    __str__ = __repr__

    def to_dict(self) -> dict[str, Any]:
        """Plain values: the findings, and how many there are of each severity."""
        counts = {severity: sum(each.severity == severity for each in self) for severity in ORDER}
        return {"findings": [each.to_dict() for each in self], "counts": counts}


def check(
    gt: Any,
    dt: Any = None,
    *,
    format: str | None = None,
    split: str | None = None,
    image_sizes: Any = None,
) -> Findings:
    """What is wrong with ground truth, and with detections beside it: each with what it does to the numbers.

        for finding in pymetrics.check("gt.json"): print(finding)

    Args:
        gt: ground truth: a path of a format of docs/formats.md, or a COCO dict.
        dt: None; or detections: a path, or a list of results.
        format: of gt, where it is a path: a key of `pymetrics.formats.detect.KINDS`; None: what is found there.
        split: which part of gt, as for pymetrics.read.
        image_sizes: as for pymetrics.convert, where gt says no sizes.

    Returns:
        A list of Finding, errors first: severity, kind, message, effect, count, examples.

        - "error": evaluate refuses the data, or the number is not that of the data that were meant;
        - "warning": it is likely that something else was meant;
        - "note": it has an effect, or none, that one should know.

    Raises:
        OSError: a file cannot be read.
        TypeError, ValueError: gt is none of these, or its file holds no JSON. (What is wrong in a file of another
            format, so that it cannot be read, is a finding.)
    """
    found: list[Finding] = []
    truth, in_parts = _dataset(gt, format, split, image_sizes, found)
    if truth is not None:
        lists = list_findings(truth)
        found += lists.findings
        found += annotation_findings(lists, in_parts)
        if dt is not None:
            found += detection_findings(gt, dt, format, split)
    return Findings(sorted(found, key=lambda each: ORDER.index(each.severity)))


def _dataset(
    source: Any, kind: str | None, split: str | None, image_sizes: Any, found: list[Finding]
) -> tuple[Mapping[str, Any] | None, bool]:
    """The ground truth as a COCO dict, and whether its boxes are in parts of images whose sizes are not known.

    None in place of the dict where it cannot be read, which is a finding then.
    """
    if isinstance(source, Mapping):
        return source, False
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"gt must be a path or a COCO dict, got {type(source).__name__}")
    if kind is not None and kind not in KINDS:
        raise ValueError(f"format must be one of {', '.join(KINDS)}; got {kind!r}")
    kind = kind or detect(source, "gt")
    if kind == "coco":
        content = read_json(source, "gt")
        if not isinstance(content, Mapping):
            raise ValueError(f"gt: {os.fspath(source)!r} must hold a COCO dict, got {type(content).__name__}")
        return content, False
    try:
        rows = read_rows(source, "gt", kind, split)
        sized = _sized(rows, image_sizes)
        return dataset_of(sized), rows.box_format.normalized and any(image.size is None for image in sized.images or ())
    except ValueError as error:
        effect = "evaluate refuses it with this message"
        found.append(Finding("error", "unreadable", str(error), effect, 1, []))
        return None, False


def _sized(rows: Rows, image_sizes: Any) -> Rows:
    """The same in pixels; boxes in parts of images of unknown size are left as they are, of 1 x 1 pixels."""
    sizes = {image.id: image.size for image in rows.images or () if image.size is not None}
    if isinstance(image_sizes, (str, os.PathLike)):
        image_sizes = read_sizes(image_sizes)
    if isinstance(image_sizes, Mapping):
        sizes = {**image_sizes, **sizes}
    images = rows.images or [Image(id, id) for id in _unique(row.image for row in rows.rows)]
    default = None if image_sizes is None or isinstance(image_sizes, Mapping) else tuple(image_sizes)
    known = {image.id: sizes.get(image.id, default) for image in images}
    names = dict(rows.names) or {row.category: str(row.category) for row in rows.rows}
    found = in_pixels(rows, {id: size or (1, 1) for id, size in known.items()}, "gt")
    return replace(found, images=[replace(image, size=known[image.id]) for image in images], names=names)


def _unique(values: Iterable[str]) -> list[str]:
    return sorted(set(values))
