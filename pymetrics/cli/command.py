"""The parser of all verbs, and what every one of them does with errors, warnings and output."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import warnings

import pymetrics

from .. import _config
from .check import add_check
from .compare import add_compare
from .config import add_config, show_config
from .convert import add_convert
from .demo import add_demo
from .evaluate import EXAMPLES, EXIT_CODES, add_evaluate
from .explain import add_explain
from .files import EvaluationError
from .gate import GateError
from .messages import say, show_warning


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (None: sys.argv[1:]) and return the exit code; argparse's own exits are raised."""
    printed = io.StringIO()  # help and version: argparse would not say that they cannot be written
    try:
        with contextlib.redirect_stdout(printed):
            options, others = make_parser().parse_known_args(argv)
            options.typed = sys.argv[1:] if argv is None else argv
            _take_files(options, others)
    except SystemExit:
        _print(printed.getvalue())
        raise
    problem = _config.environment_error()
    if sys.stdout is None:
        say("pymetrics: cannot write the output: standard output is closed")
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the terminal has no letters for
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show_warning
            if not problem or options.run is show_config:
                options.run(options.parser, options)
        sys.stdout.flush()
    except EvaluationError as error:
        say(f"pymetrics: {error}")
        return 1
    except GateError as error:
        say(f"pymetrics: {error}")
        return 3
    except KeyboardInterrupt:
        say("pymetrics: interrupted")
        return 130
    except OSError as error:  # of an input: see blaming
        return _cannot_write(error)
    if problem:
        say(f"pymetrics: {problem}")
        return 2
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="pymetrics",
        description="How good are these detections?",
        epilog=EXAMPLES + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pymetrics {pymetrics.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (add_evaluate, add_compare, add_explain, add_check, add_convert, add_demo, add_config):
        add(commands)
    return parser


def _take_files(options: argparse.Namespace, others: list[str]) -> None:
    """Files that stand behind an option: argparse gives a verb those of one place alone."""
    if others and (not hasattr(options, "files") or any(text.startswith("-") and text != "-" for text in others)):
        options.parser.error(f"unrecognized arguments: {' '.join(others)}")
    if others:
        options.files += others


def _print(text: str) -> None:
    """Raises SystemExit where it cannot be written."""
    try:
        if text and sys.stdout is not None:
            sys.stdout.write(text)
            sys.stdout.flush()
    except OSError as error:
        raise SystemExit(_cannot_write(error)) from None


def _cannot_write(error: OSError) -> int:
    # Python flushes stdout once more at exit: give it a place where that works.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 141
    say(f"pymetrics: cannot write the output: {error.strerror or error}")
    return 1
