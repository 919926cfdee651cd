"""COCOeval: pycocotools' evaluation, its parameters, prints and quirks, on this library's engine.

Everything is evaluated at once. What pycocotools keeps per image (evalImgs, ious) is made when it is asked for, of what
was evaluated. A subclass that overrides _prepare, computeIoU
or evaluateImg is evaluated image by image, through its own methods.
"""

from __future__ import annotations

import copy
import datetime
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..evaluation import stages
from ..evaluation.build_columns import ONE_CATEGORY
from ..evaluation.cells import Cells, group
from ..evaluation.columns import Columns
from ..evaluation.data_warnings import warn_of_zero_ids
from ..evaluation.outcomes import Outcomes
from ..evaluation.protocol import Protocol
from ..evaluation.result import Result
from ..formats.ids import unique
from . import eval_imgs, evaluation_input
from .accumulated import Accumulated, in_first_corner
from .evaluation_input import axis_ids, categories_of, shape_of
from .image_steps import STEPS, ImageSteps, overlaps_by_cell
from .lazy_dataset import Selection, select
from .params import IOU_TYPES, OF_MASKS, Params
from .reading import require_known, unopened
from .summary import names_of_stats, summary_of

Ann = dict[str, Any]
ON_DEMAND = ("evalImgs", "ious", "_gts", "_dts")


