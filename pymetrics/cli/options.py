"""Options of the verbs that evaluate: which files, and by which rules."""

from __future__ import annotations

import argparse
import glob
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import STANDARD_INPUT, check_file

if TYPE_CHECKING:
    from ..evaluation.protocol import Protocol

PARQUET = "parquet"


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Options that name the files."""
    group = parser.add_argument_group("files")
    group.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="ground truth, then detections ([NAME=]FILE), in place of --gt and --dt",
    )
    group.add_argument("--gt", metavar="FILE", help="ground truth; a folder, where the format is one of folders")
    group.add_argument(
        "--dt",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="detections; may be repeated; the name is the file's, where none is given; - is standard input",
    )
    group.add_argument(
        "--format",
        default="auto",
        metavar="NAME",
        help="of ground truth and detections, or of each, as in voc,coco: auto (default), coco, yolo, voc, cvat, "
        "openimages, pennfudan or parquet",
    )
    group.add_argument(
        "--split", metavar="NAME", help="which part of a YOLO data set or VOC folder is the ground truth"
    )
    group.add_argument(
        "--image-sizes", metavar="PATH", help="sizes of images: their folder, or lines of image,height,width"
    )


def add_rule_options(parser: argparse.ArgumentParser) -> None:
    """Options that say what is counted, and how."""
    group = parser.add_argument_group("rules")
    group.add_argument(
        "--iou-type",
        default="bbox",
        type=iou_type,
        choices=IouTypes(),
        metavar="TYPE",
        help="what overlaps: %(choices)s (default: bbox)",
    )
    group.add_argument(
        "--protocol", default="coco", metavar="NAME", help="what is counted: coco (default), lvis or torchmetrics"
    )
    group.add_argument(
        "--box-format", metavar="FORMAT", help="layout of the boxes in all files (default, of bbox: xywh)"
    )
    group.add_argument(
        "--max-dets",
        type=int,
        nargs="+",
        metavar="N",
        help="limits on the detections of one image and category (default: 1 10 100; of keypoints: 20)",
    )
    group.add_argument(
        "--iou-thresholds", type=float, nargs="+", metavar="T", help="in place of the protocol's: 0.5 0.75"
    )
    group.add_argument(
        "--area-ranges",
        type=_area_range,
        nargs="+",
        metavar="NAME=LOW:HIGH",
        help="in place of the protocol's, in square pixels: tiny=0:256 other=256:",
    )
    group.add_argument(
        "--boundary-dilation-ratio",
        type=float,
        metavar="R",
        help="of iou type boundary: how deep a boundary is, in parts of the image's diagonal (default: 0.02)",
    )
    group.add_argument(
        "--sigmas",
        type=float,
        nargs="+",
        metavar="S",
        help="of keypoints: how far off each may be, in parts of the object's size (default: those of COCO's 17)",
    )
    group.add_argument(
        "--class-map",
        nargs="+",
        metavar="FROM=TO",
        help="rename or merge categories of both sides, by id or name; or one JSON file that holds {FROM: TO, ...}",
    )
    group.add_argument(
        "--use-ignore", action="store_true", help="read the key 'ignore' of annotations: they do not count"
    )
    group.add_argument("--no-cats", action="store_true", help="take all categories for one")


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


def _area_range(value: str) -> tuple[str, tuple[float, float]]:
    name, equals, ends = value.partition("=")
    low, colon, high = ends.partition(":")
    try:
        if name and equals and colon:
            return name, (float(low or 0), float(high or "inf"))
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{value!r} must be NAME=LOW:HIGH, two areas in square pixels")


def add_comparison_options(parser: argparse.ArgumentParser) -> None:
    """Options of comparisons and intervals."""
    group = parser.add_argument_group("comparison")
    group.add_argument("--metric", default="map", metavar="KEY", help="the number that decides (default: map)")
    group.add_argument("--n", type=int, default=1000, metavar="N", help="draws of the images (default: 1000)")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws (default: 0)")


def key_of(parser: argparse.ArgumentParser, option: str, name: str, protocol: Protocol) -> str:
    """The key of a number of the summary, which may be called by either of its names: map, AP."""
    key_by_name = {name: row.key for row in protocol.rows for name in (row.coco_key, row.key)}
    if name not in key_by_name:
        names = ", ".join([*(row.key for row in protocol.rows), *(row.coco_key for row in protocol.rows)])
        parser.error(f"argument {option}: {name!r} is not one of {names}")
    return key_by_name[name]


def draws_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> tuple[int, int]:
    """How many draws of the images, and their seed."""
    from ..analysis.bootstrap import MAX_DRAWS
    from ..analysis.counted import require_integer

    try:
        return require_integer("--n", options.n, 2, MAX_DRAWS), require_integer("--seed", options.seed, 0, 2**64 - 1)
    except ValueError as error:
        parser.error(f"argument {error}")


def files_of(
    parser: argparse.ArgumentParser, options: argparse.Namespace, least: int = 1
) -> tuple[str, dict[str, str]]:
    """The path of the ground truth, and by detector's name that of its detections, of `least` or more detectors.

    A path that exists may hold '='; otherwise what stands before the first is the name.
    """
    files, kinds = list(options.files), kinds_of(parser, options)
    gt = options.gt if options.gt is not None or not files else files.pop(0)
    if gt is None:
        parser.error("the ground truth is missing: say pymetrics eval GT DT, or --gt FILE")
    path_of: dict[str, str] = {}
    for option, value in [*(("FILE", value) for value in files), *(("--dt", value) for value in options.dt)]:
        name, equals, path = value.partition("=")
        if not equals or os.path.exists(value):
            name, path = name_of(value), value
        if not name or not path:
            parser.error(f"argument {option}: {value!r} must be FILE or NAME=FILE")
        if name in path_of:
            parser.error(f"argument {option}: two detectors are named {name!r}; tell them apart by NAME=FILE")
        path_of[name] = path
        check_input(parser, option, path, kinds["dt"])
    if not path_of:
        parser.error("the detections are missing: say pymetrics eval GT DT, or --dt FILE")
    if len(path_of) < least:
        parser.error(f"the detections of {least} detectors are needed, got those of {len(path_of)}")
    check_input(parser, "FILE" if options.gt is None else "--gt", gt, kinds["gt"])
    if [gt, *path_of.values()].count(STANDARD_INPUT) > 1:
        parser.error("standard input (-) can be read once")
    return gt, path_of


def check_input(parser: argparse.ArgumentParser, option: str, path: str, kind: str | None) -> None:
    """Refuse a path that is not there, and a folder of no format. kind: the format, where it is said."""
    from ..formats.detect import detect
    from ..formats.tables.parquet import is_parquet

    is_there = os.path.exists(path)
    if path == STANDARD_INPUT:
        return
    if kind in (None, PARQUET) and is_parquet(path) and (is_there or glob.glob(path, recursive=True)):
        return
    if not is_there:
        parser.error(f"argument {option}: no such file: {path!r}")
    if kind == PARQUET:
        parser.error(f"argument {option}: {path!r} names no Parquet files")
    if os.path.isdir(path) and kind is None:
        try:
            detect(path)
        except OSError as error:
            parser.error(f"argument {option}: {error}")


def kinds_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> dict[str, str | None]:
    """The format of each side, "gt" and "dt"; None: what is found there."""
    from ..formats.detect import KINDS

    names = options.format.split(",")
    known = ("auto", *KINDS)
    if len(names) > 2 or not set(names) <= set(known):
        parser.error(f"argument --format: must be one or two of {', '.join(known)}; got {options.format!r}")
    gt, dt = (None if name == "auto" else name for name in (names[0], names[-1]))
    return {"gt": gt, "dt": dt}


def name_of(path: str) -> str:
    """What a file is called, less its ending, or a folder."""
    if path == STANDARD_INPUT:
        return "stdin"
    name = Path(path).name
    if os.path.isdir(path):
        return name or Path(path).resolve().name
    return Path(name[:-3] if name.endswith(".gz") else name).stem


def class_map_of(parser: argparse.ArgumentParser, values: list[str] | None) -> dict[str, Any] | None:
    """New category by old one: from one JSON file, or from values FROM=TO."""
    if values is None:
        return None
    if len(values) == 1 and (os.path.exists(values[0]) or "=" not in values[0]):
        return read_object(parser, "--class-map", values[0])
    class_map: dict[str, Any] = {}
    for value in values:
        old, equals, new = value.partition("=")
        if not equals or not old or not new:
            parser.error(f"argument --class-map: {value!r} must be FROM=TO")
        if class_map.setdefault(old, new) != new:
            parser.error(f"argument --class-map: {old!r} stands there twice")
    return class_map


def read_object(parser: argparse.ArgumentParser, option: str, path: str) -> dict[str, Any]:
    """The object in a JSON file that an option names."""
    check_file(parser, option, path)
    try:
        found = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        parser.error(f"argument {option}: {path!r} is not JSON: {error}")
    if not isinstance(found, dict):
        parser.error(f"argument {option}: {path!r} must hold an object, got {type(found).__name__}")
    return found


def _image_sizes(parser: argparse.ArgumentParser, path: str | None) -> Any:
    if path is None:
        return None
    from ..formats.image_sizes import read_sizes

    try:
        return read_sizes(path)
    except (OSError, ValueError) as error:
        parser.error(f"argument --image-sizes: {error}")


def rules_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> tuple[Protocol, dict[str, Any]]:
    """The protocol, and the other arguments of pymetrics.evaluate that the options of rules say."""
    from ..evaluation.protocol import as_protocol
    from ..evaluation.shapes import as_shape
    from ..formats.options import ReadOptions

    try:
        ReadOptions("gt", options.iou_type, options.box_format).format("xywh")
        shape_params = {"sigmas": options.sigmas, "boundary_dilation_ratio": options.boundary_dilation_ratio}
        as_shape(options.iou_type, **shape_params)
        ranges = None if options.area_ranges is None else dict(options.area_ranges)
        protocol = as_protocol(
            options.protocol, options.max_dets, options.iou_thresholds, area_ranges=ranges, iou_type=options.iou_type
        )
        if protocol.federated and options.no_cats:
            raise ValueError(f"argument --no-cats: the protocol {options.protocol} is one of categories")
        protocol = replace(protocol, use_cats=not options.no_cats)
    except ValueError as error:
        parser.error(str(error))
    return protocol, {
        "iou_type": options.iou_type,
        "protocol": protocol,
        "box_format": options.box_format,
        "use_ignore": options.use_ignore,
        "class_map": class_map_of(parser, options.class_map),
        "image_sizes": _image_sizes(parser, options.image_sizes),
        **shape_params,
    }
