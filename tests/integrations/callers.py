"""Real callers of pycocotools and faster-coco-eval, each driven on the same data. run.py says how they are compared.

A caller is a function of a folder of checkouts and a scratch folder; it returns what is to be equal on both sides. Its
code is imported as it is. Where a package of it cannot be imported whole, its folders stand in for the packages, so
that their __init__ does not run (`bare`), and nothing else does.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import evaluator_scenes as scenes
import numpy as np
import torch
from helpers.coco_scenes import plain_scene

CALLERS: dict[str, Callable[[Path, Path], Any]] = {}
NEEDS: dict[str, str] = {}  # a folder of checkouts, or a package


def caller(name: str, needs: str) -> Callable[[Any], Any]:
    """Registers a driver. needs: a path below the checkouts, or the name of a package."""

    def register(function: Any) -> Any:
        CALLERS[name], NEEDS[name] = function, needs
        return function

    return register


def bare(folder: Path, *packages: str) -> None:
    """Packages whose __init__ does not run: modules that have the folder's path and nothing else."""
    for name in packages:
        module = types.ModuleType(name)
        module.__path__ = [str(folder / name.replace(".", "/"))]
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)


def module_in(folder: Path, name: str) -> Any:
    """A module below a folder."""
    sys.path.insert(0, str(folder))
    return importlib.import_module(name)


def quietly(call: Callable[[], Any]) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        return call()


def values_of(evaluation: Any) -> dict[str, Any]:
    arrays = {name: np.asarray(evaluation.eval[name]).tobytes() for name in ("precision", "recall", "scores")}
    return {"stats": np.asarray(evaluation.stats).tolist(), **arrays}


def of_evaluator(evaluator: Any, iou_types: list[str], size: int = 5) -> dict[str, Any]:
    """What an evaluator of batches finds."""
    found = scenes.predictions(torch, with_masks="segm" in iou_types)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for batch in scenes.batches(found, size):
            evaluator.update(batch)
        evaluator.synchronize_between_processes()
        evaluator.accumulate()
        evaluator.summarize()
    lines = [line for line in out.getvalue().splitlines() if line.startswith(" Average")]
    return {"lines": lines, **{iou_type: values_of(evaluator.coco_eval[iou_type]) for iou_type in iou_types}}


def files(folder: Path, with_masks: bool = False) -> tuple[Path, Path]:
    """The same data as files: ground truth, and results with boxes or masks."""
    gt, rows = scenes.ground_truth().dataset, []
    from pymetrics.coco import mask

    for image, prediction in scenes.predictions(torch, with_masks).items():
        for i in range(len(prediction.get("scores", ()))):
            box = prediction["boxes"][i].tolist()
            row = {
                "image_id": image,
                "category_id": int(prediction["labels"][i]),
                "score": prediction["scores"][i].item(),
            }
            row["bbox"] = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
            if with_masks:
                rle = mask.encode((prediction["masks"][i, 0] > 0.5).numpy())
                row["segmentation"] = rle | {"counts": rle["counts"].decode()}
            rows.append(row)
    for image in gt["images"]:
        image["file_name"] = f"{image['id']}.jpg"
    for name, content in (("gt.json", gt), ("dt.json", rows)):
        (folder / name).write_text(json.dumps(content))
    return folder / "gt.json", folder / "dt.json"


def pycocotools_gt() -> Any:
    """The ground truth by the class that `pycocotools.coco` now has."""
    return scenes.ground_truth(sys.modules["pycocotools.coco"].COCO)


@caller("torchvision references, steps one by one", "pytorch_object_detection_intro/references/detection/coco_eval.py")
def torchvision_old(checkouts: Path, scratch: Path) -> Any:
    six = types.ModuleType("torch._six")  # which torch no longer has
    six.string_classes = (str, bytes)  # type: ignore[attr-defined]
    sys.modules["torch._six"] = torch._six = six
    module = module_in(checkouts / "pytorch_object_detection_intro", "references.detection.coco_eval")
    return of_evaluator(module.CocoEvaluator(pycocotools_gt(), ["bbox", "segm"]), ["bbox", "segm"])


