"""How tables are read, as users say it."""

from typing import Any

from .._records import record


@record
class TableOptions:
    """How tables are read.

    columns: a preset's name, or names of columns by key, of both sides; or {"gt": ..., "dt": ...}. order: as for
    pymetrics.evaluate. images, categories: as for GroundTruths; of ground truth.
    """

    columns: Any = None
    order: str | None = None
    images: Any = None
    categories: Any = None

    @property
    def given(self) -> str | None:
        """The first argument that was given."""
        return next((name for name, value in vars(self).items() if value is not None), None)
