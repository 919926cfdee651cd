"""TensorBoard: what its event files hold against the Result."""

import io
import types

import numpy as np
import pytest
from helpers import result_cases
from helpers.tracker_scene import FILES, NAMES, SIZES, make_result, write_images

from pymetrics.pictures import Marks, draw_marks
from pymetrics.trackers import tensorboard


@pytest.fixture
def logged(need, tmp_path):
    """logged((result, step, images, settings), ...): the event file in which all of this was logged, read back."""
    need("tensorboard")
    need("torch")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    def call(*logs):
        with SummaryWriter(str(tmp_path / "run")) as writer:
            for result, step, images, settings in logs:
                tensorboard.log(writer, result, step, images, **settings)
        events = EventAccumulator(str(tmp_path / "run"), size_guidance={"images": 0, "tensors": 0, "scalars": 0})
        events.Reload()
        return events

    return call


def test_scalars_have_their_steps(logged):
    results = [result_cases.make_result(seed=seed, n_gt=60) for seed in range(2)]
    events = logged(*((result, 10 * i, None, {"media": False}) for i, result in enumerate(results)))
    tags = set()
    for i, result in enumerate(results):
        best = result.best_threshold()
        scalars = result.scalars("val/") | {"val/precision": best.precision, "val/recall": best.recall}
        scalars |= {"val/f1": best.f, "val/f1_threshold": best.threshold}
        for tag, value in scalars.items():
            event = events.Scalars(tag)[i]
            assert (event.step, event.value) == (10 * i, np.float32(value))
        tags |= scalars.keys()
    assert set(events.Tags()["scalars"]) == tags
    assert events.Tags()["tensors"] == events.Tags()["images"] == []


def test_curves_are_what_at_counts(logged):
    result = result_cases.make_result(n_gt=60, names={1: "a", 2: "b/c", 3: "a"})
    events = logged((result, 7, None, {"curves": 2}))
    rows = {row["id"]: row for row in result.per_class}
    most = sorted(rows, key=lambda id_: -rows[id_]["n_gt"])[:2]
    names = {1: "a (1)", 2: "b/c", 3: "a (3)"}
    assert set(events.Tags()["tensors"]) == {"val/pr/all classes", *(f"val/pr/{names[id_]}" for id_ in most)}
    for id_, name in [(None, "all classes"), *((id_, names[id_]) for id_ in most)]:
        (event,) = events.Tensors(f"val/pr/{name}")
        assert event.step == 7
        shape = [dim.size for dim in event.tensor_proto.tensor_shape.dim]
        assert shape == [6, 127]
        tp, fp, tn, fn, precision, recall = np.array(event.tensor_proto.float_val).reshape(shape)
        assert not tn.any()
        for i, score in enumerate(np.linspace(0, 1, 127)):
            at = result.at(score)
            row = {"tp": at.tp, "fp": at.fp, "fn": at.fn, "precision": at.precision, "recall": at.recall}
            if id_ is not None:
                (row,) = (row for row in at.per_class if row["id"] == id_)
            assert (tp[i], fp[i], fn[i]) == (row["tp"], row["fp"], row["fn"])
            assert precision[i] == np.float32(1 if row["precision"] == -1 else row["precision"])
            assert recall[i] == np.float32(row["recall"])


def test_images_are_drawn(logged, tmp_path):
    from PIL import Image

    result, folder = make_result(), tmp_path / "images"
    folder.mkdir()
    events = logged((result, 3, write_images(folder), {"class_names": NAMES, "shown": [8, 7]}))
    assert set(events.Tags()["images"]) == {f"val/images/{FILES[id_]}" for id_ in (7, 8)}
    marks = Marks(result, result.best_threshold().threshold, 0.5, NAMES)
    for id_ in (7, 8):
        (event,) = events.Images(f"val/images/{FILES[id_]}")
        wanted = draw_marks(Image.open(folder / FILES[id_]), marks.of(id_))
        assert (event.step, event.height, event.width) == (3, *SIZES[id_])
        found = np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))
        np.testing.assert_array_equal(found, np.asarray(wanted))


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
def test_figures(logged, need):
    need("matplotlib")
    result = make_result()
    events = logged((result, 2, None, {"figures": True}))
    assert set(events.Tags()["images"]) == {f"val/{name}" for name in result.figures()} > {"val/confusion"}
    assert {events.Images(tag)[0].step for tag in events.Tags()["images"]} == {2}


def test_without_ground_truth_there_is_no_curve(logged):
    events = logged((result_cases.make_result(n_gt=0), 0, None, {}))
    assert events.Tags()["tensors"] == events.Tags()["scalars"] == []


@pytest.mark.parametrize("step", [None, 1.5, -1, True])
def test_steps_that_are_none(step):
    writer = types.SimpleNamespace(add_pr_curve_raw=print)
    with pytest.raises(ValueError, match=f"step must be an integer from 0 on, got {step}"):
        tensorboard.log(writer, make_result(), step)


def test_scores_that_no_threshold_reaches():
    result = result_cases.make_result(n_gt=60)
    result.outcomes.scores[:] = 2 * result.outcomes.scores
    writer = types.SimpleNamespace(add_pr_curve_raw=print, add_scalar=lambda *_: None)
    with pytest.raises(ValueError, match="scores are from 0 to 2, but TensorBoard's curves have thresholds from 0"):
        tensorboard.log(writer, result, 0)
    tensorboard.log(writer, result, 0, media=False)


def test_no_writer():
    with pytest.raises(TypeError, match=r"writer must be a SummaryWriter, got str \(TensorBoard: pip install"):
        tensorboard.log("runs/1", make_result(), 0)
