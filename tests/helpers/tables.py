"""Tables of COCO's dicts, made by pyarrow alone, and the comparison of results."""

from helpers.absent import need_module

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
