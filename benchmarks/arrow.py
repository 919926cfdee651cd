"""Tables: how fast Parquet becomes columns, how long an evaluation takes, beside pyarrow, and pandas with pycocotools.

    python benchmarks/arrow.py ingest FOLDER        # to columns, beside pyarrow alone
    python benchmarks/arrow.py evaluate FOLDER      # to twelve numbers, once, and the peak of the process
    python benchmarks/arrow.py pandas FOLDER --detections 100000 300000 1000000
    python benchmarks/arrow.py plan FOLDER --detections 100000 300000 1000000   # bytes between the steps of the plan
    python benchmarks/arrow.py show                 # the tables of what was measured, again

FOLDER holds gt.parquet and dt.parquet, flat, or is made with --images N: seven objects and a hundred detections an
image. Seconds are CPU time, of ingest the lowest of --repeat runs that take turns. Figures go to
results/MACHINE-tables.json, a line each, and to the tables beside it, unless --no-results is said.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import platform
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq
from promises import table
from results import machine, path_of_machine

import pymetrics
from pymetrics.distributed import plan
from pymetrics.evaluation.build_columns import build_columns
from pymetrics.evaluation.shapes import as_shape

COLUMNS = ["image_id", "category_id", "bbox", "score"]
IMAGES_AT_ONCE = 10_000
APART = 617_777  # no multiple of 2 or 5: images that follow each other get ids far apart, each once
DATA = {"in-order": "in the order of images", "shuffled": "shuffled", "one-class": "of one category, in order"}
PER_IMAGE, OBJECTS, CATEGORIES = 100, 7, 80


def generate(
    folder: Path, n_images: int, n_categories: int = CATEGORIES, share: float = 0, in_order: bool = True
) -> None:
    """Boxes of two decimals, detections near them, scores of three decimals. share: of the objects of category 1.

    in_order: images stand by their ids; else each row group holds ids from all over their range.
    """
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
        for name, side in (("gt", gt), ("dt", dt)):
            if not in_order:
                side = side.set_column(0, "image_id", pa.array(side["image_id"].to_numpy() * APART % n_images))
            if name not in writers:
                writers[name] = pq.ParquetWriter(folder / f"{name}.parquet", side.schema)
            writers[name].write_table(side)
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


def peak() -> float:
    """The largest resident set of this process in GiB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**30 if platform.system() == "Darwin" else 2**20)


