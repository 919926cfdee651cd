"""Options that several verbs have, and what their values mean."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .files import check_file


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Options of verbs that evaluate detections: which files, and by which rules."""
    parser.add_argument("--gt", required=True, metavar="FILE", help="ground truth, COCO JSON")
    parser.add_argument(
        "--dt",
        required=True,
        action="append",
        metavar="[NAME=]FILE",
        help="detections, COCO JSON; may be repeated; the name is the file's, where none is given",
    )
    parser.add_argument(
        "--iou-type",
        default="bbox",
        type=iou_type,
        choices=IouTypes(),
        metavar="TYPE",
        help="what overlaps: %(choices)s (default: bbox)",
    )
    parser.add_argument(
        "--protocol", default="coco", metavar="NAME", help="what is counted: coco (default), lvis or torchmetrics"
    )
    parser.add_argument(
        "--box-format", metavar="FORMAT", help="layout of the boxes in all files (default, of bbox: xywh)"
    )
    parser.add_argument(
        "--max-dets",
        type=int,
        nargs="+",
        metavar="N",
        help="limits on the detections of one image and category (default: 1 10 100; of keypoints: 20)",
    )
    parser.add_argument(
        "--boundary-dilation-ratio",
        type=float,
        metavar="R",
        help="of iou type boundary: how deep a boundary is, in parts of the image's diagonal (default: 0.02)",
    )
    parser.add_argument(
        "--sigmas",
        type=float,
        nargs="+",
        metavar="S",
        help="of keypoints: how far off each may be, in parts of the object's size (default: those of COCO's 17)",
    )
    parser.add_argument(
        "--class-map",
        nargs="+",
        metavar="FROM=TO",
        help="rename or merge categories of both sides, by id or name; or one JSON file that holds {FROM: TO, ...}",
    )
    parser.add_argument(
        "--use-ignore", action="store_true", help="read the key 'ignore' of annotations: they do not count"
    )
    parser.add_argument("--no-cats", action="store_true", help="take all categories for one")


class IouTypes:
    """The names in SHAPES, imported when they are asked for: --version loads no numpy."""

    def __iter__(self) -> Iterator[str]:
        from ..evaluation.shapes import SHAPES

        return iter(SHAPES)


def iou_type(value: str) -> str:
    """For argparse: a name in SHAPES."""
    if value not in IouTypes():
        names = ", ".join(map(repr, IouTypes()))
        raise argparse.ArgumentTypeError(f"must be one of {names}, the only ones there are yet; got {value!r}")
    return value


def detectors(parser: argparse.ArgumentParser, options: argparse.Namespace) -> dict[str, str]:
    """Path by detector's name. A path that exists may hold '='; otherwise what stands before the first is the name.

    Refuses paths of --gt and --dt that are not there.
    """
    path_of: dict[str, str] = {}
    for value in options.dt:
        name, equals, path = value.partition("=")
        if not equals or os.path.exists(value):
            name, path = Path(value).stem, value
        if not name or not path:
            parser.error(f"argument --dt: {value!r} must be FILE or NAME=FILE")
        if name in path_of:
            parser.error(f"argument --dt: two detectors are named {name!r}; tell them apart with --dt NAME=FILE")
        path_of[name] = path
    for option, path in [("--gt", options.gt), *(("--dt", path) for path in path_of.values())]:
        check_file(parser, option, path)
    return path_of


def class_map_of(parser: argparse.ArgumentParser, values: list[str] | None) -> dict[str, Any] | None:
    """New category by old one: from one JSON file, or from values FROM=TO."""
    if values is None:
        return None
    if len(values) == 1 and (os.path.exists(values[0]) or "=" not in values[0]):
        check_file(parser, "--class-map", values[0])
        try:
            found = json.loads(Path(values[0]).read_bytes())
        except (OSError, ValueError) as error:
            parser.error(f"argument --class-map: {values[0]!r} is not JSON: {error}")
        if not isinstance(found, dict):
            parser.error(f"argument --class-map: {values[0]!r} must hold an object, got {type(found).__name__}")
        return found
    class_map: dict[str, Any] = {}
    for value in values:
        old, equals, new = value.partition("=")
        if not equals or not old or not new:
            parser.error(f"argument --class-map: {value!r} must be FROM=TO")
        if class_map.setdefault(old, new) != new:
            parser.error(f"argument --class-map: {old!r} stands there twice")
    return class_map
