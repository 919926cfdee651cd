"""What every tracker is given of a Result: numbers, lines of charts, the confusion matrix, tables, images.

Plain Python values alone; each tracker's module writes them in its own way.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._records import record
from ..analysis import best_threshold
from ..analysis.counted import require_result
from ..evaluation.result import Result
from ..evaluation.summary import UNDEFINED
from ..pictures import Mark, Marks, images_of
from ..pictures.names import labels_of

if TYPE_CHECKING:
    from ..analysis import BestThreshold, ConfidenceCurve
    from ..evaluation.curves import Curves

Names = Mapping[int, str] | bool | None
Line = tuple[str, list[float], list[float]]  # name, x, y


@record
class Table:
    """columns: names. rows: a list of cells each; numbers, texts, or None where undefined."""

    columns: list[str]
    rows: list[list[Any]]

    def to_csv(self) -> str:
        """Comma-separated values, with the columns' names in the first line."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return text.getvalue()


def check_prefix(prefix: str) -> None:
    """Raises ValueError where a tracker would refuse or change a key that begins with this."""
    if not isinstance(prefix, str) or re.search(r"[^\w\-./ ]", prefix):
        raise ValueError(f"prefix may hold letters, digits, '_', '-', '.', '/' and spaces alone, got {prefix!r}")


def check_step(step: Any, name: str = "step") -> int:
    """The step as an int. Raises ValueError where it is none, or negative."""
    if isinstance(step, bool) or not isinstance(step, (int, np.integer)) or step < 0:
        raise ValueError(f"{name} must be an integer from 0 on, got {step!r}")
    return int(step)


def check_class_names(result: Result, class_names: Names) -> None:
    """Raises TypeError, ValueError: class_names is no mapping; a category with ground truth has no name; two share one.

    Categories without ground truth need no name: which of them a model finds is not known before.
    """
    if class_names is None or isinstance(class_names, bool):
        return
    if not isinstance(class_names, Mapping):
        raise TypeError(f"class_names must map category ids to names or be a bool, got {type(class_names).__name__}")
    nameless = [row["id"] for row in result.per_class if row["n_gt"] and row["id"] not in class_names]
    if nameless:
        raise ValueError(
            f"class_names lacks categories of the ground truth: {_some(nameless)}; it names {_some(list(class_names))}"
        )
    used: dict[str, Any] = {}
    for id_ in result.totals.category_ids.tolist():
        if id_ in class_names and (other := used.setdefault(str(class_names[id_]), id_)) != id_:
            raise ValueError(f"class_names[{other!r}] and class_names[{id_!r}] are both {class_names[id_]!r}")


def display_names(result: Result, class_names: Names) -> dict[Any, str]:
    """A text for each category, as `labels_of`; and none is "mean" or "background", which stand for more in charts."""
    given = class_names if isinstance(class_names, Mapping) else result.totals.category_names
    names = labels_of(result.totals.category_ids.tolist(), given)
    return {id_: f"{name} ({id_})" if name in ("mean", "background") else name for id_, name in names.items()}


def iou_key(iou: float) -> str:
    """pr_50 of .5, pr_62_5 of .625."""
    return f"pr_{100 * iou:g}".replace(".", "_")


def scalars(
    result: Result, prefix: str, keys: Literal["torchmetrics", "coco"], class_names: Names, best: BestThreshold
) -> dict[str, float]:
    """Result.scalars, and precision, recall and f1 at the score of the best macro F1, and this score: f1_threshold.

    What is undefined is left out; without any detection recall and f1 are 0, where there is ground truth.

    Raises ValueError for NaN, and for keys that are equal once they fit all trackers.
    """
    check_prefix(prefix)
    check_class_names(result, class_names)
    values = result.scalars("", keys, class_names)
    more = {"precision": best.precision, "recall": best.recall, "f1": best.f, "f1_threshold": best.threshold}
    if best.threshold is None and result.totals.n_gt.any():
        more |= {"recall": 0.0, "f1": 0.0}  # else a tracker would go on showing those of an earlier epoch
    values |= {key: value for key, value in more.items() if value is not None}
    fit: dict[str, float] = {}
    for key, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{key!r} is {value}: trackers store it as text or drop it")
        name = prefix + re.sub(r"[^\w\-./ ]+", "_", key)
        if name in fit:
            raise ValueError(f"two numbers would be called {name!r}, one of them is {key!r}")
        fit[name] = float(value)
    return fit


