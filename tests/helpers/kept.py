"""Rows of matches and of images as sorted tuples: those in files, and those that one process gives."""

from helpers.absent import need_module
from pymetrics.analysis import per_image

pa = need_module("pyarrow")
pq = need_module("pyarrow.parquet")


def written(folder):
    """The rows of all files in a folder, in order."""
    return in_order(pq.read_table(folder).to_pylist())


def in_order(rows):
    return sorted((tuple((name, as_value(value)) for name, value in row.items()) for row in rows), key=repr)


def as_value(value):
    return tuple(value) if isinstance(value, list) else value


def rows_of_matches(result, gt, dt, ious=(0.5,), boxes=True):
    """What the files should hold, from one process. gt, dt: flat tables whose rows stand in their order."""
    names = {"gt": _names(gt, boxes), "dt": _names(dt, boxes)}

    def row(image, category, iou, status, score, overlap, d, g):
        places = {side + end: None if i < 0 else of[i] for side, i in (("dt", d), ("gt", g))
                  for end, of in names[side].items()}  # fmt: skip
        overlap = None if g < 0 else overlap
        head = {"image": image, "category": category, "iou": iou, "status": status, "score": score, "overlap": overlap}
        return head | places

    rows = []
    for iou in ious:
        found, missed = result.matches.at(iou), result.matches.missed(iou)
        columns = found.image, found.category, found.status, found.score, found.overlap, found.dt, found.gt
        for image, category, status, score, overlap, d, g in zip(*(c.tolist() for c in columns), strict=True):
            rows.append(row(image, category, iou, status, score, overlap, d, g))
        for image, category, g in zip(*(c.tolist() for c in (missed.image, missed.category, missed.gt)), strict=True):
            rows.append(row(image, category, iou, "fn", None, None, -1, g))
    return in_order(rows)


def _names(table, boxes):
    """The columns that name a row of one side, by the end of their names."""
    seen, places = {}, []
    for image in table["image_id"].to_pylist():
        places.append(seen.get(image, 0))
        seen[image] = places[-1] + 1
    found = {"": places}
    if "id" in table.schema.names:
        found["_id"] = table["id"].to_pylist()
    if boxes:
        found["_box"] = [tuple(map(float, box)) for box in table["bbox"].to_pylist()]
    return found


def rows_of_images(result, iou, score):
    """What the files should hold, from one process."""
    rows = [{"image": row.pop("id"), **row} for row in per_image(result, iou, score)]
    return in_order([{name: value for name, value in row.items() if name != "file_name"} for row in rows])
