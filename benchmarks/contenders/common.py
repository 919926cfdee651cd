"""What a case of the benchmarks is, what a contender is, and what several cases need."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np
from generate import Floats, Scene

Timed = tuple[Floats, dict[str, Any]]  # the twelve numbers; seconds of parts of the call, by name
Call = Callable[[Any], "Floats | Timed"]
Prepare = Callable[[Any], Call]

ONE_THREAD = {
    "RAYON_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYMETRICS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Case:
    """One way from data to numbers. Its module says at its top what is inside ``call``, for every library alike.

    In a process of its own: ``loaded = load(size)``, ``call = prepare[name](loaded)``, then off the clock
    ``given = argument(loaded)`` and on the clock ``call(given)``, as often as it is measured.
    """

    name: str
    title: str
    prepare: dict[str, Prepare]  # by contender
    load: Callable[[str], Any]
    base: str  # the contender of whose time the others' are multiples
    sizes: tuple[str, ...] = ("36.8k", "500k", "1.5M")
    argument: Callable[[Any], Any] = lambda loaded: loaded
    before: Callable[[str], None] = lambda size: None  # once, by the process that starts the others
    fresh: bool = False  # a process for every measurement
    answers: str = "coco"  # whose twelve numbers are right: answers.ORACLES
    largest: dict[str, str] = field(default_factory=dict)  # contender -> the largest size that it can do in LIMIT
    one_thread: tuple[str, ...] = ()  # the sizes at which everybody is measured with one thread, too

    def sizes_of(self, name: str) -> tuple[str, ...]:
        """The sizes at which a contender is measured."""
        return self.sizes[: self.sizes.index(self.largest.get(name, self.sizes[-1])) + 1]


@dataclass(frozen=True)
class Contender:
    """A library, or one of our interfaces and backends, in a benchmark."""

    name: str
    label: str  # in tables
    distribution: str  # its name in the package index, for the version
    environment: dict[str, str] = field(default_factory=dict)
    threading: str = "asked"  # "asked": obeys what it is told; "own": not, so one thread means one core; "none"
    needs: tuple[str, ...] = ()  # further distributions

    @property
    def ours(self) -> bool:
        """Is it pymetrics?"""
        return self.distribution == "pymetrics-detection"

    def version(self) -> str | None:
        """The installed version; None where the library, or one that it needs, is absent."""
        try:
            for needed in self.needs:
                metadata.version(needed)
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return None

    def variables(self, threads: str) -> dict[str, str]:
        """The environment that holds it to ``threads``: "all" or "1". Set before the library is imported."""
        return {**self.environment, **(ONE_THREAD if threads == "1" else {})}


def n_threads() -> int:
    """For libraries that ask for a number."""
    return int(os.environ.get("RAYON_NUM_THREADS", 0)) or len(os.sched_getaffinity(0))


def quiet() -> contextlib.AbstractContextManager[Any]:
    """Swallow what a library prints."""
    return contextlib.redirect_stdout(io.StringIO())


def evaluated(evaluator: Any) -> Floats:
    """The twelve numbers of any library's COCOeval that follows pycocotools."""
    with quiet():
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return np.asarray(evaluator.stats)


def our_ground_truths(s: Scene) -> Any:
    """The ground truth as our columns."""
    import pymetrics

    return pymetrics.GroundTruths(
        s.gt_image, s.gt_boxes, s.gt_category, crowd=s.gt_crowd, area=s.gt_area,
        images=s.images, categories=s.categories.tolist(), box_format="xywh",
    )  # fmt: skip


def twelve(values: dict[str, Any]) -> Floats:
    """torchmetrics' dict in pycocotools' order."""
    sizes = ("small", "medium", "large")
    names = ["map", "map_50", "map_75", *(f"map_{s}" for s in sizes), "mar_1", "mar_10", "mar_100"]
    return np.array([float(values[name]) for name in (*names, *(f"mar_{s}" for s in sizes))])