def best_f1(result: Result) -> BestThreshold:
    """The score of the highest macro F1 at the protocol's main_iou. Raises TypeError where it is no Result."""
    require_result(result)
    found = best_threshold(result, "f1", result.protocol.main_iou, "macro")
    assert not isinstance(found, dict)
    return found


def precision_lines(result: Result, curves: Curves, names: Mapping[Any, str], most: int) -> tuple[list[Line], int]:
    """Precision over recall: the mean, then at most so many categories; and how many have ground truth.

    Where there are more, those with the most ground truth.
    """
    if not (curves.mean != UNDEFINED).any():
        return [], 0
    ids, n_gt = result.totals.category_ids.tolist(), [row["n_gt"] for row in result.per_class]
    defined = [k for k in range(len(ids)) if curves.precision[k, 0] != UNDEFINED]
    shown = sorted(defined, key=lambda k: -n_gt[k])[: max(0, most)]
    recall = curves.recall.tolist()
    lines = [("mean", recall, curves.mean.tolist())]
    return lines + [(names[ids[k]], recall, curves.precision[k].tolist()) for k in shown], len(defined)


def confidence_lines(curves: Curves, n: int = 101) -> list[Line]:
    """Macro precision, recall and F1 if detections count from a score on, at n scores from 0 to the highest.

    The highest is 1 where no score is above it. Scores that no detection reaches have no precision: they are left out.
    """
    macro = curves.confidence.macro
    if macro.n_gt == 0 or len(macro) == 0:
        return []
    at = np.linspace(min(0.0, float(macro.scores[-1])), max(1.0, float(macro.scores[0])), n)
    place = points_at(macro, at)
    at, place = at[place >= 0], place[place >= 0]
    return [
        (name, at.tolist(), getattr(macro, name)[place].tolist())
        for name in ("precision", "recall", "f1")
    ]  # fmt: skip


def points_at(curve: ConfidenceCurve, scores: Any) -> Any:
    """int64: the point of the curve that says what holds if detections count from each score on; -1 where none do."""
    return np.searchsorted(-curve.scores, -scores, side="right") - 1


def confusion(
    result: Result, names: Mapping[Any, str], score: float | None, most: int | None = None
) -> tuple[list[str], list[list[int]], int] | None:
    """(labels, matrix as lists of ints, rows are actual, how many categories there are); None without the data.

    At the protocol's main_iou, of the detections from the score on. labels end in "background". most: where there are
    more categories, those with the most ground truth.
    """
    if result.columns is None or score is None:
        return None
    found = result.confusion(result.protocol.main_iou, score)
    ids = found.category_ids.tolist()
    rows = list(range(len(ids)))
    if most is not None and len(rows) > most:
        n_gt = found.matrix[:-1].sum(axis=1)
        rows = sorted(np.argsort(-n_gt, kind="stable")[:most].tolist())
    labels = [*(names[ids[k]] for k in rows), "background"]
    places = [*rows, len(ids)]
    return labels, found.matrix[np.ix_(places, places)].tolist(), len(ids)


def per_class_table(result: Result, names: Mapping[Any, str]) -> Table:
    """A row per category: category_id, name, the numbers of the summary, n_gt, n_dt; ascending ids."""
    rows = result.per_class
    values = [key for key in rows[0] if key not in ("id", "name")] if rows else []
    table = [[_plain(row["id"]), names[row["id"]], *(_defined(row[key]) for key in values)] for row in rows]
    return Table(["category_id", "name", *values], table)


