"""From the options of a command line to one Result per detector."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pymetrics

from .files import blaming
from .messages import say
from .options import class_map_of

if TYPE_CHECKING:
    from ..evaluation.result import Result


def evaluate_all(
    parser: argparse.ArgumentParser, options: argparse.Namespace, path_of: dict[str, str]
) -> dict[str, Result]:
    """The Result of each detector, by name; one line on each on standard error. options: see add_data_options."""
    from ..evaluation.protocol import as_protocol
    from ..evaluation.shapes import as_shape
    from ..formats import opened
    from ..formats.options import ReadOptions

    try:
        ReadOptions("gt", options.iou_type, options.box_format).format("xywh")
        shape_params = {"sigmas": options.sigmas, "boundary_dilation_ratio": options.boundary_dilation_ratio}
        as_shape(options.iou_type, **shape_params)
        protocol = as_protocol(options.protocol, options.max_dets, iou_type=options.iou_type)
        if protocol.federated and options.no_cats:
            raise ValueError(f"argument --no-cats: the protocol {options.protocol} is one of categories")
        protocol = replace(protocol, use_cats=not options.no_cats)
    except ValueError as error:
        parser.error(str(error))

    class_map = class_map_of(parser, options.class_map)
    results = {}
    with blaming(options.gt):
        ground_truth = options.gt
        if not protocol.federated:  # which reads more of the file
            read_options = ReadOptions("gt", options.iou_type, options.box_format, use_ignore=options.use_ignore)
            ground_truth = opened(options.gt, read_options)  # once for all
    for name, path in path_of.items():
        start = time.perf_counter()
        with blaming(f"{path} against {options.gt}"):
            results[name] = pymetrics.evaluate(
                ground_truth,
                path,
                iou_type=options.iou_type,
                protocol=protocol,
                box_format=options.box_format,
                use_ignore=options.use_ignore,
                class_map=class_map,
                **shape_params,
            )
        n_dt, n_images = (len(rows) for rows in (results[name].outcomes.scores, results[name].outcomes.image_ids))
        say(f"{name}: {n_dt} detections counted on {n_images} images in {time.perf_counter() - start:.2f} s")
    return results
