"""What a path leads to: a COCO JSON file, or one of the layouts of folders, XML and CSV. By content, not by name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from .image_sizes import SUFFIXES

KINDS = {
    "coco": "COCO JSON",
    "yolo": "a YOLO data set: a folder, or its data.yaml",
    "voc": "a VOC folder",
    "cvat": "CVAT XML 1.1 for images",
    "openimages": "an Open Images CSV file",
    "pennfudan": "a folder as Penn-Fudan's",
    "parquet": "Parquet",
}
NAMES = {
    "coco": "COCO JSON", "yolo": "YOLO", "voc": "VOC", "cvat": "CVAT XML", "openimages": "Open Images' CSV",
    "parquet": "a flat table", "parquet-nested": "a nested table",
}  # fmt: skip
WITH_SPLITS = ("yolo", "voc")  # whose readers take the name of a part
HEAD = 4096  # bytes that are looked at
JSON_BEGINS, GZIP = (b"{", b"["), b"\x1f\x8b"
YOLO_ROW = re.compile(rb"\s*\d+(\.0*)?(\s+[-+.\deE]+){4,}\s*")
VOC_RESULT = re.compile(r".*_det_(?P<split>[^_]+)_(?P<category>.+)\.txt")
NO_LABELS = {"classes.txt", "labels.txt", "obj.names", "train.txt", "val.txt", "test.txt"}  # beside labels, other text
LOOKED_AT = 2000  # files of a folder that are no images, until something is recognised


def detect(path: str | os.PathLike[str], side: Literal["gt", "dt"] | None = None) -> str:
    """The format of a file or folder: a key of KINDS.

    Args:
        path: of a file or a folder.
        side: "gt" or "dt", which errors name; None: neither.

    Raises:
        FileNotFoundError: there is nothing.
        IsADirectoryError: a folder that holds none of these layouts.
        ValueError: a file of no such format.
    """
    found, name = kind_of(path), os.fspath(path)
    if found is not None:
        return found
    before, names = f"{side}: " if side else "", "; ".join(KINDS.values())
    if os.path.isdir(path):
        raise IsADirectoryError(
            f"{before}{name!r} is a folder, not a JSON file, and holds nothing that is recognised ({names})"
        )
    if not os.path.exists(path):
        raise FileNotFoundError(f"{before}no such file: {name!r}")
    raise ValueError(f"{before}{name!r} is of no format that is recognised ({names})")


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """As detect; None where it raises. Files that can be read once only are taken for JSON."""
    from .tables.parquet import is_parquet

    if is_parquet(path):
        return "parquet"
    if os.path.isdir(path):
        return _of_folder(Path(path))
    if not os.path.isfile(path):
        return "coco" if os.path.exists(path) else None
    return _of_file(path)


def may_be_json(path: str | os.PathLike[str]) -> bool:
    """Whether it is a file that the readers of JSON take, or refuse with an error of their own."""
    if os.path.isdir(path):
        return False
    try:
        if not os.path.isfile(path):
            return True
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except (OSError, ValueError):
        return True
    return _of_head(head) in (None, "coco")


def _of_file(path: str | os.PathLike[str]) -> str | None:
    return _of_head(_head(path)) or ("yolo" if Path(path).suffix in (".yaml", ".yml") else None)


def _of_head(head: bytes) -> str | None:
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] in JSON_BEGINS or head[:2] == GZIP:
        return "coco"
    if head[:1] == b"<":
        root = re.search(rb"<([A-Za-z_][\w.-]*)", re.sub(rb"<!--.*?-->", b"", head, flags=re.DOTALL))
        return {b"annotations": "cvat", b"annotation": "voc"}.get(root[1]) if root else None
    first = head.split(b"\n", 1)[0].lower().replace(b'"', b"").strip().split(b",")
    if b"imageid" in first and {b"xmin", b"predictionstring"} & set(first):
        return "openimages"
    return "yolo" if re.search(rb"^(names|nc)\s*:", head, re.MULTILINE) else None


def _head(path: str | os.PathLike[str]) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def _of_folder(folder: Path) -> str | None:
    if (folder / "PedMasks").is_dir():
        return "pennfudan"
    if (folder / "annotations.xml").is_file() and _of_file(folder / "annotations.xml") == "cvat":
        return "cvat"
    for n, path in enumerate(_files(folder)):
        if n == LOOKED_AT:
            break
        suffix = path.suffix.lower()
        if suffix == ".xml" and _of_file(path) == "voc":
            return "voc"
        if (
            suffix in (".yaml", ".yml")
            and _of_file(path) == "yolo"
            and re.search(rb"^(names|train|val|path)\s*:", _head(path), re.MULTILINE)
        ):
            return "yolo"
        if suffix != ".txt":
            continue
        if VOC_RESULT.fullmatch(path.name) and _are_voc_results(path):
            return "voc"
        if path.name not in NO_LABELS:
            head = _head(path)
            if YOLO_ROW.fullmatch(head.split(b"\n", 1)[0].rstrip(b"\r")):
                return "yolo"
    is_empty_yolo = (folder / "classes.txt").is_file() or all((folder / name).is_dir() for name in ("labels", "images"))
    return "yolo" if is_empty_yolo else None


def _are_voc_results(path: Path) -> bool:
    """An image and five numbers in its first row, or none."""
    words = _head(path).split(b"\n", 1)[0].split()
    return not words or len(words) == 6


def _files(folder: Path) -> Iterator[Path]:
    """Files of a folder that are no images, then of those in it; folders of images last."""
    for root, folders, names in os.walk(folder):
        folders.sort(key=lambda name: (name.lower() in ("images", "jpegimages"), name))
        for name in sorted(names, key=lambda name: (not name.endswith((".yaml", ".yml")), name)):
            path = Path(root, name)
            if path.suffix.lower() not in SUFFIXES:
                yield path
