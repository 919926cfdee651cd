"""Run-length masks that stay texts: their runs are read where they are needed, so that memory holds few of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import kernels
from . import runs
from .ranges import offsets_of
from .runs import Measures, RunColumns

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class TextColumns:
    """N masks, in place of RunColumns.

    text: uint8; begins, ends: int64 (N,), where the runs of each mask stand in it as COCO's files hold them. sizes:
    int64 (N, 2), height and width. n_runs: int64 (N,). measures: of the runs.
    """

    text: NDArray[np.uint8]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    sizes: NDArray[np.int64]
    n_runs: NDArray[np.int64]
    measures: Measures

    @staticmethod
    def of(text: Any, begins: Any, ends: Any, sizes: NDArray[np.int64], name: runs.Name) -> TextColumns:
        """Masks of parts of a text. Raises ValueError as runs.of_text."""
        runs.check_sizes(sizes, name)
        n = len(sizes)
        n_runs, found = np.empty(n, np.int64), Measures(np.empty(n, np.uint32), np.empty(n, np.int64), np.empty((n, 4)))
        kernels.measure_texts(text, begins, ends, sizes, n_runs, *found, 0, n)
        runs.check_texts(n_runs, text, begins, ends, name)
        return TextColumns(text, begins, ends, sizes, n_runs, found)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def for_overlaps(self) -> tuple[NDArray[Any], ...]:
        """What the kernel text_iou reads of the detections, but for the rows."""
        return self.text, self.begins, self.ends, self.sizes, self.measures.areas, self.measures.boxes

    def decoded(self) -> RunColumns:
        """The same as runs."""
        offsets = offsets_of(self.n_runs)
        counts = np.empty(offsets[-1], np.uint32)
        kernels.read_strings(self.text, self.begins, self.ends, offsets, counts, 0, len(self))
        found = RunColumns(counts, offsets, self.sizes)
        vars(found)["measures"] = self.measures
        return found

    def check(self, name: runs.Name) -> None:
        """As RunColumns.check."""
        runs.check_totals(self.measures, self.sizes, name)

    def take(self, rows: Any) -> TextColumns:
        """The masks of some rows, which may repeat; of the same text."""
        measures = Measures(*(column[rows] for column in self.measures))
        return TextColumns(self.text, self.begins[rows], self.ends[rows], self.sizes[rows], self.n_runs[rows], measures)

    @staticmethod
    def joined(parts: Sequence[TextColumns | RunColumns]) -> RunColumns:
        """The masks of all parts as runs, in memory of their own."""
        return RunColumns.joined(parts)
