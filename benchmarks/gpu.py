"""An evaluation on a GPU, stage by stage: device time by CUDA events, wall time, and the host's C++ on the same data.

python benchmarks/gpu.py [--out FOLDER] [--quick]     make gpu runs it, after the tests

Answers are compared with the host's, bit for bit, before anything is timed. All data lie on the device beforehand.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from generate import SIZES, Scene, scene

import pymetrics
from pymetrics import Detections, GroundTruths
from pymetrics.evaluation import stages
from pymetrics.evaluation.build_columns import build_columns
from pymetrics.evaluation.cells import group
from pymetrics.evaluation.columns import Columns
from pymetrics.evaluation.protocol import as_protocol
from pymetrics.evaluation.read_sources import read_sources
from pymetrics.evaluation.result import Result
from pymetrics.evaluation.shapes import as_shape
from pymetrics.kernels import cuda_backend

PROTOCOL = as_protocol("coco")
WANTED = {"500k": 1.5, "8M": 8.0}  # milliseconds of device time, on an H200


def objects365(n_dt: int = 8_000_000, n_gt: int = 1_200_000, seed: int = 0) -> dict[str, Any]:
    """Columns of the size of Objects365's validation split: 80,000 images, 365 skewed categories; boxes xywh."""
    rng = np.random.default_rng(seed)
    n_images, n_categories = 80_000, 365
    share = 1.0 / (np.arange(n_categories) + 1.5) ** 0.8
    share /= share.sum()

    def boxes(n: int) -> Any:
        size = np.exp(rng.uniform(np.log(6), np.log(400), (n, 2)))
        return np.hstack([rng.random((n, 2)) * (640 - size), size]).round(2)

    gt_image, gt_category = np.sort(rng.integers(0, n_images, n_gt)), rng.choice(n_categories, n_gt, p=share)
    gt_boxes = boxes(n_gt)
    source, kind = rng.integers(0, n_gt, n_dt), rng.random(n_dt)
    dt_boxes = gt_boxes[source] + rng.normal(size=(n_dt, 4)) * 0.1 * np.tile(gt_boxes[source, 2:], 2)
    stray = kind > 0.6
    dt_boxes[stray] = boxes(int(stray.sum()))
    dt_boxes[:, 2:] = np.maximum(dt_boxes[:, 2:], 1)
    dt_category = np.where(kind < 0.5, gt_category[source], rng.choice(n_categories, n_dt, p=share))
    order = np.argsort(gt_image[source], kind="stable")
    gt = {"image": gt_image, "boxes": gt_boxes, "labels": gt_category}
    dt = {"image": gt_image[source], "boxes": dt_boxes, "labels": dt_category, "scores": rng.random(n_dt).round(3)}
    return {"gt": gt, "dt": {name: column[order] for name, column in dt.items()}}


def coco(s: Scene) -> dict[str, Any]:
    """The columns of a scene of generate.py."""
    gt = {"image": s.gt_image, "boxes": s.gt_boxes, "labels": s.gt_category, "crowd": s.gt_crowd, "area": s.gt_area}
    return {
        "gt": gt,
        "dt": {"image": s.dt_image, "boxes": s.dt_boxes, "labels": s.dt_category, "scores": s.dt_scores},
    }


def sides(data: dict[str, Any], device: str | None) -> tuple[GroundTruths, Detections]:
    """numpy columns, or tensors on the device."""

    def move(columns: dict[str, Any]) -> dict[str, Any]:
        return {n: c if device is None else torch.tensor(c, device=device) for n, c in columns.items()}

    return GroundTruths(**move(data["gt"]), box_format="xywh"), Detections(**move(data["dt"]), box_format="xywh")


def ingest(gt: GroundTruths, dt: Detections) -> Columns:
    """The columns of both sides."""
    return build_columns(*read_sources(gt, dt), as_shape("bbox"))


