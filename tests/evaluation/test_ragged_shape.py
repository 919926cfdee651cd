"""A shape of unequal rows, whose overlaps take two steps, needs no edit outside its module and its reader.

Run-length masks, registered here alone: in SHAPES, and as a format in FORMATS. Against bitmaps and the literal rules.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
from helpers import literal
from helpers.columns import match_and_keep

import pymetrics
from pymetrics import Accumulator, Protocol, formats, kernels
from pymetrics.evaluation import shapes, stages
from pymetrics.evaluation.build_columns import build_columns
from pymetrics.evaluation.cells import Cells
from pymetrics.evaluation.columns import CROWD
from pymetrics.formats.ranges import gather_ranges
from pymetrics.formats.source import Source, SourceAxes
from pymetrics.kernels import arrays

HEIGHT, WIDTH = 12, 10
PROTOCOL = Protocol(
    iou_thresholds=(0.25, 0.5, 0.75), area_ranges=[(0, 1e10), (0, 16), (16, 1e10)], area_names=["all", "low", "high"],
    max_dets=(1, 3, 100),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class RunColumns:
    """N masks. runs: int64 (R,), lengths of 0s and of 1s in turn, column by column. offsets: int64 (N + 1,), each
    mask's runs. boxes: float64 (N, 4), x, y, width, height of the smallest box around the 1s.
    """

    runs: Any
    offsets: Any
    boxes: Any


@dataclass(frozen=True, eq=False)
class RawRuns:
    """Masks as a source has them: lists of runs."""

    masks: list[list[int]]
    name: ClassVar[str] = "masks"
    needs_sizes: ClassVar[bool] = False

    def __len__(self):
        return len(self.masks)

    def on_host(self):
        return self

    def check(self, where):
        for row, runs in enumerate(self.masks):
            if sum(runs) % HEIGHT or min(runs, default=0) < 0:
                raise ValueError(f"{where('masks', row)} must fill whole columns, got {runs}")

    def scale_seems_wrong(self):
        return False, None


@dataclass(frozen=True)
class Runs:
    """Run-length masks of images of one height."""

    height: int = HEIGHT
    iou_type: ClassVar[str] = "runs"
    unusual: ClassVar[None] = None
    match: ClassVar[None] = None
    pairs_compared: ClassVar[list[int]] = []

    @property
    def params(self) -> Mapping[str, Any]:
        return {"height": self.height}

    def read(self, source, image_sizes):
        masks = source.shape.masks
        runs = np.array([run for mask in masks for run in mask], np.int64)
        offsets = np.concatenate([[0], np.cumsum([len(mask) for mask in masks])]).astype(np.int64)
        boxes = [self._box(runs[a:b]) for a, b in pairwise(offsets)]
        return RunColumns(runs, offsets, np.array(boxes, np.float64).reshape(-1, 4))

    def _box(self, runs):
        ends = np.cumsum(runs)
        pixels = np.concatenate([np.arange(ends[i] - runs[i], ends[i]) for i in range(1, len(runs), 2)] or [ends[:0]])
        if not len(pixels):
            return 0, 0, 0, 0
        x, y = np.divmod(pixels, self.height)
        return x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1

    def area(self, columns):
        ones = columns.runs * (self._place(columns) % 2)
        return np.diff(np.concatenate([[0], np.cumsum(ones)])[columns.offsets]).astype(np.float64)

    def _place(self, columns):
        """Which run of its mask each run is."""
        return np.arange(len(columns.runs)) - np.repeat(columns.offsets[:-1], np.diff(columns.offsets))

    def take(self, columns, rows):
        found, offsets = gather_ranges(columns.offsets[rows], np.diff(columns.offsets)[rows])
        return RunColumns(columns.runs[found], offsets, columns.boxes[rows])

    def on_host(self, columns):
        return RunColumns(*map(arrays.to_host, vars(columns).values()))

    def overlaps(self, dt, gt, cells, least=0.0):
        offsets = cells.pair_offsets()
        out, crowd = np.empty(offsets[-1]), gt.flags[cells.gt_rows] & CROWD
        kernels.box_iou(
            dt.shape.boxes[cells.dt_rows], gt.shape.boxes[cells.gt_rows], crowd, cells.dt_offsets, cells.gt_offsets,
            offsets, 0, out, 0, len(cells),
        )  # fmt: skip
        n_gt = np.diff(cells.gt_offsets)
        meeting = np.flatnonzero(out > 0)
        self.pairs_compared.append(len(meeting))
        for at in meeting.tolist():
            cell = int(np.searchsorted(offsets, at, side="right")) - 1
            d, g = divmod(at - offsets[cell], n_gt[cell])
            d, g = cells.dt_offsets[cell] + d, cells.gt_offsets[cell] + g
            ours, theirs = (
                self._runs(side.shape, row) for side, row in ((dt, cells.dt_rows[d]), (gt, cells.gt_rows[g]))
            )
            inside, areas = common(ours, theirs), (sum(ours[1::2]), sum(theirs[1::2]))
            out[at] = inside / (areas[0] if crowd[g] else areas[0] + areas[1] - inside)
        return out

    def _runs(self, columns, row):
        return columns.runs[columns.offsets[row] : columns.offsets[row + 1]].tolist()


def common(ours, theirs):
    """The pixels that are 1 in both, by walking along the runs of both."""
    i = j = at = inside = 0
    end_i, end_j = ours[0], theirs[0]
    while True:
        end = min(end_i, end_j)
        inside += (end - at) * (i % 2) * (j % 2)
        at = end
        if end_i == end:
            i += 1
            if i == len(ours):
                return inside
            end_i += ours[i]
        if end_j == end:
            j += 1
            if j == len(theirs):
                return inside
            end_j += theirs[j]


class Masks(dict):
    """What a user holds: columns of one side by name, `bitmaps` bool (N, HEIGHT, WIDTH) among them."""


def name_of(side, column, row):
    return f"{side}.{column}" if row is None else f"{side}.{column}[{row}]"


def read_masks(source, options):
    given = {name: source[name] for name in ("scores", "crowd", "ids") if name in source}
    axes = SourceAxes(images=np.asarray(source["images"])) if "images" in source else SourceAxes()
    return Source(
        functools.partial(name_of, options.argument), source["image"], source["category"],
        RawRuns(list(map(encode, source["bitmaps"]))), axes=axes, **given,
    )  # fmt: skip


def encode(bitmap):
    flat = np.asarray(bitmap, np.int8).T.ravel()
    changes = np.flatnonzero(np.diff(np.concatenate([[0], flat])))
    return np.diff(np.concatenate([[0], changes, [len(flat)]])).tolist()


MASKS = formats.Format(
    "masks", "either", lambda source: isinstance(source, Masks), lambda source: "scores" in source, read_masks
)


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    """The shape and the format, for the reference backend."""
    monkeypatch.setenv("PYMETRICS_BACKEND", "reference")
    monkeypatch.setitem(shapes.SHAPES, "runs", Runs)
    monkeypatch.setattr(formats, "FORMATS", (MASKS, *formats.FORMATS))
    monkeypatch.setattr(Runs, "pairs_compared", [])


def scene(seed, n_images=5, repeats=False):
    """Blobs: rectangles less a corner, some of them empty; detections are shifted ground truths."""
    rng = np.random.default_rng(seed)

    def blob():
        bitmap = np.zeros((HEIGHT, WIDTH), bool)
        y, x, h, w = *rng.integers(0, (HEIGHT - 3, WIDTH - 3)), *rng.integers(1, 7, 2)
        bitmap[y : y + h, x : x + w] = True
        bitmap[y : y + h // 2, x : x + w // 2] = False
        return bitmap if rng.random() < 0.93 else np.zeros_like(bitmap)

    n_gt, n_dt = 5 * n_images, 11 * n_images
    truths = np.array([blob() for _ in range(n_gt)])
    near = rng.integers(0, n_gt, n_dt)
    found = np.array([np.roll(truths[g], rng.integers(-1, 2, 2), (0, 1)) for g in near])
    gt = Masks(
        image=rng.integers(0, n_images, n_gt), category=rng.integers(1, 4, n_gt), bitmaps=truths,
        crowd=rng.random(n_gt) < 0.2, images=np.arange(n_images),
    )  # fmt: skip
    if repeats:
        gt["ids"] = rng.integers(1, n_gt, n_gt)
    dt = Masks(
        image=gt["image"][near], category=gt["category"][near], bitmaps=found, scores=rng.integers(1, 9, n_dt) / 8
    )
    return gt, dt


def columns_of(gt, dt, protocol=PROTOCOL):
    sources = (read_masks(side, formats.ReadOptions(name)) for side, name in ((gt, "gt"), (dt, "dt")))
    return build_columns(*sources, Runs(), use_cats=protocol.use_cats)


def rows_by_hand(side, use_cats):
    """The rows of the source that stand for each row: of equal ids the last, by image; then by category."""
    rows = np.arange(len(side["image"]))
    if "ids" in side:
        last = {id: row for row, id in enumerate(side["ids"].tolist())}
        order = np.argsort(side["image"], kind="stable")
        rows = np.array([last[id] for id in side["ids"][order].tolist()])
    if not use_cats:
        rows = rows[np.argsort(side["category"][rows], kind="stable")]
    return rows


def overlap_of_bitmaps(d, g, crowd):
    inside = np.count_nonzero(d & g)
    union = np.count_nonzero(d) if crowd else np.count_nonzero(d | g)
    return np.float64(inside / union if inside else 0)


def evaluated_by_hand(monkeypatch, columns, gt, dt, protocol):
    """literal.evaluate on bitmaps, whose rows are found by hand."""
    monkeypatch.setattr(literal, "overlap", overlap_of_bitmaps)
    sides = {}
    for name, side in (("gt", gt), ("dt", dt)):
        rows = rows_by_hand(side, protocol.use_cats)
        category = np.searchsorted(np.unique(np.concatenate([gt["category"], dt["category"]])), side["category"][rows])
        bitmaps = side["bitmaps"][rows]
        sides[name] = replace(
            getattr(columns, name), shape=bitmaps, area=bitmaps.sum(axis=(1, 2)).astype(np.float64),
            image=side["image"][rows], category=category if protocol.use_cats else np.zeros(len(rows), np.int64),
            scores=side["scores"][rows] if "scores" in side else np.empty(0),
            flags=side["crowd"][rows] * np.uint8(CROWD) if "crowd" in side else np.empty(0, np.uint8),
        )  # fmt: skip
    return literal.evaluate(replace(columns, **sides), protocol)


def bits(result):
    return [array.tobytes() for array in (result.precision, result.recall, result.scores, result.stats)]


@pytest.mark.parametrize("at_once", [1, 40, 1 << 22])
@pytest.mark.parametrize("use_cats", [True, False])
@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.filterwarnings("ignore:gt has annotations of one id on different images")
def test_columns_and_stages(seed, repeats, use_cats, at_once, monkeypatch):
    monkeypatch.setattr(Cells, "blocks", functools.partialmethod(Cells.blocks, at_once))
    protocol = replace(PROTOCOL, use_cats=use_cats)
    gt, dt = scene(seed, repeats=repeats)
    columns = columns_of(gt, dt, protocol)
    cells, outcomes, matches = match_and_keep(columns, protocol)
    by_hand = evaluated_by_hand(monkeypatch, columns, gt, dt, protocol)
    want = literal.accumulate(by_hand, len(columns.axes.category_ids), protocol)
    assert [array.tobytes() for array in stages.accumulate(outcomes)] == [array.tobytes() for array in want]
    assert (want[1] > 0).any()
    n_pairs = len(protocol.iou_thresholds)
    for c, (k, i) in enumerate(zip(cells.category().tolist(), cells.image.tolist(), strict=True)):
        rows = slice(cells.dt_offsets[c], cells.dt_offsets[c + 1])
        for a in range(len(protocol.area_ranges)):
            assert cells.dt_rows[rows].tolist() == by_hand[k, a][i].dt_rows
            taken = matches.gt_of[rows, a * n_pairs : (a + 1) * n_pairs].T
            assert taken.tolist() == by_hand[k, a][i].taken.tolist()
    blocks = list(cells.blocks())
    assert len(Runs.pairs_compared) == len(blocks)
    assert (len(blocks) > 1) == (at_once < 1 << 22)
    assert 0 < sum(Runs.pairs_compared) < cells.pair_offsets()[-1]  # boxes that do not meet spare the second step


def test_taking_rows():
    """With repeats, in any order, none of them."""
    gt, _ = scene(3)
    columns = Runs().read(read_masks(gt, formats.ReadOptions("gt")), None)
    for rows in ([4, 0, 4, 4, 7], [], [24, 23]):
        taken, rows = Runs().take(columns, np.array(rows, np.int64)), np.array(rows, np.int64)
        assert Runs().area(taken).tolist() == gt["bitmaps"][rows].sum(axis=(1, 2)).tolist()
        assert [Runs()._runs(taken, i) for i in range(len(rows))] == [encode(gt["bitmaps"][row]) for row in rows]


@pytest.mark.filterwarnings("ignore:gt has annotations of one id on different images")
@pytest.mark.parametrize("repeats", [False, True])
def test_evaluate_and_its_matches(repeats, monkeypatch):
    gt, dt = scene(5, repeats=repeats)
    result = pymetrics.evaluate(gt, dt, iou_type="runs", protocol=PROTOCOL, keep_matches=True)
    columns = columns_of(gt, dt)
    by_hand = evaluated_by_hand(monkeypatch, columns, gt, dt, PROTOCOL)
    want = literal.accumulate(by_hand, 3, PROTOCOL)
    found = (result.precision, result.recall, result.scores)
    assert [array.tobytes() for array in found] == [array.tobytes() for array in want]
    table, gt_rows = result.matches.at(0.5), rows_by_hand(gt, True)
    pairs = set(zip(table.dt.tolist(), table.gt.tolist(), strict=True))
    taken = set()
    for k in range(3):
        for image in by_hand[k, 0].values():
            for d, g in zip(image.dt_rows, image.taken[1].tolist(), strict=True):
                taken.add((d, int(gt_rows[g]) if g >= 0 else -1))
    assert pairs == taken
    assert any(g >= 0 for _, g in pairs)
    for d, g, overlap in zip(table.dt.tolist(), table.gt.tolist(), table.overlap.tolist(), strict=True):
        if g >= 0:
            assert overlap == overlap_of_bitmaps(dt["bitmaps"][d], gt["bitmaps"][g], gt["crowd"][g])


def part(side, images):
    here = np.isin(side["image"], images)
    found = Masks({name: column[here] for name, column in side.items() if name != "images"})
    return Masks(found, images=np.asarray(images)) if "images" in side else found


def test_accumulators_merge():
    gt, dt = scene(6)
    want = pymetrics.evaluate(gt, dt, iou_type="runs", protocol=PROTOCOL)
    first, second = (Accumulator(PROTOCOL, "runs", keep_matches=True) for _ in range(2))
    for accumulator, images in ((first, [3]), (second, [0, 4]), (first, [2]), (second, [1])):
        accumulator.update(part(gt, images), part(dt, images))
    back = Accumulator.from_bytes(second.to_bytes())
    assert back.shape == Runs()
    first.merge(pickle.loads(pickle.dumps(back)))
    assert bits(first.compute()) == bits(want)
    assert len(first.compute().matches.at(0.5)) == len(dt["image"])


def test_parameters_are_saved_and_compared(monkeypatch):
    gt, dt = scene(7)
    usual = Accumulator(PROTOCOL, "runs")
    monkeypatch.setitem(shapes.SHAPES, "runs", functools.partial(Runs, height=HEIGHT // 2))
    other = Accumulator(PROTOCOL, "runs")
    other.update(gt, dt)
    with pytest.raises(ValueError, match="they differ in height"):
        usual.merge(other)
    monkeypatch.setitem(shapes.SHAPES, "runs", Runs)
    assert Accumulator.from_bytes(other.to_bytes()).shape == Runs(HEIGHT // 2)


def test_the_shape_checks_its_values():
    gt, dt = scene(8)
    dt["bitmaps"] = [*dt["bitmaps"][:-1], np.ones((HEIGHT - 1, 1), bool)]
    with pytest.raises(ValueError, match=r"dt.masks\[54\] must fill whole columns, got \[0, 11\]"):
        pymetrics.evaluate(gt, dt, iou_type="runs")