def pandas_and_pycocotools(folder: Path, n_images: int) -> float:
    """The first images of both files by pandas, lists of dicts and pycocotools; its mAP."""
    import pandas as pd
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    filters = [("image_id", "<", n_images)]
    gt, dt = (pd.read_parquet(folder / f"{side}.parquet", filters=filters) for side in ("gt", "dt"))
    for frame in (gt, dt):
        frame["bbox"] = frame["bbox"].map(lambda box: box.tolist())
    annotations = gt.to_dict("records")
    for annotation in annotations:
        annotation["area"] = annotation["bbox"][2] * annotation["bbox"][3]
    truth = COCO()
    truth.dataset = {
        "images": [{"id": int(id)} for id in gt["image_id"].unique()],
        "categories": [{"id": int(id)} for id in sorted(gt["category_id"].unique())],
        "annotations": annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluator = COCOeval(truth, truth.loadRes(dt.to_dict("records")), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return float(evaluator.stats[0])


def bytes_of_plan(folder: Path, n_images: int, n_partitions: int = 16) -> dict[str, int]:
    """What the plan sends between its steps, of the first images of both files, in partitions of images."""
    sides = [pq.read_table(folder / f"{side}.parquet", filters=[("image_id", "<", n_images)]) for side in ("gt", "dt")]
    ends = np.linspace(0, n_images, n_partitions + 1).astype(int)
    rows, ids = [], []
    for i in range(n_partitions):
        in_part = [
            pc.and_(pc.greater_equal(s["image_id"], ends[i]), pc.less(s["image_id"], ends[i + 1])) for s in sides
        ]
        part = [side.filter(chosen).combine_chunks() for side, chosen in zip(sides, in_part, strict=True)]
        rows.append(plan.match_partition(*part, order="rows"))
        ids.append(plan.image_ids(*part, str(i)))
    outcomes = pa.concat_tables(rows).combine_chunks()
    curves = plan.reduce_category(outcomes)
    cells = int(pc.sum(pc.less(outcomes["rank"], 0)).as_py())
    return {
        "images": plan.check_images(ids), "categories": len(curves), "detections": len(outcomes) - cells,
        "cells": cells, "outcomes": outcomes.nbytes, "curves": curves.nbytes,
        "ids": sum(part.nbytes for part in ids),
    }  # fmt: skip


class Figures:
    """What was measured on this machine: by a name, "evaluate/10000000", a dict of numbers and the date."""

    def __init__(self) -> None:
        place = path_of_machine()
        self.path = place.with_name(f"{place.stem}-tables.json")
        self.found: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            self.found = json.loads(self.path.read_text())["figures"]

    def add(self, name: str, figures: dict[str, Any], keep: bool) -> None:
        print(name, figures, flush=True)
        if keep:
            self.found[name] = {**figures, "date": time.strftime("%Y-%m-%d")}
            self.write()

    def write(self) -> None:
        lines = [f"  {json.dumps(name)}: {json.dumps(self.found[name])}" for name in sorted(self.found, key=_by_size)]
        head = f' "machine": {json.dumps({**machine(), "pyarrow": pa.__version__})}'
        self.path.write_text("{\n" + head + ',\n "figures": {\n' + ",\n".join(lines) + "\n }\n}\n")
        self.path.with_suffix(".md").write_text(document(self.found))


def _by_size(name: str) -> tuple[str, int]:
    what, size = name.split("/")
    return what, int(size)


def document(found: dict[str, dict[str, Any]]) -> str:
    """The tables of all that was measured."""

    def of(what: str) -> list[dict[str, Any]]:
        return [found[name] for name in sorted(found, key=_by_size) if name.startswith(f"{what}/")]

    place = machine()
    parts = [
        "# Tables: results",
        f"{place['cpu']}, {place['cores']} cores, {place['system']}, Python {place['python']}, numpy {place['numpy']}, "
        f"pyarrow {pa.__version__}. Written by `benchmarks/arrow.py`. Seconds are CPU time of one process; other "
        "processes ran on the machine meanwhile.",
    ]
    if of("ingest"):
        rows = [
            [f"{row['detections']:,}", f"{row['group']:,}", f"{row['pyarrow']:.1f}", f"{row['columns']:.1f}",
             f"{100 * row['columns'] / row['pyarrow']:.0f} %", row["date"]]
            for row in of("ingest")
        ]  # fmt: skip
        title = ["detections", "rows of a row group", "pyarrow alone", "to columns", "share", ""]
        parts += ["## Parquet to columns, million rows a second", table(title, rows)]
    if of("evaluate"):
        rows = [
            [f"{row['detections']:,}", f"{row['cpu']:.1f} s", f"{row['wall']:.1f} s", f"{row['peak']:.2f} GiB",
             row["date"]]
            for row in of("evaluate")
        ]  # fmt: skip
        title = ["detections", "CPU", "elapsed", "peak memory", ""]
        parts += ["## Parquet to twelve numbers", table(title, rows)]
    if of("pandas"):
        rows = [
            [f"{row['detections']:,}", f"{row['cpu']:.1f} s", f"{row['peak']:.2f} GiB", row["date"]]
            for row in of("pandas")
        ]
        parts += ["## Parquet → pandas → pycocotools", table(["detections", "CPU", "peak memory", ""], rows)]
        if len(rows) > 1:
            sizes, seconds = (np.array([row[key] for row in of("pandas")]) for key in ("detections", "cpu"))
            slope, start = np.polyfit(sizes, seconds, 1)
            parts.append(
                f"A line through these points (least squares): {start:.2f} s and {1e6 * slope:.1f} s for each million; "
                f"100 million would take {(start + 1e8 * slope) / 3600:.1f} hours."
            )
    engines = [(name.partition("/")[0].split("-", 1), found[name]) for name in sorted(found, key=_by_size)]
    engines = [(name, row) for name, row in engines if len(name) == 2]
    if engines:
        rows = [
            [engine if engine == "alone" else f"{engine}, {row['partitions']} partitions", DATA[data],
             f"{row['detections']:,}", f"{row['wall']:.1f} s", f"{row['cpu']:.1f} s", f"{row['python']:.2f} GB",
             f"{row['java']:.2f} GB" if row["java"] else "", f"{row['limit']} GB", row["date"]]
            for (engine, data), row in engines
        ]  # fmt: skip
        title = ["", "files", "detections", "elapsed", "CPU", "largest Python process", "Java", "limit", ""]
        parts += [
            "## Engines, two workers (`benchmarks/engines.py`)",
            "Memory is unique to a process (USS). Limit: Dask's of a worker, Ray's object store, Java's heap. Each run "
            "gave the bits of one process.",
            table(title, rows),
        ]
    if of("plan"):
        rows = []
        for row in of("plan"):
            formula = 48 * row["detections"] + 64 * row["cells"]
            rows.append([
                f"{row['detections']:,}", f"{row['cells']:,}", f"{row['outcomes']:,}", f"{formula:,}",
                f"{100 * (row['outcomes'] / formula - 1):+.1f} %", f"{row['curves'] / row['categories']:,.0f}",
                f"{row['ids'] / row['images']:.1f}", row["date"],
            ])  # fmt: skip
        title = [
            "detections", "cells with ground truth", "bytes of outcomes", "48 · detections + 64 · cells", "difference",
            "curves, bytes a category", "ids, bytes an image", "",
        ]  # fmt: skip
        parts += ["## The plan: bytes between its steps", table(title, rows)]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("ingest", "evaluate", "pandas", "plan", "show"))
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--images", type=int, help="make the files first")
    parser.add_argument("--categories", type=int, default=CATEGORIES)
    parser.add_argument("--share", type=float, default=0.0, help="of the objects that are of category 1")
    parser.add_argument("--shuffled", action="store_true", help="images in another order than that of their ids")
    parser.add_argument("--detections", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--no-results", action="store_true", help="print alone")
    options = parser.parse_args()
    figures, keep = Figures(), not options.no_results
    if options.what == "show":
        figures.write()
        return
    folder: Path = options.folder
    if options.images:
        generate(folder, options.images, options.categories, options.share, not options.shuffled)
    file = pq.ParquetFile(folder / "dt.parquet").metadata
    n = file.num_rows
    if options.what == "ingest":
        runs = [[cpu_seconds(partial(call, folder)) for call in (decode, ingest)] for _ in range(options.repeat)]
        alone, ours = (round(n / min(seconds) / 1e6, 1) for seconds in zip(*runs, strict=True))
        group = file.row_group(0).num_rows
        figures.add(f"ingest/{n}", {"detections": n, "group": group, "pyarrow": alone, "columns": ours}, keep)
    elif options.what == "evaluate":
        start = time.perf_counter()
        cpu = cpu_seconds(lambda: print(pymetrics.evaluate(folder / "gt.parquet", folder / "dt.parquet")))
        wall = round(time.perf_counter() - start, 1)
        figures.add(
            f"evaluate/{n}", {"detections": n, "cpu": round(cpu, 1), "wall": wall, "peak": round(peak(), 2)}, keep
        )
    elif options.what == "pandas":
        for size in options.detections:
            cpu = cpu_seconds(lambda size=size: print(pandas_and_pycocotools(folder, size // PER_IMAGE)))
            figures.add(f"pandas/{size}", {"detections": size, "cpu": round(cpu, 1), "peak": round(peak(), 2)}, keep)
    else:
        for size in options.detections:
            figures.add(f"plan/{size}", bytes_of_plan(folder, size // PER_IMAGE), keep)


if __name__ == "__main__":
    main()