def device_ms(call: Callable[[], Any], repeats: int) -> float:
    """Median time between two events around the call."""
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
        call()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def wall_ms(call: Callable[[], Any], repeats: int) -> float:
    """Median wall time, the device's work included."""
    times = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def kernel_ms(call: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Device time of each kernel of an evaluation by its name, added up over its launches; medians.

    Before each one the GPU is kept busy, so that its launches queue up and Python's time between them does not count.
    """
    found: dict[str, list[float]] = {}
    run = cuda_backend.run
    for _ in range(repeats):
        marks: list[tuple[str, Any, Any]] = []

        def timed(name: str, args: Any, marks: list[Any] = marks) -> None:
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda._sleep(2_000_000)  # cycles: about a millisecond
            start.record()
            run(name, args)
            end.record()
            marks.append((name, start, end))

        cuda_backend.run = timed
        try:
            call()
        finally:
            cuda_backend.run = run
        torch.cuda.synchronize()
        sums: dict[str, float] = {}
        for name, start, end in marks:
            sums[name] = sums.get(name, 0.0) + start.elapsed_time(end)
        for name, value in sums.items():
            found.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def measure(name: str, data: dict[str, Any], repeats: int) -> dict[str, Any]:
    """One size: equality, then times in milliseconds."""
    on_host, on_gpu = sides(data, None), sides(data, "cuda")
    host, gpu = pymetrics.evaluate(*on_host), pymetrics.evaluate(*on_gpu)
    equal = all(
        getattr(host, array).tobytes() == getattr(gpu, array).tobytes()
        for array in ("stats", "precision", "recall", "scores")
    )
    columns = ingest(*on_gpu)

    def whole() -> None:
        _ = Result(stages.match(columns, group(columns, PROTOCOL.limit), PROTOCOL)[0]).stats

    def host_whole() -> None:
        _ = pymetrics.evaluate(*on_host).stats

    whole()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        host_whole()
        seconds.append(1e3 * (time.perf_counter() - start))
    by_kernel = kernel_ms(whole, repeats)
    return {
        "case": name, "bit_equal_to_host": equal, "n_dt": len(data["dt"]["scores"]), "n_gt": len(data["gt"]["labels"]),
        "device_ms": sum(by_kernel.values()), "stages_ms": by_kernel,
        "elapsed_ms": device_ms(whole, repeats), "wall_ms": wall_ms(whole, repeats),
        "ingest_wall_ms": wall_ms(lambda: ingest(*on_gpu), repeats),
        "host_columns_ms": statistics.median(seconds), "wanted_device_ms": WANTED.get(name),
    }  # fmt: skip


def overlaps(n: int, repeats: int) -> dict[str, Any]:
    """box_iou of n x n boxes: bytes written a second beside what a copy reaches."""
    rng = np.random.default_rng(0)
    dt, gt = (torch.tensor(rng.random((n, 4)) * 100, device="cuda") for _ in range(2))
    ours = pymetrics.box_iou(dt[:300], gt[:200], box_format="xywh").cpu().numpy()
    theirs = pymetrics.box_iou(dt[:300].cpu().numpy(), gt[:200].cpu().numpy(), box_format="xywh")
    buffer = torch.empty((n, n), dtype=torch.float64, device="cuda")
    copy = device_ms(buffer.clone, repeats)
    took = device_ms(lambda: pymetrics.box_iou(dt, gt, box_format="xywh"), repeats)
    return {
        "case": f"box_iou {n}x{n} float64", "bit_equal_to_host": ours.tobytes() == theirs.tobytes(), "device_ms": took,
        "written_GB_s": 8e-6 * n * n / took, "copy_GB_s": 16e-6 * n * n / copy,
    }  # fmt: skip


def metric(repeats: int) -> dict[str, Any]:
    """MeanAveragePrecision, update and compute on CUDA tensors of batches of 16 images; torchmetrics' where it runs."""
    from contenders.updates import load

    from pymetrics.detection import MeanAveragePrecision

    def there(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: column.cuda() for name, column in item.items()} for item in items]

    batches = [(there(preds), there(target)) for preds, target in load("500k")]

    def run(build: Callable[[], Any]) -> dict[str, Any]:
        one = build()
        for preds, target in batches:
            one.update(preds, target)
        found: dict[str, Any] = one.compute()
        return found

    ours = run(MeanAveragePrecision)
    result: dict[str, Any] = {
        "case": "MeanAveragePrecision 500k",
        "wall_ms": wall_ms(lambda: run(MeanAveragePrecision), repeats),
    }
    try:
        from torchmetrics.detection import MeanAveragePrecision as Theirs

        start = time.perf_counter()
        theirs = run(Theirs)
        result["torchmetrics_ms"] = 1e3 * (time.perf_counter() - start)
        result["equal"] = all(torch.equal(ours[name], theirs[name].cpu()) for name in ours)
    except ImportError as error:
        result["torchmetrics_ms"] = None
        result["why"] = str(error)
    return result


def main() -> None:
    """Measure; print and write after each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=None, help="folder for a JSON file named after the GPU")
    parser.add_argument("--quick", action="store_true", help="the small case alone")
    options = parser.parse_args()
    why = "torch sees no GPU" if not torch.cuda.is_available() else cuda_backend.why_not()
    if why:
        raise SystemExit(f"the CUDA kernels cannot run here: {why}")
    cases: list[Callable[[], dict[str, Any]]] = [lambda: measure("500k", coco(scene(SIZES["500k"])), 50)]
    if not options.quick:
        cases += [lambda: measure("8M", objects365(), 15), lambda: overlaps(10_000, 20), lambda: metric(5)]
    name = torch.cuda.get_device_name()
    report: dict[str, Any] = {
        "device": name, "torch": torch.__version__, "cuda": torch.version.cuda, "date": time.strftime("%Y-%m-%d"),
        "pymetrics": pymetrics.__version__, "cases": [],
    }  # fmt: skip
    for case in cases:
        try:
            found = case()
        except Exception as error:  # the others go on
            found = {"failed": f"{type(error).__name__}: {error}"}
        report["cases"].append(found)
        print(json.dumps(found, indent=2), flush=True)
        if options.out is not None:
            file = options.out / ("-".join(name.lower().split()) + ".json")
            file.write_text(json.dumps(report, indent=2) + "\n")
    if any("failed" in found or not found.get("bit_equal_to_host", True) for found in report["cases"]):
        raise SystemExit("a case failed, or differs from the host")


if __name__ == "__main__":
    main()
