"""From two Sources to Columns: ids become positions, shapes are read, flags are set, values are checked. All once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._warnings import warn
from ..formats.ids import joined_ids, label_positions, positions
from ..formats.source import Source
from ..formats.values import as_array
from ..kernels import arrays
from .columns import CROWD, GROUP_OF, ID_ZERO, IGNORE, KEEPS_FREE, Axes, Columns, Side
from .data_warnings import warn_of_scale
from .shapes import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = list[Any] | NDArray[np.int64] | None

ONE_CATEGORY = -1  # the id of the only category where categories are not used


def build_columns(
    gt: Source,
    dt: Source,
    shape: Shape,
    *,
    use_cats: bool = True,
    image_sizes: Any = None,
    in_pixels: bool = False,
    number_by_image: bool = False,
) -> Columns:
    """Columns of both sides. Detections of categories that gt does not list are left out, if it lists any.

    Labels are ids of categories, or their names where gt's ids are integers and have names.

    Both on one GPU stay there, if nothing needs the host: finite values, no ids of annotations, no size of an image.

    image_sizes: as for pymetrics.evaluate. in_pixels: the boxes were checked before; no warning about their scale.
    number_by_image: source_row is the place of a row among those of its image.

    Raises:
        ValueError: columns of unequal lengths; a value that is not finite; a row of an image or (of ground truth) a
            category that is not listed, unless the source drops them; a size of an image that is needed and missing.
        TypeError: image ids, or category ids, are integers and strings.
    """
    if not isinstance(dt.category, np.ndarray) and use_cats and image_sizes is None:
        columns = _on_device(gt, dt, shape, in_pixels)
        if columns is not None and number_by_image:
            columns = replace(columns, gt=_numbered(columns.gt), dt=_numbered(columns.dt))
        if columns is not None:
            return columns
    gt, dt, names = gt.on_host(), dt.on_host(), gt.axes.names
    gt.check()
    dt.check()
    if not in_pixels:
        warn_of_scale(gt, dt)
    image_ids, category_ids = _image_ids(gt, dt), _category_ids(gt, dt)
    n_rows = [len(source) * (not source.indexed) for source in (gt, dt, gt, dt)]
    room = arrays.empties(image_ids, *((n, "int32") for n in n_rows))
    gt_image, dt_image = (
        source.image if source.indexed else positions(source.image, image_ids, out)
        for source, out in zip((gt, dt), room[:2], strict=True)
    )
    gt_category, dt_category = (
        source.category if source.indexed else label_positions(source.category, category_ids, names, source.where, out)
        for source, out in zip((gt, dt), room[2:], strict=True)
    )
    _check_known(gt, dt, image_ids, gt_image, dt_image, gt_category)
    sizes, listed_sizes = None, _listed_sizes(gt, image_ids)
    if gt.shape.needs_sizes or dt.shape.needs_sizes:
        sizes = _sizes(image_sizes, gt, image_ids, listed_sizes)
    elif image_sizes is not None and (len(gt) or len(dt)):
        what = {"boxes": "boxes in pixels", "masks": "masks of runs and bitmaps"}.get(gt.shape.name, gt.shape.name)
        hint = "; if they are parts of the image, say normalized=True" if shape.iou_type == "bbox" else ""
        warn(f"image_sizes has no effect on {what}{hint}")
    dt_shape = shape.read(dt, _sizes_of_rows(dt, dt_image, image_ids, sizes))
    gt_shape = shape.read(gt, _sizes_of_rows(gt, gt_image, image_ids, sizes))
    gt_side = Side(gt_image, gt_category, gt_shape, _gt_area(gt, gt_shape, shape), _gt_flags(gt), np.empty(0))
    dt_side = Side(dt_image, dt_category, dt_shape, _dt_area(dt, dt_shape, shape), _dt_flags(dt), dt.scores)
    if number_by_image:
        gt_side, dt_side = _numbered(gt_side), _numbered(dt_side)
    return Columns(
        gt=_resolved("gt", gt, gt_side, shape, use_cats),
        dt=_resolved("dt", dt, dt_side, shape, use_cats),
        axes=Axes(
            image_ids=image_ids,
            category_ids=category_ids if use_cats else np.array([ONE_CATEGORY]),
            category_names=gt.axes.names if use_cats else {},
            image_sizes=listed_sizes,
            image_names=gt.axes.image_names,
        ),
        shape=shape,
    )


def _on_device(gt: Source, dt: Source, shape: Shape, in_pixels: bool) -> Columns | None:
    """Columns on the GPU where both sides are; None: the data goes to the host.

    The host waits for the ids of images and categories and for one flag.
    """
    if shape.unusual is None:
        arrays.warn_of_host(f'iou_type "{shape.iou_type}"')
        return None
    one_device = not isinstance(gt.category, np.ndarray) and gt.category.device == dt.category.device
    if gt.indexed or dt.indexed or not one_device or gt.ids is not None or dt.ids is not None:
        return None
    if gt.shape.needs_sizes or dt.shape.needs_sizes or gt.axes.categories is not None:
        return None
    gt_shape, dt_shape = shape.read(gt, None), shape.read(dt, None)
    torch = arrays.torch()
    unusual = torch.zeros(1, dtype=torch.int64, device=dt.category.device)
    if not in_pixels:
        unusual += sum(shape.unusual(columns, source.shape) for columns, source in ((gt_shape, gt), (dt_shape, dt)))
        unusual += sum(_not_finite(source) for source in (gt, dt))
        if gt.crowd is not None:
            unusual += ((gt.crowd != 0) & (gt.crowd != 1)).any().to(torch.int64)
    found_images = None if gt.axes.images is not None else _unique(gt.image, dt.image)
    image_ids, category_ids, is_unusual = _on_host(found_images, _unique(gt.category, dt.category), unusual)
    if is_unusual[0]:
        return None
    if gt.axes.images is not None:
        if gt.axes.images.dtype.kind != "i":
            return None
        image_ids = joined_ids(gt.axes.images)
    sides = []
    for source, columns in ((gt, gt_shape), (dt, dt_shape)):
        image, category = positions(source.image, image_ids), positions(source.category, category_ids)
        if source is gt:
            area, flags = _gt_area(gt, columns, shape), _gt_flags(gt)
        else:
            area, flags = _dt_area(dt, columns, shape), arrays.empty(0, "uint8", category)
        scores = arrays.empty(0, "float64", category) if source is gt else dt.scores
        sides.append(Side(image, category, columns, area, flags, scores))
    if found_images is None and not dt.shares_images:
        is_missing = [(side.image < 0).any().reshape(1).to(torch.int64) for side in sides]
        if any(arrays.to_ints(*is_missing)):
            return None
    return Columns(sides[0], sides[1], Axes(image_ids, category_ids, gt.axes.names), shape)


def _not_finite(source: Source) -> Any:
    """Above 0 where a value of the source's other columns is not finite."""
    columns = (source.scores, source.area, source.crowd, source.ignore, source.group_of)
    floats = [column for column in columns if column is not None and column.is_floating_point()]
    return sum((~arrays.torch().isfinite(column)).any().to(arrays.torch().int64) for column in floats)


