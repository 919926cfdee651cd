"""Open Images' CSV files: a box in each row, in parts of the image; XMin, XMax, YMin, YMax."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

from .boxes import BoxFormat
from .fine import low_part
from .rows import Row, Rows, place_of
from .safe_xml import number

SIDES = ("xmin", "ymin", "xmax", "ymax")
SCORES = ("score", "conf", "confidence")  # of results; Confidence of ground truth is that of a label, and not read
NORMALIZED = BoxFormat("xyxy", normalized=True)
NAMES = "class-descriptions*.csv"  # beside it: names of categories
MOST_FIELD = 1 << 26  # characters of a PredictionString


def read(path: str | os.PathLike[str], side: str) -> Rows:
    """Boxes ("gt"), with IsGroupOf; or results ("dt"): a row per box, or Kaggle's ImageID,PredictionString.

    Ids of images and categories are those of the file. A file class-descriptions*.csv beside it (id,name) gives names.
    Sizes of images are not in these files.

    Raises:
        OSError: the file cannot be read.
        ValueError: something is missing or wrong; the message names the file, the line and the value.
    """
    file = Path(path)
    if file.is_dir():
        raise ValueError(f"{side}: {str(file)!r} is a folder; of Open Images a CSV file is read")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{place_of(side, str(file))}: is not UTF-8: {error}") from None
    csv.field_size_limit(max(csv.field_size_limit(), MOST_FIELD))
    reader = csv.reader(text.splitlines())
    rows: list[Row] = []
    try:
        header = [word.strip().lower() for word in next(reader, [])]
        parse = _parser(header, side, str(file))
        for words in reader:
            if words:
                if len(words) != len(header):
                    place = place_of(side, str(file), reader.line_num)
                    raise ValueError(f"{place}: has {len(words)} values, the first line {len(header)}")
                rows += parse(dict(zip(header, words, strict=True)), reader.line_num)
    except csv.Error as error:
        raise ValueError(f"{place_of(side, str(file), reader.line_num)}: is not CSV: {error}") from None
    return Rows("an Open Images file", rows, NORMALIZED, None, _names(file, rows))


class _Parser:
    """Rows of a line. columns: values by the lower-case names of the header."""

    def __init__(self, side: str, file: str, score: str | None) -> None:
        self.side, self.file, self.score = side, file, score

    def box(self, columns: dict[str, str], line: int) -> list[Row]:
        place = place_of(self.side, self.file, line)
        box = [float(number(columns[side], place, side)) for side in SIDES]
        low = tuple(low_part(columns[side].strip()) for side in SIDES)
        score = None if self.score is None else float(number(columns[self.score], place, self.score))
        return [self.row(columns["imageid"], columns["labelname"], box, line, score, _group(columns, place), low)]

    def predictions(self, columns: dict[str, str], line: int) -> list[Row]:
        """Label, confidence and four sides of each box, with spaces between."""
        place, words = place_of(self.side, self.file, line), columns["predictionstring"].split()
        if len(words) % 6:
            raise ValueError(f"{place}: PredictionString must hold six words for each box, got {len(words)}")
        rows = []
        for at in range(0, len(words), 6):
            values = [float(number(word, place, "PredictionString")) for word in words[at + 1 : at + 6]]
            rows.append(self.row(columns["imageid"], words[at], values[1:], line, values[0]))
        return rows

    def row(
        self,
        image: str,
        label: str,
        box: list[float],
        line: int,
        score: float | None,
        group_of: bool = False,
        low: tuple[float, ...] = (),
    ) -> Row:
        image, label = image.strip(), label.strip()
        if not image or not label:
            raise ValueError(f"{place_of(self.side, self.file, line)}: ImageID and LabelName must not be empty")
        return Row(image, label, box, self.file, line, score, group_of=group_of, low=low if any(low) else None)


def _parser(header: list[str], side: str, file: str) -> Callable[[dict[str, str], int], list[Row]]:
    if side == "dt" and {"imageid", "predictionstring"} <= set(header):
        return _Parser(side, file, None).predictions
    missing = [name for name in ("imageid", "labelname", *SIDES) if name not in header]
    if missing:
        raise ValueError(f"{place_of(side, file, 1)}: has no column {', '.join(missing)}; it has {', '.join(header)}")
    score = next((name for name in SCORES if name in header), None) if side == "dt" else None
    if side == "dt" and score is None:
        raise ValueError(f"{place_of(side, file, 1)}: has no column Score or Conf, which detections have")
    if side == "gt" and {"score", "conf"} & set(header):
        raise ValueError(f"{place_of(side, file, 1)}: has scores, and must be ground truth")
    return _Parser(side, file, score).box


def _group(columns: dict[str, str], place: str) -> bool:
    value = columns.get("isgroupof", "").strip()
    if value in ("", "0", "-1"):  # -1: not known
        return False
    if value != "1":
        raise ValueError(f"{place}: IsGroupOf must be 0, 1 or -1, got {value[:60]!r}")
    return True


def _names(file: Path, rows: list[Row]) -> dict[str, str]:
    names = {str(row.category): str(row.category) for row in rows}
    for described in sorted(file.parent.glob(NAMES)):
        with open(described, encoding="utf-8-sig", errors="replace", newline="") as lines:
            for words in csv.reader(lines):
                if len(words) == 2 and words[0] in names:
                    names[words[0]] = words[1]
    return names
