"""Height and width of images: from the headers of image files, or from a file that lists them."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

ENDS = ("jpg", "jpeg", "png", "bmp", "gif", "webp", "tif", "tiff", "avif", "heic", "jp2", "mpo", "dng", "pfm")
SUFFIXES = frozenset(f".{end}" for end in ENDS)  # of files of images
SIZES_FILE = "image_sizes.csv"  # of a YOLO data set that convert has written: it has no images
Size = tuple[int, int]


def size_of(path: str | os.PathLike[str]) -> Size:
    """Height and width in pixels, from the file's header; no pixel is read.

    PNG, JPEG (without the turn that its EXIF data may ask for, as most tools read it), GIF, BMP and WebP by code of our
    own; others by Pillow, where it is installed.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no image, or none of a known kind.
    """
    with open(path, "rb") as file:
        try:
            found = _by_header(file)
        except (struct.error, IndexError):
            found = None  # the file ends within its header
        found = found or _by_pillow(file, path)
    if found is None or min(found) < 1:
        raise ValueError(f"{os.fspath(path)!r} holds no image whose size can be read")
    return found


def _by_header(file: BinaryIO) -> Size | None:
    head = file.read(32)
    if head[:8] == b"\x89PNG\r\n\x1a\n" and head[12:16] == b"IHDR":
        width, height = struct.unpack(">II", head[16:24])
        return height, width
    if head[:2] == b"\xff\xd8":
        return _of_jpeg(file)
    if head[:6] in (b"GIF87a", b"GIF89a"):
        width, height = struct.unpack("<HH", head[6:10])
        return height, width
    if head[:2] == b"BM":
        if struct.unpack("<I", head[14:18])[0] == 12:
            width, height = struct.unpack("<HH", head[18:22])
        else:
            width, height = struct.unpack("<ii", head[18:26])
        return abs(height), width
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _of_webp(head)
    return None


def _of_jpeg(file: BinaryIO) -> Size | None:
    """From the first frame's header (markers SOF0 to SOF15, but DHT, JPG and DAC)."""
    file.seek(2)
    while True:
        byte = file.read(1)
        while byte and byte != b"\xff":
            byte = file.read(1)
        while byte == b"\xff":
            byte = file.read(1)
        if not byte or byte in b"\xd9\xda":  # the end, or pixels
            return None
        marker = byte[0]
        if 0xD0 <= marker <= 0xD8 or marker == 1:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", file.read(5)[1:])
            return height, width
        file.seek(length - 2, os.SEEK_CUR)


def _of_webp(head: bytes) -> Size | None:
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[27:30], "little"), 1 + int.from_bytes(head[24:27], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return height & 0x3FFF, width & 0x3FFF
    return None


def _by_pillow(file: BinaryIO, path: str | os.PathLike[str]) -> Size | None:
    if Path(path).suffix.lower() in (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"):
        return None  # damaged
    try:
        from PIL import Image
    except ImportError:
        return None
    file.seek(0)
    try:
        with Image.open(file) as image:
            return image.height, image.width
    except Exception:  # of a damaged file Pillow raises errors of many kinds
        return None


def read_sizes(path: str | os.PathLike[str]) -> dict[Any, Size]:
    """Height and width of images by their ids, for `image_sizes=`, from a file, or from a folder of images.

    A folder: the names of its images without their ends, as the readers of folders name them. A file: JSON, {"image":
    [height, width], ...}, or the `images` of COCO (by their ids and file names); or lines "image,height,width", of
    which the first may be these words, in another order, too. The ends of names of images (".jpg") are left out.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none of these; the message names the line or the key.
    """
    if os.path.isdir(path):
        files = sorted(file for file in Path(path).rglob("*") if file.suffix.lower() in SUFFIXES)
        return {image_id(file.relative_to(path).as_posix()): size_of(file) for file in files}
    text, name = Path(path).read_bytes(), os.fspath(path)
    try:
        content = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name!r} is not UTF-8: {error}") from error
    if content.lstrip()[:1] in ("{", "["):
        return _sizes_of_json(content, name)
    return _with_numbers({image_id(image): size for image, size in _lines(content, name)})


def image_id(name: str) -> str:
    """The id of an image that only has a name: its path without the end."""
    stem, end = os.path.splitext(name.replace("\\", "/"))
    return stem if end.lower() in SUFFIXES else name


def _sizes_of_json(content: str, name: str) -> dict[Any, Size]:
    import json  # an evaluation of arrays imports this module, and reads no sizes

    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name!r} is not JSON: {error}") from error
    if isinstance(parsed, dict) and isinstance(parsed.get("images"), list):
        found: dict[Any, Size] = {}
        of_file: dict[Any, Size] = {}
        for i, image in enumerate(parsed["images"]):
            if not isinstance(image, Mapping) or not isinstance(image.get("id"), (int, str)):
                raise ValueError(f"{name!r}: images[{i}] must be a dict with 'id', 'height' and 'width'")
            found[image["id"]] = _size(image.get("height"), image.get("width"), f"{name!r}: images[{i}]")
            if isinstance(image.get("file_name"), str):
                of_file[image_id(image["file_name"])] = found[image["id"]]
        return {**of_file, **found}
    if not isinstance(parsed, dict):
        raise ValueError(f"{name!r} must hold sizes by image, {{'image': [height, width]}}, got a list")
    by_name: dict[str, Size] = {}
    for key, value in parsed.items():
        if not isinstance(value, list) or len(value) != 2:
            raise ValueError(f"{name!r}: {key!r} must be [height, width], got {value!r}")
        by_name[image_id(key)] = _size(value[0], value[1], f"{name!r}: {key!r}")
    return _with_numbers(by_name)


def listed_images(path: str | os.PathLike[str]) -> list[tuple[str, Size]]:
    """Names of images and their sizes, of lines "image,height,width". Raises OSError, ValueError as read_sizes."""
    try:
        return _lines(Path(path).read_text(encoding="utf-8-sig"), os.fspath(path))
    except UnicodeDecodeError as error:
        raise ValueError(f"{os.fspath(path)!r} is not UTF-8: {error}") from error


def _lines(content: str, name: str) -> list[tuple[str, Size]]:
    import csv

    columns: tuple[str, ...] = ("image", "height", "width")
    found: list[tuple[str, Size]] = []
    for number, row in enumerate(csv.reader(content.splitlines()), 1):
        words = [word.strip() for word in row]
        if not any(words):
            continue
        if not found and {"height", "width"} <= {word.lower() for word in words} and len(words) == 3:
            columns = tuple(word.lower() if word.lower() in ("height", "width") else "image" for word in words)
            continue
        if len(words) != 3:
            raise ValueError(f"{name!r}, line {number}: must be image,height,width, got {','.join(row)!r}")
        values = dict(zip(columns, words, strict=True))
        found.append((values["image"], _size(values["height"], values["width"], f"{name!r}, line {number}")))
    return found


def _size(height: Any, width: Any, place: str) -> Size:
    try:
        size = int(float(height)), int(float(width))
        is_right = min(size) > 0 and size == (float(height), float(width))
    except (TypeError, ValueError, OverflowError):
        is_right = False
    if not is_right:
        raise ValueError(
            f"{place}: height and width must be whole numbers above 0, got {height!r}, {width!r}"
        ) from None
    return size


def _with_numbers(found: dict[str, Size]) -> dict[Any, Size]:
    """The same, also by integers where a name is one: ids of images may be either."""
    numbers = {int(key): size for key, size in found.items() if key.isascii() and key.isdecimal() and len(key) < 19}
    return {**numbers, **found}
