"""The pixels of a data set's images, by image id: of a folder, a mapping or a function; or blank canvases."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..evaluation.result import Result
from ..formats.values import as_array, widen

if TYPE_CHECKING:
    from PIL.Image import Image

BLANK = (236, 236, 233)  # the colour of a canvas without pixels
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
Sizes = Mapping[Any, tuple[int, int]]


def pillow() -> Any:
    """PIL.Image, imported. Raises ImportError, which says how to install it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"images need Pillow: pip install 'pymetrics-detection[images]' ({error})") from error
    return Image


class Images:
    """Pictures by image id; each is opened when it is asked for, and none is kept.

    Args:
        source: a folder, in which files have the names of the data (or are called as the id, with the ending of an
            image); a mapping from image id; or a function of the image id. These give a path, a PIL image, or a uint8
            array (height, width, 3) or (height, width). None: blank canvases of the images' sizes.
        sizes: height and width in pixels by image id, where the data has them. Boxes are in pixels of this size.
        names: names of files by image id, where the data has them.

    Raises:
        TypeError: source is none of these.
        ValueError: the folder does not exist.
    """

    def __init__(self, source: Any = None, sizes: Sizes | None = None, names: Mapping[Any, str] | None = None) -> None:
        self.source, self.sizes, self.names = source, sizes or {}, names or {}
        if isinstance(source, (str, os.PathLike)):
            if not Path(source).is_dir():
                raise ValueError(f"images must be a folder that exists, got {os.fspath(source)!r}")
        elif not (source is None or isinstance(source, Mapping) or callable(source)):
            raise TypeError(
                "images must be a folder, a mapping from image id, a function of the image id or None, got "
                f"{type(source).__name__}"
            )

    def name(self, image_id: Any) -> str:
        """What the image is called: its file's name in the data, or else its id."""
        return str(self.names.get(image_id, image_id))

    def open(self, image_id: Any, otherwise: tuple[int, int] | None = None) -> Image:
        """The picture, in RGB. otherwise: height and width of a blank canvas where neither pixels nor a size are known.

        Raises:
            ValueError: the picture is missing or cannot be read; or it has another size than the data says; or there
                are neither pixels nor a size.
            ImportError: Pillow is not installed.
        """
        size = self.sizes.get(image_id)
        if self.source is None:
            size = size or otherwise
            if size is None:
                raise ValueError(f"image {image_id!r} has neither pixels nor a size: name a folder of images")
            return pillow().new("RGB", (size[1], size[0]), BLANK)
        found = self._opened(image_id)
        if size is not None and (found.height, found.width) != tuple(size):
            raise ValueError(
                f"image {image_id!r} ({self.name(image_id)}) is {found.width} x {found.height} pixels, but the data "
                f"says {size[1]} x {size[0]}: boxes would be drawn at wrong places"
            )
        return found

    def _opened(self, image_id: Any) -> Image:
        found = self._found(image_id)
        if not isinstance(found, (str, os.PathLike)):
            return as_rgb(found, f"images[{image_id!r}]")
        try:
            with pillow().open(found) as opened:
                return opened.convert("RGB")
        except (OSError, ValueError, SyntaxError) as error:  # Pillow raises SyntaxError of some damaged files
            raise ValueError(f"image {image_id!r} cannot be read from {os.fspath(found)!r}: {error}") from error

    def _found(self, image_id: Any) -> Any:
        """A path, or an image."""
        source = self.source
        if isinstance(source, Mapping):
            if image_id not in source:
                raise ValueError(f"images has no image {image_id!r}")
            return source[image_id]
        if callable(source):
            return source(image_id)
        folder = Path(source)
        wanted = [folder / self.names[image_id]] if image_id in self.names else []
        if wanted and not _is_inside(wanted[0], folder):
            raise ValueError(f"the file name of image {image_id!r} leads out of the folder: {self.names[image_id]!r}")
        if wanted:
            wanted.append(folder / wanted[0].name)  # data that names "val2017/x.jpg", and the folder val2017
        elif isinstance(image_id, str):
            wanted += [folder / image_id] if _is_inside(folder / image_id, folder) else []
        if not wanted or wanted == [folder / str(image_id)]:
            stems = (str(image_id), *((f"{image_id:012d}",) if isinstance(image_id, int) and image_id >= 0 else ()))
            wanted += [folder / f"{stem}{end}" for stem in stems for end in ENDINGS]
            wanted = [path for path in wanted if _is_inside(path, folder)]
        for path in wanted:
            if path.is_file():
                return path
        raise ValueError(f"image {image_id!r} ({self.name(image_id)}) is not in the folder {os.fspath(source)!r}")


def _is_inside(path: Path, folder: Path) -> bool:
    root = os.path.abspath(folder)
    return os.path.commonpath([root, os.path.abspath(path)]) == root


def as_rgb(image: Any, name: str) -> Image:
    """A PIL image in RGB of a PIL image, or of an array or tensor (height, width[, 3]) or (3, height, width).

    uint8 from 0 to 255; floats from 0 to 1.

    Raises:
        TypeError: it is none of these.
        ValueError: its shape or dtype is none of these.
    """
    library = pillow()
    if isinstance(image, library.Image):
        return image.convert("RGB")
    if not hasattr(image, "__array__"):
        raise TypeError(f"{name} must be a path, a PIL image or an array, got {type(image).__name__}")
    pixels = widen(as_array(image, name))
    if pixels.ndim == 3 and pixels.shape[2] not in (1, 3) and pixels.shape[0] in (1, 3):
        pixels = np.moveaxis(pixels, 0, 2)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3) or 0 in pixels.shape:
        raise ValueError(f"{name} must have the shape (height, width, 3) or (3, height, width), got {pixels.shape}")
    if pixels.dtype.kind == "f":
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            raise ValueError(f"{name} of dtype {pixels.dtype} must hold values from 0 to 1")
        pixels = np.rint(pixels * 255).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ValueError(f"{name} must have the dtype uint8 or a floating one, got {pixels.dtype}")
    return library.fromarray(pixels).convert("RGB")


def images_of(
    result: Result, source: Images | str | os.PathLike[str] | Mapping[Any, Any] | Callable[..., Any] | bool | None
) -> Images:
    """The pictures of a result's images: sizes and names are those of its data.

    source: as `Images` takes it; True, as None, for blank canvases. An `Images` stays as it is.
    """
    if isinstance(source, Images):
        return source
    if source is True:
        source = None
    columns = result.columns
    if columns is None:
        return Images(source)
    axes = columns.axes
    sizes: dict[Any, tuple[int, int]] = {}
    if axes.image_sizes is not None:
        known = np.isfinite(axes.image_sizes).all(axis=1)
        pairs = axes.image_sizes[known].astype(np.int64).tolist()
        sizes = {id: (h, w) for id, (h, w) in zip(axes.image_ids[known].tolist(), pairs, strict=True)}
    return Images(source, sizes, axes.image_names)
