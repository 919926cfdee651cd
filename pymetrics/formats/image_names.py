"""Names of images: `file_name` of COCO's images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._arrays import Ids


class ImageNames(Mapping[Any, str]):
    """`file_name` of images by id, where it is a string; read when it is first asked for, since few evaluations do.

    Args:
        ids: int64 or str (N,), of the images.
        images: N images of COCO, dicts; or a list of N values of `file_name` in JSON.
    """

    def __init__(self, ids: Ids, images: Sequence[Mapping[str, Any]] | bytes) -> None:
        self._ids, self._images = ids, images

    @cached_property
    def _names(self) -> dict[Any, str]:
        if isinstance(self._images, bytes):
            import json

            names = json.loads(self._images)
        else:
            names = [image.get("file_name") for image in self._images]
        return {id: name for id, name in zip(self._ids.tolist(), names, strict=True) if isinstance(name, str)}

    def __getitem__(self, id: Any) -> str:
        return self._names[id]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(self._names)

    def __reduce__(self) -> tuple[type, tuple[dict[Any, str]]]:
        return dict, (self._names,)
