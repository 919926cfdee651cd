"""Rows in pixels written as YOLO, VOC, CVAT XML and Open Images' CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from .fine import centred, ends, part_of
from .image_sizes import SIZES_FILE
from .rows import Image, Row, Rows
from .safe_xml import EXACT


def write_yolo(rows: Rows, target: Path, side: str, iou_type: str) -> None:
    """A folder: of ground truth data.yaml, labels/ and the sizes of images; of detections text files."""
    places, sizes = {id: k for k, id in enumerate(rows.names)}, sizes_of(rows)
    labels = target / "labels" if side == "gt" else target
    labels.mkdir(parents=True, exist_ok=True)
    for image, found in by_image(rows):
        path = labels / f"{image.id}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [_yolo_row(row, places[row.category], sizes[row.image], iou_type) for row in found]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if side == "dt":
        (target / "classes.txt").write_text("".join(f"{name}\n" for name in rows.names.values()), encoding="utf-8")
        return
    names = "".join(f"  {k}: {json.dumps(name, ensure_ascii=False)}\n" for k, name in enumerate(rows.names.values()))
    yaml = f"path: .\ntrain: images\nval: images\nnames:\n{names}"
    (target / "data.yaml").write_text(yaml, encoding="utf-8")
    with open(target / SIZES_FILE, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "height", "width"))
        writer.writerows((image.name, *sizes[image.id]) for image in rows.images or ())


def _yolo_row(row: Row, place: int, size: tuple[float, float], iou_type: str) -> str:
    height, width = size
    score = [] if row.score is None else [row.score]
    if iou_type == "segm" and (row.polygons or row.mask):
        polygon = max(row.polygons, key=_doubled_area) if row.polygons else _rectangle(row)
        sides = [width, height] * (len(polygon) // 2)
        parts = [part_of(value, side) for value, side in zip(polygon, sides, strict=False)]
        return " ".join([str(place), *parts, *map(repr, score)])
    return " ".join([str(place), *centred(row.box, (width, height)), *map(repr, score)])


def _doubled_area(polygon: list[float]) -> float:
    x, y = polygon[::2], polygon[1::2]
    n = min(len(x), len(y))
    return abs(sum(x[i - 1] * y[i] - x[i] * y[i - 1] for i in range(n)))


def _rectangle(row: Row) -> list[float]:
    x, y, w, h = row.box
    return [x, y, x + w, y, x + w, y + h, x, y + h]


def write_voc(rows: Rows, target: Path, side: str, iou_type: str) -> None:
    """A folder: of ground truth Annotations and ImageSets/Main/default.txt, of detections results."""
    if side == "dt":
        files: dict[Any, list[str]] = {id: [] for id in rows.names}
        for row in rows.rows:
            files[row.category].append(" ".join([row.image, repr(row.score), *decimals(row.box)]))
        target.mkdir(parents=True, exist_ok=True)
        for id, lines in files.items():
            path = target / f"comp4_det_test_{rows.names[id]}.txt"
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return
    sets = target / "ImageSets" / "Main"
    sets.mkdir(parents=True)
    ids = [image.id for image in rows.images or ()]
    (sets / "default.txt").write_text("".join(f"{id}\n" for id in ids), encoding="utf-8")
    found = {image.id: rows_of_image for image, rows_of_image in by_image(rows)}
    for image in rows.images or ():
        path = target / "Annotations" / f"{image.id}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        objects = "".join(_voc_object(row, rows.names[row.category]) for row in found.get(image.id, ()))
        size = ""
        if image.size is not None:
            height, width = image.size
            size = f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n"
        name = f"  <filename>{escape(image.name)}</filename>\n"
        path.write_text(f"<annotation>\n{name}{size}{objects}</annotation>\n", encoding="utf-8")


def _voc_object(row: Row, name: str) -> str:
    sides = zip(("xmin", "ymin", "xmax", "ymax"), decimals(row.box), strict=True)
    box = "".join(f"<{side}>{value}</{side}>" for side, value in sides)
    head = f"<name>{escape(name)}</name><difficult>{int(row.ignore or row.crowd)}</difficult>"
    return f"  <object>{head}\n    <bndbox>{box}</bndbox></object>\n"


def write_cvat(rows: Rows, target: Path, side: str, iou_type: str) -> None:
    """An XML file."""
    names = [f"<label><name>{escape(name)}</name></label>" for name in rows.names.values()]
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n',
        f"  <meta><task><labels>{''.join(names)}</labels></task></meta>\n",
    ]
    found = {image.id: rows_of_image for image, rows_of_image in by_image(rows)}
    group = 0
    for i, image in enumerate(rows.images or ()):
        size = "" if image.size is None else ' width="{1}" height="{0}"'.format(*image.size)
        parts.append(f'  <image id="{i}" name={quoteattr(image.name)}{size}>\n')
        for row in found.get(image.id, ()):
            group += 1
            parts.append(_cvat_object(row, rows.names[row.category], group, iou_type))
        parts.append("  </image>\n")
    target.write_text("".join([*parts, "</annotations>\n"]), encoding="utf-8")


def _cvat_object(row: Row, name: str, group: int, iou_type: str) -> str:
    values: dict[str, Any] = {}
    if row.score is not None:
        values["score"] = repr(row.score)
    values |= {key: "true" for key, is_set in (("iscrowd", row.crowd), ("ignore", row.ignore)) if is_set}
    polygons = row.polygons if iou_type == "segm" else None
    if row.area is not None and (polygons or row.area != row.box[2] * row.box[3]):
        values["area"] = repr(row.area)
    attributes = "".join(f'<attribute name="{key}">{value}</attribute>' for key, value in values.items())
    label = f"label={quoteattr(name)}"
    if not polygons:
        sides = zip(("xtl", "ytl", "xbr", "ybr"), decimals(row.box), strict=True)
        shape = " ".join(f'{side}="{value}"' for side, value in sides)
        return f'    <box {label} {shape} z_order="0">{attributes}</box>\n'
    texts = []
    for polygon in polygons:
        points = ";".join(f"{x!r},{y!r}" for x, y in zip(polygon[::2], polygon[1::2], strict=False))
        texts.append(f'    <polygon {label} points="{points}" group_id="{group}" z_order="0">{attributes}</polygon>\n')
    return "".join(texts)


def write_openimages(rows: Rows, target: Path, side: str, iou_type: str) -> None:
    """A CSV file."""
    sizes = sizes_of(rows)
    head = ["ImageID", "Source", "LabelName", "Confidence", "XMin", "XMax", "YMin", "YMax"]
    flags = ["IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside"]
    with open(target, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head + flags if side == "gt" else ["ImageID", "LabelName", "Score", *head[4:]])
        for row in rows.rows:
            height, width = sizes[row.image]
            box = ends(row.box, (width, height))
            label = label_of(rows, row.category, "openimages")
            if side == "gt":
                writer.writerow([row.image, "xclick", label, 1, *box, -1, -1, int(row.group_of), -1, -1])
            else:
                writer.writerow([row.image, label, repr(row.score), *box])


WRITERS: dict[str, Callable[[Rows, Path, str, str], None]] = {
    "yolo": write_yolo,
    "voc": write_voc,
    "cvat": write_cvat,
    "openimages": write_openimages,
}
OF_FOLDERS = ("yolo", "voc")  # the others are files


def label_of(rows: Rows, category: int | str, format: str) -> str:
    """The name of a category in a file: of Open Images its id, where that is a string (/m/0cmf2)."""
    if format == "openimages" and isinstance(category, str):
        return category
    return rows.names[category]


def decimals(box: Iterable[float]) -> list[str]:
    """x1, y1, x2, y2 of x, y, width, height: decimals whose difference is width and height to the last bit."""
    x, y, w, h = (Decimal(repr(float(value))) for value in box)
    return [f"{value:f}" for value in (x, y, EXACT.add(x, w), EXACT.add(y, h))]


def by_image(rows: Rows) -> list[tuple[Image, list[Row]]]:
    """The images that have rows, in their order, with these."""
    found: dict[str, list[Row]] = {}
    for row in rows.rows:
        found.setdefault(row.image, []).append(row)
    images = {image.id: image for image in rows.images or ()}
    return [(images.get(id) or Image(id, id), of_image) for id, of_image in sorted(found.items())]


def sizes_of(rows: Rows) -> dict[str, tuple[float, float]]:
    """Height and width by the ids of images. Raises ValueError where one is not known."""
    unknown = [image.id for image in rows.images or () if image.size is None]
    if unknown:
        raise ValueError(
            f"the sizes of {len(unknown)} images are not known (such as {unknown[0]!r}), which boxes in parts of the "
            "image need: say image_sizes"
        )
    return {image.id: image.size for image in rows.images or () if image.size is not None}
