"""Record what the library computes, as hashes, so that two builds can be compared: the same file means the same bytes.

    python tests/record_bytes.py before.json      # with one build first on sys.path
    python tests/record_bytes.py after.json --against before.json

Generated scenes go through every public way in; real data is added where ../shared/data is beside the project.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def digest(value: Any, into: Any = None) -> str:
    """SHA-256 of arrays, numbers, texts and containers of them, types included."""
    sha = into or hashlib.sha256()
    if isinstance(value, dict):
        sha.update(b"{%d" % len(value))
        for key, item in value.items():
            digest(key, sha)
            digest(item, sha)
    elif isinstance(value, (list, tuple)):
        sha.update(b"[%d" % len(value))
        for item in value:
            digest(item, sha)
    elif hasattr(value, "detach"):
        digest(value.detach().cpu().numpy(), sha)
    elif isinstance(value, np.ndarray) and value.dtype != object:
        sha.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    else:
        sha.update(f"{type(value).__name__}:{value!r};".encode())
    return sha.hexdigest() if into is None else ""


def scene(rng: np.random.Generator) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A COCO dict and results, with ties, crowds, ids of 0 and repeated ids, images without objects."""
    n_images, n_categories = int(rng.integers(1, 9)), int(rng.integers(1, 5))
    images = rng.permutation(50)[:n_images].tolist()
    categories = rng.permutation(20)[:n_categories].tolist()
    kind, annotations, results = rng.integers(4), [], []
    first_id = 0 if rng.random() < 0.2 else 1
    for image in images:
        n = int(rng.integers(0, 12))
        boxes = np.concatenate([rng.integers(0, 60, (n, 2)), rng.integers(1, 120, (n, 2))], axis=1).astype(float)
        if kind:
            boxes += rng.random((n, 4)).round(3)
        for box in boxes.tolist():
            annotations.append(
                {
                    "id": first_id + len(annotations), "image_id": image, "category_id": int(rng.choice(categories)),
                    "bbox": box, "area": box[2] * box[3] * float(rng.choice([1, 1, 0.7])),
                    "iscrowd": int(rng.random() < 0.1),
                }
            )  # fmt: skip
        for _ in range(int(rng.integers(0, 25))):
            box = boxes[rng.integers(n)] + rng.normal(0, rng.choice([0, 3, 20]), 4) if n else rng.random(4) * 90
            box[2:] = np.abs(box[2:])
            score = float(rng.choice([rng.random(), 0.5, 0.9]))
            results.append(
                {"image_id": image, "category_id": int(rng.choice(categories)), "bbox": box.tolist(), "score": score}
            )
    if annotations and rng.random() < 0.1:
        annotations[-1]["id"] = annotations[0]["id"]
    rng.shuffle(annotations)
    data = {
        "images": [{"id": i, "width": 200, "height": 200} for i in images], "annotations": annotations,
        "categories": [{"id": c, "name": f"c{c}"} for c in categories],
    }  # fmt: skip
    return data, results


def of_result(result: Any) -> list[Any]:
    """What a Result shows."""
    shown = [result.stats, result.precision, result.recall, result.scores, result.per_class, result.per_image]
    outcomes = result.outcomes
    names = (
        "image_ids",
        "category_ids",
        "category_cells",
        "cell_image",
        "offsets",
        "n_gt",
        "scores",
        "matched",
        "ignored",
    )
    return [*shown, str(result), result.to_json(), result.scalars(), *(getattr(outcomes, name) for name in names)]


def of_cocoeval(gt: Any, dt: Any, use_cats: int = 1, **changes: Any) -> list[Any]:
    """What pycocotools' steps leave behind."""
    from pymetrics.coco import COCOeval

    evaluation = COCOeval(gt, dt, "bbox")
    evaluation.params.useCats = use_cats
    for name, value in changes.items():
        setattr(evaluation.params, name, value)
    evaluation.evaluate()
    evaluation.accumulate()
    shown = [evaluation.eval[name] for name in ("precision", "recall", "scores", "counts")]
    if len(evaluation.params.maxDets) >= 3:
        evaluation.summarize()
        shown.append(evaluation.stats)
    return [*shown, evaluation.ious, evaluation.evalImgs]


