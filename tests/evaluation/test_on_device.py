"""Whole evaluations on tensors of a device: the bits of the host. Without a GPU it is emulated, on CPU tensors."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from cuda_emu import emulated
from helpers.columns import ingest, match
from helpers.device_scenes import assert_equal, per_image, scene, tensors
from helpers.map_scenes import batch, differences

import pymetrics
from pymetrics import Accumulator, Detections, GroundTruths, _config, evaluate, kernels
from pymetrics.evaluation.result import Result
from pymetrics.kernels import arrays, cuda_backend


@pytest.fixture(params=["emulated", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request, monkeypatch, lacking):
    """The device of tensors; on the host's side nothing may be computed."""
    if request.param == "cuda":
        if not torch.cuda.is_available() or cuda_backend.why_not():
            lacking("cuda", f"there is no GPU: {cuda_backend.why_not()}")
        return "cuda"
    if emulated.why_not():
        lacking("cuda_emu", emulated.why_not())
    monkeypatch.setattr(_config, "cuda", emulated.module())
    monkeypatch.setattr(arrays, "DEVICES", {"cpu"})
    monkeypatch.setattr(cuda_backend, "_tables", {})
    return "cpu"


@pytest.fixture
def calls(device, monkeypatch):
    """The names of the CUDA kernels that ran."""
    names = []
    run = cuda_backend.run
    monkeypatch.setattr(cuda_backend, "run", lambda name, args: names.append(name) or run(name, args))
    return names


@pytest.mark.parametrize("seed", range(6))
def test_columns(seed, device, calls):
    gt, dt = scene(seed)
    host = evaluate(GroundTruths(**gt), Detections(**dt))
    assert not calls
    result = evaluate(GroundTruths(**tensors(gt, device)), Detections(**tensors(dt, device)))
    assert_equal(result, host)
    assert {"sort_rows", "join_cells", "rank_detections", "match_boxes", "accumulate", "mean_valid"} <= set(calls)
    columns = result.columns
    assert isinstance(columns.dt.shape, np.ndarray)
    assert columns.dt.shape.tobytes() == host.columns.dt.shape.tobytes()


@pytest.mark.parametrize("sizes", [(0, 0), (5, 0), (0, 5), (1, 1)])
def test_small(sizes, device):
    gt, dt = scene(1, *sizes)
    host = evaluate(GroundTruths(**gt), Detections(**dt))
    assert_equal(evaluate(GroundTruths(**tensors(gt, device)), Detections(**tensors(dt, device))), host)


@pytest.mark.parametrize("seed", range(3))
def test_lists_per_image(seed, device, calls):
    gt, dt = scene(seed)
    host = evaluate(GroundTruths(**gt), Detections(**dt))
    target, preds = per_image(gt, dt, device)
    assert_equal(evaluate(target, preds), host)
    assert "match_boxes" in calls
    back = evaluate(target[::-1], preds[::-1])  # images in another order
    assert back.stats.tobytes() == host.stats.tobytes()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float32"])
def test_ground_truths_to_ignore(dtype, device, calls):
    gt, dt = scene(4)
    plain = evaluate(GroundTruths(**gt), Detections(**dt))
    gt["ignore"] = (np.arange(len(gt["labels"])) % 3 == 0).astype(dtype)
    host = evaluate(GroundTruths(**gt), Detections(**dt))
    assert host.stats.tolist() != plain.stats.tolist()
    assert not calls
    assert_equal(evaluate(GroundTruths(**tensors(gt, device)), Detections(**tensors(dt, device))), host)
    assert calls.count("match_boxes") == 1
    assert_equal(evaluate(*per_image(gt, dt, device)), host)
    assert calls.count("match_boxes") == 2


def test_categories_of_the_ground_truth(device):
    """A list of categories sends the data to the host; detections of others warn, names are looked up."""
    gt, dt = scene(5)
    sides = GroundTruths(**gt, categories={1: "a", 2: "b", 3: "c"}), Detections(**dt)
    host = evaluate(*sides, class_map={"b": "a"})
    found = tensors(dt, device)
    truth = GroundTruths(**tensors(gt, device), categories={1: "a", 2: "b", 3: "c"})
    assert_equal(evaluate(truth, Detections(**found), class_map={"b": "a"}), host)
    found["labels"][:7] = 9
    with pytest.warns(UserWarning, match=r"^7 of 120 detections are of categories that gt does not list \(9\): "):
        evaluate(truth, Detections(**found))


