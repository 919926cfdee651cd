"""convert(): a data set or detections of one format, written in another."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from .._records import record
from .._warnings import warn
from . import read_rows
from .coco_rows import dataset_of, numbered, results_of, rows_of_dataset, rows_of_results
from .detect import KINDS, NAMES, detect
from .image_sizes import image_id, read_sizes
from .json_files import read_json
from .lost import lost
from .parquet import SCHEMAS, with_runs
from .parquet import write as write_parquet
from .rows import Image, Rows, in_pixels
from .sides import side_of
from .writers import OF_FOLDERS, WRITERS, label_of

TARGETS = ("coco", *WRITERS, *SCHEMAS)
IOU_TYPES = ("bbox", "segm")


@record
class Converted:
    """What convert has written.

    path: where. side: "gt" or "dt". n_images, n_objects: how many were written. lost: what the format does not hold, in
    words, by a short name ("crowd", "areas", "rounding", ...); empty where evaluations are equal to the last bit.
    """

    path: str
    side: str
    n_images: int
    n_objects: int
    lost: dict[str, str]

    def __repr__(self) -> str:
        found = f"{self.n_objects} {'detections' if self.side == 'dt' else 'objects'}, {self.n_images} images"
        return f"<Converted {self.path!r}: {found}, lost: {', '.join(self.lost) or 'nothing'}>"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(vars(self))


def convert(
    source: Any,
    target: str | os.PathLike[str],
    format: str,
    *,
    gt: Any = None,
    side: Literal["gt", "dt"] | None = None,
    source_format: str | None = None,
    split: str | None = None,
    image_sizes: Any = None,
    iou_type: str = "bbox",
    overwrite: bool = False,
) -> Converted:
    """Write a data set, or detections, in another format.

    What was written is read back and compared. One warning names what the format does not hold, with counts. Without
    a warning, evaluations of both are equal to the last bit (of means to the last bit but one, where categories that
    were numbers become names: they are added in another order). It is written beside the target and renamed.

    Args:
        source: a path of a format of docs/formats.md, a COCO dict, or a list of results.
        target: the file ("coco", "cvat", "openimages", "parquet") or folder ("yolo", "voc") to write.
        format: of the target: "coco", "yolo", "voc", "cvat", "openimages", "parquet" (flat) or "parquet-nested".
        gt: for detections: the ground truth that they belong to, as `source`. It says names and sizes of images, names
            of categories, and the ids of both in COCO's results. COCO's results cannot be converted without.
        side: "gt" or "dt"; None: detections where source has scores.
        source_format: of the source; None: what is found there.
        split: which part of source, as for pymetrics.read.
        image_sizes: height and width of images where source does not say them: one (height, width), a dict by ids
            (names without the end), or a path that `pymetrics.formats.image_sizes.read_sizes` reads.
        iou_type: "bbox", boxes; "segm", masks: of YOLO and CVAT polygons instead of boxes, of Parquet runs beside them.
        overwrite: replace a target that exists.

    Returns:
        A Converted: path, side, n_images, n_objects, lost.

    Raises:
        FileExistsError: target is there, is not an empty folder, and overwrite is not said.
        OSError: something cannot be read or written.
        TypeError, ValueError: an argument or something in source is wrong; the message names it; a size that is needed
            is missing; names cannot be written (two categories of one name, "..").
    """
    if format not in TARGETS:
        raise ValueError(f"format must be one of {', '.join(TARGETS)}; got {format!r}")
    if iou_type not in IOU_TYPES:
        raise ValueError(f"iou_type must be one of {', '.join(IOU_TYPES)}; got {iou_type!r}")
    if side not in (None, "gt", "dt"):
        raise ValueError(f"side must be 'gt' or 'dt', got {side!r}")
    path = Path(target)
    _check_target(path, format, (source, gt), overwrite)
    kind, source = _opened(source, source_format, "source")
    if kind == format != "parquet":
        raise ValueError(f"source is {KINDS[kind]} already: nothing is converted")
    side = side or side_of(source, kind)
    if side == "gt" and gt is not None:
        raise ValueError("gt is for detections, and source is ground truth")
    sizes = read_sizes(image_sizes) if isinstance(image_sizes, (str, os.PathLike)) else image_sizes
    truth, lists_images = None, True
    if gt is not None:
        gt_kind, gt = _opened(gt, None, "gt")
        truth, lists_images = _rows(gt_kind, gt, "gt", None, None, sizes)[0], gt_kind != "openimages"
    rows, left_out = _rows(kind, source, side, split, truth, sizes, lists_images)
    rows = _known(rows, truth if side == "dt" else None)
    _check_names(rows, format, side)
    if format in SCHEMAS and iou_type == "segm":
        n_polygons = sum(bool(row.polygons) for row in rows.rows)
        if side == "dt" and kind == "coco":  # of results with boxes, pycocotools takes the boxes' areas
            boxed = (row if row.area is not None else replace(row, area=row.box[2] * row.box[3]) for row in rows.rows)
            rows = replace(rows, rows=list(boxed))
        rows = with_runs(rows, side)
        left_out |= {"points": f"the points of {n_polygons} polygons (their pixels stay)"} if n_polygons else {}

    path.parent.mkdir(parents=True, exist_ok=True)
    with _beside(path) as place:
        if format == "coco":
            content = dataset_of(rows) if side == "gt" else results_of(rows, truth)
            place.write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")
        elif format in SCHEMAS:
            write_parquet(rows, place, side, iou_type, SCHEMAS[format])
        else:
            WRITERS[format](rows, place, side, iou_type)
        back = _read_back(place, format, side, rows, truth)
        missing = left_out | lost(rows, back, side, iou_type)
        n_ignored = sum(row.ignore for row in rows.rows)
        if "coco" in (kind, format) and n_ignored and "ignore" not in missing:
            rule = "in COCO JSON they do, unless use_ignore=True (--use-ignore) is said"
            missing["use_ignore"] = f"whether {n_ignored} objects with `ignore` count: {rule}"
        _put(place, path)
    if missing:
        keeps_masks = "masks" in missing and format in ("yolo", "cvat", *SCHEMAS) and iou_type == "bbox"
        hint = "; iou_type='segm' (--iou-type segm) keeps masks" if keeps_masks else ""
        warn(f"{NAMES[format]} does not hold {'; '.join(missing.values())}{hint}")
    return Converted(os.fspath(target), side, len(rows.images or ()), len(rows.rows), missing)


def _opened(source: Any, kind: str | None, name: str) -> tuple[str, Any]:
    """The format, and the path or parsed content."""
    if isinstance(source, (Mapping, list, tuple)):
        return "coco", source
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"{name} must be a path, a COCO dict or a list of results, got {type(source).__name__}")
    if kind is not None and kind not in KINDS:
        raise ValueError(f"source_format must be one of {', '.join(KINDS)}; got {kind!r}")
    try:
        kind = kind or detect(source)
    except (OSError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
    return kind, read_json(source, name) if kind == "coco" else source


def _rows(
    kind: str,
    source: Any,
    side: Literal["gt", "dt"],
    split: str | None,
    gt: Rows | None,
    sizes: Any,
    lists_images: bool = True,
) -> tuple[Rows, dict[str, str]]:
    """One side as Rows in pixels; and what was left out, as Converted.lost. lists_images: whether gt names all."""
    left_out: dict[str, str] = {}
    if kind != "coco":
        rows = read_rows(source, side, kind, split)
    elif side == "gt":
        if not isinstance(source, Mapping):
            raise ValueError("gt: must be a COCO dict, got a list of results")
        rows, left_out = rows_of_dataset(source, "gt", "COCO JSON")
    else:
        if gt is None:
            raise ValueError("source holds results, which say ids alone: say gt, which has their names")
        results = source.get("annotations", []) if isinstance(source, Mapping) else source
        rows, left_out = rows_of_results(results, gt, "dt", "COCO JSON")
    if gt is not None and kind != "coco":
        rows, left_out = _aligned(rows, gt, lists_images)
    rows = _with_sizes(rows, sizes)
    known = {image.id: image.size for image in rows.images or () if image.size is not None}
    return in_pixels(rows, known, side), left_out


def _aligned(rows: Rows, gt: Rows, lists_images: bool) -> tuple[Rows, dict[str, str]]:
    """Detections with gt's images and ids of categories, by their names; and what was left out, as Converted.lost."""
    known = {image.id: image.id for image in gt.images or ()}
    by_last = Counter(id.rpartition("/")[2] for id in known)
    last = {id.rpartition("/")[2]: id for id in known if by_last[id.rpartition("/")[2]] == 1}
    number_of: dict[str, Any] = {image.id: image.number for image in rows.images or () if image.number is not None}
    of_number: dict[Any, str] = {image.number: image.id for image in gt.images or () if image.number is not None}
    id_of: dict[str, Any] = {name: id for id, name in gt.names.items()}
    found, n_elsewhere = [], 0
    for row in rows.rows:
        image = of_number.get(number_of.get(row.image)) or known.get(row.image)
        image = image or last.get(row.image.rpartition("/")[2])
        if image is None and not lists_images:
            n_elsewhere += 1
            continue
        if image is None:
            raise ValueError(f"dt: {row.file!r}: the image is {row.image!r}, which is not an image of gt")
        name = rows.names.get(row.category)
        category = row.category if name is None or rows.names == gt.names else id_of.get(name, row.category)
        if category not in gt.names:
            raise ValueError(f"dt: {row.file!r}: the category is {name or row.category!r}, which gt does not have")
        found.append(replace(row, image=image, category=category))
    left_out = {"unlisted": f"{n_elsewhere} detections of images without ground truth, which gt does not list"}
    return replace(rows, rows=found, images=gt.images, names=gt.names), left_out if n_elsewhere else {}