def generated(n: int) -> Iterator[tuple[str, Any]]:
    """(name, value) of every way in, for n scenes."""
    import pymetrics
    from pymetrics.coco import COCO

    for seed in range(n):
        rng = np.random.default_rng(seed)
        gt, dt = scene(rng)
        yield f"evaluate {seed}", lambda: of_result(pymetrics.evaluate(gt, dt))  # noqa: B023
        protocol = pymetrics.Protocol(
            iou_thresholds=sorted(rng.random(int(rng.integers(1, 12)))), max_dets=(1, 3, 7), use_cats=bool(seed % 2)
        )
        yield f"protocol {seed}", lambda: of_result(pymetrics.evaluate(gt, dt, protocol=protocol))  # noqa: B023

        def in_shards() -> list[Any]:
            shards = [pymetrics.Accumulator(), pymetrics.Accumulator()]
            for i, image in enumerate(gt["images"]):  # noqa: B023
                rows = [a for a in gt["annotations"] if a["image_id"] == image["id"]]  # noqa: B023
                part = gt | {"images": [image], "annotations": rows}  # noqa: B023
                shards[i % 2].update(part, [d for d in dt if d["image_id"] == image["id"]])  # noqa: B023
            shards[0].merge(shards[1])
            return of_result(shards[0].compute())

        yield f"shards {seed}", in_shards

        def columns() -> list[Any]:
            boxes = {
                "gt": np.array([a["bbox"] for a in gt["annotations"]]).reshape(-1, 4),  # noqa: B023
                "dt": np.array([d["bbox"] for d in dt], np.float32).reshape(-1, 4),  # noqa: B023
            }
            found = pymetrics.evaluate(
                pymetrics.GroundTruths(
                    [a["image_id"] for a in gt["annotations"]], boxes["gt"],  # noqa: B023
                    [a["category_id"] for a in gt["annotations"]], crowd=[a["iscrowd"] for a in gt["annotations"]],  # noqa: B023
                    box_format="xyxy", images=[i["id"] for i in gt["images"]],  # noqa: B023
                ),
                pymetrics.Detections(
                    [d["image_id"] for d in dt], boxes["dt"], [d["score"] for d in dt],  # noqa: B023
                    [d["category_id"] for d in dt], box_format="cxcywh",  # noqa: B023
                ),
            )  # fmt: skip
            return of_result(found)

        yield f"columns {seed}", columns

        def lists() -> list[Any]:
            targets, predictions = per_image(gt, dt)  # noqa: B023
            return of_result(pymetrics.evaluate(targets, predictions))

        yield f"lists {seed}", lists
        for use_cats in (1, 0):

            def cocoeval(use_cats: int = use_cats) -> list[Any]:
                truth = COCO()
                truth.dataset = json.loads(json.dumps(gt))  # noqa: B023
                truth.createIndex()
                found = truth.loadRes(json.loads(json.dumps(dt)))  # noqa: B023
                limits = [[1, 10, 100], [2, 5]][seed % 2]  # noqa: B023
                return of_cocoeval(truth, found, use_cats, maxDets=limits)

            if dt:
                yield f"COCOeval {seed} {use_cats}", cocoeval
        yield f"metric {seed}", lambda: metric(gt, dt, seed)  # noqa: B023
        ious = rng.choice([0.1, 0.5, 0.5, 0.7, 0.9, np.nan], (9, 6), p=[0.2, 0.2, 0.2, 0.2, 0.18, 0.02])
        flags = rng.random(6) < 0.3
        yield f"match {seed}", lambda: pymetrics.match(ious, crowd=flags, ignore=~flags[None] & (ious[:3] > 0.6))  # noqa: B023
        pair = rng.random((7, 4)) * 50, rng.random((5, 4)) * 50
        for kind in ("iou", "giou", "diou", "ciou"):
            yield f"box_iou {seed} {kind}", lambda kind=kind: pymetrics.box_iou(*pair, kind=kind, box_format="xywh")  # noqa: B023


