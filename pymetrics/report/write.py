"""Write the report of one or several results."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..evaluation.result import Result
from ..formats.write_file import write_file
from .contents import make_contents
from .curves import missing
from .html import section
from .page import make_page

if TYPE_CHECKING:
    from ..analysis import Bootstrap, Comparison


def write_report(
    path: str | os.PathLike[str],
    results: Mapping[str, Result],
    comparison: Comparison | None = None,
    *,
    images: Any = None,
    costs: Mapping[str, Mapping[str, float]] | None = None,
    slices: Mapping[str, Iterable[Any]] | None = None,
    title: str | None = None,
    class_names: Mapping[Any, str] | None = None,
    intervals: Mapping[str, Bootstrap] | None = None,
    n: int = 1000,
    seed: int = 0,
    command: str | None = None,
) -> None:
    """Write one HTML file about one or several results. It needs nothing but itself to be shown.

    The file is written beside `path` and then renamed, so that no half-written file is left. Sections that need the
    data, which a loaded result or that of an Accumulator does not have, say so instead.

    Args:
        path: of the HTML file.
        results: by the model's name, of the same images, ground truth and protocol. The first one is the baseline.
        comparison: of the same results, as `pymetrics.compare` gives it; it holds the intervals, too. None: made here,
            where there are several results.
        images: the pictures of the gallery (needs the extra `images`): a folder, in which files have the names of the
            data; a mapping from image id to paths, PIL images or arrays; a function of the image id; True: blank
            canvases of the images' sizes; None: no gallery.
        costs: by the model's name, any of latency_ms (milliseconds an image), parameters, peak_bytes.
        slices: ids of images by the name of a part of the data, as `analysis.slices` takes them.
        title: of the page; None for one made of the models' names.
        class_names: name by category id, in place of those of the data.
        intervals: of each result, as `analysis.bootstrap` gives it, by the model's name; None: drawn here, where the
            comparison does not hold them.
        n, seed: of the draws that are made here, as `analysis.bootstrap`.
        command: the command line that made the report, shown at its end.

    Raises:
        OSError: the file cannot be written.
        TypeError: results is no mapping of names to Results; class_names or slices is no mapping; intervals holds
            something else; images is none of these.
        ValueError: results is empty; the results differ in protocol, IoU type, images, categories or ground truth (the
            message names the first difference); comparison or intervals are of other results; a cost is not one of the
            three or no positive number, as `latency`, which has no unit; an image is missing, cannot be read or has
            another size than the data says.
    """
    content = make_contents(
        results, comparison, costs=costs, slices=slices, title=title, class_names=class_names, intervals=intervals,
        n=n, seed=seed, command=command,
    )  # fmt: skip

    def gallery(room: int) -> str:
        return _gallery(content, results, images, class_names, room)

    page = make_page(content, None if images is None else gallery)
    write_file(path, page.encode())


def _gallery(content: Any, results: Any, images: Any, class_names: Any, room: int) -> str:
    from .gallery import MOST_BYTES, make_gallery

    if any(result.columns is None for result in results.values()):
        return section("gallery", "Worst images", [missing("images need the data that was evaluated, which loaded "
                       "results do not have, nor those of an Accumulator")])  # fmt: skip
    return make_gallery(content, results, images, class_names, min(MOST_BYTES, room))
