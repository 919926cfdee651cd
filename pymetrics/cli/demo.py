"""The command pymetrics demo."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

import pymetrics

from .messages import say
from .tables import of_detectors, print_table


def add_demo(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    demo = commands.add_parser("demo", help="evaluate two simulated detectors on a generated sample")
    demo.add_argument("--out", metavar="FOLDER", help="write the sample's files there")
    demo.set_defaults(run=_demo, parser=demo)


def _demo(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    from .. import demo

    ground_truth, detections = demo.generate()
    if options.out is not None:
        try:
            gt, *dts = demo.write(Path(options.out), ground_truth, detections)
        except OSError as error:
            parser.error(f"argument --out: {error}")
        say(f"try: {shlex.join(['pymetrics', 'eval', '--gt', str(gt), *(f'--dt={dt}' for dt in dts)])}")
    print("This sample is GENERATED: made-up boxes, two simulated detectors. It says nothing about any real model.")
    results = {}
    for name, found in detections.items():
        results[name] = pymetrics.evaluate(ground_truth, found)
        print(f"\n{name}: {len(found)} simulated detections on {len(ground_truth['images'])} made-up images")
        print(results[name].summary("n/a"))
    print()
    print_table(of_detectors(results), sys.stdout, best=True)