@caller("torchvision references, by evaluate()", "object_detector_tutorial/pennfudanpenn_utility/coco_eval.py")
def torchvision_new(checkouts: Path, scratch: Path) -> Any:
    module = module_in(checkouts / "object_detector_tutorial", "pennfudanpenn_utility.coco_eval")
    return of_evaluator(module.CocoEvaluator(pycocotools_gt(), ["bbox", "segm"]), ["bbox", "segm"])


@caller("torchvision references: engine.evaluate", "object_detector_tutorial/pennfudanpenn_utility/engine.py")
def torchvision_engine(checkouts: Path, scratch: Path) -> Any:
    """Images through a model whose outputs are given; the ground truth by their convert_to_coco_api."""
    module = module_in(checkouts / "object_detector_tutorial", "pennfudanpenn_utility.engine")
    found, gt = scenes.predictions(torch, with_masks=True), scenes.ground_truth()
    ids = [image for image, prediction in found.items() if prediction]

    class Data(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(ids)

        def __getitem__(self, i: int) -> Any:
            anns = gt.imgToAnns[ids[i]]
            boxes = torch.tensor([ann["bbox"] for ann in anns], dtype=torch.float32).reshape(-1, 4)
            boxes[:, 2:] += boxes[:, :2]
            target = {
                "boxes": boxes,
                "labels": torch.tensor([ann["category_id"] for ann in anns]),
                "masks": torch.tensor(np.array([gt.annToMask(ann) for ann in anns]).reshape(-1, *scenes.SIZE)),
                "image_id": torch.tensor(ids[i]),
                "area": torch.tensor([float(ann["area"]) for ann in anns]),
                "iscrowd": torch.tensor([ann["iscrowd"] for ann in anns]),
            }
            return torch.full((3, *scenes.SIZE), float(i)), target

    class Model(torch.nn.Module):
        def forward(self, images: Any) -> Any:
            return [found[ids[int(image[0, 0, 0])]] for image in images]

    loader = torch.utils.data.DataLoader(Data(), batch_size=3, collate_fn=lambda batch: tuple(zip(*batch, strict=True)))
    evaluator = quietly(lambda: module.evaluate(Model(), loader, torch.device("cpu")))
    return values_of(evaluator.coco_eval["bbox"])


@caller("DETR", "detr/datasets/coco_eval.py")
def detr(checkouts: Path, scratch: Path) -> Any:
    bare(checkouts / "detr", "datasets")
    module = module_in(checkouts / "detr", "datasets.coco_eval")
    return of_evaluator(module.CocoEvaluator(pycocotools_gt(), ("bbox", "segm")), ["bbox", "segm"])


@caller("Deformable DETR", "Deformable-DETR/datasets/coco_eval.py")
def deformable_detr(checkouts: Path, scratch: Path) -> Any:
    import torchvision

    torchvision.__version__ = "0.9.0"  # it reads three characters of it, and takes 0.29 for one before 0.5
    bare(checkouts / "Deformable-DETR", "datasets")
    module = module_in(checkouts / "Deformable-DETR", "datasets.coco_eval")
    return of_evaluator(module.CocoEvaluator(pycocotools_gt(), ("bbox",)), ["bbox"])


@caller("RT-DETR v1", "RT-DETR/rtdetr_pytorch/src/data/coco/coco_eval.py")
def rtdetr(checkouts: Path, scratch: Path) -> Any:
    folder = checkouts / "RT-DETR/rtdetr_pytorch"
    bare(folder, "src", "src.data", "src.data.coco", "src.misc")
    module = module_in(folder, "src.data.coco.coco_eval")
    return of_evaluator(module.CocoEvaluator(pycocotools_gt(), ["bbox"]), ["bbox"])


def of_package(folder: Path, package: str) -> Any:
    """coco_eval.py of the family of RT-DETR v2; its decorator `register` is theirs."""
    bare(folder, package, f"{package}.data", f"{package}.data.dataset", f"{package}.misc")
    sys.modules[f"{package}.data"].DataLoader = torch.utils.data.DataLoader  # type: ignore[attr-defined]  # of loaders
    module = module_in(folder, f"{package}.data.dataset.coco_eval")
    gt = sys.modules["faster_coco_eval"].COCO(scenes.ground_truth().dataset)
    return of_evaluator(module.CocoEvaluator(gt, ["bbox", "segm"]), ["bbox", "segm"])


@caller("RT-DETR v2", "RT-DETR/rtdetrv2_pytorch/src/data/dataset/coco_eval.py")
def rtdetr_v2(checkouts: Path, scratch: Path) -> Any:
    return of_package(checkouts / "RT-DETR/rtdetrv2_pytorch", "src")


@caller("D-FINE", "D-FINE/src/data/dataset/coco_eval.py")
def d_fine(checkouts: Path, scratch: Path) -> Any:
    return of_package(checkouts / "D-FINE", "src")


@caller("DEIM", "DEIM/engine/data/dataset/coco_eval.py")
def deim(checkouts: Path, scratch: Path) -> Any:
    return of_package(checkouts / "DEIM", "engine")


@caller("RF-DETR until 2026: CocoEvaluator and YOLO data", "rf-detr/rfdetr/datasets/coco_eval.py")
def rfdetr_old(checkouts: Path, scratch: Path) -> Any:
    bare(checkouts / "rf-detr", "rfdetr", "rfdetr.datasets", "rfdetr.util")
    sys.path.insert(0, str(checkouts / "rf-detr"))
    module = importlib.import_module("rfdetr.datasets.coco_eval")
    return of_evaluator(module.CocoEvaluator(pycocotools_gt(), ["bbox"], 500), ["bbox"])


@caller("Detectron2: COCOEvaluator", "detectron2/detectron2/evaluation/coco_evaluation.py")
def detectron2_evaluator(checkouts: Path, scratch: Path) -> Any:
    sys.path.insert(0, str(checkouts / "detectron2"))
    compiled = types.ModuleType("detectron2._C")
    sys.modules["detectron2._C"] = compiled
    import detectron2

    detectron2._C = compiled
    from detectron2.data import MetadataCatalog
    from detectron2.evaluation import COCOEvaluator
    from detectron2.structures import Boxes, Instances

    gt, _ = files(scratch)
    MetadataCatalog.get("pm").set(json_file=str(gt), thing_dataset_id_to_contiguous_id={1: 0, 3: 1, 7: 2})
    MetadataCatalog.get("pm").set(thing_classes=["a", "b", "c"])
    found = {}
    for limits in (None, 50):
        evaluator = COCOEvaluator("pm", ("bbox", "segm"), False, use_fast_impl=False, max_dets_per_image=limits)
        evaluator.reset()
        for image, prediction in scenes.predictions(torch, with_masks=True).items():
            instances = Instances(scenes.SIZE)
            if prediction:
                labels = torch.tensor([{1: 0, 3: 1, 7: 2}[int(label)] for label in prediction["labels"]])
                instances.pred_boxes, instances.scores = Boxes(prediction["boxes"]), prediction["scores"]
                instances.pred_classes, instances.pred_masks = labels, prediction["masks"][:, 0] > 0.5
            else:
                instances.pred_boxes, instances.scores = Boxes(torch.zeros(0, 4)), torch.zeros(0)
                instances.pred_classes, instances.pred_masks = torch.zeros(0, dtype=int), torch.zeros(0, *scenes.SIZE)
            evaluator.process([{"image_id": image}], [{"instances": instances}])
        found[str(limits)] = quietly(evaluator.evaluate)
    return found


@caller("MMDetection: CocoMetric", "mmdet")
def mmdetection(checkouts: Path, scratch: Path) -> Any:
    folder = Path(importlib.util.find_spec("mmdet").submodule_search_locations[0]).parent  # type: ignore[union-attr,index]
    bare(
        folder, "mmdet", "mmdet.datasets", "mmdet.structures", "mmdet.structures.mask", "mmdet.evaluation",
        "mmdet.evaluation.metrics", "mmdet.evaluation.functional",
    )  # fmt: skip
    utils = importlib.import_module("mmdet.structures.mask.utils")
    sys.modules["mmdet.structures.mask"].encode_mask_results = utils.encode_mask_results  # type: ignore[attr-defined]
    sys.modules["mmdet.evaluation.functional"].eval_recalls = None  # type: ignore[attr-defined]  # of "proposal_fast"
    metric_class = importlib.import_module("mmdet.evaluation.metrics.coco_metric").CocoMetric
    gt, _ = files(scratch)
    found: dict[str, Any] = {}
    place = {1: 0, 3: 1, 7: 2}
    for name, arguments in {
        "bbox, segm": {"metric": ["bbox", "segm"], "classwise": True},
        "proposal": {"metric": "proposal"},
        "thresholds": {"metric": "bbox", "iou_thrs": np.array([0.5, 0.75]), "metric_items": ["mAP", "mAP_50"]},
        "nothing found": {"metric": ["bbox", "segm"]},
    }.items():
        metric = quietly(lambda: metric_class(ann_file=str(gt), outfile_prefix=str(scratch / "out"), **arguments))  # noqa: B023
        metric.dataset_meta = {"classes": ["name 1", "name 3", "name 7"]}
        for image, prediction in scenes.predictions(torch, with_masks=True).items():
            n = 0 if name == "nothing found" or not prediction else len(prediction["scores"])
            pred = {
                "bboxes": prediction["boxes"][:n] if n else torch.zeros(0, 4),
                "scores": prediction["scores"][:n] if n else torch.zeros(0),
                "labels": torch.tensor(
                    [place[int(label)] for label in prediction["labels"][:n]] if n else [], dtype=int
                ),
                "masks": prediction["masks"][:n, 0] > 0.5 if n else torch.zeros(0, *scenes.SIZE, dtype=bool),
            }
            metric.process({}, [{"pred_instances": pred, "img_id": image, "ori_shape": scenes.SIZE}])
        found[name] = quietly(lambda: metric.evaluate(size=12))  # noqa: B023
    return found


@caller("Ultralytics: DetectionValidator.coco_evaluate", "ultralytics")
def ultralytics(checkouts: Path, scratch: Path) -> Any:
    from ultralytics.models.yolo.detect import DetectionValidator

    gt, dt = files(scratch, with_masks=True)
    found = {}
    for in_memory in (False, True):
        validator = DetectionValidator.__new__(DetectionValidator)
        ids = [image["id"] for image in plain_scene().gt["images"]]
        validator.args = types.SimpleNamespace(save_json=True)
        validator.jdict, validator.gdict = [1], None
        validator.is_coco, validator.is_lvis, validator.training = True, False, False
        data = types.SimpleNamespace(im_files=[f"images/{id:012d}.jpg" for id in ids])
        validator.dataloader = types.SimpleNamespace(dataset=data)
        anno = json.loads(gt.read_text()) if in_memory else gt
        pred = json.loads(dt.read_text()) if in_memory else dt
        found[str(in_memory)] = validator.coco_evaluate({}, pred, anno, ["bbox", "segm"], ["Box", "Mask"])
    return found


@caller("SAHI: coco_evaluation", "sahi")
def sahi(checkouts: Path, scratch: Path) -> Any:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    from sahi.scripts.coco_evaluation import evaluate_core

    gt, dt = files(scratch)
    found = {}
    for name, arguments in {
        "plain": {"max_detections": 500},
        "classwise": {"max_detections": 100, "classwise": True},
        "areas": {"areas": [500, 2000, 1e5], "iou_thrs": 0.5},
    }.items():
        with contextlib.redirect_stdout(io.StringIO()):
            found[name] = evaluate_core(str(gt), str(dt), COCO, COCOeval, out_dir=str(scratch), **arguments)
    (scratch / "empty.json").write_text("[]")
    with contextlib.suppress(Exception):
        found["nothing"] = quietly(lambda: evaluate_core(str(gt), str(scratch / "empty.json"), COCO, COCOeval))
    return {name: {k: v for k, v in row.items() if k == "eval_results"} for name, row in found.items() if row}


@caller("torchmetrics: MeanAveragePrecision", "torchmetrics")
def torchmetrics(checkouts: Path, scratch: Path) -> Any:
    from torchmetrics.detection import MeanAveragePrecision

    found = {}
    for backend in ("pycocotools", "faster_coco_eval"):
        for arguments in (
            {"iou_type": ("bbox", "segm")},
            {"class_metrics": True, "extended_summary": True},
            {"max_detection_thresholds": [1, 10, 300]},
        ):
            metric = MeanAveragePrecision(backend=backend, **arguments)
            gt = scenes.ground_truth()
            for image, prediction in scenes.predictions(torch, with_masks=True).items():
                if not prediction:
                    continue
                anns = gt.imgToAnns[image]
                target = {
                    "boxes": torch.tensor([ann["bbox"] for ann in anns], dtype=torch.float32).reshape(-1, 4),
                    "labels": torch.tensor([ann["category_id"] for ann in anns], dtype=int),
                    "masks": torch.tensor(
                        np.array([gt.annToMask(ann) for ann in anns]).reshape(-1, *scenes.SIZE)
                    ).bool(),
                    "iscrowd": torch.tensor([ann["iscrowd"] for ann in anns], dtype=int),
                }
                target["boxes"][:, 2:] += target["boxes"][:, :2]
                metric.update([prediction | {"masks": prediction["masks"][:, 0] > 0.5}], [target])
            values = metric.compute()
            found[f"{backend} {arguments}"] = {k: v.tolist() for k, v in values.items() if torch.is_tensor(v)}
    return found


@caller("RF-DETR: one-pass evaluation backends", "rfdetr")
def rfdetr_new(checkouts: Path, scratch: Path) -> Any:
    """Its registry takes faster_coco_eval by name, which is this library's module on our side."""
    folder = Path(importlib.util.find_spec("rfdetr").submodule_search_locations[0]).parent  # type: ignore[union-attr,index]
    bare(folder, "rfdetr", "rfdetr.training")
    coco_map = importlib.import_module("rfdetr.training.coco_map")
    metric = coco_map.OnePassCocoMeanAveragePrecision(
        backend="faster_coco_eval", sync_on_compute=False, class_metrics=True, max_detection_thresholds=[1, 10, 500]
    )
    gt = scenes.ground_truth()
    for image, prediction in scenes.predictions(torch).items():
        if prediction:
            boxes = torch.tensor([ann["bbox"] for ann in gt.imgToAnns[image]], dtype=torch.float32).reshape(-1, 4)
            boxes[:, 2:] += boxes[:, :2]
            labels = torch.tensor([ann["category_id"] for ann in gt.imgToAnns[image]], dtype=int)
            metric.update([prediction], [{"boxes": boxes, "labels": labels}])
    return {key: value.tolist() for key, value in metric.compute().items()}


@caller("TIDE", "tidecv")
def tide(checkouts: Path, scratch: Path) -> Any:
    from tidecv import TIDE, datasets

    gt, dt = files(scratch, with_masks=True)
    found = {}
    for mode in (TIDE.BOX, TIDE.MASK):
        tool = TIDE()
        tool.evaluate(datasets.COCO(str(gt)), datasets.COCOResult(str(dt)), mode=mode)
        found[mode] = json.loads(json.dumps(tool.get_all_errors()))
    return found


@caller("lvis-api on pycocotools.mask", "lvis")
def lvis(checkouts: Path, scratch: Path) -> Any:
    from helpers import lvis_oracle

    setattr(np, "float", float)  # noqa: B010
    import lvis as module

    return [
        lvis_oracle.state(lvis_oracle.evaluated(module, scene, change, scratch))
        for name, scene, change in list(lvis_oracle.scenes(with_real=False))[:25]
    ]


@caller("YOLOX: COCOEvaluator", "YOLOX/yolox/evaluators/coco_evaluator.py")
def yolox(checkouts: Path, scratch: Path) -> Any:
    os.environ.setdefault("YOLOX_DATADIR", str(scratch))
    sys.path.insert(0, str(checkouts / "YOLOX"))
    bare(checkouts / "YOLOX", "yolox", "yolox.evaluators")
    from yolox.evaluators.coco_evaluator import COCOEvaluator

    gt, dt = files(scratch)
    coco = quietly(lambda: sys.modules["pycocotools.coco"].COCO(str(gt)))
    data = types.SimpleNamespace(coco=coco, class_ids=[1, 3, 7])
    loader = types.SimpleNamespace(dataset=data, batch_size=4)
    evaluator = COCOEvaluator(loader, (100, 100), 0.1, 0.5, 3, per_class_AP=True, per_class_AR=True)
    statistics = torch.tensor([1.0, 1.0, 4.0])
    ap, ap_50, text = evaluator.evaluate_prediction(json.loads(dt.read_text()), statistics)
    return {"ap": float(ap), "ap_50": float(ap_50), "text": text}


def _random_boxes(rng: Any, n: int) -> Any:
    """float32 (n, 4): top, left, bottom, right."""
    corner = rng.random((n, 2)) * 60
    return np.hstack([corner, corner + rng.random((n, 2)) * 40 + 1]).astype(np.float32)


@caller("keras-cv: compute_pycoco_metrics", "keras-cv/keras_cv/src/metrics/coco/pycoco_wrapper.py")
def keras_cv(checkouts: Path, scratch: Path) -> Any:
    """Batches of images whose ids are strings, padded boxes."""
    names = ("keras_cv", "keras_cv.src", "keras_cv.src.metrics", "keras_cv.src.metrics.coco", "keras_cv.src.utils")
    bare(checkouts / "keras-cv", *names)
    module = module_in(checkouts / "keras-cv", "keras_cv.src.metrics.coco.pycoco_wrapper")
    rng, size = np.random.default_rng(0), (4, 6)
    gts: dict[str, list[Any]] = {name: [] for name in ("source_id", "classes", "boxes", "num_detections")}
    dts: dict[str, list[Any]] = {
        name: [] for name in ("source_id", "detection_classes", "detection_boxes", "detection_scores", "num_detections")
    }
    for batch in range(3):
        ids = np.array([f"image {batch} {i}" for i in range(size[0])])
        boxes = np.stack([_random_boxes(rng, size[1]) for _ in ids])
        near = boxes + rng.normal(size=boxes.shape).astype(np.float32)
        classes = rng.integers(1, 4, size)
        for name, value in (("source_id", ids), ("classes", classes), ("boxes", boxes)):
            gts[name].append(value)
        gts["num_detections"].append(rng.integers(0, size[1] + 1, size[0]))
        for name, value in (("source_id", ids), ("classes", classes), ("boxes", near), ("scores", rng.random(size))):
            dts[name if name == "source_id" else f"detection_{name}"].append(value)
        dts["num_detections"].append(rng.integers(1, size[1] + 1, size[0]))
    found = quietly(lambda: module.compute_pycoco_metrics(gts, dts))
    return {name: float(value) for name, value in found.items()}


@caller("TensorFlow's object_detection: coco_tools", "models/research/object_detection/metrics/coco_tools.py")
def tensorflow_coco_tools(checkouts: Path, scratch: Path) -> Any:
    """Of TensorFlow it uses the log alone, for which a module without effect stands in."""
    folder, names = checkouts / "models/research", ("tensorflow", "tensorflow.compat", "tensorflow.compat.v1")
    bare(folder, *names, "object_detection", "object_detection.metrics", "object_detection.utils")
    log = types.SimpleNamespace(info=lambda *words: None)
    sys.modules["tensorflow.compat.v1"].logging = log  # type: ignore[attr-defined]
    tools = module_in(folder, "object_detection.metrics.coco_tools")
    rng, ids, boxes, near, classes, masks = np.random.default_rng(1), list(range(1, 9)), [], [], [], []
    for _ in ids:
        n = int(rng.integers(1, 6))
        boxes.append(_random_boxes(rng, n))
        near.append((boxes[-1] + rng.normal(size=(n, 4))).astype(np.float32))
        classes.append(rng.integers(1, 4, n))
        pixels = np.zeros((n, 110, 110), np.uint8)
        for bitmap, (top, left, bottom, right) in zip(pixels, boxes[-1].astype(int), strict=True):
            bitmap[top : bottom + 1, left : right + 1] = 1
        masks.append(pixels)
    categories = [{"id": k, "name": f"name {k}"} for k in (1, 2, 3)]
    scores = [rng.random(len(part)).astype(np.float32) for part in boxes]
    found = {}
    for agnostic in (False, True):
        gt = quietly(lambda: tools.COCOWrapper(tools.ExportGroundtruthToCOCO(ids, boxes, classes, categories)))
        rows = tools.ExportDetectionsToCOCO(ids, near, scores, classes, categories)
        dt = quietly(lambda gt=gt, rows=rows: gt.LoadAnnotations(rows))
        evaluator = tools.COCOEvalWrapper(gt, dt, agnostic_mode=agnostic)
        found[f"boxes {agnostic}"] = {k: float(v) for k, v in quietly(evaluator.ComputeMetrics)[0].items()}
        found[f"arrays {agnostic}"] = values_of(evaluator)
    annotations: list[Any] = []
    for image, *parts in zip(ids, boxes, classes, masks, strict=True):
        part, labels, pixels = parts
        annotations += tools.ExportSingleImageGroundtruthToCoco(
            image, len(annotations) + 1, {1, 2, 3}, part, labels, groundtruth_masks=pixels
        )
    images = [{"id": image, "height": 110, "width": 110} for image in ids]
    content = {"annotations": annotations, "images": images, "categories": categories}
    gt = quietly(lambda: tools.COCOWrapper(content, detection_type="segmentation"))
    moved = [np.roll(pixels, 2, 1)[..., None] for pixels in masks]
    rows = tools.ExportSegmentsToCOCO(ids, moved, scores, classes, categories)
    dt = quietly(lambda: gt.LoadAnnotations(rows))
    evaluator = tools.COCOEvalWrapper(gt, dt, agnostic_mode=False, iou_type="segm")
    found["masks"] = {k: float(v) for k, v in quietly(evaluator.ComputeMetrics)[0].items()}
    return found | {"arrays of masks": values_of(evaluator)}


@caller("LightlyTrain: its MeanAveragePrecision", "lightly_train")
def lightly_train(checkouts: Path, scratch: Path) -> Any:
    """Its file of the metric alone: the package imports what loads and trains models."""
    spec = importlib.util.find_spec("lightly_train")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0]).parent
    bare(folder, "lightly_train", "lightly_train._metrics", "lightly_train._configs")
    module = importlib.import_module("lightly_train._metrics.mean_average_precision")
    gt, found = scenes.ground_truth(), {}
    names = [f"name {k}" for k in range(max(gt.cats) + 1)]
    for backend in (None, "pycocotools", "faster_coco_eval"):
        metric = module.MeanAveragePrecision("val", names, class_metrics=True, backend=backend)
        for image, prediction in scenes.predictions(torch).items():
            if not prediction:
                continue
            anns = gt.imgToAnns[image]
            boxes = torch.tensor([ann["bbox"] for ann in anns], dtype=torch.float32).reshape(-1, 4)
            boxes[:, 2:] += boxes[:, :2]
            labels = torch.tensor([ann["category_id"] for ann in anns], dtype=int)
            metric.update([prediction], [{"boxes": boxes, "labels": labels}])
        found[str(backend)] = {name: value.tolist() for name, value in metric.compute().items()}
    return found
