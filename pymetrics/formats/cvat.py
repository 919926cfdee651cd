"""CVAT XML 1.1 "for images": boxes and polygons, with attributes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from .boxes import BoxFormat
from .image_sizes import image_id
from .rows import Image, Row, Rows, place_of
from .safe_xml import Element, corners, number, read_xml

SIDES = ("xtl", "ytl", "xbr", "ybr")
NOT_READ = ("polyline", "points", "mask", "ellipse", "cuboid", "skeleton", "tag")
TRUE, FALSE = ("1", "true", "yes"), ("", "0", "false", "no")


def read(path: str | os.PathLike[str], side: str) -> Rows:
    """The boxes and polygons of all images; polygons of one group and label are one object.

    Attributes that are read: score (of detections), iscrowd or is_crowd, ignore or difficult, area.

    Args:
        path: the XML file, or a folder that holds it as annotations.xml.
        side: "gt" or "dt"; objects of "dt" have the attribute score.

    Raises:
        OSError: the file cannot be read.
        ValueError: something is missing or wrong; the message names the file, the line and the value.
    """
    file = Path(path)
    file = file / "annotations.xml" if file.is_dir() else file
    root, name = read_xml(file, side), str(file)
    if root.tag != "annotations":
        raise ValueError(f"{place_of(side, name, root.line)}: must hold <annotations>, got <{root.tag}>")
    if root.find("track") is not None:
        raise ValueError(f'{side}: {name!r} is CVAT XML for video; export it "for images"')
    labels = _labels(root)
    images: dict[str, Image] = {}
    rows: list[Row] = []
    for element in root.all("image"):
        image = _image(element, name, side)
        if image.id in images:
            raise ValueError(f"{place_of(side, name, element.line)}: there are two images named {image.id!r}")
        images[image.id] = image
        rows += _objects(element, image.id, name, side)
    for row in rows:
        if labels and row.category not in labels:
            raise ValueError(f"{place_of(side, name, row.line)}: the label {row.category!r} is none of meta's labels")
    names = labels or {str(row.category): str(row.category) for row in rows}
    return Rows("CVAT XML", rows, BoxFormat("xywh"), [images[id] for id in sorted(images)], names, bool(labels))


def _labels(root: Element) -> dict[str, str]:
    """The labels that meta lists: of a task, a job or a project."""
    meta = root.find("meta")
    if meta is None:
        return {}
    for part in [meta, *meta.children]:
        labels = part.find("labels")
        if labels is not None:
            names = [label.text_of("name") for label in labels.all("label")]
            return {name: name for name in sorted(filter(None, names))}
    return {}


def _image(element: Element, file: str, side: str) -> Image:
    place, name = place_of(side, file, element.line), element.attributes.get("name")
    if not name:
        raise ValueError(f"{place}: the image has no name")
    if not {"width", "height"} & element.attributes.keys():
        return Image(image_id(name), name)
    values = [number(element.attributes.get(key), place, key) for key in ("height", "width")]
    if any(value < 1 or value != int(value) for value in values):
        raise ValueError(f"{place}: height and width must be whole numbers above 0, got {values[0]} and {values[1]}")
    return Image(image_id(name), name, (int(values[0]), int(values[1])))


def _objects(image: Element, id: str, file: str, side: str) -> list[Row]:
    rows: list[Row] = []
    groups: dict[tuple[str, str], Row] = {}
    for element in image.children:
        place = place_of(side, file, element.line)
        if element.tag not in ("box", "polygon"):
            if element.tag in NOT_READ:
                raise ValueError(f"{place}: <{element.tag}> is not read; boxes and polygons are")
            continue
        label, attributes = element.attributes.get("label"), _attributes(element)
        if not label:
            raise ValueError(f"{place}: the {element.tag} has no label")
        score = attributes.get("score") if side == "dt" else None
        if side == "dt" and score is None:
            raise ValueError(f"{place}: has no attribute score, which detections have")
        flags: dict[str, Any] = {
            "score": None if score is None else float(number(score, place, "score")),
            "crowd": _flag(attributes, ("iscrowd", "is_crowd"), place),
            "ignore": _flag(attributes, ("ignore", "difficult"), place),
            "area": float(number(attributes["area"], place, "area")) if attributes.get("area") else None,
        }
        if element.tag == "box":
            if number(element.attributes.get("rotation", "0"), place, "rotation") != 0:
                raise ValueError(f"{place}: the box is rotated, which is not read")
            sides = [number(element.attributes.get(key), place, key) for key in SIDES]
            rows.append(Row(id, label, corners(sides), file, element.line, **flags))
            continue
        polygon = _polygon(element, place)
        group = (element.attributes.get("group_id", ""), label)
        if group[0] and group in groups:
            first = groups[group]
            assert first.polygons is not None
            first.polygons.append(polygon)
            continue
        row = Row(id, label, [], file, element.line, polygons=[polygon], **flags)
        groups[group] = row
        rows.append(row)
    return [row if row.box else _with_box(row) for row in rows]


def _with_box(row: Row) -> Row:
    """The same with the box around its polygons."""
    points = [value for polygon in row.polygons or () for value in polygon]
    left, top = min(points[::2]), min(points[1::2])
    return replace(row, box=[left, top, max(points[::2]) - left, max(points[1::2]) - top])


def _polygon(element: Element, place: str) -> list[float]:
    pairs = [pair.split(",") for pair in element.attributes.get("points", "").split(";") if pair.strip()]
    if len(pairs) < 3 or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{place}: points must be x,y;x,y;x,y of three points or more")
    return [float(number(value, place, "points")) for pair in pairs for value in pair]


def _attributes(element: Element) -> dict[str, str]:
    return {child.attributes.get("name", ""): child.text for child in element.all("attribute")}


def _flag(attributes: dict[str, str], names: tuple[str, ...], place: str) -> bool:
    for name in names:
        value = attributes.get(name, "").lower()
        if value in TRUE:
            return True
        if value not in FALSE:
            raise ValueError(f"{place}: the attribute {name} must be true or false, got {value[:60]!r}")
    return False
