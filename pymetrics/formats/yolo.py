"""YOLO data sets: one text file per image, with a row `class cx cy w h [conf]` or `class x1 y1 x2 y2 ... [conf]`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .._records import record
from .boxes import BoxFormat
from .data_yaml import SPLITS, names_of, read_yaml
from .detect import NO_LABELS
from .fine import LONG, low_part
from .image_sizes import SIZES_FILE, SUFFIXES, image_id, listed_images, size_of
from .rows import Image, Row, Rows, place_of

YOLO = BoxFormat("cxcywh", normalized=True)
YAMLS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
LEAST_POLYGON = 6  # numbers of a polygon
MOST_CLASS = 2**31


@record
class _Place:
    """Where a data set lies. labels: folder of its text files. images: of its images, or None; listed: these files
    alone, or None. yaml: its data.yaml, parsed, and path. sizes: a file that lists images in place of their folder."""

    labels: Path
    images: Path | None
    listed: list[Path] | None
    yaml: tuple[dict[str, Any], Path] | None
    sizes: Path | None = None


def read(path: str | os.PathLike[str], side: str, split: str | None = None) -> Rows:
    """A data set or detections.

    Args:
        path: data.yaml, or a folder: that of data.yaml, one of `images` and `labels`, or one of text files.
        side: "gt" or "dt"; rows of "dt" have a confidence at their end.
        split: a key of data.yaml; None: "val", or the only one whose folder is there.

    Raises:
        OSError: a file cannot be read.
        ValueError: a row is none of these, or something else is wrong; the message names the file, line and value.
    """
    place = _place(Path(path), side, split)
    names = _names(place, side)
    n_points = _keypoint_numbers(place)
    files = _label_files(place)
    rows: list[Row] = []
    for id, file in files.items():
        rows += _rows_of(id, file, side, names, n_points)
    images = None
    if side == "gt" and (place.images is not None or place.sizes is not None):
        images = _images(place, side) if place.sizes is None else _listed_images(place.sizes, side)
        known = {image.id for image in images}
        for id, file in files.items():
            if id not in known:
                folder = str(place.sizes or place.images)
                raise ValueError(f"{place_of(side, str(file))}: there is no image of its name in {folder!r}")
    elif side == "gt":
        images = [Image(name, name) for name in files]
    return Rows("a YOLO data set", rows, YOLO, images, names, bool(names))


def _place(path: Path, side: str, split: str | None) -> _Place:
    yaml: Path | None = path
    if path.is_dir():
        yaml = next((path / name for name in YAMLS if (path / name).is_file()), None)
    if yaml is None and path.is_dir():
        own = [file for file in sorted(path.glob("*.y*ml")) if file.suffix in (".yaml", ".yml")]
        yaml = own[0] if len(own) == 1 else None
    if yaml is not None:
        content = _yaml(yaml, side)
        path = yaml.parent
        if any(content.get(key) for key in SPLITS):
            return _of_split(content, yaml, side, split)
    if split is not None:
        raise ValueError(f"{side}: split={split!r} needs a data.yaml that names it, which {str(path)!r} has not")
    if (path / "labels").is_dir():
        images = path / "images"
        return _Place(path / "labels", images if images.is_dir() else None, None, _yaml_near(path, side))
    return _Place(path, _images_of_labels(path), None, _yaml_near(path, side))


def _images_of_labels(labels: Path) -> Path | None:
    """The folder of the images: the same one, or that whose name has `images` in place of the last `labels`."""
    if any(file.suffix.lower() in SUFFIXES for file in labels.iterdir()):
        return labels
    parts = list(labels.absolute().parts)
    for i in range(len(parts) - 1, 0, -1):
        if parts[i] == "labels":
            images = Path(*parts[:i], "images", *parts[i + 1 :])
            return images if images.is_dir() else None
    return None


def _yaml(path: Path, side: str) -> dict[str, Any]:
    try:
        return read_yaml(path)
    except ValueError as error:
        raise ValueError(f"{side}: {error}") from error


def _yaml_near(folder: Path, side: str) -> tuple[dict[str, Any], Path] | None:
    """A data.yaml in the folder, or in one of the two around it."""
    for around in (folder, *list(folder.absolute().parents)[:2]):
        for name in YAMLS:
            if (around / name).is_file():
                return _yaml(around / name, side), around / name
    return None


def _of_split(content: dict[str, Any], yaml: Path, side: str, split: str | None) -> _Place:
    root = Path(str(content.get("path") or ""))
    bases = [yaml.parent / root, yaml.parent, root]  # a data set that was moved keeps its path of before
    there = [key for key in content if key in SPLITS and content[key]]
    if split is not None and not content.get(split):
        raise ValueError(f"{side}: {str(yaml)!r} has no {split!r}; it has {', '.join(there)}")
    for key in [split] if split else sorted(there, key=lambda key: key != "val"):
        target = content[str(key)]
        if isinstance(target, list):
            if len(target) != 1:
                raise ValueError(f"{side}: {str(yaml)!r}: {key} names {len(target)} folders; one is read")
            target = target[0]
        for base in bases:
            found = base / str(target)
            if str(target).startswith("../") and not os.path.exists(found):
                found = base / str(target)[3:]  # as Roboflow writes it
            if os.path.isdir(found):  # False, too, where a name is too long
                images = found / "images" if (found / "images").is_dir() else found
                labels = _labels_of_images(images)
                if labels is None:
                    raise ValueError(f"{side}: there is no folder of labels for {str(images)!r}, which {key} names")
                return _Place(labels, images, None, (content, yaml))
            if os.path.isfile(found):
                return _of_list(found, base, (content, yaml), side)
        if split or key == there[-1]:
            break
    labels, sizes = yaml.parent / "labels", yaml.parent / SIZES_FILE
    if labels.is_dir() and sizes.is_file():
        return _Place(labels, None, None, (content, yaml), sizes)
    raise ValueError(f"{side}: {str(yaml)!r} names {content[str(key)]!r} for {key!r}, which is not there")


def _labels_of_images(images: Path) -> Path | None:
    parts = list(images.absolute().parts)
    for i in range(len(parts) - 1, 0, -1):
        if parts[i] == "images":
            labels = Path(*parts[:i], "labels", *parts[i + 1 :])
            return labels if labels.is_dir() else None
    return images  # labels beside the images


def _of_list(path: Path, base: Path, yaml: tuple[dict[str, Any], Path], side: str) -> _Place:
    """A text file with one path of an image a line."""
    files = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="surrogateescape").splitlines(), 1):
        if line.strip():
            file = Path(line.strip())
            candidates = [file, path.parent / file, base / file]
            found = next(filter(os.path.isfile, candidates), None)
            if found is None:
                raise ValueError(f"{place_of(side, str(path), number)}: no such image: {line.strip()!r}")
            files.append(found)
    if not files:
        raise ValueError(f"{side}: {str(path)!r} names no image")
    folder = Path(os.path.commonpath([file.absolute().parent for file in files]))
    labels = _labels_of_images(folder)
    if labels is None:
        raise ValueError(f"{side}: there is no folder of labels for {str(folder)!r}")
    return _Place(labels, folder, [file.absolute() for file in files], yaml)


def _names(place: _Place, side: str) -> dict[int, str]:
    if place.yaml is not None:
        try:
            return names_of(*place.yaml)
        except ValueError as error:
            raise ValueError(f"{side}: {error}") from error
    for folder in (place.labels, place.labels.absolute().parent):
        for name in ("classes.txt", "obj.names"):
            if (folder / name).is_file():
                lines = (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
                return dict(enumerate(line.strip() for line in lines if line.strip()))
    return {}


def _keypoint_numbers(place: _Place) -> int:
    """How many numbers the keypoints of a row take: `kpt_shape` of data.yaml; 0 where there are none."""
    shape = place.yaml[0].get("kpt_shape") if place.yaml is not None else None
    if isinstance(shape, list) and len(shape) == 2 and all(type(n) is int and 0 < n < 10**6 for n in shape):
        return int(shape[0] * shape[1])
    return 0


def _label_files(place: _Place) -> dict[str, Path]:
    """The text files by the ids of images, in ascending order."""
    if place.listed is not None and place.images is not None:
        names = [file.relative_to(place.images).with_suffix("") for file in place.listed]
        files = [place.labels / name.parent / f"{name.name}.txt" for name in names]
        files = [file for file in files if file.is_file()]
    else:
        files = [
            Path(root, name)
            for root, _, found in os.walk(place.labels)
            for name in found
            if name.endswith(".txt") and name not in NO_LABELS
        ]
    pairs = {os.path.relpath(file, place.labels).replace(os.sep, "/")[:-4]: file for file in files}
    return {id: pairs[id] for id in sorted(pairs)}


def _listed_images(path: Path, side: str) -> list[Image]:
    try:
        images = [Image(image_id(name), name, size) for name, size in listed_images(path)]
    except ValueError as error:
        raise ValueError(f"{side}: {error}") from error
    return sorted(images, key=lambda image: image.id)


def _images(place: _Place, side: str) -> list[Image]:
    folder = place.images
    assert folder is not None
    files = place.listed
    if files is None:
        files = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
        files = [file for file in files if file.suffix.lower() in SUFFIXES]
    found: dict[str, Image] = {}
    for file in sorted(files):
        name = os.path.relpath(file, folder).replace(os.sep, "/")
        id = image_id(name)
        if id in found:
            raise ValueError(f"{side}: two images are named {id!r}: {found[id].name!r} and {name!r}")
        try:
            found[id] = Image(id, name, size_of(file))
        except ValueError as error:
            raise ValueError(f"{side}: {error}") from error
    return [found[id] for id in sorted(found)]


def _rows_of(id: str, file: Path, side: str, names: dict[int, str], n_points: int) -> list[Row]:
    """The rows of one file."""
    rows, path = [], str(file)
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            values = [float(word) for word in words]
        except ValueError:
            wrong = next(word for word in words if not _is_number(word))
            raise ValueError(f"{place_of(side, path, number)}: must hold numbers, got {_shown(wrong)}") from None
        category = values[0]
        if not (category >= 0 and category.is_integer() and category < MOST_CLASS):
            got = _shown(words[0])
            raise ValueError(f"{place_of(side, path, number)}: the class must be a whole number from 0 on, got {got}")
        if names and int(category) not in names:
            got = f"{int(category)}, which is not among the {len(names)} names"
            raise ValueError(f"{place_of(side, path, number)}: the class is {got}")
        box, polygons, score = _parsed(values[1:], side, path, number, n_points)
        low = None
        numbers = words[1:5] if polygons is None else words[1 : 1 + len(polygons[0])]
        if len(line) > LONG and max(map(len, numbers)) > LONG:
            low = tuple(map(low_part, numbers))
        rows.append(Row(id, int(category), box, path, number, score, polygons, low=low))
    return rows


def _parsed(
    values: list[float], side: str, path: str, number: int, n_points: int
) -> tuple[list[float], list[list[float]] | None, float | None]:
    """box, polygons, score of a row's numbers behind the class."""
    score, n = None, len(values)
    if side == "dt":
        if n in (4, 4 + n_points) or (n % 2 == 0 and not n_points and n >= LEAST_POLYGON):
            raise ValueError(
                f"{place_of(side, path, number)}: has no confidence, which detections have at the end of each row "
                "(of Ultralytics: save_conf=True)"
            )
        score, values = values[-1] if values else None, values[:-1]
    elif n == 5 or (n_points and n == 5 + n_points):
        raise ValueError(
            f"{place_of(side, path, number)}: has {n} numbers behind the class; is the last one a confidence?"
        )
    if len(values) in (4, 4 + n_points):
        return values[:4], None, score
    if n_points or len(values) < LEAST_POLYGON or len(values) % 2:
        what = f"4 or {4 + n_points} numbers" if n_points else "4 numbers, or the points of a polygon,"
        raise ValueError(
            f"{place_of(side, path, number)}: must have {what} behind the class"
            f"{' and a confidence' if side == 'dt' else ''}, got {n}"
        )
    x, y = values[::2], values[1::2]
    left, top, right, bottom = min(x), min(y), max(x), max(y)
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], [values], score


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _shown(word: bytes) -> str:
    text = word.decode(errors="replace")
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
