"""What COCO and LVIS share: public attributes that are made of a file's text when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from ..formats.boxes import RawBoxes
from ..formats.coco import XYWH, where_of
from ..formats.coco_file import has_other_crowds, has_other_ignore, with_ignore
from ..formats.options import ReadOptions
from ..formats.source import Source
from .lazy_dataset import Ann, Kept, opening


class LazyAttributes:
    """An object with the attributes dataset, anns, cats, imgs and the two that a subclass names.

    BY_IMAGE, BY_CATEGORY: the names of its annotations by image id and of its image ids by category id.
    """

    BY_IMAGE: ClassVar[str]
    BY_CATEGORY: ClassVar[str]
    _kept: Any = None  # of a file, while there are no dicts of its annotations

    @cached_property
    def dataset(self) -> dict[str, Any]:
        return self._opened("dataset")  # type: ignore[no-any-return]

    @cached_property
    def anns(self) -> dict[Any, Ann]:
        return self._opened("anns")  # type: ignore[no-any-return]

    @cached_property
    def imgs(self) -> dict[Any, Ann]:
        # All at once: training code reads imgs before it forks workers, so that the workers share the dicts.
        return self._opened("imgs")  # type: ignore[no-any-return]

    def _public(self) -> set[str]:
        return {"dataset", "anns", "cats", "imgs", self.BY_IMAGE, self.BY_CATEGORY}

    def _opened(self, name: str, alone: Callable[[Kept], Any] | None = None) -> Any:
        """A public attribute that is asked for; `alone` makes it and nothing else."""
        with opening():
            if self._kept is not None and alone is not None:
                vars(self).setdefault(name, alone(self._kept))
            else:
                self._open()
        if name not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return vars(self)[name]

    def _open(self) -> None:
        """Make every public attribute that is not there yet."""
        with opening():
            if self._kept is not None:
                for name, value in self._kept.opened(self.BY_IMAGE, self.BY_CATEGORY).items():
                    vars(self).setdefault(name, value)
                self._kept = None

    def _keep(self, kept: Kept) -> None:
        """Be what is kept of a file."""
        for name in self._public():
            vars(self).pop(name, None)
        self._kept = kept

    def _unopened(self) -> Kept | None:
        """The unparsed data set, if no attribute through which annotations can be changed was given out."""
        return None if vars(self).keys() & {"dataset", "anns", self.BY_IMAGE} else self._kept

    def evaluation_source(self, options: ReadOptions) -> Source | None:
        """For pymetrics.evaluate: what it would read from `dataset`; None: let it do so."""
        kept = self._unchanged()
        if kept is None or kept.order is not None or (kept.source.scores is None) != (options.argument == "gt"):
            return None
        source = None
        if options.compares == "masks":
            source = kept.masks_as_read()
        elif options.iou_type == "bbox" and options.format("xywh") == XYWH and isinstance(kept.source.shape, RawBoxes):
            source = kept.evaluation_source()
        if source is None or has_other_crowds(source) or (options.use_ignore and has_other_ignore(source)):
            return None
        if options.argument == "dt":
            return replace(source, where=where_of("dt['annotations']"))
        return with_ignore(source) if options.use_ignore else source

    def evaluation_values(self, *keys: str) -> dict[str, Any] | None:
        """For pymetrics.evaluate: values of `dataset`, not to be stored; None: let it look there."""
        kept = self._unchanged()
        return None if kept is None else {key: kept.sections[key].peek() for key in keys}

    def _unchanged(self) -> Kept | None:
        """As _unopened, and the images and categories were not given out, either."""
        return None if vars(self).keys() & {"cats", "imgs"} else self._unopened()

    def __copy__(self) -> Any:
        self._open()  # for copies share their dicts
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        return other
