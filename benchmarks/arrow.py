"""How fast Parquet becomes columns, beside pyarrow alone, and how long an evaluation of tables takes.

    python benchmarks/arrow.py FOLDER [--repeat 5]

FOLDER holds gt.parquet and dt.parquet, flat, or is made with --images N: seven objects and a hundred detections an
image. Seconds are CPU time, the lowest of several runs that take turns; the peak is that of the process.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

import pymetrics
from pymetrics.evaluation.build_columns import build_columns
from pymetrics.evaluation.shapes import as_shape

COLUMNS = ["image_id", "category_id", "bbox", "score"]
IMAGES_AT_ONCE = 10_000
PER_IMAGE, OBJECTS, CATEGORIES = 100, 7, 80


def generate(folder: Path, n_images: int, n_categories: int = CATEGORIES, share: float = 0) -> None:
    """Boxes of two decimals, detections near them, scores of three decimals. share: of the objects of category 1."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Any] = {}
    for first in range(0, n_images, IMAGES_AT_ONCE):
        n = min(IMAGES_AT_ONCE, n_images - first)
        image = np.repeat(np.arange(first, first + n), OBJECTS)
        corner, size = rng.random((len(image), 2)) * 500, 8 + rng.random((len(image), 2)) ** 2 * 200
        boxes = np.concatenate([corner, size], axis=1).round(2).astype(np.float32)
        category = rng.integers(1, n_categories + 1, len(image)).astype(np.int16)
        if share:
            category[rng.random(len(image)) < share] = 1
        crowd, ids = (rng.random(len(image)) < 0.01).astype(np.uint8), np.arange(len(image)) + first * OBJECTS + 1
        gt = pa.table({"image_id": image, "category_id": category, "bbox": lists(boxes), "iscrowd": crowd, "id": ids})
        image = np.repeat(np.arange(first, first + n), PER_IMAGE)
        near = (image - first) * OBJECTS + rng.integers(0, OBJECTS, len(image))
        found = (boxes[near] + rng.normal(0, 6, (len(image), 4))).astype(np.float32)
        found[:, 2:] = np.maximum(found[:, 2:], 1)
        is_right = rng.random(len(image)) < 0.8
        label = np.where(is_right, category[near], rng.integers(1, n_categories + 1, len(image))).astype(np.int16)
        if share:
            label[~is_right & (rng.random(len(image)) < share)] = 1
        scores = rng.random(len(image)).round(3).astype(np.float32)
        dt = pa.table({"image_id": image, "category_id": label, "bbox": lists(found), "score": scores})
        for name, table in (("gt", gt), ("dt", dt)):
            if name not in writers:
                writers[name] = pq.ParquetWriter(folder / f"{name}.parquet", table.schema)
            writers[name].write_table(table)
    for writer in writers.values():
        writer.close()


def lists(boxes: np.ndarray) -> Any:
    """Boxes (N, 4) as lists of four."""
    return pa.FixedSizeListArray.from_arrays(pa.array(boxes.reshape(-1)), 4)


def decode(folder: Path) -> None:
    """pyarrow alone."""
    for batch in pa.dataset.dataset(folder / "dt.parquet").to_batches(columns=COLUMNS):
        assert batch.num_columns == len(COLUMNS)


def ingest(folder: Path) -> None:
    """The same rows to columns of both sides, of which ground truth is empty."""
    dt = pymetrics.read(folder / "dt.parquet", "dt")
    build_columns(pymetrics.read([], "gt"), dt, as_shape("bbox"))


def cpu_seconds(call: Callable[[], Any]) -> float:
    before = time.process_time()
    call()
    return time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, help="make the files first")
    parser.add_argument("--categories", type=int, default=CATEGORIES)
    parser.add_argument("--share", type=float, default=0.0, help="of the objects that are of category 1")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--evaluate", action="store_true", help="evaluate alone, once")
    options = parser.parse_args()
    if options.images:
        generate(options.folder, options.images, options.categories, options.share)
    n = pq.ParquetFile(options.folder / "dt.parquet").metadata.num_rows
    if options.evaluate:
        start = time.perf_counter()
        seconds = cpu_seconds(
            lambda: print(pymetrics.evaluate(options.folder / "gt.parquet", options.folder / "dt.parquet"))
        )
        print(f"{n} detections: {seconds:.1f} s of CPU, {time.perf_counter() - start:.1f} s")
    else:
        runs = [
            [cpu_seconds(partial(call, options.folder)) for call in (decode, ingest)] for _ in range(options.repeat)
        ]
        for name, seconds in zip(("pyarrow alone", "to columns"), zip(*runs, strict=True), strict=True):
            print(f"{name}: {n / min(seconds) / 1e6:.1f} million rows a second of CPU")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak {peak / 2**20:.2f} GiB" if sys.platform == "linux" else f"peak {peak}")


if __name__ == "__main__":
    main()
