"""What a reader is told besides its source."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from .._records import record
from .boxes import LAYOUTS, BoxFormat, as_box_format
from .table_options import TableOptions

COMPARED = {"segm": "masks", "boundary": "masks", "keypoints": "keypoints", "keypoints_crowd": "keypoints"}


@record
class ReadOptions:
    """How one side of an evaluation is read.

    argument: its name in errors, which also says what it holds: "gt" or "dt".
    iou_type: which shapes are read.
    box_format, normalized: how the boxes are laid out; box_format None: the default of each kind of source.
    first_image: the number of the first image in a list per image without image ids.
    images: the ids of the items of the other list per image, which this one follows; None where there is none.
    use_ignore: the key `ignore` of COCO annotations is read.
    tables: how tables are read.
    kind: what a path leads to, a key of formats.detect.KINDS; None: what is found there.
    split: which part: of a YOLO data set a key of data.yaml, of VOC a name in ImageSets/Main; None: the usual one.
    """

    argument: Literal["gt", "dt"]
    iou_type: str = "bbox"
    box_format: str | None = None
    normalized: bool = False
    first_image: int = 0
    images: Any = None
    use_ignore: bool = False
    tables: TableOptions = field(default_factory=TableOptions)
    kind: str | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        if self.compares != "boxes" and (self.box_format is not None or self.normalized):
            given = "normalized=True" if self.box_format is None else f"box_format={self.box_format!r}"
            raise ValueError(
                f"iou_type {self.iou_type!r} compares {self.compares}, of which {given} says nothing: leave it out"
            )

    @property
    def compares(self) -> str:
        """What is read: "boxes", "masks" or "keypoints"."""
        return COMPARED.get(self.iou_type, "boxes")

    def format(self, default: str) -> BoxFormat:
        """The format of the boxes in a source; `default`: its layout where none is said.

        The default of an iou_type that lacks this layout is its own first one.
        """
        layouts = LAYOUTS.get(self.iou_type, LAYOUTS["bbox"])
        if default not in layouts:
            default = next(iter(layouts))
        return as_box_format(self.box_format or default, self.normalized, self.iou_type)
