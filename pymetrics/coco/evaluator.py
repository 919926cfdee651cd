"""CocoEvaluator: batches of predictions of one or several processes, evaluated together, as torchvision and DETR do."""

from __future__ import annotations

import copy
import math
import pickle
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..evaluation.exchange import exchange_bytes
from ..formats.values import as_array
from . import mask
from .coco import COCO
from .cocoeval import COCOeval

Row = dict[str, Any]
MASK_THRESHOLD = 0.5


class CocoEvaluator:
    """Evaluate a model batch by batch, on any number of processes.

        evaluator = CocoEvaluator(coco_gt, ["bbox", "segm"])
        for images, targets in loader:                       # on every process its own images
            evaluator.update({target["image_id"]: prediction for ...})
        evaluator.synchronize_between_processes()
        evaluator.accumulate()
        evaluator.summarize()

    An image that came twice (a sampler that fills up the last batch, say) counts once, with the records of its first
    coming: in the order of ranks, and on a rank in the order of updates.

    Args:
        coco_gt: a COCO of this library or of pycocotools; a copy is used.
        iou_types: "bbox", "segm", "keypoints".
        useCats: False puts everything into one category.
        verbose: False prints nothing.
        group: a process group of torch.distributed; None: all processes, if it is initialized.

    Attributes:
        coco_eval: a COCOeval for each iou type; `stats` and `eval` are there after summarize and accumulate.
        img_ids: image ids in the order of updates. eval_imgs: for each iou type a list of arrays of entries of
            evalImgs, (categories, area ranges, images), one for each update; after synchronizing one of all.
        stats_as_dict: after summarize, `COCOeval.stats_as_dict` for each iou type.
    """

    def __init__(
        self, coco_gt: Any, iou_types: Sequence[str], useCats: bool = True, *, verbose: bool = True, group: Any = None
    ) -> None:
        if not isinstance(iou_types, (list, tuple)):
            raise AssertionError(f"iou_types must be a list or tuple, got {iou_types!r}")
        self.coco_gt = copy.deepcopy(coco_gt)
        self.coco_gt.verbose = False  # for loadRes, batch by batch
        self.iou_types, self.useCats, self.verbose, self.group = iou_types, useCats, verbose, group
        self.cleanup()

    def cleanup(self) -> None:
        """Begin anew, with the same ground truth."""
        self.coco_eval: dict[str, Any] = {iou_type: self._new_evaluation(iou_type) for iou_type in self.iou_types}
        self.img_ids: list[Any] = []
        self.eval_imgs: dict[str, Any] = {iou_type: [] for iou_type in self.iou_types}
        self.stats_as_dict: dict[str, Any] = {iou_type: {} for iou_type in self.iou_types}

    def _new_evaluation(self, iou_type: str) -> Any:
        evaluation = COCOeval(self.coco_gt, iouType=iou_type, verbose=self.verbose)
        evaluation.params.useCats = int(self.useCats)
        return evaluation

    def update(self, predictions: Mapping[Any, Any]) -> None:
        """Evaluate some images.

        predictions: by image id, dicts of tensors or arrays: boxes (N, 4) as xyxy in pixels, scores (N,), labels (N,);
            for "segm" masks (N, 1, height, width), for "keypoints" keypoints (N, J, 3). An empty dict: nothing there.
            Without any image nothing is added.

        Raises:
            AssertionError: an image that the ground truth does not have.
            ValueError: an iou type that is not known.
        """
        if len(predictions) == 0:
            return
        img_ids = list(np.unique(list(predictions)))
        found = {iou_type: self._evaluated(iou_type, predictions, img_ids) for iou_type in self.iou_types}
        self.img_ids.extend(img_ids)  # not before: an update that fails leaves nothing
        for iou_type, entries in found.items():
            self.eval_imgs[iou_type].append(entries)

    def _evaluated(self, iou_type: str, predictions: Mapping[Any, Any], img_ids: list[Any]) -> Any:
        results, evaluation = self.prepare(predictions, iou_type), self.coco_eval[iou_type]
        verbose, evaluation.verbose = evaluation.verbose, False
        try:
            evaluation.cocoDt = self._loaded(results) if results else COCO()
            evaluation.params.imgIds = list(img_ids)
            evaluation.evaluate()
        finally:
            evaluation.verbose = verbose
        return self._entries(evaluation)

    def _loaded(self, results: list[Row]) -> Any:
        return COCO.loadRes(self.coco_gt, results)

    def _entries(self, evaluation: Any) -> Any:
        """The entries of evalImgs as an array (categories, area ranges, images)."""
        entries = np.empty(len(evaluation.evalImgs), object)
        entries[:] = evaluation.evalImgs
        p = evaluation.params
        return entries.reshape(len(p.catIds) if p.useCats else 1, len(p.areaRng), len(p.imgIds))

    def synchronize_between_processes(self) -> None:
        """Put the records of all updates of all processes into coco_eval. To be called by every process."""
        img_ids, records = self.img_ids, self.eval_imgs
        if _world_size(self.group) > 1:
            parts = [pickle.loads(data) for data in exchange_bytes(pickle.dumps((img_ids, records)), self.group)]
            img_ids = [id for ids, _ in parts for id in ids]
            records = {t: [entries for _, of_rank in parts for entries in of_rank[t]] for t in self.iou_types}
        ids, first = np.unique(np.array(img_ids), return_index=True)
        for iou_type in self.iou_types:
            evaluation = self.coco_eval[iou_type]
            if records[iou_type]:
                merged = np.concatenate(records[iou_type], 2)[..., first]
            else:
                merged = np.empty((0, len(evaluation.params.areaRng), 0), object)
            self.eval_imgs[iou_type] = [merged]
            self._put(evaluation, list(ids), list(merged.ravel()))
        self.img_ids = list(ids)

    def _put(self, evaluation: Any, ids: list[Any], entries: list[Any]) -> None:
        evaluation.evalImgs = entries
        evaluation.params.imgIds = ids
        evaluation._paramsEval = copy.deepcopy(evaluation.params)

    def accumulate(self) -> None:
        """COCOeval.accumulate of each iou type."""
        for evaluation in self.coco_eval.values():
            evaluation.accumulate()

    def summarize(self) -> None:
        """COCOeval.summarize of each iou type, under its name."""
        for iou_type, evaluation in self.coco_eval.items():
            if self.verbose:
                print(f"IoU metric: {iou_type}")
            evaluation.summarize()
            self.stats_as_dict[iou_type] = evaluation.stats_as_dict

    def prepare(self, predictions: Mapping[Any, Any], iou_type: str) -> list[Row]:
        """Predictions as COCO's results.

        Raises:
            ValueError: an iou type that is not known.
        """
        if iou_type == "bbox":
            return self.prepare_for_coco_detection(predictions)
        if iou_type == "segm":
            return self.prepare_for_coco_segmentation(predictions)
        if iou_type == "keypoints":
            return self.prepare_for_coco_keypoint(predictions)
        raise ValueError(f"Unknown iou type {iou_type}: one of bbox, segm, keypoints")

    def prepare_for_coco_detection(self, predictions: Mapping[Any, Any]) -> list[Row]:
        """Results with boxes as xywh, computed in the boxes' dtype."""
        return self._rows(predictions, "bbox", lambda prediction: _xywh(prediction["boxes"]))

    def prepare_for_coco_segmentation(self, predictions: Mapping[Any, Any]) -> list[Row]:
        """Results with masks, above 0.5, as run lengths."""
        return self._rows(predictions, "segmentation", lambda prediction: _rles(prediction["masks"]))

    def prepare_for_coco_keypoint(self, predictions: Mapping[Any, Any]) -> list[Row]:
        """Results with keypoints, 3 numbers each."""
        return self._rows(predictions, "keypoints", lambda prediction: _flat(prediction["keypoints"]))

    def _rows(self, predictions: Mapping[Any, Any], key: str, values_of: Any) -> list[Row]:
        rows: list[Row] = []
        for image, prediction in predictions.items():
            if len(prediction) == 0:
                continue
            scores, labels = prediction["scores"].tolist(), prediction["labels"].tolist()
            rows += [
                {"image_id": image, "category_id": label, key: value, "score": score}
                for label, value, score in zip(labels, values_of(prediction), scores, strict=True)
            ]
        return rows


def _xywh(boxes: Any) -> list[list[float]]:
    boxes = boxes.detach().clone() if hasattr(boxes, "detach") else np.array(boxes)
    boxes[:, 2:] -= boxes[:, :2]
    return boxes.tolist()  # type: ignore[no-any-return]


def _flat(keypoints: Any) -> list[list[float]]:
    return keypoints.reshape(len(keypoints), math.prod(keypoints.shape[1:])).tolist()  # type: ignore[no-any-return]


def _rles(masks: Any) -> list[Row]:
    bitmaps = as_array(masks > MASK_THRESHOLD, "masks")
    return [rle | {"counts": rle["counts"].decode()} for rle in mask.encode_many(bitmaps[:, 0])]


def _world_size(group: Any) -> int:
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return 1
    return int(distributed.get_world_size(group))
