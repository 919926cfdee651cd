"""What COCO and LVIS share: public attributes that are made of a file's text when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .lazy_dataset import Kept, opening


class LazyAttributes:
    """An object with the attributes dataset, anns, cats, imgs and the two that a subclass names.

    BY_IMAGE, BY_CATEGORY: the names of its annotations by image id and of its image ids by category id.
    """

    BY_IMAGE: ClassVar[str]
    BY_CATEGORY: ClassVar[str]
    _kept: Any = None  # of a file, while there are no dicts of its annotations

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

    def __copy__(self) -> Any:
        self._open()  # for copies share their dicts
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        return other
