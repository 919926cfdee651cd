"""What workers write beside the plan: rows of matches and rows of images, a Parquet file of each partition."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from .._records import value_record
from ..analysis.counted import require_number
from ..evaluation.protocol import Protocol, as_protocol
from ..evaluation.result import Result
from ..formats.tables import arrow
from ..formats.write_file import unfinished
from .kept_tables import Origin, image_table, match_table


@value_record
class Kept:
    """What is written of each partition, which match_partition takes as kept=.

    keep_matches: a folder for match_table's rows, or None. keep_matches_at: the IoU thresholds of these, of the
    protocol's; None: .5, or the first where it has no .5. per_image: a folder for image_table's rows, or None.
    per_image_score: detections count there from this score on; it must be given, for which score is the best one is
    known only when all partitions are. per_image_iou: the IoU threshold of the counts there.

    A file has the name of its partition, so that a task that runs twice writes one file; a partition without rows
    writes none. All workers must see the folders.
    """

    keep_matches: str | None = None
    keep_matches_at: tuple[float, ...] | None = None
    per_image: str | None = None
    per_image_score: float | None = None
    per_image_iou: float = 0.5
    beside: str = ""  # the end of the names of folders that are not yet whole

    @property
    def folders(self) -> dict[str, str]:
        """The folders that are given, by argument."""
        given = {"keep_matches": self.keep_matches, "per_image": self.per_image}
        return {name: folder for name, folder in given.items() if folder is not None}

    def checked(self, protocol: Protocol) -> Kept:
        """The same with the protocol's own thresholds.

        Raises:
            TypeError, ValueError: a threshold is not one of the protocol's; or there is no score for per_image.
        """
        thresholds = []
        for i, iou in enumerate((protocol.main_iou,) if self.keep_matches_at is None else self.keep_matches_at):
            t = protocol.place_of_threshold(require_number(f"keep_matches_at[{i}]", iou, 0, 1))
            if t is None:
                raise ValueError(f"keep_matches_at[{i}]: {protocol.unknown_threshold(iou)}")
            thresholds.append(protocol.iou_thresholds[t])
        if not thresholds:
            raise ValueError("keep_matches_at must hold IoU thresholds, got none")
        require_number("per_image_iou", self.per_image_iou, 0, 1)
        if self.per_image_score is not None:
            require_number("per_image_score", self.per_image_score)
        elif self.per_image is not None:
            raise ValueError(
                "per_image needs per_image_score=, the score from which on detections count: the best one is known "
                "only when all partitions are"
            )
        return replace(self, keep_matches_at=tuple(dict.fromkeys(thresholds)))

    def write(self, name: str, result: Result, origins: Mapping[str, Origin]) -> None:
        """Write the files of a partition. result: with its data. origins: by side. Raises OSError, ValueError."""
        kept = self.checked(result.protocol)
        if kept.keep_matches is not None:
            assert kept.keep_matches_at is not None
            _write(match_table(result, kept.keep_matches_at, origins), kept.keep_matches + kept.beside, name)
        if kept.per_image is not None:
            assert kept.per_image_score is not None
            rows = image_table(result, kept.per_image_iou, kept.per_image_score)
            _write(rows, kept.per_image + kept.beside, name)


OPTIONS = tuple(field.name for field in fields(Kept) if field.name != "beside")


def kept_of(options: Mapping[str, Any], protocol: str | Protocol, iou_type: str) -> tuple[Kept | None, dict[str, Any]]:
    """What an engine's caller wants to be written, and the other options.

    Raises:
        TypeError, ValueError: as Kept.checked; or a folder is given twice.
        FileExistsError: a folder is neither absent nor empty.
    """
    given = {name: value for name, value in options.items() if name in OPTIONS}
    others = {name: value for name, value in options.items() if name not in OPTIONS}
    if not given:
        return None, others
    for name in ("keep_matches", "per_image"):
        if given.get(name) is not None:
            if not isinstance(given[name], (str, os.PathLike)):
                raise TypeError(f"{name} must be the path of a folder, got {given[name]!r}")
            if not os.fsdecode(given[name]):
                raise ValueError(f"{name} must be the path of a folder, got an empty string")
            given[name] = os.path.realpath(os.fsdecode(given[name]))  # a link cannot be replaced by a folder
    at = given.get("keep_matches_at")
    if at is not None:
        given["keep_matches_at"] = (at,) if isinstance(at, (int, float)) else tuple(at)
    kept = Kept(**given, beside=f".{secrets.token_hex(4)}.unfinished")
    if not kept.folders:
        raise ValueError(f"{next(iter(given))} is of what keep_matches= and per_image= write, and neither is a folder")
    if kept.keep_matches == kept.per_image:
        raise ValueError(f"keep_matches and per_image must be two folders, got {kept.per_image!r} twice")
    both = sorted(kept.folders.values())
    if len(both) == 2 and os.path.commonpath(both) in both:
        raise ValueError(f"keep_matches and per_image must be two folders, but {both[1]!r} is in {both[0]!r}")
    for name, folder in kept.folders.items():
        if os.path.lexists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
            raise FileExistsError(errno.EEXIST, f"{name} must be a folder that is absent or empty", folder)
    return kept.checked(as_protocol(protocol, iou_type=iou_type)), others


@contextlib.contextmanager
def whole(kept: Kept | None) -> Iterator[None]:
    """Folders beside those of kept_of, into which workers write: renamed at the end, removed where something fails.

    Raises:
        OSError: a folder cannot be made or renamed.
    """
    folders = [] if kept is None else [(folder + kept.beside, folder) for folder in kept.folders.values()]
    try:
        for beside, _ in folders:
            os.makedirs(beside)
        yield
    except BaseException:
        for beside, _ in folders:
            shutil.rmtree(beside, ignore_errors=True)
        raise
    for beside, folder in folders:
        for name in os.listdir(beside):
            if name.endswith(".unfinished"):  # of a worker that died, or of a task's second run, which removes its own
                with contextlib.suppress(FileNotFoundError):
                    os.remove(os.path.join(beside, name))
        if os.path.isdir(folder):
            os.rmdir(folder)
        os.rename(beside, folder)


def _write(table: Any, folder: str, name: str) -> None:
    arrow.pyarrow("table")
    import pyarrow.parquet

    if table.num_rows:
        with unfinished(os.path.join(folder, f"{name}.parquet")) as beside:
            pyarrow.parquet.write_table(table, beside)