def _unique(*columns: Any) -> Any:
    torch = arrays.torch()
    return torch.unique(torch.cat(list(columns)))


def _on_host(*columns: Any) -> list[Any]:
    """int64 columns on the host, in one copy; None stays None."""
    there = [column for column in columns if column is not None]
    values = arrays.to_host(arrays.torch().cat(there))
    parts = iter(np.split(values, np.cumsum([len(column) for column in there])[:-1]))
    return [None if column is None else next(parts) for column in columns]


def _image_ids(gt: Source, dt: Source) -> NDArray[Any]:
    if gt.axes.images is not None:
        return gt.axes.images if gt.indexed else joined_ids(gt.axes.images)
    return joined_ids(gt.image, dt.image, names=[source.where("image", 0) for source in (gt, dt)])


def _category_ids(gt: Source, dt: Source) -> NDArray[Any]:
    if gt.axes.categories is not None:
        return gt.axes.categories if gt.indexed else joined_ids(gt.axes.categories)
    first = [source.where("category", 0) for source in (gt, dt)]
    return joined_ids(gt.category, dt.category, names=first, kind="category ids")


def _check_known(gt: Source, dt: Source, known: NDArray[Any], gt_image: Any, dt_image: Any, gt_category: Any) -> None:
    for source, image in ((gt, gt_image), (dt, dt_image)):
        row = _first_negative(image)
        if row is not None and source.axes.unknown == "refuse":
            where = source.where("image", row)
            kind = {"i": "integers", "U": "strings"}[known.dtype.kind]
            hint = f" (gt's ids are {kind})" if source.image.dtype.kind != known.dtype.kind and len(known) else ""
            raise ValueError(f"{where} is {source.image[row].item()!r}, which is not an image of gt{hint}")
    row = _first_negative(gt_category)
    if row is not None and gt.axes.unknown == "refuse":
        value = gt.category[row].item()
        raise ValueError(f"{gt.where('category', row)} is {value!r}, which is not one of the categories")
    if gt.axes.unknown == "drop":
        return
    for places, name, kind in ((gt_image, "image", "images"), (gt_category, "category", "categories")):
        row = _first_negative(places)
        if row is not None:
            value = getattr(gt, name)[row].item()
            warn(
                f"{gt.where(name, row)} is {value!r}, which gt['{kind}'] does not list: as in pycocotools, "
                f"this annotation is left out, as are {int((places < 0).sum()) - 1} more"
            )