def _with_sizes(rows: Rows, sizes: Any) -> Rows:
    """The same with sizes from the argument image_sizes, where images have none; all images that rows name."""
    images = rows.images
    if images is None:
        images = [Image(id, id) for id in sorted({row.image for row in rows.rows})]
    if sizes is not None and not isinstance(sizes, Mapping):
        try:
            height, width = map(int, sizes)
        except (TypeError, ValueError):
            raise ValueError(f"image_sizes must be (height, width), a dict or a path; got {sizes!r}") from None
        sizes = {image.id: (height, width) for image in images}
    elif sizes is not None:
        sizes = {image_id(id) if isinstance(id, str) else id: size for id, size in sizes.items()}
    found = []
    for image in images:
        size = image.size
        if size is None and sizes is not None:
            size = sizes.get(image.id, sizes.get(image.number))
            try:
                size = None if size is None else (int(size[0]), int(size[1]))
                is_wrong = size is not None and min(size) < 1
            except (TypeError, ValueError, IndexError):
                is_wrong = True
            if is_wrong:
                raise ValueError(f"image_sizes[{image.id!r}] must be (height, width), got {sizes[image.id]!r}")
        found.append(replace(image, size=size))
    return replace(rows, images=found)


def _known(rows: Rows, truth: Rows | None) -> Rows:
    """The same with a name for each category, in the order of ids, and the images of the ground truth."""
    names: dict[Any, str] = dict(rows.names if truth is None else truth.names)
    for row in rows.rows:
        names.setdefault(row.category, str(row.category))
    ordered = {id: names[id] for id in sorted(names, key=lambda id: (isinstance(id, str), id))}
    return replace(rows, names=ordered, images=rows.images if truth is None else truth.images)


