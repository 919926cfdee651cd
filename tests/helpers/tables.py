"""Tables of COCO's dicts, made by pyarrow alone, and the comparison of results."""

import json

import numpy as np

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
    """The paths of Parquet files of real boxes, masks ("segm") or poses ("keypoints"), and of their ground truth."""
    gt = data("coco_val2014_100/instances_val2014_100.json")
    dt = data(f"coco_val2014_100/instances_val2014_fake{'bbox' if kind == 'bbox' else 'segm'}100_results.json")
    if kind == "keypoints":
        gt = data("coco_val2017_person538/gt_person_keypoints.json")
        rows = json.loads(gt.read_text())["annotations"]
        keys = ("image_id", "category_id", "keypoints")
        dt = [{key: row[key] for key in keys} | {"score": (i % 9) / 9} for i, row in enumerate(rows)]
    paths = [folder / f"{side}.parquet" for side in ("gt", "dt")]
    for side, source, path in zip(("gt", "dt"), (gt, dt), paths, strict=True):
        write_tables(pymetrics.read(source, side, kind), path, schema)
    return paths, gt


def scene(seed, n_images, n_categories, n_gt, n_dt):
    """Flat tables with ties: scores of one decimal, boxes on a grid."""
    rng = np.random.default_rng(seed)

    def rows(n, **more):
        boxes = np.concatenate([rng.integers(0, 5, (n, 2)) * 20, rng.integers(1, 4, (n, 2)) * 30], axis=1) * 1.0
        return pa.table({
            "image_id": rng.integers(0, n_images, n), "category_id": rng.integers(0, n_categories, n),
            "bbox": pa.FixedSizeListArray.from_arrays(pa.array(boxes.reshape(-1)), 4), "id": rng.permutation(n) + 1,
            **more,
        })  # fmt: skip

    return rows(n_gt, iscrowd=rng.integers(0, 8, n_gt) == 0), rows(n_dt, score=rng.integers(0, 10, n_dt) / 10)


def some_scene(seed):
    """A scene of at most eight images and four categories."""
    rng = np.random.default_rng(seed)
    n_images, n_categories = int(rng.integers(1, 9)), int(rng.integers(1, 5))
    return scene(seed, n_images, n_categories, int(rng.integers(0, 30)), int(rng.integers(0, 60)))


def side_by_side(scenes, images=8, categories=4, rows=64):
    """The tables of many scenes as one data set, each with images, categories and ids of its own."""
    sides = []
    for tables in zip(*scenes, strict=True):
        moved = []
        for i, table in enumerate(tables):
            for name, n in (("image_id", images), ("category_id", categories), ("id", rows)):
                column = pa.array(table[name].to_numpy() + i * n)
                table = table.set_column(table.schema.get_field_index(name), name, column)
            moved.append(table)
        sides.append(pa.concat_tables(moved))
    return sides