def _first_negative(places: Any) -> int | None:
    return int(np.argmax(places < 0)) if len(places) and places.min() < 0 else None


def _gt_area(gt: Source, columns: Any, shape: Shape) -> Any:
    if gt.area is None:
        return arrays.cast(shape.area(columns), "float64")
    return gt.area if gt.no_area is None else arrays.choose(gt.no_area, shape.area(columns), gt.area)


def _dt_area(dt: Source, columns: Any, shape: Shape) -> Any:
    """Of length 0 where it is the shape's own, for all rows."""
    if dt.area is None:
        return arrays.empty(0, "float64", dt.category)
    is_on_host = isinstance(dt.area, np.ndarray)
    if dt.no_area is None and not is_on_host:
        return dt.area
    own = shape.area(columns)
    area = dt.area if dt.no_area is None else arrays.choose(dt.no_area, own, dt.area)
    return np.empty(0) if is_on_host and np.array_equal(area, own) else area


def _gt_flags(gt: Source) -> Any:
    flags = arrays.empty(len(gt), "uint8", gt.category)
    flags[:] = 0
    for column, flag in ((gt.crowd, CROWD), (gt.ignore, IGNORE), (gt.group_of, GROUP_OF)):
        if column is not None:
            flags |= arrays.cast(column != 0, "uint8") * flag
    if gt.ids is not None:
        is_zero = gt.ids == 0 if isinstance(gt.ids, np.ndarray) else np.array([id == 0 for id in gt.ids], np.bool_)
        flags |= is_zero * np.uint8(ID_ZERO)
    return flags


def _dt_flags(dt: Source) -> Any:
    """Of length 0 where no flag is set."""
    if dt.ids is None:
        return np.empty(0, np.uint8)
    if isinstance(dt.ids, np.ndarray):
        free = dt.ids <= 0
    else:
        free = np.array([not isinstance(id, str) and id <= 0 for id in dt.ids], np.bool_)
    return free * np.uint8(KEEPS_FREE) if free.any() else np.empty(0, np.uint8)


def _numbered(side: Side) -> Side:
    """The side with source_row as the place of each row among those of its image."""
    return replace(side, source_row=place_in_image(arrays.to_host(side.image)))


def place_in_image(image: NDArray[Any]) -> NDArray[np.int64]:
    """int64 (N,): the place of each row among those of its image, of the images of all rows (N,)."""
    order = np.argsort(image, kind="stable")
    ordered = image[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))[: len(ordered)]
    place = np.empty(len(image), np.int64)
    place[order] = np.arange(len(image)) - np.repeat(starts, np.diff(np.append(starts, len(image))))
    return place


def _resolved(name: str, source: Source, side: Side, shape: Shape, use_cats: bool) -> Side:
    """The side with repeated ids resolved (DUPLICATE_IDS); without categories by category (ONE_CATEGORY_ORDER)."""
    found = None
    if not source.one_row_per_id:
        found = last_of_each_id(source.ids, side.image, side.category if use_cats else None)
    if found is not None:
        kept, order = found
        if (side.image[kept] != side.image[order]).any():
            warn(
                f"{name} has annotations of one id on different images: as in pycocotools, the last of them takes the "
                "place of all. Remedy: give each annotation an id of its own."
            )
        side = _reordered(side, order, shape)
    if not use_cats:
        side = _reordered(side, np.argsort(side.category, kind="stable"), shape)
        side = replace(side, category=np.minimum(side.category, 0))
    return side


