"""LVISEval: lvis-api's evaluation, its parameters, numbers and names, on this library's engine."""

from __future__ import annotations

import datetime
import os
from collections import OrderedDict, defaultdict
from functools import cached_property
from typing import Any

import numpy as np

from ...evaluation import federated, stages
from ...evaluation.cells import Cells, group
from ...evaluation.columns import Columns
from ...evaluation.matches import is_set
from ...evaluation.outcomes import Outcomes
from .. import eval_imgs, evaluation_input, reading
from .. import params as coco_params
from ..accumulated import Accumulated
from ..image_steps import Rows, overlaps_by_cell
from ..lazy_dataset import Selection
from .dataset import LVIS, logger
from .results import LVISResults
from .unopened import LvisSelection, selected

Ann = dict[str, Any]
ALL = 2**31 - 1  # the limit of a category: there is none
LINE = " {:<18} {} @[ IoU={:<9} | area={:>6s} | maxDets={:>3d} catIds={:>3s}] = {:0.3f}"
AREAS = ("small", "medium", "large")


class Params:
    """What is counted; every value may be replaced before evaluate().

    Attributes:
        img_ids, cat_ids: what is evaluated. iou_thrs: T thresholds. rec_thrs: R recalls. area_rng: A pairs of square
        pixels, both ends included; area_rng_lbl: their names. max_dets: only a name of numbers: LVISResults limits.
        use_cats: where it is 0, nothing is found, as in lvis-api. img_count_lbl: r, c, f.
    """

    def __init__(self, iou_type: str) -> None:
        default = coco_params.Params("bbox")
        self.img_ids: Any = []
        self.cat_ids: Any = []
        self.iou_thrs, self.rec_thrs = default.iouThrs, default.recThrs
        self.max_dets = 300
        self.area_rng, self.area_rng_lbl = default.areaRng, default.areaRngLbl
        self.use_cats: Any = 1
        self.img_count_lbl = ["r", "c", "f"]
        self.iou_type = iou_type


