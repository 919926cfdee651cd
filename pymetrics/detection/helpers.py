"""What subclasses of torchmetrics' MeanAveragePrecision call by torchmetrics' private names."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Literal

import torch

from ..coco import COCO, COCOeval, mask
from ..formats.boxes import corners_to_sizes
from . import mask_states, outputs, validation

Average = Literal["macro", "micro"]


class CocoBackend:
    """The metric's states as COCO objects: torchmetrics' class of this name.

    compute() does not use it: it is there for code that evaluates the states in its own way.

    Args:
        backend: "pycocotools" or "faster_coco_eval"; both mean pymetrics.coco.
        box_format: of the boxes that the methods are given.
    """

    def __init__(self, backend: Literal["pycocotools", "faster_coco_eval"], box_format: str = "xywh") -> None:
        validation.check_choice("backend", backend, validation.BACKENDS)
        self.backend = backend
        self.box_format = box_format

    @property
    def coco(self) -> type[COCO]:
        """The class COCO."""
        return COCO

    @property
    def mask_utils(self) -> ModuleType:
        """The module mask."""
        return mask

    @property
    def cocoeval(self) -> type[COCOeval]:
        """The class COCOeval."""
        return COCOeval

    def _get_coco_datasets(
        self,
        groundtruth_labels: Sequence[Any],
        groundtruth_box: Sequence[Any],
        groundtruth_mask: Sequence[Any],
        groundtruth_crowds: Sequence[Any],
        groundtruth_area: Sequence[Any],
        detection_labels: Sequence[Any],
        detection_box: Sequence[Any],
        detection_mask: Sequence[Any],
        detection_scores: Sequence[Any],
        iou_type: Any = ("bbox",),
        average: Average = "micro",
    ) -> tuple[COCO, COCO]:
        """Predictions and targets as COCO objects with their index; the arguments are the metric's states.

        With average "micro" all labels are 0.

        Raises:
            ValueError: as _get_coco_format.
        """
        if average == "micro":
            groundtruth_labels = [torch.zeros_like(labels) for labels in groundtruth_labels]
            detection_labels = [torch.zeros_like(labels) for labels in detection_labels]
        labels = [*detection_labels, *groundtruth_labels]
        all_labels = torch.cat(labels).unique().tolist() if labels else []
        coco_target, coco_preds = COCO(), COCO()
        coco_target.dataset = self._get_coco_format(
            groundtruth_labels, all_labels, groundtruth_box or None, groundtruth_mask or None,
            crowds=groundtruth_crowds, area=groundtruth_area, iou_type=iou_type, average=average,
        )  # fmt: skip
        coco_preds.dataset = self._get_coco_format(
            detection_labels, all_labels, detection_box or None, detection_mask or None,
            scores=detection_scores, iou_type=iou_type, average=average,
        )  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):
            coco_target.createIndex()
            coco_preds.createIndex()
        return coco_preds, coco_target

    def _get_coco_format(
        self,
        labels: Sequence[Any],
        all_labels: Sequence[Any],
        boxes: Sequence[Any] | None = None,
        masks: Sequence[Any] | None = None,
        scores: Sequence[Any] | None = None,
        crowds: Sequence[Any] | None = None,
        area: Sequence[Any] | None = None,
        iou_type: Any = ("bbox",),
        average: Average = "micro",
    ) -> dict[str, Any]:
        """One side's states as a COCO dataset: images from 0, annotations from 1, boxes as x, y, width, height.

        area: in square pixels; the box's own where it is 0 or not given.

        Raises:
            ValueError: a box, label or score is wrong; the message names sample and element.
        """
        iou_types = validation.as_iou_types(iou_type)
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for image, image_labels in enumerate(labels):
            n = len(image_labels)
            rles = [] if masks is None else _rles(masks[image], n)
            if masks is not None and not rles and boxes is None:
                continue
            images.append({"id": image})
            if "segm" in iou_types and rles:
                images[-1]["height"], images[-1]["width"] = rles[0]["size"]
            areas = mask.area(rles) if rles else []
            columns = {
                name: states[image].tolist()[:n]
                for name, states in (("score", scores), ("iscrowd", crowds), ("area", area))
                if states is not None and n
            }
            sizes = boxes[image] if boxes is not None else image_labels.new_empty((n, 0))
            if n and sizes.shape[1] == 4:
                sizes = corners_to_sizes(sizes, self.box_format)
            for k, (label, box) in enumerate(zip(image_labels.tolist(), sizes.tolist() if n else [], strict=True)):
                where = f"of sample {image}, element {k}"
                if "bbox" in iou_types and len(box) != 4:
                    raise ValueError(f"Invalid input box {where} (expected 4 values, got {len(box)})")
                if not isinstance(label, int):
                    raise ValueError(
                        f"Invalid input class {where} (expected value of type integer, got type {type(label)})"
                    )
                given = columns["area"][k] if "area" in columns else 0
                own = areas[k] if "segm" in iou_types else box[2] * box[3]
                annotation = {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "area": given if given > 0 else own,
                    "category_id": label,
                    "iscrowd": columns["iscrowd"][k] if "iscrowd" in columns else 0,
                }
                if len(iou_types) > 1 and not given > 0:
                    annotation |= {"area_bbox": box[2] * box[3], "area_segm": areas[k]}
                if boxes is not None:
                    annotation["bbox"] = box
                if rles:
                    annotation["segmentation"] = rles[k]
                if "score" in columns:
                    score = columns["score"][k]
                    if not isinstance(score, float):
                        raise ValueError(
                            f"Invalid input score {where} (expected value of type float, got type {type(score)})"
                        )
                    annotation["score"] = score
                annotations.append(annotation)
        categories = [0] if average == "micro" else all_labels
        return {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": label, "name": str(label)} for label in categories],
            "info": {"description": "written by pymetrics"},
        }

    def _coco_stats_to_tensor_dict(
        self, stats: Sequence[float], prefix: str, max_detection_thresholds: Sequence[int]
    ) -> dict[str, Any]:
        """COCOeval's twelve numbers by the metric's names, each float32 (1,)."""
        rows = outputs.rows(max_detection_thresholds, self.backend)
        return {
            f"{prefix}{row.key}": torch.tensor([value], dtype=torch.float32)
            for row, value in zip(rows, stats, strict=False)
        }


def _rles(masks: Any, n: int) -> list[dict[str, Any]]:
    """An image's masks as dicts of size and counts; masks: the metric's state, or torchmetrics' pairs of the two."""
    pairs = mask_states.texts(masks, n) if isinstance(masks, torch.Tensor) else masks
    return [{"size": tuple(size), "counts": counts} for size, counts in pairs]
