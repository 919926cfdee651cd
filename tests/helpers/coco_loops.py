"""Evaluators of batches as training code has them: the same calls of COCOeval's methods, in the same order."""

import contextlib
import copy
import io

import numpy as np


def by_evaluate(evaluation):
    """A batch by evaluate(); the images, and evalImgs as (categories, area ranges, images)."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
    p = evaluation.params
    return p.imgIds, np.asarray(evaluation.evalImgs).reshape(-1, len(p.areaRng), len(p.imgIds))


def by_steps(evaluation):
    """A batch by the steps of evaluate(), one image and category after another, as older evaluators have it."""
    p = evaluation.params
    if p.useSegm is not None:
        p.iouType = "segm" if p.useSegm == 1 else "bbox"
    p.imgIds = list(np.unique(p.imgIds))
    if p.useCats:
        p.catIds = list(np.unique(p.catIds))
    p.maxDets = sorted(p.maxDets)
    evaluation.params = p
    evaluation._prepare()
    categories = p.catIds if p.useCats else [-1]
    overlaps = evaluation.computeOks if p.iouType == "keypoints" else evaluation.computeIoU
    evaluation.ious = {(image, category): overlaps(image, category) for image in p.imgIds for category in categories}
    evaluate, limit = evaluation.evaluateImg, p.maxDets[-1]
    entries = [
        evaluate(image, category, area_range, limit)
        for category in categories
        for area_range in p.areaRng
        for image in p.imgIds
    ]
    evaluation._paramsEval = copy.deepcopy(evaluation.params)
    return p.imgIds, np.asarray(entries).reshape(len(categories), len(p.areaRng), len(p.imgIds))


def merged(evaluation, image_ids, batches):
    """The batches' entries put into the evaluation, each image once; accumulated."""
    ids, first = np.unique(image_ids, return_index=True)
    evaluation.evalImgs = list(np.concatenate(batches, 2)[..., first].flatten())
    evaluation.params.imgIds = list(ids)
    evaluation._paramsEval = copy.deepcopy(evaluation.params)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.accumulate()
    return evaluation