def test_sides_that_were_read_before(device, calls):
    """They stay on the device, and their values are checked when they are evaluated."""
    gt, dt = scene(5)
    host = evaluate(GroundTruths(**gt), Detections(**dt))
    truth = pymetrics.read(GroundTruths(**tensors(gt, device)), "gt")
    found = tensors(dt, device)
    for _ in range(2):
        assert_equal(evaluate(truth, pymetrics.read(Detections(**found), "dt")), host)
    assert calls.count("match_boxes") == 2
    found["scores"][3] = torch.nan
    read = pymetrics.read(Detections(**found), "dt")
    with pytest.raises(ValueError, match=r"Detections.scores\[3\] must be finite, got nan"):
        evaluate(truth, read)


def test_matches_are_those_of_the_host(device, calls):
    gt, dt = scene(5)
    areas = ("all", "small")
    host = evaluate(GroundTruths(**gt), Detections(**dt), keep_matches=areas).matches
    assert not calls
    sides = GroundTruths(**tensors(gt, device)), Detections(**tensors(dt, device))
    found = evaluate(*sides, keep_matches=areas).matches
    assert {"match_boxes", "area_words"} <= set(calls)
    assert (host.gt_of >= 0).any()
    for name, value in vars(host).items():
        ours = getattr(found, name)
        assert ours.tobytes() == value.tobytes() if isinstance(value, np.ndarray) else ours == value, name


def test_analysis_reads_copies_on_the_host(device):
    gt, dt = scene(6)
    host = evaluate(GroundTruths(**gt), Detections(**dt))
    found = evaluate(GroundTruths(**tensors(gt, device)), Detections(**tensors(dt, device)))
    assert host.at(0.5).tp > 0
    for iou in (0.5, 0.62):
        assert found.at(0.5, iou).per_image == host.at(0.5, iou).per_image
        assert found.best_threshold(iou=iou) == host.best_threshold(iou=iou)
        assert found.miss_rate(iou).log_average == host.miss_rate(iou).log_average
        ours, theirs = found.confusion(iou), host.confusion(iou)
        assert ours.matrix.tolist() == theirs.matrix.tolist()
        assert ours.mistakes.dt.tolist() == theirs.mistakes.dt.tolist()


def test_accumulator(device, calls):
    gt, dt = scene(3, n_images=9)
    host = evaluate(GroundTruths(**gt), Detections(**dt))
    target, preds = per_image(gt, dt, device)
    first, second = Accumulator(), Accumulator()
    for i in range(0, len(target), 2):
        (first if i % 4 else second).update(target[i : i + 2], preds[i : i + 2])
    first.merge(second)
    assert "move_cells" in calls or len(target) < 3
    assert first.outcomes().device.startswith(device)
    assert_equal(first.compute(), host)
    assert pickle.loads(pickle.dumps(first)).to_bytes() == first.to_bytes() == host.outcomes.to_bytes()


@pytest.fixture
def waits(device, monkeypatch):
    """The calls by which the host waits for the device: of copies to the host, and of what has an unknown length."""
    names = []
    for owner, called in ((torch.Tensor, ("cpu", "item", "tolist", "__bool__", "__int__")), (torch, ("unique",))):
        for name in called:
            real = getattr(owner, name)
            monkeypatch.setattr(
                owner, name, lambda *args, name=name, real=real, **more: names.append(name) or real(*args, **more)
            )
    return names


@pytest.mark.parametrize(
    ("kind", "at_ingest", "at_match", "at_stats"),
    [
        ("columns", ["unique", "unique", "cpu"], ["tolist"], ["cpu", "cpu"]),
        ("lists", ["unique", "cpu"], ["tolist"], ["cpu", "cpu"]),
    ],
)
def test_the_host_seldom_waits(kind, at_ingest, at_match, at_stats, device, waits):
    """For ids and flags (torch.unique waits for how many ids there are); for how many cells; for means."""
    gt, dt = scene(1)
    if kind == "columns":
        sources = GroundTruths(**tensors(gt, device)), Detections(**tensors(dt, device))
    else:
        sources = per_image(gt, dt, device)
    evaluate(*sources)  # which copies tables that stay there
    waits.clear()
    result = evaluate(*sources)
    assert waits == at_ingest + at_match
    waits.clear()
    assert len(result.stats) == 12
    assert waits == at_stats


def test_the_metric_seldom_waits(device, waits):
    from pymetrics.detection import MeanAveragePrecision

    preds, target = ([{k: v.to(device) for k, v in item.items()} for item in side] for side in batch(7))
    MeanAveragePrecision().update(preds, target)
    metric = MeanAveragePrecision()
    waits.clear()
    metric.update(preds, target)
    assert waits == []
    metric.compute()
    assert waits == ["unique", "cpu", "tolist", "cpu", "cpu"]


def _device_free(value):
    return value.cpu().numpy() if isinstance(value, torch.Tensor) else value


