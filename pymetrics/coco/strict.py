"""How closely pycocotools' exceptions are followed, and how this library takes pycocotools' place in a process."""

from __future__ import annotations

import sys
from importlib import import_module

_strict = False


def set_strict(strict: bool = True) -> None:
    """Whether this process follows pycocotools where it stops with an exception and this library would give an answer.

    The default is not to. docs/coco-quirks.md lists what differs; strict, each such case raises pycocotools' type of
    exception: loadRes of no results IndexError, for example, which some evaluators catch.

    Raises:
        TypeError: strict is no bool.
    """
    if not isinstance(strict, bool):
        raise TypeError(f"strict must be True or False, got {strict!r}")
    global _strict
    _strict = strict


def is_strict() -> bool:
    """What set_strict said last."""
    return _strict


def init_as_pycocotools(strict: bool = True) -> None:
    """Let `import pycocotools` and its modules coco, cocoeval, mask and _mask find this library, from now on.

    What other modules have imported before stays what it was. strict: as set_strict.

    Raises:
        TypeError: strict is no bool.
    """
    set_strict(strict)
    here = __name__.rpartition(".")[0]
    sys.modules["pycocotools"] = sys.modules[here]
    for name in ("coco", "cocoeval", "mask", "_mask"):
        sys.modules[f"pycocotools.{name}"] = import_module(f"{here}.{name}")
