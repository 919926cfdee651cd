"""What the verbs that evaluate print and write: tables, JSON, CSV, Markdown, the report, the Result."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from . import tables
from .files import EvaluationError, target_of, write_json, write_text

if TYPE_CHECKING:
    from ..evaluation.result import Result

TO_STDOUT = ("json", "csv", "md")
WRITTEN = (*TO_STDOUT, "html", "save")


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Options of what is printed and written."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "--per-class", action="store_true", help="also a table of the categories; --json and --csv hold all numbers"
    )
    group.add_argument(
        "--per-image", action="store_true", help="also a table of the worst images; --json and --csv hold all of them"
    )
    group.add_argument(
        "--json", metavar="FILE", help="write all numbers as JSON; - writes them to stdout and the tables to stderr"
    )
    group.add_argument(
        "--csv",
        metavar="FILE",
        help="write one table as CSV, or - as for --json: a row per detector, with --per-class per category, with "
        "--per-image per image",
    )
    group.add_argument("--md", metavar="FILE", help="write the tables as Markdown, or - as for --json")
    group.add_argument("--save", metavar="FILE.pmr", help="write the result of the only detector, for --baseline")


def targets_of(
    parser: argparse.ArgumentParser, options: argparse.Namespace, inputs: Iterable[str], n_detectors: int
) -> dict[str, Path | None]:
    """Where each output goes that was asked for, by its option's name; None: to standard output."""
    inputs, found = list(inputs), {}
    for name in WRITTEN:
        path = getattr(options, name, None)
        if path is not None:
            found[name] = target_of(parser, f"--{name}", path, inputs, stdout=name in TO_STDOUT)
    to_stdout = [name for name, target in found.items() if target is None]
    if len(to_stdout) > 1:
        parser.error(f"argument --{to_stdout[1]}: --{to_stdout[0]} goes to standard output already")
    places = [target.resolve() for target in found.values() if target is not None]
    if len(set(places)) < len(places):
        parser.error("two outputs would be written to one file")
    if "csv" in found and options.per_class and options.per_image:
        parser.error("argument --csv: holds one table: say --per-class or --per-image, not both")
    if "save" in found and n_detectors > 1:
        parser.error(f"argument --save: writes the result of one detector, got {n_detectors}")
    return found


def screen_of(targets: Mapping[str, Path | None]) -> TextIO:
    """Where the tables go: standard output, unless something else goes there."""
    return sys.stderr if None in targets.values() else sys.stdout


def print_results(results: Mapping[str, Result], parts: Iterable[tables.Table | str], file: TextIO) -> None:
    """The summary of one result, the table of several; then further tables and sentences."""
    if len(results) == 1:
        print(next(iter(results.values())).summary("n/a"), file=file)
    else:
        tables.print_table(tables.of_detectors(results), file, best=True)
    for part in parts:
        if isinstance(part, str):
            print(f"\n{part}", file=file)
        else:
            tables.print_table(part, file)


def further_tables(results: Mapping[str, Result], options: argparse.Namespace) -> list[tables.Table]:
    """The tables that options ask for, of each detector."""
    found = []
    if options.per_class:
        found += [tables.per_class(name, result) for name, result in results.items()]
    if options.per_image:
        found += [tables.per_image(name, _images(result)) for name, result in results.items()]
    return found


def _images(result: Result) -> list[dict[str, Any]]:
    from ..analysis import per_image

    return per_image(result, iou=result.protocol.main_iou)


def write_results(
    results: Mapping[str, Result],
    options: argparse.Namespace,
    targets: Mapping[str, Path | None],
    more: Mapping[str, Any],
    parts: Iterable[tables.Table | str],
) -> None:
    """Write what was asked for. more: further keys of the JSON. parts: what follows the table of the detectors."""
    if "json" in targets:
        write_json({"detectors": {n: _content(r, options) for n, r in results.items()}, **more}, targets["json"])
    if "csv" in targets:
        write_text(tables.as_csv(_csv_rows(results, options)), targets["csv"])
    if "md" in targets:
        write_text(tables.markdown([tables.of_detectors(results), *parts]), targets["md"])
    if (save := targets.get("save")) is not None:
        try:
            next(iter(results.values())).save(save)
        except OSError as error:
            raise EvaluationError(f"could not write {save}: {error}") from error


def _content(result: Result, options: argparse.Namespace) -> dict[str, Any]:
    content = result.to_dict()
    if options.per_image:
        content["per_image"] = [tables.defined(row) for row in _images(result)]
    return content


def _csv_rows(results: Mapping[str, Result], options: argparse.Namespace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, result in results.items():
        if options.per_class:
            rows = result.per_class
        elif options.per_image:
            rows = _images(result)
        else:
            content = result.to_dict()
            rows = [{**dict(result), **{key: content[key] for key in ("n_gt", "n_dt", "n_images")}}]
        found += [{"detector": name, **row} for row in rows]
    return found