def test_devices_merge_through_the_host(device):
    gt, dt = scene(4)
    target, preds = per_image(gt, dt, device)
    ours, theirs = Accumulator(), Accumulator()
    ours.update(target[:2], preds[:2])
    arrays = [
        [{name: _device_free(value) for name, value in item.items()} for item in side[2:]] for side in (target, preds)
    ]
    theirs.update(*arrays)
    assert theirs.outcomes().device == "host"
    ours.merge(theirs)
    assert ours.compute().stats.tobytes() == evaluate(GroundTruths(**gt), Detections(**dt)).stats.tobytes()


def ingest_and_match(gt, dt):
    return match(ingest(gt, dt))


@pytest.mark.parametrize(
    "change",
    [
        {"boxes": lambda b: b * torch.nan},
        {"scores": lambda s: s * torch.inf},
        {"boxes": lambda b: b[:, [2, 3, 0, 1]]},
        {"boxes": lambda b: b / 1000},
        {"labels": lambda c: c.float()},
        {"labels": lambda c: c + 2**40},
        {"image": lambda i: i.double()},
    ],
)
def test_odd_data_are_the_hosts(change, device):
    """What needs an error or a warning gives the host's."""
    gt, dt = (tensors(side, "cpu") for side in scene(5))
    for name, edit in change.items():
        dt[name] = edit(dt[name])
    seen = []
    for move in (lambda t: t.numpy(), lambda t: t.to(device)):
        with np.errstate(all="ignore"):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    sides = ({name: move(value) for name, value in side.items()} for side in (gt, dt))
                    target, preds = sides
                    result = evaluate(GroundTruths(**target), Detections(**preds)).stats.tolist()
                except (ValueError, TypeError) as error:
                    result = (type(error), str(error))
            seen.append((result, [str(w.message) for w in caught if w.category is UserWarning]))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("arguments", [{}, {"class_metrics": True}, {"extended_summary": True}, {"average": "micro"}])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64", "int64"])
def test_mean_average_precision(arguments, dtype, device, calls, monkeypatch):
    from pymetrics.detection import MeanAveragePrecision

    preds, target = batch(7, dtype=dtype)
    found = []
    for devices in (set(), arrays.DEVICES):
        monkeypatch.setattr(arrays, "DEVICES", devices)
        metric = MeanAveragePrecision(**arguments)
        move = (lambda item: {k: v.to(device) for k, v in item.items()}) if devices else dict
        metric.update([move(p) for p in preds], [move(t) for t in target])
        found.append(metric.compute())
    assert not differences(found[0], found[1])
    assert "match_boxes" in calls


def test_scratch_and_streams_are_of_the_arrays_device(device, calls):
    like = torch.empty(0, device=device)
    assert arrays.empty((2, 3), "uint64", like).dtype == torch.uint64
    assert arrays.to_device([1, 2], like).tolist() == [1, 2]
    table = np.arange(3.0)
    assert arrays.cached_on(table, like) is arrays.cached_on(table, like)
    with pytest.raises(ValueError, match="one device"):
        kernels.index_ids(torch.zeros(1, dtype=torch.int64, device=device), np.zeros(1, np.int64), like)


def test_without_cuda_tensors_are_copied_and_a_warning_says_why(monkeypatch):
    monkeypatch.setattr(arrays, "DEVICES", {"cpu"})
    monkeypatch.setattr(cuda_backend, "_warned", set())
    monkeypatch.setattr(_config, "cuda", None)
    monkeypatch.setattr(_config, "why_no_cuda", "it was not built")
    gt, dt = scene(2)
    host = evaluate(GroundTruths(**gt), Detections(**dt))
    with pytest.warns(RuntimeWarning, match="it was not built"):
        result = evaluate(GroundTruths(**tensors(gt, "cpu")), Detections(**tensors(dt, "cpu")))
    assert_equal(result, host)
    evaluate(GroundTruths(**tensors(gt, "cpu")), Detections(**tensors(dt, "cpu")))  # warns no more
    assert pymetrics.evaluate is evaluate


