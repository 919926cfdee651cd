"""The command pymetrics convert."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .files import blaming, check_inputs, json_target, write_json

EXAMPLES = """examples:
  pymetrics convert instances_val2017.json val2017_yolo --to yolo
  pymetrics convert data/data.yaml gt.json --to coco --split val
  pymetrics convert runs/detect/val/labels dt.json --to coco --gt data/data.yaml
  pymetrics convert dt.json results --to voc --gt gt.json
  pymetrics convert instances_val2017.json gt.parquet --to parquet-nested
"""


def add_convert(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    convert = commands.add_parser(
        "convert",
        help="write a data set, or detections, in another format",
        description="Write a data set, or detections, in another format. What was written is read back; one warning "
        "names what the format does not hold.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    convert.add_argument("source", metavar="SOURCE", help="file or folder; its format is recognised")
    convert.add_argument(
        "target", metavar="TARGET", help="file (coco, cvat, openimages, parquet) or folder (yolo, voc) to write"
    )
    convert.add_argument(
        "--to", required=True, metavar="FORMAT", help="coco, yolo, voc, cvat, openimages, parquet or parquet-nested"
    )
    convert.add_argument("--format", metavar="FORMAT", help="of SOURCE, where it is not recognised; or pennfudan")
    convert.add_argument("--gt", metavar="PATH", help="of detections: the ground truth whose names and sizes they have")
    convert.add_argument("--side", choices=("gt", "dt"), help="what SOURCE is (default: dt where it has scores)")
    convert.add_argument("--split", metavar="NAME", help="which part of SOURCE: train, val, ...")
    convert.add_argument(
        "--image-sizes", metavar="PATH", help="folder of images, or file of image,height,width, where SOURCE has none"
    )
    convert.add_argument(
        "--iou-type",
        default="bbox",
        metavar="TYPE",
        help="yolo and cvat: boxes (bbox, the default) or polygons (segm); parquet: boxes, or masks, too",
    )
    convert.add_argument("--overwrite", action="store_true", help="replace TARGET where it is there")
    convert.add_argument("--json", metavar="FILE", help="write what was done as JSON; - writes it to stdout")
    convert.set_defaults(run=_convert, parser=convert)


def _convert(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    from ..formats.convert import IOU_TYPES, TARGETS, convert
    from ..formats.detect import KINDS

    for option, value, known in (
        ("--to", options.to, TARGETS),
        ("--format", options.format, tuple(KINDS)),
        ("--iou-type", options.iou_type, IOU_TYPES),
    ):
        if value is not None and value not in known:
            parser.error(f"argument {option}: must be one of {', '.join(known)}; got {value!r}")
    inputs = check_inputs(parser, {"SOURCE": options.source, "--gt": options.gt, "--image-sizes": options.image_sizes})
    target = json_target(parser, options.json, inputs)
    with blaming(options.source, "conversion"):
        found = convert(
            options.source, options.target, options.to, gt=options.gt, side=options.side,
            source_format=options.format, split=options.split, image_sizes=options.image_sizes,
            iou_type=options.iou_type, overwrite=options.overwrite,
        )  # fmt: skip
    what = "detections" if found.side == "dt" else "objects"
    print(
        f"{found.path}: {found.n_objects} {what} of {found.n_images} images",
        file=sys.stderr if options.json == "-" else sys.stdout,
    )
    if options.json is not None:
        write_json(found.to_dict(), target)
