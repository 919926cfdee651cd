"""Overlaps of boxes. Boxes are x, y, width, height, as in COCO; the operations and their order are fixed."""

from .registry import helper, kernel

KINDS = ("iou", "giou", "diou")
EPSILON = 1e-7  # of torchvision's distance_box_iou


@kernel(parallel=True, outputs=("out",))
def box_iou(dt, gt, crowd, dt_offsets, gt_offsets, out_offsets, kind, out, begin, end):
    """Overlaps of every detection with every ground truth of the same problem.

    dt, gt: float64 (N, 4), (G, 4). crowd: uint8 (G,); against a crowd the union is the detection's own area.
    dt_offsets, gt_offsets: int64 (P + 1,), the problems' rows. kind: an index into KINDS (crowds concern "iou" alone).
    out: float64; problem p fills out[out_offsets[p] : out_offsets[p + 1]], row-major. Units are problems.
    """
    for p in range(begin, end):
        at = out_offsets[p]
        for d in range(dt_offsets[p], dt_offsets[p + 1]):
            for g in range(gt_offsets[p], gt_offsets[p + 1]):
                if kind == 0:
                    out[at] = iou(dt, d, gt, g, crowd[g] != 0)
                elif kind == 1:
                    out[at] = generalized_iou(dt, d, gt, g)
                else:
                    out[at] = distance_iou(dt, d, gt, g)
                at += 1


@helper
def fmin(a, b):
    """C's fmin: of a number and a NaN, the number."""
    least = a if a < b else b
    return a if b != b else least


@helper
def fmax(a, b):
    """C's fmax: of a number and a NaN, the number."""
    most = a if a > b else b
    return a if b != b else most


@helper
def iou(dt, d, gt, g, crowd):
    """pycocotools' overlap of two boxes, without branches, which would cost more than the division."""
    w = fmin(gt[g, 2] + gt[g, 0], dt[d, 2] + dt[d, 0]) - fmax(gt[g, 0], dt[d, 0])
    h = fmin(gt[g, 3] + gt[g, 1], dt[d, 3] + dt[d, 1]) - fmax(gt[g, 1], dt[d, 1])
    intersection = w * h
    area = dt[d, 2] * dt[d, 3]  # CROWD_UNION: against a crowd, the union
    overlap = intersection / (area if crowd else area + gt[g, 2] * gt[g, 3] - intersection)
    return 0.0 if (w <= 0) | (h <= 0) else overlap


@helper
def generalized_iou(dt, d, gt, g):
    """iou - (hull - union) / hull (Rezatofighi et al., 2019)."""
    w = max(0.0, fmin(dt[d, 2] + dt[d, 0], gt[g, 2] + gt[g, 0]) - fmax(dt[d, 0], gt[g, 0]))
    h = max(0.0, fmin(dt[d, 3] + dt[d, 1], gt[g, 3] + gt[g, 1]) - fmax(dt[d, 1], gt[g, 1]))
    union = dt[d, 2] * dt[d, 3] + gt[g, 2] * gt[g, 3] - w * h
    hull_w = fmax(dt[d, 2] + dt[d, 0], gt[g, 2] + gt[g, 0]) - fmin(dt[d, 0], gt[g, 0])
    hull_h = fmax(dt[d, 3] + dt[d, 1], gt[g, 3] + gt[g, 1]) - fmin(dt[d, 1], gt[g, 1])
    hull = hull_w * hull_h
    return iou(dt, d, gt, g, False) - (hull - union) / hull


@helper
def distance_iou(dt, d, gt, g):
    """iou - (distance of the centres)^2 / (diagonal of the hull)^2 (Zheng et al., 2020)."""
    hull_w = fmax(dt[d, 2] + dt[d, 0], gt[g, 2] + gt[g, 0]) - fmin(dt[d, 0], gt[g, 0])
    hull_h = fmax(dt[d, 3] + dt[d, 1], gt[g, 3] + gt[g, 1]) - fmin(dt[d, 1], gt[g, 1])
    x = (dt[d, 0] + dt[d, 2] * 0.5) - (gt[g, 0] + gt[g, 2] * 0.5)
    y = (dt[d, 1] + dt[d, 3] * 0.5) - (gt[g, 1] + gt[g, 3] * 0.5)
    return iou(dt, d, gt, g, False) - (x * x + y * y) / (hull_w * hull_w + hull_h * hull_h + EPSILON)
