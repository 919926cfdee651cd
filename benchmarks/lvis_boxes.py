"""LVIS: two files to the thirteen numbers, beside hotcoco and, where a size fits, faster-coco-eval and lvis-api.

    python benchmarks/lvis_boxes.py              20,000 images, 300 detections each
    python benchmarks/lvis_boxes.py --images 2000 --contenders pymetrics hotcoco faster-coco-eval lvis

1,203 categories, as skewed as LVIS' own, 12 ground truths and 300 detections an image; each image names some categories
that it does not show and some of which not all objects are marked. A detection is a jittered box of its image's ground
truths, sometimes of another class, or a box of any class that belongs to nothing. Every time is that of a fresh
process, the libraries interleaved: CPU seconds (user and system), wall seconds, and the memory that the process held at
most beyond one that has imported numpy. The thirteen numbers are compared before anything is shown.

lvis-api needs numpy.float, which numpy no longer has: it is set in its process alone. faster-coco-eval gives twelve
numbers, of which the first six are among LVIS'.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from generate import CACHE, HEIGHT, WIDTH, Floats
from masks import timed

N_CATEGORIES, N_GT, N_DT = 1_203, 12, 300  # ground truths and detections of an image
KEYS = [*(f"AP{name}" for name in ("", "50", "75", *"smlrcf")), *(f"AR{name}@300" for name in ("", *"sml"))]
NAMES = ("pymetrics", "pymetrics LVISEval", "hotcoco", "faster-coco-eval", "lvis")


def write(folder: Path, n_images: int) -> None:
    """gt.json and dt.json; the same arguments give the same files."""
    rng = np.random.default_rng(0)
    share = 1 / (np.arange(N_CATEGORIES) + 5.0) ** 1.3
    share = rng.permutation(share / share.sum())
    of = rng.choice(3, N_CATEGORIES, p=[0.28, 0.38, 0.34])
    categories = [{"id": k + 1, "name": f"category {k + 1}", "frequency": "rcf"[of[k]]} for k in range(N_CATEGORIES)]
    images: list[Any] = []
    annotations: list[Any] = []
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "dt.json").open("w") as results:
        for image in range(1, n_images + 1):
            shown = rng.choice(N_CATEGORIES, 4, p=share)
            n = int(rng.poisson(N_GT))
            category = rng.choice(shown, n) + 1
            size = np.minimum(np.exp(rng.uniform(np.log(6), np.log(400), (n, 2))), [WIDTH, HEIGHT])
            boxes = np.hstack([rng.random((n, 2)) * ([WIDTH, HEIGHT] - size), size]).round(2)
            for k, box in zip(category.tolist(), boxes.tolist(), strict=True):
                annotations.append({
                    "id": len(annotations) + 1, "image_id": image, "category_id": k, "bbox": box,
                    "area": round(box[2] * box[3] * 0.7, 2),
                })  # fmt: skip
            others = np.setdiff1d(rng.choice(N_CATEGORIES, 8), shown) + 1
            images.append({
                "id": image, "height": HEIGHT, "width": WIDTH, "neg_category_ids": others.tolist(),
                "not_exhaustive_category_ids": np.unique(category)[: int(rng.integers(3))].tolist(),
            })  # fmt: skip
            results.write("[" if image == 1 else ",")
            results.write(json.dumps(_detections(rng, image, category, boxes, others, share))[1:-1])
        results.write("]")
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "gt.json").write_text(json.dumps(content))  # the last: it says that both are there


def _detections(rng: Any, image: int, category: Any, boxes: Floats, others: Any, share: Floats) -> list[Any]:
    near = rng.integers(len(boxes), size=N_DT) if len(boxes) else np.zeros(N_DT, np.int64)
    kind = rng.random(N_DT) if len(boxes) else np.ones(N_DT)
    of_gt = kind < 0.5
    found = np.hstack([rng.random((N_DT, 2)) * [WIDTH - 60, HEIGHT - 60], rng.random((N_DT, 2)) * 50 + 4])
    label = np.where(kind < 0.6, rng.choice(others, N_DT), rng.choice(N_CATEGORIES, N_DT, p=share) + 1)
    if of_gt.any():
        spread = rng.choice([0.03, 0.1, 0.3], (N_DT, 1))
        moved = boxes[near] + rng.normal(size=(N_DT, 4)) * spread * np.tile(boxes[near][:, 2:], 2)
        found[of_gt], label[of_gt] = moved[of_gt], category[near][of_gt]
    found[:, 2:] = np.maximum(found[:, 2:], 1)
    scores = (rng.random(N_DT) * np.where(of_gt, 1.0, 0.6)).round(3)
    return [
        {"image_id": image, "category_id": k, "bbox": box, "score": score}
        for k, box, score in zip(label.tolist(), found.round(2).tolist(), scores.tolist(), strict=True)
    ]


def prepared(name: str, gt: str, dt: str) -> Any:
    """The call of a library: the thirteen numbers, in lvis-api's order."""
    if name == "pymetrics":
        from pymetrics import evaluate

        return lambda: np.array(evaluate(gt, dt, protocol="lvis").stats)
    if name == "faster-coco-eval":
        from faster_coco_eval import COCO, COCOeval_faster

        def call() -> Floats:
            data_set = COCO(gt)
            evaluator = COCOeval_faster(data_set, data_set.loadRes(dt), "bbox", lvis_style=True)
            evaluator.params.maxDets = [300]
            evaluator.evaluate()
            evaluator.accumulate()
            evaluator.summarize()
            return np.asarray(evaluator.stats)

        return call
    if name == "lvis":
        vars(np)["float"] = float
        from lvis import LVIS, LVISEval, LVISResults
    elif name == "hotcoco":
        from hotcoco import LVIS, LVISEval, LVISResults
    else:
        from pymetrics.coco.lvis import LVIS, LVISEval, LVISResults

    def call_lvis() -> Floats:
        data_set = LVIS(gt)
        evaluator = LVISEval(data_set, LVISResults(data_set, dt), "bbox")
        evaluator.run()
        found = evaluator.get_results()
        return np.array([found[key] for key in KEYS])

    return call_lvis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--contenders", nargs="+", choices=NAMES, default=list(NAMES[:3]))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=1, help="calls in each process")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = CACHE / f"lvis-{options.images}"
    gt, dt = str(folder / "gt.json"), str(folder / "dt.json")
    if options.measure:
        call = prepared(options.measure, gt, dt)
        with contextlib.redirect_stdout(io.StringIO()):
            found = timed(call, options.calls)
        print("\n" + json.dumps(found))
        return
    if not Path(gt).exists():
        write(folder, options.images)
    runs: dict[str, list[Any]] = {name: [] for name in options.contenders}
    for _ in range(options.rounds):
        for name in runs:
            command = [sys.executable, __file__, *sys.argv[1:], "--measure", name]
            run = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
            if run.returncode:
                sys.exit(f"{name}: {run.stderr[-2000:]}")
            runs[name].append(json.loads(run.stdout.splitlines()[-1]))
    wanted = np.array(runs[options.contenders[0]][0]["stats"])
    for name, of_name in runs.items():
        found = np.array(of_name[0]["stats"])
        n = len(found) if len(found) == len(wanted) else 6  # of twelve numbers the first six are LVIS' too
        same = (found[:n] == wanted[:n]).all()
        equal = f"{n} equal" if same else f"differs by {np.abs(found[:n] - wanted[:n]).max():.1e}"
        least = [min(run["times"][0][what] for run in of_name) for what in ("cpu", "wall", "peak")]
        print(f"{name:20s} {least[0]:7.2f} s CPU {least[1]:7.2f} s wall {least[2]:6.0f} MiB; {equal}")


if __name__ == "__main__":
    main()
