"""What to read from a result, beside the tools that have the same: 500,000 detections of 5,000 images.

    python benchmarks/analysis.py                 all of them; a tool that is not installed is left out
    python benchmarks/analysis.py tide confusion --detections 100000 --rounds 5

Error types (TIDE), the confusion matrix, calibration, the comparison of two models, and Ultralytics' numbers. The data
is loaded and evaluated on both sides before; the time is that of the call alone, in a fresh process, its first call:
CPU seconds (user and system) and wall seconds, the least of the rounds, the tools interleaved. tidecv, and hotcoco's
comparison, which take minutes, run once. Answers are compared; where definitions differ, the line says by how much.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from generate import Scene, ground_truth_dict, result_dicts, scene
from masks import timed

Call = Callable[[], Any]
SCORE = 0.25
DRAWS = 1000


def columns(s: Scene, seed: int = 0) -> Any:
    """The scene's result. seed: above 0, a second model: the detections' scores are others."""
    import pymetrics

    gt = pymetrics.GroundTruths(
        image=s.gt_image, boxes=s.gt_boxes, labels=s.gt_category, crowd=s.gt_crowd, area=s.gt_area, images=s.images,
        categories=s.categories, box_format="xywh",
    )  # fmt: skip
    dt = pymetrics.Detections(
        image=s.dt_image, boxes=s.dt_boxes, labels=s.dt_category, scores=scores(s, seed), box_format="xywh"
    )
    return pymetrics.evaluate(gt, dt)


def scores(s: Scene, seed: int) -> Any:
    if not seed:
        return s.dt_scores
    return np.clip(s.dt_scores + np.random.default_rng(seed).normal(0, 0.05, len(s.dt_scores)), 0, 1).round(3)


def hotcoco(s: Scene, seed: int = 0) -> Any:
    """hotcoco's evaluator, evaluated."""
    from hotcoco import COCO, COCOeval

    truth = COCO(ground_truth_dict(s))
    rows = result_dicts(s)
    for row, score in zip(rows, scores(s, seed).tolist(), strict=True):
        row["score"] = score
    found = COCOeval(truth, truth.load_res(rows), "bbox")
    found.evaluate()
    return found


def by_image(s: Scene) -> list[tuple[Any, Any, Any, Any, Any]]:
    """Of each image corners and categories (from 0) of ground truths that are no crowds, and of detections; scores."""
    found = []
    gts, dts = (np.argsort(image, kind="stable") for image in (s.gt_image, s.dt_image))
    gts = gts[~s.gt_crowd[gts]]
    ends = [np.searchsorted(image[rows], s.images, "right") for image, rows in ((s.gt_image, gts), (s.dt_image, dts))]
    starts = [np.searchsorted(image[rows], s.images) for image, rows in ((s.gt_image, gts), (s.dt_image, dts))]
    place = {id: k for k, id in enumerate(s.categories.tolist())}
    category = [np.array([place[id] for id in ids.tolist()], np.int64) for ids in (s.gt_category, s.dt_category)]
    corners = [
        np.concatenate([b[:, :2], b[:, :2] + b[:, 2:]], axis=1).astype(np.float32) for b in (s.gt_boxes, s.dt_boxes)
    ]
    for i in range(len(s.images)):
        g, d = gts[starts[0][i] : ends[0][i]], dts[starts[1][i] : ends[1][i]]
        found.append((corners[0][g], category[0][g], corners[1][d], category[1][d], s.dt_scores[d].astype(np.float32)))
    return found


def tide(name: str, s: Scene) -> Call:
    if name == "pymetrics":
        from pymetrics import analysis

        result = columns(s)
        return lambda: list(dict(analysis.tide(result)).values())
    if name == "hotcoco":
        evaluator, keys = hotcoco(s), ("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss", "FP", "FN")
        return lambda: [100 * evaluator.tide_errors()["delta_ap"][key] for key in keys]
    from tidecv import TIDE, Data

    gt, dt = Data("gt"), Data("dt")
    for id in s.categories.tolist():
        gt.add_class(id, str(id))
    for id in np.sort(s.images).tolist():  # of equal scores the earlier image comes first
        gt.add_image(id, str(id))
        dt.add_image(id, str(id))
    for image, category, box, crowd in zip(
        s.gt_image.tolist(), s.gt_category.tolist(), s.gt_boxes.tolist(), s.gt_crowd.tolist(), strict=True
    ):
        (gt.add_ignore_region if crowd else gt.add_ground_truth)(image, category, box)
    for image, category, box, score in zip(
        s.dt_image.tolist(), s.dt_category.tolist(), s.dt_boxes.tolist(), s.dt_scores.tolist(), strict=True
    ):
        dt.add_detection(image, category, score, box)

    def call() -> list[float]:
        found = TIDE()
        found.evaluate(gt, dt, mode=TIDE.BOX)
        errors = found.get_all_errors()
        return [*errors["main"]["dt"].values(), *errors["special"]["dt"].values()]

    return call


def confusion(name: str, s: Scene) -> Call:
    """By the tools' own rules: hotcoco's is none of ours."""
    if name.startswith("pymetrics"):
        result, rule = columns(s), "supervision" if "supervision" in name else "protocol"
        return lambda: result.confusion(iou=0.5, score=SCORE, rule=rule).matrix.tolist()
    if name == "hotcoco":
        evaluator = hotcoco(s)
        return lambda: evaluator.confusion_matrix(iou_thr=0.5, min_score=SCORE)["matrix"].tolist()
    import supervision as sv

    rows = by_image(s)
    targets = [sv.Detections(xyxy=gt, class_id=kind) for gt, kind, _, _, _ in rows]
    predictions = [sv.Detections(xyxy=dt, class_id=kind, confidence=score) for _, _, dt, kind, score in rows]
    names = [str(id) for id in s.categories.tolist()]
    return lambda: (
        sv.ConfusionMatrix.from_detections(predictions, targets, names, conf_threshold=SCORE).matrix.tolist()
    )


