"""Small data sets in the layouts of folders, written by hand, and the same as COCO dicts."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

# Sizes are powers of two: parts of them are exact.
SIZES = {"a": (256, 512), "b": (128, 128), "empty": (64, 64)}
NAMES = ["person", "car", "dog"]
# image, category, x, y, width, height
OBJECTS = [("a", 0, 16, 32, 64, 48), ("a", 1, 100, 100, 200, 100), ("b", 0, 4, 8, 32, 64), ("b", 2, 64, 64, 32, 32)]
FOUND = [
    ("a", 0, 16, 32, 64, 40, 0.9),
    ("a", 1, 110, 90, 200, 120, 0.8),
    ("a", 2, 16, 32, 64, 48, 0.7),
    ("b", 0, 4, 8, 32, 60, 0.6),
    ("b", 2, 0, 0, 20, 20, 0.5),
]


def png(height: int, width: int) -> bytes:
    """A black image."""
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(height * (width + 1))),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    )


def polygon(x: float, y: float, w: float, h: float) -> list[list[float]]:
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


def coco() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The objects as a COCO dict, and the detections as results."""
    ids = {name: i for i, name in enumerate(SIZES, 1)}
    ground_truth = {
        "images": [
            {"id": ids[name], "file_name": f"{name}.png", "height": height, "width": width}
            for name, (height, width) in SIZES.items()
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(NAMES)],
        "annotations": [
            {
                "id": i, "image_id": ids[image], "category_id": category, "bbox": [x, y, w, h], "area": w * h,
                "iscrowd": 0, "segmentation": polygon(x, y, w, h),
            }
            for i, (image, category, x, y, w, h) in enumerate(OBJECTS, 1)
        ],
    }  # fmt: skip
    results = [
        {"image_id": ids[image], "category_id": category, "bbox": [x, y, w, h], "score": score}
        for image, category, x, y, w, h, score in FOUND
    ]
    return ground_truth, results


