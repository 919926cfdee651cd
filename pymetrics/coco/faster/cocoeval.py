"""COCOeval_faster: faster-coco-eval's evaluation, its arguments, numbers, names and lines, on this library's engine."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ...evaluation import federated, stages
from ...evaluation.columns import Columns
from ...evaluation.stages import RowMatches
from .. import cocoeval
from ..accumulated import Accumulated
from ..evaluation_input import in_order
from ..image_steps import Rows
from ..lazy_dataset import as_loaded
from ..reading import require_known
from . import matched
from .extended import areas_under_curves, extended_metrics
from .params import Params
from .summary import Summary, n_stats, names_of_stats

__all__ = ["COCOeval", "COCOeval_faster", "Params"]

logger = logging.getLogger(__name__)
Ann = dict[str, Any]
FIRST = 1 / (1 + np.spacing(1.0))  # FIRST_PRECISION: pycocotools' precision of one detection that is right
MARKS = ("tp", "fp", "fn", "gt_id", "dt_id", "iou")


class COCOeval_faster(cocoeval.COCOeval):
    """Evaluate detections against ground truth, as faster_coco_eval.COCOeval_faster does.

        e = COCOeval_faster(coco_gt, coco_dt, "bbox", print_function=print); e.run(); e.stats_as_dict["AP_50"]

    Precision is tp / (tp + fp), so that one right detection of one has 1, and the first number of the summary reads the
    largest limit. pycocotools has 0.9999999999999998, and the limit 100.

    Args:
        cocoGt, cocoDt: COCO objects, of this library, of pycocotools or of faster-coco-eval.
        iouType: "segm", "bbox", "keypoints" or "boundary": masks, of which the boundaries are compared, too.
        ranges: area ranges by name, beside "all"; None: small, medium, large.
        print_function: gets each line of text; a logger at the level INFO by default.
        extra_calc: accumulate() writes tp, fp, fn, gt_id, dt_id and iou into the annotations of both sides, and
            summarize() adds mIoU and mAUC.
        kpt_oks_sigmas: of keypoints, instead of COCO's.
        lvis_style: the rule of LVIS: `neg_category_ids` and `not_exhaustive_category_ids` of images, and numbers of
            rare, common and frequent categories (`frequency`).
        separate_eval: evaluate() leaves records in _evalImgs_cpp, and accumulate() reads what stands there; otherwise
            evaluate() accumulates, too.
        boundary_dilation_ratio: how deep a boundary is, in parts of the image's diagonal.
        use_area, boundary_cpu_count, rle_iou_max_workers: taken, and without effect here.

    Attributes:
        stats: the numbers that were printed, but for those of AR at 0.5 and 0.75 and of LVIS. all_stats: all of them.
        eval: as pymetrics.coco.COCOeval's, with `matched`: the overlap of each pair that matched, by "dt_gt".
        _evalImgs_cpp: a list of categories × area ranges × images, None where nothing is there; to be merged by
            evaluators of batches.
    """

    def __init__(
        self,
        cocoGt: Any = None,
        cocoDt: Any = None,
        iouType: str = "segm",
        ranges: dict[str, Any] | None = None,
        print_function: Callable[..., Any] = logger.info,
        extra_calc: bool = False,
        kpt_oks_sigmas: Any = None,
        use_area: bool = True,
        lvis_style: bool = False,
        separate_eval: bool = False,
        boundary_dilation_ratio: float = 0.02,
        boundary_cpu_count: int | None = None,
        rle_iou_max_workers: int = 8,
    ) -> None:
        self.print_function = print_function
        params = Params(iouType, kpt_oks_sigmas, ranges)
        super().__init__(cocoGt, cocoDt, "segm" if iouType == "boundary" else iouType)
        params.boundary_dilation_ratio = boundary_dilation_ratio  # type: ignore[attr-defined]
        params.imgIds, params.catIds = self.params.imgIds, self.params.catIds
        self.params: Params = params
        if iouType == "keypoints" and cocoGt is not None:
            self.params.catIds = sorted(cocoGt.catToImgs)
        if iouType == "keypoints" and lvis_style:
            logger.warning("lvis_style not supported for keypoint evaluation")
            lvis_style = False
        self.extra_calc, self.lvis_style, self.separate_eval, self.use_area = (
            extra_calc, lvis_style, separate_eval, use_area
        )  # fmt: skip
        self.matched = False
        self.all_stats: Any = []
        self.freq_groups: list[list[int]] = []
        for coco in (cocoGt, cocoDt):
            if coco is not None and print_function is print:
                coco.print_function = print_function

    def _say(self, text: str) -> None:
        if self.verbose:
            self.print_function(text)

    @property
    def _evalImgs_cpp(self) -> Any:
        return self.evalImgs

    @_evalImgs_cpp.setter
    def _evalImgs_cpp(self, entries: Any) -> None:
        self.evalImgs = entries

    def _select(self) -> Rows:
        if self.lvis_style:
            return self._load()
        gts, dts = super()._select()
        return _with_defaults(gts), dts

    def _load(self) -> tuple[list[Ann], list[Ann]]:
        gts, dts = super()._load()
        if self.lvis_style:
            self._keep_judged(gts, dts)
            self.freq_groups = federated.groups(self.cocoGt.loadCats(self.params.catIds))
            dts = [dt for dt in dts if not dt.get("drop", False)]
        return _with_defaults(gts), dts

    def _keep_judged(self, gts: list[Ann], dts: list[Ann]) -> None:
        """Mark detections of categories that were not judged in their image, or not exhaustively."""
        images = self.cocoGt.loadImgs(self.params.imgIds)
        for dt, is_judged, is_partial in zip(dts, *federated.judged(gts, dts, images), strict=True):
            if is_judged:
                dt["lvis_mark"] = bool(is_partial)
            else:
                dt["drop"] = True

    def _columns_of(self, rows: Rows) -> tuple[Columns, tuple[Any, Any]]:
        columns, ids = super()._columns_of(rows)
        if self.lvis_style:
            marks = [dt["lvis_mark"] for dt in in_order(as_loaded(rows[1]), self.params)]
            columns = federated.ignore_unmatched(columns, np.array(marks, bool))
        return columns, ids

    def evaluate(self) -> None:
        """Match every image's detections to its ground truths; accumulate, too, unless separate_eval."""
        start = time.time()
        self._say(f"Evaluate annotation type *{self.params.iouType}*")
        require_known(self.params)
        self._evaluate()
        if not self.separate_eval:
            self.eval = self._accumulated(self._paramsEval)
        self._say("COCOeval_opt.evaluate() finished...")
        self._say(f"DONE (t={time.time() - start:0.2f}s).")

    def _entries(self) -> list[Any]:
        entries, p, cells = super()._entries(), self._paramsEval, self._cells
        assert cells is not None
        matched.write_into(entries, self._row_matches(), cells, self._ids, (len(p.areaRng), len(p.imgIds)))
        return entries

    def _row_matches(self) -> RowMatches:
        columns, cells, outcomes = self._columns, self._cells, self._outcomes
        assert columns is not None
        assert cells is not None
        assert outcomes is not None
        rows = stages.match(columns, cells, outcomes.protocol, keep_matches=True)[1]
        assert rows is not None
        return rows

    def accumulate(self, p: Any = None) -> None:
        """Precision, recall and scores into `eval`; p is not looked at.

        Raises:
            AssertionError: separate_eval, and evaluate() was not run.
        """
        self._say("Accumulating evaluation results...")
        start = time.time()
        if self.separate_eval:
            if not self._paramsEval:
                raise AssertionError("evaluate() must be called before accumulate() is called")
            self.eval = self._accumulated(self._paramsEval)
        self.matched = False
        if self.extra_calc:
            self.math_matches()
            self.matched = True
        self._say("COCOeval_opt.accumulate() finished...")
        self._say(f"DONE (t={time.time() - start:0.2f}s).")

    def _accumulated(self, p: Any) -> Accumulated:
        p, asked = copy.copy(p), p
        order = np.argsort(p.recThrs, kind="stable")
        p.recThrs = np.asarray(p.recThrs)[order]
        found = super()._accumulated(p)
        back = np.argsort(order, kind="stable")

        def as_asked(values: Any) -> Any:
            return values if (back[1:] > back[:-1]).all() else values[:, back]

        precision = found["precision"]
        precision[precision == FIRST] = 1.0
        values = {"params": asked, **{key: found[key] for key in ("counts", "date", "recall")}}
        values |= {
            "precision": as_asked(precision),
            "evaluations_size": math.prod(found["counts"][2:4]) * len(p.imgIds),
        }
        return Accumulated(values, {"scores": lambda: as_asked(found["scores"]), "matched": self._matched()})

    def _matched(self) -> Callable[[], dict[str, float]]:
        """What gives the pairs that matched, of what was evaluated now, whatever comes later."""
        entries = self.__dict__.get("evalImgs")
        if entries is not None and entries is not self._made:
            return lambda: matched.joined(entries)
        rows, cells, ids = self._row_matches(), self._cells, self._ids
        assert cells is not None
        return lambda: matched.pairs(rows, cells, ids)

    def math_matches(self) -> None:
        """Write tp, fp, fn, gt_id, dt_id and iou into the annotations of both sides."""
        gts, dts = self.cocoGt.anns, self.cocoDt.anns
        for anns in (gts, dts):
            for ann in anns.values():
                for key in MARKS:
                    ann.pop(key, None)
        for pair, overlap in self.eval["matched"].items():
            dt_id, gt_id = map(int, pair.split("_", 1))
            dts[dt_id] |= {"tp": True, "gt_id": gt_id, "iou": overlap}
            gts[gt_id]["dt_id"] = dt_id
        for anns, partner, mark in ((dts, "gt_id", "fp"), (gts, "dt_id", "fn")):
            for ann in anns.values():
                if ann.get(partner) is None:
                    ann[mark] = True

    def compute_mIoU(self) -> float:
        """The mean overlap of the pairs that matched, 0 where none did.

        Raises:
            RuntimeError: nothing was accumulated.
        """
        if "matched" not in self.eval:
            raise RuntimeError("Matching data is unavailable; run the evaluation and accumulation pipeline first")
        overlaps = self.eval["matched"].values()
        return sum(overlaps) / len(overlaps) if overlaps else 0.0

    def compute_mAUC(self) -> float:
        """The mean over categories and area ranges of the area under precision against recall at the first threshold.

        Raises:
            RuntimeError: nothing was accumulated.
        """
        if "precision" not in self.eval:
            raise RuntimeError("Accumulation results are unavailable; call evaluate() and accumulate() first")
        areas = [area for area in areas_under_curves(self.eval["precision"], self.params.recThrs) if area != -1]
        return sum(areas) / len(areas) if areas else 0.0

    def summarize(self) -> None:
        """Say the lines of the summary; keep its numbers in `stats` and `all_stats`.

        Raises:
            Exception: nothing was accumulated (pycocotools' own choice of exception).
        """
        if not self.eval:
            raise Exception("Please run accumulate() first")
        p = self.params
        summary = Summary(self.eval, p, self.freq_groups if self.lvis_style else None, self._say)
        self.all_stats = summary.of_keypoints() if p.iouType == "keypoints" else summary.of_detections()
        self.stats = self.all_stats[: n_stats(p, self.lvis_style)]
        if self.matched:
            self.all_stats = np.append(self.all_stats, [self.compute_mIoU(), self.compute_mAUC()])

    def run(self) -> None:
        """evaluate, accumulate and summarize."""
        self.evaluate()
        self.accumulate()
        self.summarize()

    @property
    def stats_as_dict(self) -> dict[str, float]:
        """All numbers of the summary by name: AP_all, AP_50, AP_75, AP_small, ..., AR_all, AR_second, AR_third, ...

        With limits other than 1, 10, 100 AR is named by them: AR_300. For LVIS also APr, APc, APf.
        """
        names = names_of_stats(self.params, self.lvis_style)
        if self.matched:
            names += ["mIoU", f"mAUC_{int(self.params.iouThrs[0] * 100)}"]
        return {name: float(self.all_stats[i]) for i, name in enumerate(names)}

    @property
    def extended_metrics(self) -> dict[str, Any]:
        """`class_map` (class, map@50:95, map@50, precision, recall of each class and of all), `map`, precision, recall.

        Precision and recall are those at the score at which the mean F1 of the classes is first highest.

        Raises:
            ValueError: params.iouThrs lack 0.5.
        """
        return extended_metrics(self)

    def __str__(self) -> str:
        self.summarize()
        return repr(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class COCOeval(COCOeval_faster):
    """COCOeval_faster that prints, for `from pycocotools.cocoeval import COCOeval` after init_as_pycocotools()."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **({"print_function": print} | named if len(args) < 5 else named))


def _with_defaults(gts: Any) -> Any:
    """The ground truths; those without iscrowd or area as copies that have 0."""
    if not isinstance(gts, list) or all("iscrowd" in gt and "area" in gt for gt in gts):
        return gts
    return [gt if "iscrowd" in gt and "area" in gt else {"iscrowd": 0, "area": 0.0} | gt for gt in gts]