def per_image_table(result: Result, score: float | None, most: int) -> Table:
    """A row per image, the worst first, at most so many: image_id, n_gt, n_dt, tp, fp, fn, precision, recall, f1."""
    rows = result.at(-math.inf if score is None else score, result.protocol.main_iou).per_image[:most]
    columns = ["n_gt", "n_dt", "tp", "fp", "fn", "precision", "recall", "f1"]
    return Table(
        ["image_id", *columns], [[_plain(row["id"]), *(_defined(row[key]) for key in columns)] for row in rows]
    )


class Shown:
    """The images to show, with what was found in them.

    Args:
        source: as `pymetrics.pictures.images_of` takes it.
        shown: ids of images, or how many of the worst, which come first.
        score: detections from it on are shown.
        most: a tracker's limit.

    Raises:
        ValueError: an id is not one of the result's images; there are more than `most`; the data is not at hand.
    """

    LAYERS = (
        ("ground truth", "gt", ("found", "missed", "ignored")),
        ("true positives", "dt", ("tp",)),
        ("false positives", "dt", ("fp",)),
        ("misses", "gt", ("missed",)),
    )  # fmt: skip

    def __init__(
        self, result: Result, source: Any, shown: int | Sequence[Any], score: float | None, class_names: Names,
        most: int | None = None,
    ) -> None:  # fmt: skip
        given = class_names if isinstance(class_names, Mapping) else None
        self.marks = Marks(result, -math.inf if score is None else score, result.protocol.main_iou, given)
        self.images = images_of(result, source)
        self.ids = _ids(result, shown, score)
        if most is not None and len(self.ids) > most:
            raise ValueError(f"shown must be at most {most} images, got {len(self.ids)}")

    def __iter__(self) -> Iterator[tuple[Any, str, Any, list[Mark]]]:
        """For each image: id, name, PIL image, marks. Trackers open all before they log anything."""
        for id_ in self.ids:
            marks = self.marks.of(id_)
            yield id_, self.images.name(id_), self.images.open(id_, self.marks.extent(id_)), marks


def layers(marks: Iterable[Mark]) -> dict[str, list[Mark]]:
    """The marks of an image by what they say: "ground truth", "true positives", "false positives", "misses"."""
    marks = list(marks)
    return {
        name: [mark for mark in marks if mark.side == side and mark.status in statuses]
        for name, side, statuses in Shown.LAYERS
    }


def caption(name: str, marks: Iterable[Mark]) -> str:
    """The image's name, and how many objects were found, missed and made up."""
    n = {layer: len(found) for layer, found in layers(marks).items()}
    return f"{name}: {n['true positives']} right, {n['false positives']} wrong, {n['misses']} missed"


def _ids(result: Result, shown: int | Sequence[Any], score: float | None) -> list[Any]:
    if isinstance(shown, (int, np.integer)) and not isinstance(shown, bool) and shown >= 0:
        return [row[0] for row in per_image_table(result, score, int(shown)).rows]
    if isinstance(shown, (str, bytes)) or not isinstance(shown, Iterable):
        raise ValueError(f"shown must be a number from 0 on, or ids of images, got {shown!r}")
    known, ids = set(result.outcomes.image_ids.tolist()), [_plain(id_) for id_ in shown]
    for i, id_ in enumerate(ids):
        if id_ not in known:
            raise ValueError(f"shown[{i}] must be the id of an image that was evaluated, got {id_!r}")
    return ids


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _defined(value: Any) -> Any:
    return None if isinstance(value, float) and value == UNDEFINED else value


def _some(values: Sequence[Any]) -> str:
    return ", ".join(repr(value) for value in values[:5]) + (", ..." if len(values) > 5 else "")
