"""PASCAL VOC: an XML file per image; results in a text file per category, `comp4_det_test_<category>.txt`."""

from __future__ import annotations

import os
from pathlib import Path

from .boxes import BoxFormat
from .detect import VOC_RESULT
from .image_sizes import image_id
from .rows import Image, Row, Rows, place_of
from .safe_xml import Element, corners, number, read_xml

SIDES = ("xmin", "ymin", "xmax", "ymax")
XYWH = BoxFormat("xywh")


def read(path: str | os.PathLike[str], side: str, split: str | None = None) -> Rows:
    """Annotations ("gt") or results ("dt").

    Boxes go from xmin to xmax: width is xmax - xmin, as most tools have it. (The kit's own measure counts the last
    pixel, too: `pymetrics.analysis.voc` does so.) `difficult` objects are to be ignored.

    Args:
        path: gt: the folder that holds `Annotations`, or this one. dt: a folder of results.
        side: "gt" or "dt".
        split: gt: a name in ImageSets/Main, whose images are read; None: all. dt: the part of the names of files behind
            "_det_"; None: the only one.

    Raises:
        OSError: a file cannot be read.
        ValueError: something is missing or wrong; the message names the file, the line and the value.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ValueError(f"{side}: {str(folder)!r} is one file; of VOC a folder is read")
    return _results(folder, split) if side == "dt" else _annotations(folder, split)


def _annotations(folder: Path, split: str | None) -> Rows:
    files = _files(folder, split)
    images, rows = [], []
    for id in sorted(files):
        root = read_xml(files[id], "gt")
        file = str(files[id])
        if root.tag != "annotation":
            raise ValueError(f"{place_of('gt', file, root.line)}: must hold an <annotation>, got <{root.tag}>")
        images.append(Image(id, root.text_of("filename") or id, _size(root, file)))
        rows += [_object(element, id, file) for element in root.all("object")]
    return Rows("a VOC folder", rows, XYWH, images, _names(rows))


def _files(folder: Path, split: str | None) -> dict[str, Path]:
    annotations = folder / "Annotations" if (folder / "Annotations").is_dir() else folder
    if split is not None:
        listed = folder / "ImageSets" / "Main" / f"{split}.txt"
        if not listed.is_file():
            raise ValueError(f"gt: split={split!r} needs {str(listed)!r}, which is not there")
        found = {}
        for number_of_line, line in enumerate(listed.read_text(encoding="utf-8").splitlines(), 1):
            words = line.split()
            if words and words[-1] != "-1":  # of a category: the images without it
                found[words[0]] = annotations / f"{words[0]}.xml"
                if not found[words[0]].is_file():
                    raise ValueError(f"{place_of('gt', str(listed), number_of_line)}: {words[0]!r} has no annotation")
        return found
    files = [Path(root, name) for root, _, names in os.walk(annotations) for name in names if name.endswith(".xml")]
    if not files:
        raise ValueError(f"gt: {str(annotations)!r} holds no XML file")
    return {os.path.relpath(file, annotations).replace(os.sep, "/")[:-4]: file for file in files}


def _size(root: Element, file: str) -> tuple[int, int] | None:
    """Height and width; None where they are missing or 0, as in some data sets."""
    element = root.find("size")
    if element is None:
        return None
    place = place_of("gt", file, element.line)
    values = [number(element.text_of(name), place, name) for name in ("height", "width")]
    if any(value < 0 or value != int(value) for value in values):
        raise ValueError(f"{place}: height and width must be whole numbers, got {values[0]} and {values[1]}")
    height, width = map(int, values)
    return (height, width) if height and width else None


def _object(element: Element, id: str, file: str) -> Row:
    place = place_of("gt", file, element.line)
    name, box = element.text_of("name"), element.find("bndbox")
    if not name:
        raise ValueError(f"{place}: the object has no name")
    if box is None:
        raise ValueError(f"{place}: the object has no bndbox")
    at_box = place_of("gt", file, box.line)
    values = [number(box.text_of(side), at_box, side) for side in SIDES]
    difficult = number(element.text_of("difficult") or "0", place, "difficult")
    return Row(id, name, corners(values), file, box.line, ignore=difficult != 0)


def _results(folder: Path, split: str | None) -> Rows:
    found: dict[str, Path] = {}
    for root, _, names in os.walk(folder):
        for name in sorted(names):
            match = VOC_RESULT.fullmatch(name)
            if match is None or split not in (None, match["split"]):
                continue
            category = match["category"]
            if category in found:
                both = f"{str(found[category])!r} and {str(Path(root, name))!r}"
                raise ValueError(f"dt: there are two files of results of {category!r}: {both}")
            found[category] = Path(root, name)
    if not found:
        raise ValueError(f"dt: {str(folder)!r} holds no results (comp4_det_test_CATEGORY.txt)")
    rows = [row for category in sorted(found) for row in _rows_of(found[category], category)]
    return Rows("VOC results", rows, XYWH, None, _names(rows))


def _rows_of(file: Path, category: str) -> list[Row]:
    rows, path = [], str(file)
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{place_of('dt', path)}: is not UTF-8: {error}") from None
    for line, text in enumerate(lines, 1):
        words = text.split()
        if not words:
            continue
        place = place_of("dt", path, line)
        if len(words) != 6:
            raise ValueError(f"{place}: must be IMAGE SCORE XMIN YMIN XMAX YMAX, got {len(words)} words")
        score, *sides = (number(word, place, what) for word, what in zip(words[1:], ("score", *SIDES), strict=True))
        rows.append(Row(image_id(words[0]), category, corners(sides), path, line, float(score)))
    return rows


def _names(rows: list[Row]) -> dict[str, str]:
    return {str(name): str(name) for name in sorted({str(row.category) for row in rows})}
