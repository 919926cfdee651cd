"""Masks: two COCO JSON files to the twelve numbers, beside hotcoco and ultrafast-pycocotools.

    python benchmarks/masks.py                       250,000 detections, run-length strings as ground truth
    python benchmarks/masks.py --polygons --detections 50000 --rounds 5

5,000 images, 35,000 ground truths: the real masks of coco_yolact100 and coco_val2017_person538, moved about, from
``../shared/data``. A detection is a mask of its image's ground truths, moved by some pixels, sometimes of another class
or image. Every time is that of a fresh process, its first call and its second one, the libraries interleaved: CPU
seconds (user and system), wall seconds, and the memory that the process held at most beyond one that has imported
numpy. The twelve numbers are compared before anything is shown.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from generate import CACHE, Floats

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
N_IMAGES, N_GT = 5_000, 35_000
Rle = dict[str, Any]


def sources() -> list[tuple[list[int], list[Any], list[int]]]:
    """Of each real image its size, its masks (polygons or counts) and their categories."""
    found = []
    for name in ("coco_yolact100/gt.json", "coco_val2017_person538/gt_person_keypoints.json"):
        content = json.loads((DATA / name).read_bytes())
        of_image: dict[int, list[Any]] = {}
        for annotation in content["annotations"]:
            if annotation.get("segmentation"):
                of_image.setdefault(annotation["image_id"], []).append(annotation)
        sizes = {image["id"]: [image["height"], image["width"]] for image in content["images"]}
        for image, rows in of_image.items():
            masks = [row["segmentation"] for row in rows]
            found.append((sizes[image], masks, [row["category_id"] for row in rows]))
    return found


def write(folder: Path, n_detections: int, polygons: bool) -> None:
    """gt.json and dt.json; the same arguments give the same files."""
    from pymetrics.coco import mask

    rng = np.random.default_rng(0)
    real = sources()
    images, annotations, results = [], [], []
    per_image = rng.multinomial(N_GT, rng.dirichlet(np.full(N_IMAGES, 1.5)))
    categories = sorted({category for _, _, labels in real for category in labels})
    decoded: dict[tuple[int, int], tuple[Any, Any]] = {}

    def moved(source: int, which: int, spread: float) -> tuple[Rle, list[int]]:
        (height, width), masks, _ = real[source]
        if (source, which) not in decoded:
            value = masks[which]
            rle = mask.merge(mask.frPyObjects(value, height, width)) if isinstance(value, list) else value
            rle = mask.frPyObjects(rle, height, width) if isinstance(rle["counts"], list) else rle
            pixels = mask.decode(rle)
            decoded[source, which] = pixels, mask.toBbox(rle)
        pixels, box = decoded[source, which]
        shift = [round(float(step)) for step in rng.normal(size=2) * spread * box[2:]]
        out = np.zeros_like(pixels)
        a = [slice(max(s, 0), n + min(s, 0)) for s, n in zip(shift[::-1], pixels.shape, strict=True)]
        b = [slice(max(-s, 0), n + min(-s, 0)) for s, n in zip(shift[::-1], pixels.shape, strict=True)]
        if all(part.stop > part.start for part in a):
            out[tuple(a)] = pixels[tuple(b)]
        rle = mask.encode(out)
        return {"size": rle["size"], "counts": rle["counts"].decode()}, shift

    for image, n in enumerate(per_image.tolist(), 1):
        source = int(rng.integers(len(real)))
        (height, width), masks, labels = real[source]
        images.append({"id": image, "height": height, "width": width})
        taken = rng.integers(len(masks), size=n).tolist()
        for which in taken:
            rle, (dx, dy) = moved(source, which, 0.5)
            segmentation: Any = rle
            if polygons and isinstance(masks[which], list):
                segmentation = [
                    np.add(np.reshape(part[: len(part) // 2 * 2], (-1, 2)), (dx, dy)).ravel().round(2).tolist()
                    for part in masks[which]
                ]
            annotations.append({
                "id": len(annotations) + 1, "image_id": image, "category_id": labels[which],
                "segmentation": segmentation, "area": int(mask.area(rle)), "bbox": mask.toBbox(rle).tolist(),
                "iscrowd": 0,
            })  # fmt: skip
        n_dt = int(rng.poisson(n_detections / N_GT * max(n, 1)))
        for _ in range(n_dt):
            which = int(rng.choice(taken)) if taken else int(rng.integers(len(masks)))
            kind = rng.random()
            rle = moved(source, which, 0.05 if kind < 0.6 else 0.4)[0]
            category = labels[which] if kind < 0.8 else int(rng.choice(categories))
            results.append({
                "image_id": image, "category_id": category, "segmentation": rle, "score": round(float(rng.random()), 3)
            })  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    data_set = {
        "images": images, "annotations": annotations,
        "categories": [{"id": category, "name": f"category {category}"} for category in categories],
    }  # fmt: skip
    (folder / "dt.json").write_text(json.dumps(results))
    (folder / "gt.json").write_text(json.dumps(data_set))  # the last: it says that both are there


def prepared(name: str, gt: str, dt: str) -> Any:
    """The call of a library."""
    if name == "pymetrics":
        from pymetrics import evaluate

        return lambda: np.asarray(evaluate(gt, dt, "segm").stats)
    if name == "pymetrics COCOeval":
        from pymetrics.coco import COCO, COCOeval
    elif name == "hotcoco":
        from hotcoco import COCO, COCOeval
    else:
        from ultrafast_pycocotools import COCO, COCOeval

    def call() -> Floats:
        data_set = COCO(gt)
        results = data_set.load_res(dt) if name == "hotcoco" else data_set.loadRes(dt)
        evaluator = COCOeval(data_set, results, "segm")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
        return np.asarray(evaluator.stats)

    return call


def peak() -> float:
    """MiB that this process held at most; 0 where the system does not say. (ru_maxrss counts the parent's, too.)"""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def timed(call: Any, n: int = 2) -> dict[str, Any]:
    """The times and peaks of n calls, and what the last one gave."""
    times, base = list[Any](), peak()
    for _ in range(n):
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        stats = call()
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        times.append({"wall": wall, "cpu": cpu, "peak": peak() - base})
    return {"times": times, "stats": stats.tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detections", type=int, default=250_000)
    parser.add_argument("--polygons", action="store_true", help="ground truth as polygons")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = CACHE / f"masks-{options.detections}{'-polygons' if options.polygons else ''}"
    gt, dt = str(folder / "gt.json"), str(folder / "dt.json")
    if options.measure:
        print("\n" + json.dumps(timed(prepared(options.measure, gt, dt))))
        return
    if not Path(gt).exists():
        write(folder, options.detections, options.polygons)
    names = ["pymetrics", "pymetrics COCOeval", "hotcoco", "ultrafast-pycocotools"]
    runs: dict[str, list[Any]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            command = [sys.executable, __file__, *sys.argv[1:], "--measure", name]
            run = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
            if run.returncode:
                sys.exit(f"{name}: {run.stderr}")
            runs[name].append(json.loads(run.stdout.splitlines()[-1]))
    wanted = runs[names[0]][0]["stats"]
    for name in names:
        found = runs[name][0]["stats"]
        equal = "equal" if found == wanted else f"differs by {np.abs(np.subtract(found, wanted)).max():.1e}"
        least = [min(run["times"][n][what] for run in runs[name]) for n in range(2) for what in ("cpu", "wall", "peak")]
        print(
            f"{name:22s} first call {least[0]:6.2f} s CPU {least[1]:6.2f} s wall {least[2]:5.0f} MiB; "
            f"second {least[3]:6.2f} s CPU {least[4]:6.2f} s wall; {equal}"
        )


if __name__ == "__main__":
    main()