def _reordered(side: Side, order: Any, shape: Shape) -> Side:
    columns = {name: value for name, value in vars(side).items() if name not in ("shape", "source_row")}
    columns = {name: column[order] if len(column) else column for name, column in columns.items()}
    source_row = order if side.source_row is None else side.source_row[order]
    return Side(shape=shape.take(side.shape, order), source_row=source_row, **columns)


def last_of_each_id(ids: Ids, image: Any, category: Any) -> tuple[Any, Any] | None:
    """Rows by image, and the last rows of their ids, which stand for them; None where no id repeats."""
    if ids is None:
        return None
    if isinstance(ids, np.ndarray):
        ordered = ids if bool((ids[1:] > ids[:-1]).all()) else np.sort(ids)
        if bool((ordered[1:] > ordered[:-1]).all()):
            return None
        ids = ids.tolist()
    last = {id: row for row, id in enumerate(ids)}
    if len(last) == len(ids):
        return None
    kept = np.flatnonzero(image >= 0 if category is None else (image >= 0) & (category >= 0))
    kept = kept[np.argsort(image[kept], kind="stable")]
    return kept, np.array([last[ids[row]] for row in kept.tolist()], dtype=np.int64)


def _listed_sizes(gt: Source, image_ids: NDArray[Any]) -> NDArray[np.float64] | None:
    """float64 (images, 2): the height and width that gt says of each image, NaN where it says none; or None."""
    if gt.axes.sizes is None or gt.indexed:
        return gt.axes.sizes
    sizes = np.empty((len(image_ids), 2))
    sizes[positions(gt.axes.images, image_ids)] = gt.axes.sizes
    return sizes


def _sizes(
    image_sizes: Any, gt: Source, image_ids: NDArray[Any], listed: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """float64 (images, 2): the height and width of each image, NaN where it is not known."""
    sizes = np.full((len(image_ids), 2), np.nan)
    if image_sizes is None:
        sizes = sizes if listed is None else listed
        is_wrong = ~np.isnan(sizes).any(axis=1) & ~((sizes > 0) & (sizes < np.inf)).all(axis=1)
        if is_wrong.any():
            row = int(is_wrong.argmax())
            height, width = sizes[row].tolist()
            raise ValueError(
                f"gt['images'] must say height and width above 0, got ({height:g}, {width:g}) of image "
                f"{image_ids[row].item()!r}"
            )
        return sizes
    size_of = image_sizes
    if not isinstance(size_of, Mapping):
        pairs = np.asarray(as_array(size_of, "image_sizes"))
        if pairs.shape == (2,):
            size_of = dict.fromkeys(image_ids.tolist(), pairs)
        elif gt.axes.images is not None and pairs.shape == (len(gt.axes.images), 2):
            size_of = dict(zip(gt.axes.images.tolist(), pairs, strict=True))
        else:
            raise ValueError(
                "image_sizes must be one (height, width), a dict of them by image id, or one for each item of a list "
                f"per image; got shape {pairs.shape}"
            )
    for i, id in enumerate(image_ids.tolist()):
        if id not in size_of:
            continue
        try:
            height, width = map(float, size_of[id])
        except (TypeError, ValueError):
            height = width = 0.0
        if not (0 < height < np.inf and 0 < width < np.inf):
            raise ValueError(f"image_sizes[{id!r}] must be (height, width), both above 0; got {size_of[id]!r}")
        sizes[i] = height, width
    return sizes


def _sizes_of_rows(source: Source, image: Any, image_ids: NDArray[Any], sizes: Any) -> Any:
    """float64 (N, 2), or None where the source needs none. Raises ValueError where one is missing."""
    if sizes is None or not source.shape.needs_sizes or not len(source) or not len(image_ids):
        return None
    images = image[source.shape.rows_with_sizes]
    unknown = np.isnan(sizes[images]).any(axis=1) & (images >= 0)
    if unknown.any():
        image_id = image_ids[images[np.argmax(unknown)]].item()
        raise ValueError(
            f"{source.shape.sizes_for} need image_sizes, which has no (height, width) for image {image_id!r}"
        )
    return sizes[image]