def write_images(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (height, width) in SIZES.items():
        (folder / f"{name}.png").write_bytes(png(height, width))


def yolo_row(image: str, category: int, x: float, y: float, w: float, h: float, *score: float) -> str:
    height, width = SIZES[image]
    return " ".join(map(repr, [category, (x + w / 2) / width, (y + h / 2) / height, w / width, h / height, *score]))


def yolo_polygon(image: str, category: int, x: float, y: float, w: float, h: float, *score: float) -> str:
    height, width = SIZES[image]
    parts = [value / (height if i % 2 else width) for i, value in enumerate(polygon(x, y, w, h)[0])]
    return " ".join(map(repr, [category, *parts, *score]))


def write_rows(folder: Path, rows: list[tuple[str, str]]) -> None:
    """rows: image and text."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in {image for image, _ in rows}:
        (folder / f"{name}.txt").write_text("\n".join(text for image, text in rows if image == name) + "\n")


def yolo(folder: Path, row: Any = yolo_row) -> tuple[Path, Path]:
    """A data set with data.yaml, and the folder of detections."""
    write_images(folder / "data" / "images" / "val")
    write_rows(folder / "data" / "labels" / "val", [(each[0], row(*each)) for each in OBJECTS])
    (folder / "data" / "data.yaml").write_text(
        "# comment\npath: ../somewhere/else\ntrain: images/train  # none\nval: images/val\n\nnames:\n"
        + "".join(f"  {i}: {name}\n" for i, name in enumerate(NAMES))
    )
    write_rows(folder / "found" / "labels", [(each[0], row(*each)) for each in FOUND])
    return folder / "data", folder / "found" / "labels"


def voc_object(category: int, x: float, y: float, w: float, h: float, difficult: int = 0) -> str:
    sides = {"xmin": x, "ymin": y, "xmax": x + w, "ymax": y + h}
    box = "".join(f"<{side}>{value}</{side}>" for side, value in sides.items())
    return (
        f"<object><name>{NAMES[category]}</name><difficult>{difficult}</difficult>\n<bndbox>{box}</bndbox></object>\n"
    )


def voc(folder: Path) -> tuple[Path, Path]:
    """A folder of annotations with ImageSets, and one of results."""
    annotations, sets, found = folder / "VOC" / "Annotations", folder / "VOC" / "ImageSets" / "Main", folder / "found"
    for each in (annotations, sets, found):
        each.mkdir(parents=True)
    for name, (height, width) in SIZES.items():
        objects = "".join(voc_object(*each[1:]) for each in OBJECTS if each[0] == name)
        size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
        text = f"<annotation><filename>{name}.png</filename>\n{size}\n{objects}</annotation>"
        (annotations / f"{name}.xml").write_text(text)
    (sets / "val.txt").write_text("a\nb\nempty\n")
    (sets / "some.txt").write_text("a 1\nb -1\nempty 0\n")
    for k, category in enumerate(NAMES):
        rows = [f"{im} {score} {x} {y} {x + w} {y + h}\n" for im, c, x, y, w, h, score in FOUND if c == k]
        (found / f"comp4_det_test_{category}.txt").write_text("".join(rows))
    return folder / "VOC", found


def cvat_object(kind: str, category: int, box: tuple[float, ...], attributes: str = "", more: str = "") -> str:
    x, y, w, h = box
    if kind == "box":
        shape = f'xtl="{x}" ytl="{y}" xbr="{x + w}" ybr="{y + h}"'
    else:
        flat = polygon(x, y, w, h)[0]
        shape = 'points="' + ";".join(f"{px},{py}" for px, py in zip(flat[::2], flat[1::2], strict=True)) + '"'
    return f'<{kind} label="{NAMES[category]}" {shape} z_order="0"{more}>{attributes}</{kind}>\n'


def cvat_file(objects: dict[str, str]) -> str:
    """objects: the text of each image's."""
    labels = "".join(f"<label><name>{name}</name></label>" for name in NAMES)
    images = "".join(
        f'<image id="{i}" name="{name}.png" width="{width}" height="{height}">\n{objects.get(name, "")}</image>\n'
        for i, (name, (height, width)) in enumerate(SIZES.items())
    )
    meta = f"<meta><task><labels>{labels}</labels></task></meta>"
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{meta}\n{images}</annotations>\n'
    )


def cvat(folder: Path, kind: str = "box") -> tuple[Path, Path]:
    """Two files."""
    sides: list[dict[str, str]] = [{}, {}]
    for image, category, *box in OBJECTS:
        sides[0][image] = sides[0].get(image, "") + cvat_object(kind, category, tuple(box))
    for image, category, *box, score in FOUND:
        attribute = f'<attribute name="score">{score}</attribute>'
        sides[1][image] = sides[1].get(image, "") + cvat_object(kind, category, tuple(box), attribute)
    for name, side in zip(("gt.xml", "dt.xml"), sides, strict=True):
        (folder / name).write_text(cvat_file(side))
    return folder / "gt.xml", folder / "dt.xml"


LABELS = ["/m/01g317", "/m/0k4j", "/m/0bt9lr"]


def openimages(folder: Path) -> tuple[Path, Path]:
    """Two CSV files, and one of the names of categories."""

    def sides(image: str, x: float, y: float, w: float, h: float) -> str:
        height, width = SIZES[image]
        return f"{x / width!r},{(x + w) / width!r},{y / height!r},{(y + h) / height!r}"

    gt = [
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
    ]
    gt += [f"{image},xclick,{LABELS[k]},1,{sides(image, *box)},0,0,0,0,0" for image, k, *box in OBJECTS]
    dt = ["ImageID,LabelName,Score,XMin,XMax,YMin,YMax"]
    dt += [f"{image},{LABELS[k]},{score},{sides(image, *box)}" for image, k, *box, score in FOUND]
    names = [f"{label},{name}" for label, name in zip(LABELS, NAMES, strict=True)]
    for name, lines in (("boxes.csv", gt), ("results.csv", dt), ("class-descriptions-boxable.csv", names)):
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder / "boxes.csv", folder / "results.csv"
