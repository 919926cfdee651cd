"""Tables of COCO's dicts, made by pyarrow alone, and the comparison of results."""

import json

import pymetrics
from helpers.absent import need_module
from pymetrics.formats.tables.write import write_tables

pa = need_module("pyarrow")


def flat(rows, keys, **types):
    """A column for each key of COCO's dicts; null where a row lacks it."""
    return pa.table({key: pa.array([row.get(key) for row in rows], types.get(key)) for key in keys})


def bits(result):
    """All that an evaluation gives, but for the ids of images, of which only the number."""
    arrays = result.precision, result.recall, result.scores, result.stats
    counts = [(row["id"], row["n_gt"], row["n_dt"]) for row in result.per_class]
    return [(array.shape, array.tobytes()) for array in arrays], counts, result.to_dict()["n_images"]


def of_sides(gt, dt, more_gt=(), more_dt=()):
    """Flat tables of a COCO dict and a list of results, in the order of their rows."""
    g = flat(gt["annotations"], ("image_id", "category_id", "bbox", "iscrowd", "area", "id", *more_gt))
    return g, flat(dt, ("image_id", "category_id", "bbox", "score", *more_dt))


def axes_of(gt):
    """images= and categories= of a COCO dict."""
    return {
        "images": [image["id"] for image in gt["images"]],
        "categories": {category["id"]: category["name"] for category in gt["categories"]},
    }


def write_real(data, folder, kind, schema):
    """The paths of Parquet files of real masks ("segm") or poses ("keypoints"), and that of their ground truth."""
    gt = data("coco_val2014_100/instances_val2014_100.json")
    dt = data("coco_val2014_100/instances_val2014_fakesegm100_results.json")
    if kind == "keypoints":
        gt = data("coco_val2017_person538/gt_person_keypoints.json")
        rows = json.loads(gt.read_text())["annotations"]
        keys = ("image_id", "category_id", "keypoints")
        dt = [{key: row[key] for key in keys} | {"score": (i % 9) / 9} for i, row in enumerate(rows)]
    paths = [folder / f"{side}.parquet" for side in ("gt", "dt")]
    for side, source, path in zip(("gt", "dt"), (gt, dt), paths, strict=True):
        write_tables(pymetrics.read(source, side, kind), path, schema)
    return paths, gt