class COCOeval(ImageSteps):
    """Evaluate detections against ground truth, as pycocotools.cocoeval.COCOeval does.

        e = COCOeval(coco_gt, coco_dt, "bbox"); e.evaluate(); e.accumulate(); e.summarize(); e.stats

    Args:
        cocoGt, cocoDt: COCO objects, of this library or of pycocotools; read when evaluate() runs.
        iouType: "segm", "bbox" or "keypoints".
        verbose: False prints nothing.

    Attributes:
        params: what is counted. evaluate() writes imgIds, catIds and maxDets back, sorted; accumulate() writes catIds
            where useCats is 0.
        evalImgs: a dict per category, area range and image, or None where nothing is there. What is set or edited
            here is what accumulate() reads.
        ious: the overlaps, (detections by falling score, ground truths), by (image id, category id).
        eval: params, counts, date, precision [T, R, K, A, M], recall [T, K, A, M], scores [T, R, K, A, M]; -1 where no
            ground truth is.
        stats: what summarize() printed.
    """

    verbose = True  # also of objects whose __init__ did not run

    def __init__(self, cocoGt: Any = None, cocoDt: Any = None, iouType: str = "segm", verbose: bool = True) -> None:
        if not verbose:
            self.verbose = False
        if not iouType:
            self._say("iouType not specified. use default iouType segm")
        self.cocoGt, self.cocoDt = cocoGt, cocoDt
        self.params = Params(iouType=iouType)
        self.eval: dict[str, Any] = {}
        self.stats: Any = []
        self.evalImgs = defaultdict(list)
        self.ious = {}
        self._gts, self._dts = defaultdict(list), defaultdict(list)
        self._paramsEval: Any = {}
        self._rows: tuple[list[Ann] | Selection, list[Ann] | Selection] = ([], [])
        self._columns: Columns | None = None
        self._cells: Cells | None = None
        self._outcomes: Outcomes | None = None
        self._ids: tuple[Any, Any] = (None, None)  # of the annotations, as evaluate() read them
        self._made: Any = None  # the evalImgs that this object made from its outcomes
        self._result: tuple[Any, Result] = (None, None)  # type: ignore[assignment]
        if cocoGt is not None:
            self.params.imgIds = sorted(cocoGt.getImgIds())
            self.params.catIds = sorted(cocoGt.getCatIds())

    def _say(self, text: str) -> None:
        if self.verbose:
            print(text)

    def evaluate(self) -> None:
        """Match every image's detections to its ground truths.

        Raises:
            KeyError: an annotation lacks a key that is needed (iscrowd, area, score, ...).
            ValueError: params.iouType is none of the three; keypoints are no lists of three numbers for each of
                params.kpt_oks_sigmas.
        """
        start = time.time()
        self._say("Running per image evaluation...")
        p = self.params
        if p.useSegm is not None:
            p.iouType = "segm" if p.useSegm == 1 else "bbox"
            self._say(f"useSegm (deprecated) is not None. Running {p.iouType} evaluation")
        self._say(f"Evaluate annotation type *{p.iouType}*")
        require_known(p)
        self._evaluate()
        self._say(f"DONE (t={time.time() - start:0.2f}s).")

    def _evaluate(self) -> None:
        p = self.params
        # WRITTEN_BACK
        p.imgIds = list(unique(p.imgIds))
        if p.useCats:
            p.catIds = list(unique(p.catIds))
        p.maxDets = sorted(p.maxDets)
        if any(map(self._overrides, STEPS)):
            self._evaluate_by_image()
        else:
            self._evaluate_at_once()
        self._paramsEval = copy.deepcopy(p)

    def _evaluate_at_once(self) -> None:
        rows = self._select()
        columns, ids = self._columns_of(rows)
        protocol = evaluation_input.protocol_of(self.params)
        cells = group(columns, protocol.limit)
        outcomes, _ = stages.match(columns, cells, protocol)
        warn_of_zero_ids(outcomes, columns)
        self.eval = {}
        self._rows, self._columns, self._cells, self._outcomes = rows, columns, cells, outcomes
        self._ids, self._at_once = ids, None
        for name in ON_DEMAND:
            self.__dict__.pop(name, None)

    def _evaluate_by_image(self) -> None:
        p = self.params
        self._outcomes = None
        self._prepare()
        categories = categories_of(p)
        self.ious = {(image, c): self._compute(image, c) for image in p.imgIds for c in categories}
        self.evalImgs = [
            self.evaluateImg(image, category, area_range, p.maxDets[-1])
            for category in categories
            for area_range in p.areaRng
            for image in p.imgIds
        ]

    def _select(self) -> tuple[list[Ann] | Selection, list[Ann] | Selection]:
        """As _load, but what comes from a file of which there are no dicts stays without."""
        p = self.params
        sides: list[list[Ann] | Selection | None] = []
        for coco, scored in ((self.cocoGt, False), (self.cocoDt, True)):
            kept = unopened(coco)
            takes_columns = kept is not None and kept.is_plain and p.iouType in IOU_TYPES + OF_MASKS
            plain = kept if takes_columns else None
            takes = plain is not None and scored == (plain.source.scores is not None)
            sides.append(select(plain, coco._open, p) if plain is not None and takes else None)
        gts, dts = (
            evaluation_input.load_rows(coco, p) if side is None else side
            for coco, side in zip((self.cocoGt, self.cocoDt), sides, strict=True)
        )
        if isinstance(gts, Selection):
            gts.mark_ignored()
        else:
            evaluation_input.mark_ignored(gts, p)
        return gts, dts

    @cached_property
    def ious(self) -> dict[tuple[Any, Any], Any]:
        """The overlaps by (image id, category id): a (D, G) array, or [] where one side is empty."""
        p, cells, columns = self._paramsEval, self._cells, self._columns  # params: accumulate() writes to their catIds
        assert cells is not None
        assert columns is not None
        ious: dict[tuple[Any, Any], Any] = {(image, c): [] for image in p.imgIds for c in categories_of(p)}
        if p.iouType == "keypoints" and not p.useCats:  # BLACKOUT
            return ious
        return ious | overlaps_by_cell(columns, cells, p)

    @cached_property
    def evalImgs(self) -> Any:
        """pycocotools' list of dicts, made from what evaluate() left behind."""
        self._made = self._entries()
        return self._made

    def _entries(self) -> list[Any]:
        p, outcomes = self._paramsEval, self._outcomes
        assert outcomes is not None
        assert self._cells is not None
        assert self._columns is not None
        outcomes, matches = stages.match(self._columns, self._cells, outcomes.protocol, keep_matches=True)
        assert matches is not None
        gts, dts = (
            side.in_columns() if isinstance(side, Selection) else evaluation_input.in_order(side, p)
            for side in self._rows
        )
        categories = categories_of(p)
        return eval_imgs.from_matches(
            outcomes, matches, self._columns, self._cells, (gts, dts), self._ids, p, categories
        )

    @property
    def result(self) -> Result:
        """What evaluate() found, or what was put into evalImgs, as a Result.

        Raises:
            RuntimeError: evaluate() was not run.
        """
        p, found = self._paramsEval, self.__dict__.get("evalImgs")
        source = self._outcomes if found is None or found is self._made else found
        if not p or source is None:
            raise RuntimeError("there is no result yet: run evaluate() first")
        if self._result[0] is not source:
            outcomes, columns = self._outcomes, self._columns
            if source is not outcomes:
                axes = axis_ids(p.imgIds), axis_ids(categories_of(p))
                columns = None
                table = self._table(*(range(len(axis)) for axis in (axes[1], p.areaRng, axes[0])))
                outcomes = eval_imgs.to_outcomes(table, evaluation_input.protocol_of(p), axes, shape_of(p))
            elif columns is not None:
                gt, dt = (
                    replace(side, source_row=evaluation_input.source_rows(rows, coco, p))
                    for side, rows, coco in zip(
                        (columns.gt, columns.dt), self._rows, (self.cocoGt, self.cocoDt), strict=True
                    )
                )
                columns = replace(columns, gt=gt, dt=dt)
            assert outcomes is not None
            self._result = source, Result(outcomes, columns)
        return self._result[1]

    def _table(self, categories: Any, areas: Any, images: Any) -> list[list[list[eval_imgs.Entry | None]]]:
        """The entries of evalImgs at these positions of the lists evaluated."""
        n_areas, n_images, entries = len(self._paramsEval.areaRng), len(self._paramsEval.imgIds), self.evalImgs
        return [[[entries[(k * n_areas + a) * n_images + i] for i in images] for a in areas] for k in categories]

    def accumulate(self, p: Params | None = None) -> None:
        """Precision, recall and scores of what evaluate() found, into `eval`.

        p: other parameters; recThrs as wished, and a selection of what was evaluated. pycocotools counts the position
            of an entry in p's lists as its position in the lists evaluated, and so does this (POSITIONS).
        """
        self._say("Accumulating evaluation results...")
        start = time.time()
        if len(self.__dict__.get("evalImgs", "there")) == 0:
            self._say("Please run evaluate() first")
        self.eval = self._accumulated(self.params if p is None else p)
        self._say(f"DONE (t={time.time() - start:0.2f}s).")

    def _accumulated(self, p: Params) -> Accumulated:
        external = self.__dict__.get("evalImgs")
        p.catIds = p.catIds if p.useCats == 1 else [ONE_CATEGORY]
        done = self._paramsEval
        if not done:
            raise AttributeError("there is nothing to accumulate: run evaluate() first")
        known = (categories_of(done), list(map(tuple, done.areaRng)), done.imgIds, done.maxDets)
        asked = (p.catIds, list(map(tuple, p.areaRng)), p.imgIds, p.maxDets)
        pairs = zip(asked, map(set, known), strict=True)
        picks = [[n for n, item in enumerate(mine) if item in all_] for mine, all_ in pairs]
        limits = [p.maxDets[n] for n in picks.pop()]
        whole = picks == [list(range(len(all_))) for all_ in known[:3]]
        counts = [len(p.iouThrs), len(p.recThrs), len(p.catIds) if p.useCats else 1, len(p.areaRng), len(p.maxDets)]

        def shaped(values: Any) -> Any:
            return in_first_corner(counts[:1] + counts[2 - (values.ndim == 5) :], values)

        if external is None and whole:
            precision, recall, scores = self._accumulate_at_once(p, limits)
        else:
            precision, recall, found = self._accumulate_picks(p, limits, picks)
            scores = lambda: found  # noqa: E731
        values = {
            "params": p,
            "counts": counts,
            "date": datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
            "precision": shaped(precision),
            "recall": shaped(recall),
        }
        return Accumulated(values, {"scores": lambda: shaped(scores())})

    def _accumulate_at_once(self, p: Params, limits: list[int]) -> tuple[Any, Any, Callable[[], Any]]:
        """Precision, recall, and a function that gives scores."""
        assert self._outcomes is not None
        protocol = replace(self._outcomes.protocol, recall_thresholds=tuple(p.recThrs), lenient=True)
        outcomes = replace(self._outcomes, protocol=protocol)
        at = [protocol.max_dets.index(limit) for limit in limits]

        def picked(values: Any) -> Any:
            return values if at == list(range(values.shape[-1])) else values.take(at, -1)

        precision, recall, _ = stages.accumulate(outcomes, keep_scores=False)
        return picked(precision), picked(recall), lambda: picked(stages.accumulate(outcomes)[2])

    def _accumulate_picks(self, p: Params, limits: list[int], picks: list[list[int]]) -> list[Any]:
        """From the entries of evalImgs, each (category, area range) taken as a category of its own."""
        categories, areas, images = picks
        table = [[line] for block in self._table(categories, areas, images) for line in block]
        present = next((e for (line,) in table for e in line if e is not None), None)
        n_thresholds = len(p.iouThrs) if present is None else len(present["dtMatches"])
        protocol = Protocol(
            (0.5,) * n_thresholds, tuple(p.recThrs), ((0.0, np.inf),), ("all",), tuple(limits), lenient=True
        )
        axes = np.arange(len(images)), np.arange(len(table))
        at = [protocol.max_dets.index(limit) for limit in limits]
        found = stages.accumulate(eval_imgs.to_outcomes(table, protocol, axes, shape_of(self._paramsEval)))
        shape = len(categories), len(areas), len(limits)
        if at != list(range(len(protocol.max_dets))):
            found = tuple(a.take(at, -1) for a in found)
        return [a.reshape(*a.shape[:-3], *shape) for a in found]

    def summarize(self) -> None:
        """Print the summary and keep its numbers in `stats`: twelve for boxes and masks, ten for keypoints.

        Raises:
            Exception: accumulate() was not run (pycocotools' own choice of exception).
            IndexError: params.maxDets has fewer than three limits.
        """
        if not self.eval:
            raise Exception("Please run accumulate() first")
        self.stats = summary_of(self.eval, self.params, self._say)

    @property
    def stats_as_dict(self) -> dict[str, float]:
        """`stats` by names: AP_all, AP_50, AP_75, AP_small, ..., AR_all, AR_second, AR_third, AR_small, ...

        AR_all, AR_second and AR_third are those at the first, second and third limit. Empty before summarize().
        """
        return dict(zip(names_of_stats(self.params), map(float, self.stats), strict=False))

    def __str__(self) -> str:  # STR
        if not self.eval:
            return "COCOeval without results: run evaluate() and accumulate() first"
        lines: list[str] = []
        self.stats = summary_of(self.eval, self.params, lines.append)
        return "\n".join(lines)


def __getattr__(name: str) -> Any:
    """`maskUtils`, under which pycocotools' module has its functions of masks."""
    if name != "maskUtils":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import mask

    return mask
