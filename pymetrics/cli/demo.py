"""The command pymetrics demo."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pymetrics

from .messages import progress, say
from .page import write_page
from .tables import of_detectors, print_table

FOLDER = "pymetrics-demo"


def add_demo(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    demo = commands.add_parser(
        "demo",
        help="evaluate two simulated detectors on a generated sample, and write a report",
        description="Write a generated sample with drawn pictures, evaluate two simulated detectors on it, and write "
        "the report of both.",
    )
    demo.add_argument(
        "--out", default=FOLDER, metavar="FOLDER", help=f"where the sample and the report go (default: {FOLDER})"
    )
    demo.add_argument("--no-report", action="store_true", help="write the sample's files alone, without pictures")
    demo.set_defaults(run=_demo, parser=demo)


def _demo(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    from .. import demo

    out = Path(options.out)
    ground_truth, detections = demo.generate()
    try:
        gt, *dts = demo.write(out, ground_truth, detections)
        images = None if options.no_report else _pictures(out / "images", ground_truth)
    except OSError as error:
        parser.error(f"argument --out: {error}")
    print("This sample is GENERATED: made-up boxes, two simulated detectors. It says nothing about any real model.")
    results = {}
    for name, found in detections.items():
        results[name] = pymetrics.evaluate(ground_truth, found)
        print(f"\n{name}: {len(found)} simulated detections on {len(ground_truth['images'])} made-up images")
        print(results[name].summary("n/a"))
    print()
    print_table(of_detectors(results), sys.stdout, best=True)
    command = [*own_name(), "eval", str(gt), *map(str, dts)]
    if not options.no_report:
        report = out / "report.html"
        title = "Two simulated detectors on a generated sample"
        write_page(report, results, images, title=title, command=shlex.join(["pymetrics", *options.typed]))
        print(f"\nThe report is {report}: open it in a browser.")
        command += ["--html", "report.html", *(["--images", images] if images else [])]
    say(f"try: {shlex.join(command)}")


def _pictures(folder: Path, ground_truth: Any) -> str | None:
    """The folder of the pictures; None where Pillow is not there to draw them."""
    from ..demo.pictures import write_pictures

    progress(f"drawing {len(ground_truth['images'])} pictures ...")
    try:
        write_pictures(folder, ground_truth)
    except ImportError:
        say("no pictures: Pillow draws them, which is not installed (the extra images)")
        return None
    return str(folder)


def own_name() -> list[str]:
    """How this command was called: pymetrics, or its path where the shell does not find it by this name."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return [sys.executable, "-m", "pymetrics"]
    if called.name != "pymetrics" or not called.exists():
        return ["pymetrics"]
    found = shutil.which("pymetrics")
    return ["pymetrics"] if found is not None and called.samefile(found) else [str(called)]
