"""What a format did not hold: Rows as they were, beside those that were read back."""

from __future__ import annotations

from collections import Counter

from .rows import Image, Row, Rows

FIELDS = {"crowd": "crowds", "ignore": "objects to ignore", "group_of": "groups (IsGroupOf)"}


def lost(before: Rows, after: Rows, side: str, iou_type: str) -> dict[str, str]:
    """What differs, in words by a short name, with counts; empty where evaluations are equal to the last bit.

    before, after: in pixels, with the same ids of categories. iou_type: what the numbers are to be equal of.
    """
    found: dict[str, str] = {}
    if side == "gt":
        found |= _of_images(before, after)
    pairs = _pairs(before, after)
    n = Counter[str]()
    furthest = 0.0
    for one, other in pairs:
        n["crowd"] += one.crowd != other.crowd
        n["ignore"] += one.ignore != other.ignore and not one.crowd
        n["group_of"] += one.group_of != other.group_of
        if side == "gt" and _area(one) != _area(other) and not _is_box_area(one, other):
            n["mask_areas" if one.area is None else "areas"] += 1
        n["masks"] += bool(one.polygons or one.mask) and not (other.polygons or other.mask)
        n["polygons"] += _have_other_outlines(one, other)
        n["scores"] += one.score != other.score
        distance = max(abs(a - b) for a, b in zip(_numbers(one, other), _numbers(other, one), strict=True))
        n["rounding"] += distance > 0
        furthest = max(furthest, distance)
        n.update(one.others)
    for name, words in FIELDS.items():
        if n[name]:
            found[name] = f"{n[name]} {words}"
    if n["areas"]:
        found["areas"] = f"{n['areas']} areas, by which objects count as small, medium or large"
    if n["mask_areas"] and iou_type == "bbox":
        found["mask_areas"] = f"the boxes' own areas of {n['mask_areas']} objects with masks (`area` is the masks')"
    if n["masks"]:
        found["masks"] = f"{n['masks']} masks"
    if n["polygons"]:
        found["polygons"] = (
            f"{n['polygons']} masks of several polygons or of runs (the largest polygon or the box stays)"
        )
    if n["scores"]:
        found["scores"] = f"{n['scores']} scores"
    for name in sorted(set(n) - {*FIELDS, "areas", "mask_areas", "masks", "polygons", "scores", "rounding"}):
        if n[name]:
            found[name] = f"{name} of {n[name]} objects"
    if n["rounding"]:
        found["rounding"] = f"the last digits of {n['rounding']} boxes (at most {furthest:.2g} pixels)"
    return found


def _of_images(before: Rows, after: Rows) -> dict[str, str]:
    found = {}
    images = [Image(row.image, row.image) for row in after.rows] if after.images is None else after.images
    there = {image.id: image for image in images}
    missing = [image.id for image in before.images or () if image.id not in there]
    if missing:
        found["images"] = f"{len(missing)} images without objects"
    unsized = [
        image
        for image in before.images or ()
        if image.size is not None and image.id in there and there[image.id].size is None
    ]
    if unsized:
        found["sizes"] = f"the sizes of {len(unsized)} images (say image_sizes)"
    numbers = [
        (image.number, image.id)
        for image in before.images or ()
        if isinstance(image.number, int) and (image.id not in there or there[image.id].number != image.number)
    ]
    if [id for _, id in sorted(numbers)] != sorted(id for _, id in numbers):
        found["order"] = "the order of the images' ids, which decides between equal scores (names have another one)"
    return found


def _pairs(before: Rows, after: Rows) -> list[tuple[Row, Row]]:
    """Rows of one image and category, in their order. Raises ValueError where their numbers differ."""
    there: dict[tuple[str, object], list[Row]] = {}
    for row in after.rows:
        there.setdefault((row.image, row.category), []).append(row)
    places: Counter[tuple[str, object]] = Counter()
    pairs = []
    for row in before.rows:
        key = (row.image, row.category)
        rows = there.get(key, [])
        if places[key] >= len(rows):
            raise ValueError(f"an object of the category {row.category!r} in the image {row.image!r} did not come back")
        pairs.append((row, rows[places[key]]))
        places[key] += 1
    if len(before.rows) != len(after.rows):
        raise ValueError(f"{len(before.rows)} objects were written, and {len(after.rows)} read back")
    return pairs


def _area(row: Row) -> float | None:
    """None: the mask's own."""
    if row.area is not None or row.polygons or row.mask:
        return row.area
    return row.box[2] * row.box[3]


def _is_box_area(one: Row, other: Row) -> bool:
    """Whether both are the box's own, whose last digits may differ, and which are counted as rounding."""
    is_own = one.area is None or one.area == one.box[2] * one.box[3]
    return is_own and other.area is None and not (other.polygons or other.mask)


def _have_other_outlines(one: Row, other: Row) -> bool:
    if not (one.polygons or one.mask) or not (other.polygons or other.mask):
        return False
    if one.mask or other.mask:
        return one.mask is None or other.mask is None or _runs(one) != _runs(other)
    assert one.polygons
    assert other.polygons
    return list(map(len, one.polygons)) != list(map(len, other.polygons))


def _runs(row: Row) -> object:
    counts = row.mask["counts"] if row.mask else None
    return counts.decode() if isinstance(counts, bytes) else counts


def _numbers(row: Row, other: Row) -> list[float]:
    """The box, and the polygons where both have them, point by point. A box that was made of a polygon is left out."""
    found = list(row.box) if not (other.polygons and row.polygons) else []
    if row.polygons and other.polygons and not _have_other_outlines(row, other):
        found += [float(value) for polygon in row.polygons for value in polygon]
    return found or [0.0]