class LVISEval:
    """Evaluate detections on LVIS, as lvis.LVISEval does.

        e = LVISEval("lvis_v1_val.json", "detections.json", "bbox"); e.run(); e.print_results(); e.results["APr"]

    Args:
        lvis_gt: a LVIS, or the path of its file.
        lvis_dt: an LVISResults, the path of its file, or a list of dicts.
        iou_type: "segm" or "bbox".

    Attributes:
        params: what is counted. eval: params, counts, date, precision (T, R, K, A), recall (T, K, A), dt_pointers.
        eval_imgs, ious: as lvis-api's, made when they are asked for. freq_groups: places of rare, common and frequent
            categories on axis K.
        results: after summarize AP, AP50, AP75, APs, APm, APl, APr, APc, APf, AR@300, ARs@300, ARm@300, ARl@300.

    Raises:
        ValueError: iou_type is neither.
        TypeError: lvis_gt or lvis_dt is none of these.
    """

    def __init__(self, lvis_gt: Any, lvis_dt: Any, iou_type: str = "segm") -> None:
        self.logger = logger
        if iou_type not in ("bbox", "segm"):
            raise ValueError(f"iou_type: {iou_type} is not supported.")
        if isinstance(lvis_gt, (str, os.PathLike)):
            lvis_gt = LVIS(lvis_gt)
        if not isinstance(lvis_gt, LVIS):
            raise TypeError(f"Unsupported type {type(lvis_gt).__name__} of lvis_gt.")
        if isinstance(lvis_dt, (str, os.PathLike, list)):
            lvis_dt = LVISResults(lvis_gt, lvis_dt)
        if not isinstance(lvis_dt, LVISResults):
            raise TypeError(f"Unsupported type {type(lvis_dt).__name__} of lvis_dt.")
        self.lvis_gt, self.lvis_dt = lvis_gt, lvis_dt
        self.params = Params(iou_type)
        self.params.img_ids, self.params.cat_ids = sorted(lvis_gt.get_img_ids()), sorted(lvis_gt.get_cat_ids())
        self.eval: dict[str, Any] = {}
        self.results: OrderedDict[str, float] = OrderedDict()
        self.freq_groups: list[list[int]] = []
        self.eval_imgs, self.ious = defaultdict(list), {}
        self._coco: Any = None  # the parameters under COCO's names
        self._rows: Rows = ([], [])
        self._columns: Columns | None = None
        self._cells: Cells | None = None
        self._outcomes: Outcomes | None = None
        self._ids: tuple[Any, Any] = (None, None)

    def evaluate(self) -> None:
        """Match every image's detections to its ground truths.

        Raises:
            KeyError: an annotation or a category lacks a key that is needed (area, score, frequency, ...).
        """
        self.logger.info("Running per image evaluation.")
        self.logger.info(f"Evaluate annotation type *{self.params.iou_type}*")
        p = self.params
        p.img_ids = list(np.unique(p.img_ids))
        self._coco = q = self._coco_params()
        rows = self._load()
        sizes_of = reading.images_of(self.lvis_gt, q, rows[0]), reading.images_of(self.lvis_dt, q, rows[1])
        columns, self._ids = evaluation_input.columns_of(rows, q, {}, sizes_of)
        images = self.lvis_gt.load_imgs(p.img_ids)
        self._columns = federated.judged_columns(columns, images, np.arange(len(images)), q.catIds)
        protocol = evaluation_input.protocol_of(q)
        self._cells = group(self._columns, protocol.limit)
        self._outcomes = stages.match(self._columns, self._cells, protocol)[0]
        self._rows, self.eval = rows, {}
        self.freq_groups = federated.groups(self.lvis_gt.load_cats(p.cat_ids))
        for name in ("eval_imgs", "ious"):
            self.__dict__.pop(name, None)

    def _coco_params(self) -> Any:
        p, q = self.params, coco_params.Params(self.params.iou_type)
        q.imgIds, q.catIds, q.useCats = p.img_ids, list(np.unique(p.cat_ids)), 1
        q.iouThrs, q.recThrs, q.areaRng, q.areaRngLbl = p.iou_thrs, p.rec_thrs, p.area_rng, p.area_rng_lbl
        q.maxDets = [ALL]
        return q

    def _load(self) -> Rows:
        """The ground truths and the detections that params name."""
        p, q = self.params, self._coco
        cat_ids = p.cat_ids if len(p.cat_ids) else None
        sides: list[list[Ann] | Selection] = []
        for side, own in ((self.lvis_gt, LVIS), (self.lvis_dt, LVISResults)):
            found = selected(side, own, q)
            sides.append(side.load_anns(side.get_ann_ids(p.img_ids, cat_ids)) if found is None else found)
        gts, dts = sides
        if isinstance(gts, LvisSelection):
            gts.default_ignore()
        else:
            assert isinstance(gts, list)
            for gt in gts:
                gt.setdefault("ignore", 0)
            gts = [gt | {"iscrowd": 0} for gt in gts]  # LVIS_WITHOUT_CROWDS
        if not p.use_cats:  # NO_CATEGORIES: lvis-api looks for them under the category -1
            return [], []
        return gts, dts

    @cached_property
    def ious(self) -> dict[tuple[Any, Any], Any]:
        """The overlaps by (image id, category id): a (D, G) array, or [] where one side is empty."""
        assert self._columns is not None
        assert self._cells is not None
        p = self.params
        cat_ids = p.cat_ids if p.use_cats else [-1]
        ious: dict[tuple[Any, Any], Any] = {(image, category): [] for image in p.img_ids for category in cat_ids}
        return ious | overlaps_by_cell(self._columns, self._cells, self._coco)

    @cached_property
    def eval_imgs(self) -> Any:
        """A dict per category, area range and image, or None where nothing is there; made when it is asked for."""
        columns, cells, outcomes, q = self._columns, self._cells, self._outcomes, self._coco
        assert columns is not None
        assert cells is not None
        assert outcomes is not None
        matches = stages.match(columns, cells, outcomes.protocol, keep_matches=True)[1]
        assert matches is not None
        gts, dts = (side.in_columns() if isinstance(side, Selection) else side for side in self._rows)
        found = eval_imgs.from_matches(outcomes, matches, columns, cells, (gts, dts), self._ids, q, q.catIds)
        n = len(q.areaRng) * len(q.imgIds)
        if not self.params.use_cats:
            return [None] * n
        return [_renamed(entry) for k in self._places() for entry in found[k * n : (k + 1) * n]]

    def _places(self) -> Any:
        """Where each of params.cat_ids stands on the axis that was evaluated."""
        return np.unique(self.params.cat_ids, return_inverse=True)[1]

    def accumulate(self) -> None:
        """Precision and recall of what evaluate() found, into `eval`.

        Raises:
            RuntimeError: evaluate() was not run.
        """
        self.logger.info("Accumulating evaluation results.")
        if self._outcomes is None:
            raise RuntimeError("Please run evaluate first.")
        p = self.params
        precision, recall, _ = stages.accumulate(self._outcomes, keep_scores=False)
        precision, recall = precision[..., 0], recall[..., 0]
        if p.use_cats:
            precision, recall = precision[:, :, self._places()], recall[:, self._places()]
        else:
            precision, recall = np.full_like(precision[:, :, :1], -1.0), np.full_like(recall[:, :1], -1.0)
        values = {
            "params": p,
            "counts": list(precision.shape),
            "date": datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
            "precision": precision,
            "recall": recall,
        }
        self.eval = Accumulated(values, {"dt_pointers": self._pointers})

    def _pointers(self) -> dict[int, dict[int, Any]]:
        """By place of category and area range: ids of the detections by falling score, and which are right or wrong."""
        outcomes, cells = self._outcomes, self._cells
        assert outcomes is not None
        assert cells is not None
        n_areas, n_thresholds = len(self.params.area_rng), len(self.params.iou_thrs)
        if not self.params.use_cats:
            return {0: {a: {} for a in range(n_areas)}}
        ids = np.asarray(self._ids[1]).astype(np.int64)[cells.dt_rows]
        found: dict[int, dict[int, Any]] = {}
        for place, k in enumerate(self._places()):
            first, last = outcomes.category_cells[k : k + 2]
            rows = slice(outcomes.offsets[first], outcomes.offsets[last])
            order = np.argsort(-outcomes.scores[rows], kind="stable")
            matched, ignored = outcomes.matched[rows][order], outcomes.ignored[rows][order]
            counted = outcomes.n_gt[first:last].sum(0)
            found[place] = {a: {} for a in range(n_areas)}
            for a in np.flatnonzero(counted).tolist():
                hits, left_out = (
                    np.array([is_set(words, a * n_thresholds + t) for t in range(n_thresholds)])
                    for words in (matched, ignored)
                )
                found[place][a] = {"dt_ids": ids[rows][order], "tps": hits & ~left_out, "fps": ~hits & ~left_out}
        return found

    def _mean(self, metric: str, iou: float | None = None, area: str = "all", places: Any = None) -> float:
        values = self.eval[metric]
        if iou is not None:
            values = values[np.flatnonzero(np.asarray(self.params.iou_thrs) == iou)]
        if places is not None:
            values = values[..., places, :]
        values = values[..., [a for a, name in enumerate(self.params.area_rng_lbl) if name == area]]
        values = values[values > -1]
        return np.mean(values) if len(values) else -1

    def summarize(self) -> None:
        """Put the thirteen numbers into `results`.

        Raises:
            RuntimeError: accumulate() was not run.
        """
        if not self.eval:
            raise RuntimeError("Please run accumulate() first.")
        limit, results = self.params.max_dets, self.results
        for name, iou in (("AP", None), ("AP50", 0.5), ("AP75", 0.75)):
            results[name] = self._mean("precision", iou)
        for area in AREAS:
            results[f"AP{area[0]}"] = self._mean("precision", area=area)
        for name, places in zip(self.params.img_count_lbl, self.freq_groups, strict=True):
            results[f"AP{name}"] = self._mean("precision", places=places)
        results[f"AR@{limit}"] = self._mean("recall")
        for area in AREAS:
            results[f"AR{area[0]}@{limit}"] = self._mean("recall", area=area)

    def run(self) -> None:
        """evaluate, accumulate and summarize."""
        self.evaluate()
        self.accumulate()
        self.summarize()

    def print_results(self) -> None:
        """Print a line for each number of `results`."""
        span = f"{self.params.iou_thrs[0]:0.2f}:{self.params.iou_thrs[-1]:0.2f}"
        for key, value in self.results.items():
            title = ("Average Precision", "(AP)") if "AP" in key else ("Average Recall", "(AR)")
            mark = key[2:3]
            iou = f"{float(key[2:]) / 100:0.2f}" if mark.isdigit() else span
            area, name = (mark if mark and mark in part else "all" for part in ("sml", "rcf"))
            print(LINE.format(*title, iou, area, self.params.max_dets, name, value))

    def get_results(self) -> OrderedDict[str, float]:
        """`results`."""
        if not self.results:
            self.logger.warning("results is empty. Call run().")
        return self.results


NAMES = {
    "aRng": "area_rng", "dtIds": "dt_ids", "gtIds": "gt_ids", "dtMatches": "dt_matches", "gtMatches": "gt_matches",
    "dtScores": "dt_scores", "gtIgnore": "gt_ignore", "dtIgnore": "dt_ignore",
}  # fmt: skip


def _renamed(entry: eval_imgs.Entry | None) -> eval_imgs.Entry | None:
    return entry and {NAMES.get(key, key): value for key, value in entry.items() if key != "maxDet"}
