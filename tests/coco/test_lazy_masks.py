"""COCOeval of files with masks, of which no dicts are made: the arrays of pycocotools, and the dicts when asked for."""

import copy

import numpy as np
import pytest
from helpers.coco_cases import clean, is_unopened, quietly, write
from helpers.coco_scenes import Scene, compare, run
from helpers.mask_scenes import SIZE, make_mask_scene, make_segmentation

import pymetrics
from pymetrics import _config
from pymetrics.coco import COCO, COCOeval, mask

pytestmark = pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")


def with_text(scene):
    """The scene with strings in place of bytes, as files have them."""
    for row in (*scene.gt["annotations"], *scene.dt):
        counts = row["segmentation"]["counts"] if isinstance(row["segmentation"], dict) else None
        if isinstance(counts, bytes):
            row["segmentation"] = dict(row["segmentation"], counts=counts.decode())
    return scene


def plain_scene(seed, with_boxes):
    """Ground truth as polygons and runs, some crowds; results of one kind of mask, of the same size as the images."""
    rng = np.random.default_rng(seed)
    images = [{"id": i, "height": SIZE[0], "width": SIZE[1]} for i in (5, 3, 9)]
    gts, dts = [], []
    for i in range(30):
        segmentation, bitmap = make_segmentation(rng, may_be_polygons=True)
        image, category = images[i % 3]["id"], int(rng.integers(1, 3))
        gts.append({
            "id": 100 - i, "image_id": image, "category_id": category, "iscrowd": int(i % 7 == 0),
            "area": float(bitmap.sum()) + 0.5, "bbox": [1, 2, 3, 4], "segmentation": segmentation,
        })  # fmt: skip
        for _ in range(3):
            near = np.roll(bitmap, rng.integers(0, 3, 2), (0, 1))
            row = {"image_id": image, "category_id": category, "score": round(float(rng.random()), 1)}
            row["segmentation"] = mask.encode(near)
            dts.append(row | ({"bbox": [1.5, 2, 3, 4]} if with_boxes else {}))
    categories = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    return with_text(Scene({"images": images, "annotations": gts, "categories": categories}, dts))


@pytest.mark.cases(4)
@pytest.mark.parametrize(
    "params", [{}, {"useCats": 0}, {"imgIds": [9, 5]}, {"maxDets": [1, 2, 3], "iouThrs": [0.0, 0.7]}]
)
@pytest.mark.parametrize("with_boxes", [True, False])
def test_no_annotation_becomes_a_dict(tmp_path, rival, with_boxes, params):
    """And opened afterwards, both COCOs hold what pycocotools' hold."""
    scene = plain_scene(3, with_boxes)
    scene.params = params
    theirs = run(*rival, scene, folder=tmp_path, iou_type="segm")
    ours = run(COCO, COCOeval, scene, folder=tmp_path, iou_type="segm")
    assert is_unopened(ours.cocoGt)
    assert is_unopened(ours.cocoDt)
    assert compare(theirs, ours) == []
    for mine, other in ((ours.cocoGt, theirs.cocoGt), (ours.cocoDt, theirs.cocoDt)):
        found, wanted = mine.dataset, other.dataset
        assert list(found) == list(wanted)
        assert [list(ann) for ann in found["annotations"]] == [list(clean(ann)) for ann in wanted["annotations"]]
        for ann, expected in zip(found["annotations"], wanted["annotations"], strict=True):
            assert ann.keys() == clean(expected).keys()
            for key in ann.keys() - {"segmentation"}:
                assert np.array_equal(ann[key], expected[key]), key
                assert type(ann[key]) is type(expected[key]), key


@pytest.mark.cases(6)
@pytest.mark.parametrize("seed", range(40))
def test_scenes(tmp_path, rival, seed):
    scene = with_text(make_mask_scene(seed))
    theirs = run(*rival, scene, folder=tmp_path, iou_type="segm")
    ours = run(COCO, COCOeval, scene, folder=tmp_path, iou_type="segm")
    assert compare(theirs, ours) == []


def test_an_edit_after_evaluation_counts(tmp_path):
    scene = plain_scene(4, False)
    evaluation = run(COCO, COCOeval, scene, folder=tmp_path, iou_type="segm")
    before = evaluation.eval["precision"].copy()
    for ann in evaluation.cocoDt.dataset["annotations"]:
        ann["score"] = 1 - ann["score"]
    quietly(evaluation.evaluate)
    quietly(evaluation.accumulate)
    changed = copy.deepcopy(scene)
    for row in changed.dt:
        row["score"] = 1 - row["score"]
    wanted = run(COCO, COCOeval, changed, folder=tmp_path, iou_type="segm").eval["precision"]
    assert evaluation.eval["precision"].tobytes() == wanted.tobytes() != before.tobytes()