@pytest.mark.parametrize("kind", ["iou", "giou", "diou", "ciou"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_box_iou(kind, dtype, device, calls):
    gt, dt = (torch.tensor(side["boxes"]).to(getattr(torch, dtype)) for side in scene(8))
    crowd = torch.arange(len(gt)) % 5 == 0 if kind == "iou" else None
    offsets = ([0, 20, 20, len(dt)], [0, 5, 30, len(gt)])
    for more in ({}, {"offsets": offsets}):
        on_host = pymetrics.box_iou(dt.numpy(), gt.numpy(), None if crowd is None else crowd.numpy(), kind=kind, **more)
        moved = None if crowd is None else crowd.to(device)
        found = pymetrics.box_iou(dt.to(device)[:], gt.to(device), moved, kind=kind, **more)
        assert found.device.type == device
        assert found.cpu().numpy().tobytes() == on_host.tobytes()
    assert ("box_iou" in calls) == (kind != "ciou")
    transposed = dt.to(device).T.contiguous().T  # not contiguous
    again = pymetrics.box_iou(transposed, gt.to(device), moved, kind=kind, offsets=offsets)
    assert torch.equal(again, found)
    empty = pymetrics.box_iou(dt.to(device)[:0], gt.to(device), kind=kind)
    assert empty.shape == (0, len(gt))


def test_match(device, calls):
    gt, dt = scene(9)
    ious = pymetrics.box_iou(dt["boxes"], gt["boxes"], gt["crowd"])
    for ignore in (None, np.arange(len(gt["crowd"])) % 3 == 0, np.eye(3, len(gt["crowd"]), dtype=bool)):
        on_host = pymetrics.match(ious, gt["crowd"], ignore)
        moved = [None if a is None else torch.tensor(a, device=device) for a in (ious, gt["crowd"], ignore)]
        found = pymetrics.match(*moved)
        assert found.device.type == device
        assert found.dtype == torch.int64
        assert np.array_equal(found.cpu().numpy(), on_host)
    assert "match_cells" in calls


def test_what_does_not_fit(device):
    boxes = torch.zeros((3, 4), device=device)
    with pytest.raises(ValueError, match=r"dt must have shape \(N, 4\), got \(3, 3\)"):
        pymetrics.box_iou(boxes[:, :3], boxes)
    with pytest.raises(ValueError, match=r"crowd must have shape \(3,\), got \(2,\)"):
        pymetrics.box_iou(boxes, boxes, torch.zeros(2, dtype=torch.bool, device=device))
    with pytest.raises(TypeError, match="real numbers"):
        pymetrics.match(torch.zeros((2, 2), dtype=torch.complex64, device=device))


@pytest.mark.gpu
def test_devices_do_not_mix(lacking):
    if not torch.cuda.is_available():
        lacking("cuda", "there is no GPU")
    boxes = torch.zeros((3, 4))
    with pytest.raises(ValueError, match="dt is on cuda:0, but gt on cpu"):
        pymetrics.box_iou(boxes.cuda(), boxes)
    with pytest.raises(ValueError, match="ious is on cpu, but crowd on cuda:0"):
        pymetrics.match(torch.zeros((3, 3)), torch.zeros(3, dtype=torch.bool).cuda())


@pytest.mark.gpu
def test_update_waits_for_nothing(lacking):
    from pymetrics.detection import MeanAveragePrecision

    if not torch.cuda.is_available():
        lacking("cuda", "there is no GPU")
    preds, target = ([{k: v.cuda() for k, v in item.items()} for item in side] for side in batch(3))
    metric = MeanAveragePrecision()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch calls the mode a prototype
            torch.cuda.set_sync_debug_mode("error")
        metric.update(preds, target)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert metric.compute()["map"] >= 0


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("folder", "name"), [("generated", "dt_coarse.json"), ("coco_yolact100", "dt_yolact_base.json")]
)
def test_columns_of_files(data, lacking, folder, name):
    if not torch.cuda.is_available():
        lacking("cuda", "there is no GPU")
    paths = str(data(f"{folder}/gt.json")), str(data(f"{folder}/{name}"))
    columns = ingest(*paths)
    host = evaluate(*paths)
    gt, dt = (
        replace(side, **{n: torch.tensor(v).cuda() for n, v in vars(side).items() if v is not None})
        for side in (columns.gt, columns.dt)
    )
    assert_equal(Result(match(replace(columns, gt=gt, dt=dt))), host)


def test_gradients_do_not_matter(device):
    gt, dt = scene(2)
    host = evaluate(GroundTruths(**gt), Detections(**dt))
    moved = tensors(dt, device)
    moved |= {name: moved[name].requires_grad_() for name in ("boxes", "scores")}
    result = evaluate(GroundTruths(**tensors(gt, device)), Detections(**moved))
    assert_equal(result, host)
    assert isinstance(result.columns.dt.shape, np.ndarray)
    assert pickle.loads(pickle.dumps(result)).stats.tobytes() == host.stats.tobytes()
    boxes = tensors(gt, device)["boxes"]
    for kind in ("iou", "ciou"):
        expected = pymetrics.box_iou(dt["boxes"], gt["boxes"], kind=kind)
        assert arrays.to_host(pymetrics.box_iou(moved["boxes"], boxes, kind=kind)).tobytes() == expected.tobytes()


def test_flags_may_stay_on_the_host(device):
    gt, dt = scene(3)
    moved = [torch.tensor(side["boxes"], device=device) for side in (dt, gt)]
    expected = pymetrics.box_iou(dt["boxes"], gt["boxes"], gt["crowd"])
    assert arrays.to_host(pymetrics.box_iou(*moved, gt["crowd"])).tobytes() == expected.tobytes()
    with pytest.raises(ValueError, match=r"dt is on \S+, but gt on the host"):
        pymetrics.box_iou(moved[0], gt["boxes"])
