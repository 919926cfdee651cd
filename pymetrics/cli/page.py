"""The report in HTML: --html, --images, --costs."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import EvaluationError
from .messages import progress
from .options import read_object

if TYPE_CHECKING:
    from ..evaluation.result import Result
    from ..pictures import Images


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """Options of the report."""
    group = parser.add_argument_group("report")
    group.add_argument("--html", metavar="FILE", help="write a report that a browser shows, one file")
    group.add_argument("--images", metavar="FOLDER", help="the images, of which the report shows the worst ones")
    group.add_argument(
        "--costs",
        metavar="FILE",
        help='JSON of what each detector costs: {"NAME": {"latency_ms": 12.5, "parameters": 4e7, "peak_bytes": 3e9}}',
    )
    group.add_argument("--title", metavar="TEXT", help="of the report")


def costs_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> dict[str, Any] | None:
    """What --costs says. Refuses it, and --images and --title, without --html."""
    for name in ("images", "costs", "title"):
        if options.html is None and getattr(options, name) is not None:
            parser.error(f"argument --{name}: is for the report: say --html FILE, too")
    if options.images is not None and not os.path.isdir(options.images):
        parser.error(f"argument --images: no such folder: {options.images!r}")
    return None if options.costs is None else read_object(parser, "--costs", options.costs)


def write_page(target: Path, results: Mapping[str, Result], images: str | None, **arguments: Any) -> None:
    """Write the report. images: a folder. arguments: as of report.write_report.

    Raises:
        EvaluationError: it cannot be written, or an image cannot be shown.
    """
    from ..report import write_report

    progress(f"writing {target} ...")
    try:
        with _showing_progress(results, images) as pictures:
            write_report(target, results, images=pictures, **arguments)
    except (OSError, ValueError, TypeError, ImportError) as error:
        raise EvaluationError(f"could not write {target}: {error}") from error


@contextlib.contextmanager
def _showing_progress(results: Mapping[str, Result], folder: str | None) -> Iterator[Images | None]:
    """The images of a folder, with a bar on a terminal where tqdm is installed; None: no folder."""
    if folder is None:
        yield None
        return
    from ..pictures import Images, images_of

    class Shown(Images):
        def open(self, *arguments: Any) -> Any:
            advance()
            return super().open(*arguments)

    found = images_of(next(iter(results.values())), folder)
    with bar("images") as advance:
        yield Shown(found.source, found.sizes, found.names)


@contextlib.contextmanager
def bar(what: str) -> Iterator[Callable[[], Any]]:
    """Yields what counts one more. Shown on a terminal alone."""
    if sys.stderr is not None and sys.stderr.isatty():
        with contextlib.suppress(ImportError):
            from tqdm import tqdm

            with tqdm(desc=what, unit="", leave=False) as shown:
                yield shown.update
                return
    yield lambda: None
