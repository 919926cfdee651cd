"""Compare TorchVision's detectors on pedestrians: accuracy, F1, speed and memory, in one report and in Comet.

python examples/compare_torchvision.py PennFudanPed --weights DEFAULT    (fetches the weights: a gigabyte)
python examples/compare_torchvision.py PennFudanPed --size 128           (weights=None: numbers near 0, but offline)

PennFudanPed is the folder of https://www.cis.upenn.edu/~jshi/ped_html/, or any with PNGImages and PedMasks.
"""

import argparse
from pathlib import Path

import comet_ml
import torch
import torchvision
from torchvision.io import ImageReadMode, decode_image

import pymetrics
from pymetrics.analysis import time_model
from pymetrics.trackers import comet

MODELS = {
    "Faster R-CNN, ResNet-50": "fasterrcnn_resnet50_fpn",
    "Faster R-CNN, MobileNet": "fasterrcnn_mobilenet_v3_large_fpn",
    "Mask R-CNN": "maskrcnn_resnet50_fpn",
    "RetinaNet": "retinanet_resnet50_fpn",
    "FCOS": "fcos_resnet50_fpn",
}
PERSON = 1  # in COCO's categories, which the pretrained weights know, and of the one category of Penn-Fudan


def detector(name, arguments):
    """A model in eval mode. Weights that you have trained go in here, too: model.load_state_dict(torch.load(path))."""
    if arguments.weights:
        return torchvision.models.get_model(name, weights=arguments.weights).eval()
    quick = {"min_size": arguments.size, "max_size": 2 * arguments.size}
    if "rcnn" in name:
        quick |= {"rpn_post_nms_top_n_test": 50, "box_detections_per_img": 10}
    torch.manual_seed(0)
    return torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=2, **quick).eval()


def pedestrians(output):
    """Of what a model finds in an image, the persons."""
    is_person = output["labels"] == PERSON
    return {key: values[is_person] for key, values in output.items()}


parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--weights", help="DEFAULT: pretrained on COCO; without it the weights are random")
parser.add_argument("--size", type=int, default=128, help="of random models: the shorter side that they see")
parser.add_argument("--calls", type=int, default=20, help="timed, at least, for each model")
parser.add_argument("--seconds", type=float, default=3)
parser.add_argument("--out", type=Path, default=Path("comparison"))
arguments = parser.parse_args()
arguments.out.mkdir(exist_ok=True)

gt = pymetrics.read(arguments.folder, "gt")
photographs = arguments.folder / "PNGImages"
images = [decode_image(str(path), ImageReadMode.RGB) / 255 for path in sorted(photographs.iterdir())]
results, costs = {}, {}
for title, name in MODELS.items():
    model = detector(name, arguments)
    with torch.inference_mode():
        outputs = [pedestrians(model([image])[0]) for image in images]  # in the order of the names, as gt is
    results[title] = pymetrics.evaluate(gt, outputs)
    timed = time_model(model, images[:1], calls=arguments.calls, seconds=arguments.seconds)
    costs[title] = timed.cost
    print(f"{title}: AP {results[title]['map']:.3f}, {timed}")
    if "masks" in outputs[0]:
        masks = pymetrics.evaluate(pymetrics.read(arguments.folder, "gt", "segm"), outputs, iou_type="segm")
        print(f"{title}, masks: AP {masks['map']:.3f}")

comparison = pymetrics.compare(results)
print(comparison)
comparison.report(arguments.out / "report.html", images=photographs, costs=costs)

for title, result in results.items():
    experiment = comet_ml.start(
        online=False, project_name="pedestrians",
        experiment_config=comet_ml.ExperimentConfig(name=title, offline_directory=str(arguments.out), log_code=False),
    )  # fmt: skip
    comet.log(experiment, result, images=photographs, step=0)
    experiment.log_metrics({f"cost/{key}": value for key, value in costs[title].items()}, step=0)
    experiment.end()