def _check_names(rows: Rows, format: str, side: str) -> None:
    twice = next((name for name, n in Counter(rows.names.values()).items() if n > 1), None)
    if format in SCHEMAS:
        return
    if twice is not None and format != "coco":
        ids = [id for id, name in rows.names.items() if name == twice]
        raise ValueError(f"two categories are named {twice!r} ({ids[0]!r} and {ids[1]!r}), which {format} cannot hold")
    for id, name in rows.names.items():
        if format not in ("coco", "yolo") and (not name or name != name.strip()):
            raise ValueError(f"the category {id!r} is named {name!r}: {format} needs a name without spaces around it")
    if format not in OF_FOLDERS:
        return
    for image in rows.images or ():
        parts = image.id.split("/")
        if not all(parts) or {".", ".."} & set(parts) or "\0" in image.id:
            raise ValueError(f"the image {image.name!r} has a name that no file in a folder can have")
        if format == "voc" and side == "dt" and image.id.split() != [image.id]:
            raise ValueError(f"the image {image.name!r} has spaces in its name, which VOC's results cannot hold")
    for name in rows.names.values():
        if format == "voc" and side == "dt" and ("/" in name or "\0" in name or name in ("", ".", "..")):
            raise ValueError(f"the category {name!r} has a name that no file can have, as VOC's results need")


def _read_back(place: Path, format: str, side: Literal["gt", "dt"], rows: Rows, truth: Rows | None) -> Rows:
    """What was written, with the ids of categories that it had."""
    sizes = {image.id: image.size for image in rows.images or () if image.size is not None}
    try:
        if format in SCHEMAS:
            back = read_rows(place, side, "parquet")
            return in_pixels(back if side == "gt" else replace(back, images=rows.images), sizes, side)
        if format != "coco":
            back = read_rows(place, side, format)
        elif side == "gt":
            back = rows_of_dataset(read_json(place, side), side, "")[0]
        else:
            back = rows_of_results(read_json(place, side), rows if truth is None else numbered(truth), side, "")[0]
        id_of = {label_of(rows, id, format): id for id in rows.names}
        names: dict[Any, str] = {} if format == "openimages" else dict(back.names)
        found = [replace(row, category=id_of[names.get(row.category, str(row.category))]) for row in back.rows]
        images = back.images if side == "gt" else rows.images
        return in_pixels(replace(back, rows=found, images=images), sizes, side)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{format} cannot hold this: what was written cannot be read back: {error}") from error


def _check_target(path: Path, format: str, sources: tuple[Any, ...], overwrite: bool) -> None:
    """Refuse a target that is there, or of the wrong kind, or in which a source lies."""
    is_there = path.is_file() or (path.is_dir() and any(path.iterdir()))
    if is_there and not overwrite:
        raise FileExistsError(f"target {str(path)!r} is there: say overwrite=True (--overwrite) to replace it")
    if path.is_dir() and format not in OF_FOLDERS:
        raise IsADirectoryError(f"target {str(path)!r} is a folder; {format} is written to a file")
    if path.is_file() and format in OF_FOLDERS:
        raise NotADirectoryError(f"target {str(path)!r} is a file; {format} is written to a folder")
    for source in sources:
        if not isinstance(source, (str, os.PathLike)) or not path.exists():
            continue
        own = Path(source).resolve()
        if path.resolve() in (own, *own.parents):
            raise ValueError(f"target {str(path)!r} holds {os.fspath(source)!r}, which it would overwrite")


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A place to write to, in the folder of the target, so that a rename puts it there."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder, "written")


def _put(place: Path, path: Path) -> None:
    if path.is_dir():
        path.rename(place.parent / "old")
    os.replace(place, path)
