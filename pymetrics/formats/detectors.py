"""What detectors and their libraries return for one image, as a dict: recognised by what it has, not by its class.

supervision's Detections, Ultralytics' Results, detectron2's Instances (and {"instances": Instances}), and Hugging
Face's instance segmentation. Boxes become two corners in pixels. Nothing is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Item = dict[str, Any]
NO_MASKS = np.empty((0, 1, 1), np.bool_)  # of an image without objects, whose masks are left out


def is_output(item: Any) -> bool:
    """Whether as_item converts it."""
    return _reader(item) is not None


def as_item(item: Any) -> Any:
    """The dict of boxes, labels, and where there are any scores, masks, keypoints; anything else as it is.

    Raises:
        ValueError: it lacks its classes.
    """
    read = _reader(item)
    return item if read is None else read(item)


def _reader(item: Any) -> Any:
    if isinstance(item, Mapping):
        if "segments_info" in item and "segmentation" in item:
            return _segments
        return _instances if len(item) == 1 and hasattr(item.get("instances"), "get_fields") else None
    if hasattr(item, "get_fields") and hasattr(item, "image_size"):
        return _instances
    if hasattr(item, "xyxy") and hasattr(item, "class_id"):
        return _supervision
    if hasattr(item, "orig_shape") and hasattr(item, "boxes"):
        return _ultralytics
    return None


def _supervision(item: Any) -> Item:
    if item.class_id is None and len(item.xyxy):
        raise ValueError("supervision's Detections have no class_id")
    labels = np.empty(0, np.int64) if item.class_id is None else np.asarray(item.class_id)
    found = {"boxes": item.xyxy, "labels": labels.astype(np.int64)}
    if item.confidence is not None or not len(item.xyxy):
        found["scores"] = np.empty(0) if item.confidence is None else np.asarray(item.confidence)
    if getattr(item, "mask", None) is not None or not len(item.xyxy):
        found["masks"] = NO_MASKS if getattr(item, "mask", None) is None else np.asarray(item.mask)
    return found


def _ultralytics(item: Any) -> Item:
    boxes = item.boxes
    if boxes is None:
        raise ValueError("Ultralytics' Results have no boxes")
    labels = boxes.cls.astype(np.int64) if isinstance(boxes.cls, np.ndarray) else boxes.cls.long()
    found = {"boxes": boxes.xyxy, "labels": labels, "scores": boxes.conf, "image_size": tuple(item.orig_shape)}
    if getattr(item, "masks", None) is not None:
        # Outlines in pixels of the image; its bitmaps are of the size that the model saw.
        found["masks"] = [[np.asarray(outline).reshape(-1).tolist()] for outline in item.masks.xy]
    elif not len(labels):
        found["masks"] = NO_MASKS
    if getattr(item, "keypoints", None) is not None:
        found["keypoints"] = _with_visibility(item.keypoints.data)
    return found


def _with_visibility(points: Any) -> Any:
    """(N, J, 3) of (N, J, 2) or (N, J, 3)."""
    if points.shape[-1] == 3:
        return points
    if not isinstance(points, np.ndarray):
        points = points.cpu().numpy()
    return np.concatenate((points, np.ones((*points.shape[:2], 1))), axis=2)


def _instances(item: Any) -> Item:
    fields = (item["instances"] if isinstance(item, Mapping) else item).get_fields()
    side = "pred" if "pred_boxes" in fields or "pred_classes" in fields else "gt"
    if f"{side}_classes" not in fields:
        raise ValueError(f"detectron2's Instances have no {side}_classes")
    found = {"labels": fields[f"{side}_classes"]}
    if f"{side}_boxes" in fields:
        found["boxes"] = fields[f"{side}_boxes"].tensor
    if "scores" in fields:
        found["scores"] = fields["scores"]
    masks = fields.get(f"{side}_masks")
    if masks is not None:
        polygons = getattr(masks, "polygons", None)
        found["masks"] = (
            getattr(masks, "tensor", masks)
            if polygons is None
            else [[np.asarray(polygon).tolist() for polygon in of_row] for of_row in polygons]
        )
        image = item["instances"] if isinstance(item, Mapping) else item
        found["image_size"] = tuple(image.image_size)
    keypoints = fields.get(f"{side}_keypoints")
    if keypoints is not None:
        found["keypoints"] = getattr(keypoints, "tensor", keypoints)
    return found


def _segments(item: Any) -> Item:
    """A map of segment ids (height, width), and what each segment is."""
    segments, info = item["segmentation"], item["segments_info"]
    ids = segments if isinstance(segments, np.ndarray) else segments.cpu().numpy()
    found = {
        "masks": np.stack([ids == segment["id"] for segment in info]) if info else np.empty((0, *ids.shape), np.bool_),
        "labels": np.array([segment["label_id"] for segment in info], np.int64),
    }
    if all("score" in segment for segment in info):
        found["scores"] = np.array([segment["score"] for segment in info], np.float64)
    return found