def test_boxes_of_results_with_masks_alone(tmp_path, rival):
    """Compared by their boxes, such results have those around their masks."""
    files = write(tmp_path, plain_scene(5, False))
    found = []
    for coco_class, eval_class in ((COCO, COCOeval), rival):
        gt = quietly(coco_class, files[0])
        evaluation = eval_class(gt, quietly(gt.loadRes, files[1]), "bbox")
        quietly(evaluation.evaluate)
        quietly(evaluation.accumulate)
        found.append(evaluation)
    assert compare(found[1], found[0]) == []


@pytest.mark.parametrize("counts", ["`n", "0", "a b"])
def test_results_that_are_no_masks(tmp_path, counts):
    """As where dicts are made: the error comes from loadRes or from evaluate."""
    scene = plain_scene(6, False)
    scene.dt[4]["segmentation"]["counts"] = counts
    files = write(tmp_path, scene)
    gt = quietly(COCO, files[0])

    def outcome(results):
        try:
            evaluation = COCOeval(gt, quietly(gt.loadRes, results), "segm")
            quietly(evaluation.evaluate)
        except ValueError as error:
            return str(error)
        return None

    assert outcome(files[1]) == outcome(copy.deepcopy(scene.dt)) is not None


@pytest.mark.parametrize("with_boxes", [True, False])
@pytest.mark.parametrize("iou_type", ["segm", "boundary"])
def test_evaluate_takes_unopened_objects(tmp_path, with_boxes, iou_type):
    """The numbers of the files and of the dicts, before and after COCOeval read the same objects."""
    files = write(tmp_path, plain_scene(4, with_boxes))
    expected = pymetrics.evaluate(*files, iou_type)
    assert 0 < expected["map"] < 1
    gt = quietly(COCO, files[0])
    dt = quietly(gt.loadRes, files[1])
    for _ in range(2):
        found = pymetrics.evaluate(gt, dt, iou_type)
        assert is_unopened(gt)
        assert is_unopened(dt)
        for name in ("precision", "recall", "scores"):
            assert getattr(found, name).tobytes() == getattr(expected, name).tobytes()
        quietly(COCOeval(gt, dt, "segm").evaluate)
    assert gt.anns
    assert dt.anns
    of_dicts = pymetrics.evaluate(gt, dt, iou_type)
    assert of_dicts.precision.tobytes() == expected.precision.tobytes()
    sizes = {image["id"]: SIZE for image in gt.dataset["images"]}
    fresh = quietly(COCO, files[0])
    assert pymetrics.evaluate(fresh, dt, iou_type, image_sizes=sizes)["map"] == expected["map"]
    assert is_unopened(fresh)


@pytest.mark.parametrize("slash", ["/", r"\/"])
def test_escapes_come_back(tmp_path, slash):
    r"""In the text that is kept, \\ of runs was replaced; the dicts made of it later hold what json reads.

    Slashes in captions stay as they are written, and the first record is longer than what is read at first.
    """
    rng = np.random.default_rng(5)
    scene = plain_scene(6, with_boxes=False)
    height, width = SIZE
    for i, row in enumerate(scene.dt):
        counts = rng.integers(1, 60, 4000 if i == 0 else rng.integers(1, 40)).tolist()
        size = [sum(counts), 1] if i == 0 else [height, width]
        counts = counts if i == 0 else [*counts, height * width - sum(counts)]
        row["segmentation"] = {
            "size": size,
            "counts": mask.frPyObjects({"size": size, "counts": counts}, *size)["counts"],
        }
        row["note"] = "a/b"
    files = write(tmp_path, with_text(scene))
    path = tmp_path / "dt.json"
    text = path.read_text()
    assert text.count("\\\\") > 50
    assert len(text[: text.index("}, {")]) > 5000
    path.write_text(text.replace("/", slash))
    dt = quietly(quietly(COCO, files[0]).loadRes, str(path))
    assert is_unopened(dt)
    assert dt._kept.source.shape.name == "masks"
    found = dt.dataset["annotations"]
    assert [{key: row[key] for key in scene.dt[0]} for row in found] == scene.dt
