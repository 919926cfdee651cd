"""The command pymetrics compare."""

from __future__ import annotations

import argparse
from typing import Any

from .evaluate import EXIT_CODES, add_all_options, run

EXAMPLES = """examples:
  pymetrics compare gt.json old=runs/1/dt.json new=runs/2/dt.json
  pymetrics compare gt.json a.json b.json c.json --pairs all --metric AP50 --json verdicts.json
"""


def add_compare(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    compare = commands.add_parser(
        "compare",
        usage="pymetrics compare GT [NAME=]DT [NAME=]DT ... [options]",
        help="say which of several detectors is better, and whether that is more than chance",
        description="What eval prints of several detectors, then verdicts, and differences with 95 %\n"
        "intervals. The first detector is what the others are compared with.",
        epilog=EXAMPLES + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_all_options(compare)
    compare.add_argument(
        "--pairs", choices=("first", "all"), default="first", help="compare all with the first one, or every two"
    )
    compare.set_defaults(run=_compare, parser=compare)


def _compare(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    run(parser, options, options.pairs)
