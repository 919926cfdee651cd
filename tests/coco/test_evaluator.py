"""CocoEvaluator beside a whole evaluation by pycocotools: batches, masks, copies of images, several processes."""

import copy

import evaluator_scenes as scenes
import numpy as np
import pytest
from helpers.coco_cases import quietly
from helpers.coco_scenes import differences
from helpers.ranks import launch

from pymetrics.coco import CocoEvaluator, mask


@pytest.fixture
def torch(need):
    return need("torch")


def whole(classes, found, iou_type="bbox"):
    """pycocotools' evaluation of all predictions at once, as rows of results."""
    gt = scenes.ground_truth(classes[0])
    rows = []
    for image, prediction in found.items():
        if not prediction:
            continue
        boxes = prediction["boxes"].numpy()
        for i in range(len(boxes)):
            row = {
                "image_id": image,
                "category_id": int(prediction["labels"][i]),
                "score": prediction["scores"][i].item(),
            }
            if iou_type == "bbox":
                row["bbox"] = [*boxes[i, :2].tolist(), *(boxes[i, 2:] - boxes[i, :2]).tolist()]
            else:
                row["segmentation"] = mask.encode((prediction["masks"][i, 0] > 0.5).numpy())
            rows.append(row)
    evaluation = classes[1](gt, quietly(gt.loadRes, rows), iou_type)
    for step in (evaluation.evaluate, evaluation.accumulate, evaluation.summarize):
        quietly(step)
    return evaluation


def evaluated(evaluator, batches):
    for batch in batches:
        evaluator.update(batch)
    for step in (evaluator.synchronize_between_processes, evaluator.accumulate, evaluator.summarize):
        quietly(step)
    return evaluator


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")  # pycocotools' own
@pytest.mark.parametrize("size", [1, 5, 12])
def test_batches(rival, torch, size):
    found = scenes.predictions(torch, with_masks=True)
    for gt in (scenes.ground_truth(), scenes.ground_truth(rival[0])):
        evaluator = evaluated(CocoEvaluator(gt, ["bbox", "segm"]), scenes.batches(found, size))
        for iou_type in ("bbox", "segm"):
            expected, ours = whole(rival, found, iou_type), evaluator.coco_eval[iou_type]
            assert differences(expected.eval, ours.eval) == []
            assert ours.stats.tobytes() == expected.stats.tobytes()
            assert evaluator.stats_as_dict[iou_type]["AP_50"] == expected.stats[1]
            assert evaluator.stats_as_dict[iou_type]["AR_large"] == expected.stats[11]
        assert evaluator.img_ids == sorted(found)
        assert "ignore" not in gt.dataset["annotations"][0]  # a copy was evaluated


def test_an_image_counts_once(rival, torch):
    """The first of its predictions."""
    found = scenes.predictions(torch)
    batches = scenes.batches(found, 4)
    worse = copy.deepcopy(batches[1])
    for prediction in worse.values():
        if prediction:
            prediction["scores"][:] = 0.01
    ours = evaluated(CocoEvaluator(scenes.ground_truth(), ["bbox"]), [*batches, worse, batches[0]]).coco_eval["bbox"]
    assert differences(whole(rival, found).eval, ours.eval) == []
    other = evaluated(CocoEvaluator(scenes.ground_truth(), ["bbox"]), [worse, *batches]).coco_eval["bbox"]
    assert differences(ours.eval, other.eval) != []


def test_without_categories(rival, torch):
    found = scenes.predictions(torch)
    expected = whole(rival, found)
    expected.params.useCats = 0
    expected.params.catIds = [1, 3, 7]
    quietly(expected.evaluate)
    quietly(expected.accumulate)
    ours = evaluated(CocoEvaluator(scenes.ground_truth(), ["bbox"], False), scenes.batches(found, 3))
    assert differences(expected.eval, ours.coco_eval["bbox"].eval) == []


def test_cleanup(rival, torch):
    found = scenes.predictions(torch)
    evaluator = CocoEvaluator(scenes.ground_truth(), ["bbox"])
    evaluated(evaluator, scenes.batches(found, 4)[:1])
    evaluator.cleanup()
    assert evaluator.img_ids == []
    evaluated(evaluator, scenes.batches(found, 4))
    assert differences(whole(rival, found).eval, evaluator.coco_eval["bbox"].eval) == []


def test_no_predictions(rival, torch):
    evaluator = evaluated(CocoEvaluator(scenes.ground_truth(), ["bbox"]), [{38: {}, 36: {}}])
    assert evaluator.coco_eval["bbox"].stats[0] == 0
    for batches in ([], [{}]):
        evaluator = evaluated(CocoEvaluator(scenes.ground_truth(), ["bbox"]), batches)
        assert (evaluator.coco_eval["bbox"].stats == -1).all()
        assert evaluator.img_ids == []


def test_a_failed_update_leaves_nothing(torch):
    evaluator = CocoEvaluator(scenes.ground_truth(), ["bbox"])
    found = scenes.predictions(torch)
    with pytest.raises(AssertionError, match="777"):
        evaluator.update({777: next(prediction for prediction in found.values() if prediction)})
    with pytest.raises(ValueError, match="Unknown iou type boxes"):
        evaluator.prepare(found, "boxes")
    assert evaluator.img_ids == []
    assert evaluator.eval_imgs == {"bbox": []}
    with pytest.raises(AssertionError, match="iou_types must be a list or tuple, got 'bbox'"):
        CocoEvaluator(scenes.ground_truth(), "bbox")


def test_arrays_and_keypoints():
    """Rows of results from numpy arrays, and from keypoints."""
    evaluator = CocoEvaluator(scenes.ground_truth(), ["bbox"])
    prediction = {
        "boxes": np.array([[1, 2, 4, 8]], np.float32),
        "scores": np.array([0.5], np.float32),
        "labels": np.array([3]),
        "keypoints": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
    }
    row = {"image_id": 9, "category_id": 3, "score": 0.5}
    assert evaluator.prepare({9: prediction, 8: {}}, "bbox") == [row | {"bbox": [1, 2, 3, 6]}]
    assert prediction["boxes"][0, 2] == 4
    bare = {name: values[:0] for name, values in prediction.items()}
    assert evaluator.prepare({8: bare, 9: prediction}, "keypoints") == [row | {"keypoints": [0, 1, 2, 3, 4, 5]}]


def test_what_is_printed(torch, capsys):
    found = scenes.predictions(torch)
    evaluator = CocoEvaluator(scenes.ground_truth(), ["bbox"])
    capsys.readouterr()
    for batch in scenes.batches(found, 4):
        evaluator.update(batch)
    evaluator.synchronize_between_processes()
    assert capsys.readouterr().out == ""
    evaluator.accumulate()
    evaluator.summarize()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Accumulating evaluation results..."
    assert lines[2] == "IoU metric: bbox"
    assert len(lines) == 15


@pytest.mark.slow
@pytest.mark.parametrize("n_ranks", [2, 3])
def test_processes(rival, torch, n_ranks, tmp_path):
    """Images that DistributedSampler gives to two ranks count once, with one record; a rank may have no images."""
    found = scenes.predictions(torch)
    expected = whole(rival, found)
    for outputs in launch("evaluator_scenes", "of_rank", n_ranks, tmp_path):
        for stats, precision, scores, img_ids in outputs:
            assert stats.tobytes() == expected.stats.tobytes()
            assert precision.tobytes() == expected.eval["precision"].tobytes()
            assert scores.tobytes() == expected.eval["scores"].tobytes()
            assert img_ids == sorted(found)