def per_image(gt: dict[str, Any], dt: list[dict[str, Any]], library: Any = np) -> tuple[list[Any], list[Any]]:
    """The scene as lists of one dict per image, boxes as xyxy."""

    def corners(rows: list[dict[str, Any]]) -> Any:
        boxes = np.array([row["bbox"] for row in rows], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return boxes

    targets, predictions = [], []
    for image in gt["images"]:
        own, found = ([row for row in rows if row["image_id"] == image["id"]] for rows in (gt["annotations"], dt))
        targets.append(
            {
                "boxes": corners(own), "labels": np.array([a["category_id"] for a in own], np.int64),
                "iscrowd": np.array([a["iscrowd"] for a in own], np.int64), "area": np.array([a["area"] for a in own]),
            }
        )  # fmt: skip
        predictions.append(
            {
                "boxes": corners(found),
                "labels": np.array([d["category_id"] for d in found], np.int64),
                "scores": np.array([d["score"] for d in found], np.float32),
            }
        )
    return targets, predictions


def metric(gt: dict[str, Any], dt: list[dict[str, Any]], seed: int) -> Any:
    """MeanAveragePrecision with different arguments for each seed."""
    import torch

    from pymetrics.detection import MeanAveragePrecision

    targets, predictions = (
        [{key: torch.from_numpy(value) for key, value in item.items()} for item in items] for items in per_image(gt, dt)
    )
    found = MeanAveragePrecision(
        class_metrics=seed % 2 == 0, extended_summary=seed % 3 == 0, average=("macro", "micro")[seed % 4 == 3],
        backend=("pycocotools", "faster_coco_eval")[seed % 5 == 4],
    )  # fmt: skip
    for i in range(0, len(targets), 2):
        found.update(predictions[i : i + 2], targets[i : i + 2])
    return found.compute()


def real() -> Iterator[tuple[str, Any]]:
    """(name, value) of the data beside the project."""
    import pymetrics
    from pymetrics.coco import COCO

    folder = DATA / "coco_yolact100"
    for path in sorted(folder.glob("dt_*.json")):
        yield f"{path.name}", lambda path=path: of_result(pymetrics.evaluate(folder / "gt.json", path))

        def cocoeval(path: Path = path) -> list[Any]:
            gt = COCO(str(folder / "gt.json"))
            return of_cocoeval(gt, gt.loadRes(str(path)))

        yield f"{path.name} COCOeval", cocoeval


def main() -> int:
    """Record, and compare where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--scenes", type=int, default=300)
    options = parser.parse_args()
    found: dict[str, str] = {}
    for source in (generated(options.scenes), real() if (DATA / "coco_yolact100").exists() else iter(())):
        for name, compute in source:
            with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()) as text:
                warnings.simplefilter("always")
                try:
                    value: Any = compute()
                except Exception as error:
                    value = f"{type(error).__name__}: {error}"
            printed = [line for line in text.getvalue().splitlines() if "t=" not in line]
            found[name] = digest([value, [str(warning.message) for warning in caught], printed])
    options.out.write_text(json.dumps(found, indent=1))
    print(f"{len(found)} values recorded")
    if options.against is None:
        return 0
    before = json.loads(options.against.read_text())
    differ = [name for name in before.keys() | found.keys() if before.get(name) != found.get(name)]
    print(f"{len(differ)} differ", *sorted(differ)[:20], sep="\n  ")
    return bool(differ)


if __name__ == "__main__":
    sys.exit(main())