def calibration(name: str, s: Scene) -> Call:
    if name == "pymetrics":
        from pymetrics import analysis

        result = columns(s)

        def call() -> list[float]:
            found = analysis.calibration(result)
            return [found.ece, found.mce]

        return call
    evaluator = hotcoco(s)

    def theirs() -> list[float]:
        found = evaluator.calibration(n_bins=10, iou_threshold=0.5)
        return [found["ece"], found["mce"]]

    return theirs


def compare(name: str, s: Scene) -> Call:
    """1,000 draws of the images. hotcoco's are other draws, so that the differences alone are compared."""
    if name == "pymetrics":
        import pymetrics

        a, b = columns(s), columns(s, 1)
        return lambda: [pymetrics.compare({"a": a, "b": b}, n=DRAWS).pairs[0].differences["map"].value]
    import hotcoco as package

    a, b = hotcoco(s), hotcoco(s, 1)
    return lambda: [package.compare(a, b, n_bootstrap=DRAWS)["deltas"]["AP"]]


def detmetrics(name: str, s: Scene) -> Call:
    """Ultralytics' own matching, image by image, and DetMetrics."""
    if name == "pymetrics":
        from pymetrics import analysis

        result = columns(s)

        def call() -> list[float]:
            found = analysis.ultralytics(result)
            return [found.mean_precision, found.mean_recall, found.map_50, found.map]

        return call
    from types import SimpleNamespace

    import torch
    from ultralytics.engine.validator import BaseValidator
    from ultralytics.utils import metrics

    rows, names = by_image(s), {k: str(id) for k, id in enumerate(s.categories.tolist())}
    images = []
    for gt, kinds, dt, dt_kinds, confidence in rows:
        order = np.argsort(-confidence, kind="stable")
        order = order[confidence[order] > 0.001][:300]
        images.append([torch.tensor(x) for x in (gt, kinds, dt[order], dt_kinds[order], confidence[order])])
    validator = SimpleNamespace(iouv=torch.linspace(0.5, 0.95, 10))

    def theirs() -> list[float]:
        found = metrics.DetMetrics(names)
        for i, (gt, kinds, dt, dt_kinds, confidence) in enumerate(images):
            if len(gt) and len(dt):
                tp = BaseValidator.match_predictions(validator, dt_kinds, kinds, metrics.box_iou(gt, dt)).numpy()
            else:
                tp = np.zeros((len(dt), 10), bool)
            found.update_stats(
                {
                    "tp": tp, "conf": confidence.numpy(), "pred_cls": dt_kinds.numpy(), "target_cls": kinds.numpy(),
                    "target_img": np.unique(kinds.numpy()), "im_name": str(i),
                }
            )  # fmt: skip
        found.process()
        return [float(value) for value in found.mean_results()]

    return theirs


TASKS: dict[str, tuple[Callable[[str, Scene], Call], list[str]]] = {
    "tide": (tide, ["pymetrics", "hotcoco", "tidecv"]),
    "confusion": (confusion, ["pymetrics", "pymetrics, rule supervision", "hotcoco", "supervision"]),
    "calibration": (calibration, ["pymetrics", "hotcoco"]),
    "compare": (compare, ["pymetrics", "hotcoco"]),
    "detmetrics": (detmetrics, ["pymetrics", "ultralytics"]),
}
ONCE = (("tide", "tidecv"), ("compare", "hotcoco"))  # minutes


def measure(task: str, name: str, n: int) -> None:
    """In a process of its own: one call, as a line of JSON on the last line of stdout."""
    with contextlib.redirect_stdout(io.StringIO()):
        call = TASKS[task][0](name, scene(n))
        found = timed(lambda: np.asarray(call()), 1)
    print("\n" + json.dumps(found["times"][0] | {"answer": found["stats"]}))


def difference(found: Any, wanted: Any) -> str:
    if found == wanted:
        return "equal"
    gap = np.abs(np.subtract(found, wanted, dtype=float))
    return f"differs by {gap.max():.1e}" if gap.ndim == 1 else f"{int((gap > 0).sum())} of {gap.size} cells differ"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=list(TASKS), help=", ".join(TASKS))
    parser.add_argument("--detections", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure, options.detections)
        return
    for task in options.tasks:
        names = [n for n in TASKS[task][1] if n.startswith("pymetrics") or importlib.util.find_spec(n)]
        runs: dict[str, list[Any]] = {name: [] for name in names}
        for i in range(options.rounds):
            for name in names:
                if i and (task, name) in ONCE:
                    continue
                command = [sys.executable, __file__, "--detections", str(options.detections), "--measure", task, name]
                run = subprocess.run(command, capture_output=True, text=True, check=False)
                if run.returncode:
                    sys.exit(f"{task}, {name}: {run.stderr}")
                runs[name].append(json.loads(run.stdout.splitlines()[-1]))
        for name in names:
            ours = "pymetrics, rule supervision" if name == "supervision" else "pymetrics"
            cpu, wall = (min(run[what] for run in runs[name]) for what in ("cpu", "wall"))
            times = cpu / min(run["cpu"] for run in runs[ours])
            said = "" if name == ours else difference(runs[name][0]["answer"], runs[ours][0]["answer"])
            print(f"{task:12s} {name:28s} {cpu:9.3f} s CPU {wall:9.3f} s wall {times:8.1f}x  {said}", flush=True)


if __name__ == "__main__":
    main()
