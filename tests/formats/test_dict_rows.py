"""Lists of dicts by the C++ part: what it takes comes out as by the Python code; all else is the Python code's."""

from __future__ import annotations

import contextlib
import copy
import gc
import io
import signal
import sys
import tracemalloc
from collections import OrderedDict, UserDict
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from unittest import mock

import numpy as np
import pytest
from helpers.columns import flat, ingest
from helpers.ingest_cases import scene
from hypothesis import given, settings
from hypothesis import strategies as st

import pymetrics
from pymetrics import _config
from pymetrics.coco import COCO, dict_columns, evaluation_input
from pymetrics.coco.params import Params
from pymetrics.evaluation.build_columns import build_columns
from pymetrics.evaluation.shapes import as_shape
from pymetrics.formats.coco import _annotations, results, where_of
from pymetrics.formats.dict_columns import read_columns
from pymetrics.formats.options import ReadOptions
from pymetrics.formats.source import SourceAxes

native = _config.native
pytestmark = pytest.mark.skipif(native is None, reason="the C++ part is not there")

BOXES = ("image_id", "category_id", "bbox", "score")


class Dict(dict):
    pass


class Str(str):
    pass


class List(list):
    pass


class Int(int):
    pass


def in_python(call, *args, **named):
    with mock.patch.object(_config, "host_backend", return_value="reference"):
        return call(*args, **named)


def plain(value):
    """A value with all that tells it from others: types, bits, order."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes() if value.dtype != object else repr(value)
    if isinstance(value, (list, tuple)):
        return type(value), [plain(item) for item in value]
    if isinstance(value, (dict, UserDict, MappingProxyType)):
        return type(value), [(plain(key), plain(item)) for key, item in value.items()]
    return type(value), np.float64(value).tobytes() if isinstance(value, float) else repr(value)


def outcome(call, *args, **named):
    try:
        return "value", call(*args, **named)
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, Warning) as error:
        return "error", type(error), str(error)


# ---- rows, plain and odd

floats = st.sampled_from([0.0, -0.0, 1.5, 32.0, 1024.0, 5e-324, 1e308, 2.0**53]) | st.floats(width=64)
small = st.integers(-3, 200) | st.integers(1 - 2**53, 2**53 - 1)
big = st.sampled_from([2**53, -(2**53), 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**400])
huge = st.sampled_from([2**53, -(2**53), 2**63, -(2**64) - 1, 10**300])
odd = st.sampled_from(
    [None, True, False, "1", Str("1"), b"1", Decimal("0.1"), Fraction(1, 3), 1j, [], {}, [1.5], Int(7), object,
     np.float64(1.5), np.float32(0.1), np.int64(3), np.uint8(3), np.bool_(True), np.array(2.5), np.array([1, 2])]
)  # fmt: skip
numbers = st.one_of(floats, floats, floats, small, st.one_of(big, odd))
plain_boxes = st.lists(floats | small, min_size=4, max_size=4)
odd_boxes = st.one_of(
    st.tuples(numbers, numbers, numbers, numbers),
    st.lists(numbers, max_size=6),
    plain_boxes.map(List),
    st.lists(floats, min_size=3, max_size=5).map(np.array),
    odd,
)
ids = st.integers(-1, 4)
odd_ids = st.one_of(big, odd, floats, st.sampled_from(["a", "b", ""]))
flags = st.sampled_from([0, 1, True, False, 0.0, 1.0, -0.0])
odd_flags = st.one_of(big, odd, st.sampled_from([0.5, float("nan"), float("inf"), -0.5, 2, -1]))
VALUES = {
    "image_id": (ids, odd_ids),
    "category_id": (ids, odd_ids),
    "bbox": (plain_boxes, odd_boxes),
    "score": (floats | small, big | odd),
    "area": (floats | small, big | odd),
    "id": (st.integers(-1, 9), odd_ids),
    "iscrowd": (flags, odd_flags),
    "ignore": (flags, odd_flags),
    "name": (st.none(), odd),
    "segmentation": (st.just([[1.5, 2.5]]), odd),
}
ROW_KINDS = [Dict, OrderedDict, UserDict, MappingProxyType, lambda row: list(row.items()), lambda row: None, tuple]


@st.composite
def lists(draw, required, optional, most=12):
    """Rows of these keys; none or some odd: a value, a missing key, a further key, a row of another kind."""
    is_odd = draw(st.sampled_from([0, 0, 1, 3]))
    rows = []
    for _ in range(draw(st.integers(0, most))):
        strange = is_odd and draw(st.integers(0, 4)) < is_odd
        keys = [*required, *(key for key in optional if draw(st.integers(0, 3)))]
        keys = draw(st.permutations(keys)) if draw(st.booleans()) else keys
        which = draw(st.sampled_from(keys)) if strange else None
        row = {key: draw(VALUES[key][key == which and draw(st.integers(0, 2)) > 0]) for key in keys}
        if strange and draw(st.integers(0, 4)) == 0:
            row.pop(draw(st.sampled_from(keys)))
        if strange and draw(st.integers(0, 4)) == 0:
            row[draw(st.sampled_from([7, Str("bbox"), Str("other"), None, ("bbox",)]))] = draw(plain_boxes)
        if strange and draw(st.integers(0, 6)) == 0:
            row = draw(st.sampled_from(ROW_KINDS))(row)
        rows.append(row)
    return draw(st.sampled_from([list, list, list, list, tuple, List]))(rows)


def source_of(read, *args):
    """The columns of a list as bits. Areas: as build_columns completes them."""
    found = outcome(read, *args)
    if found[0] == "error":
        return found
    made = found[1]
    boxes = made.shape.values
    with np.errstate(all="ignore"):
        area = boxes[:, 2] * boxes[:, 3] if made.area is None else made.area
    column_ids = made.ids.tolist() if isinstance(made.ids, np.ndarray) else made.ids
    names = ("image", "category", "scores", "no_area", "crowd", "ignore")
    return [plain(getattr(made, name)) for name in names], plain(boxes), plain(area), plain(column_ids)


@settings(max_examples=150, deadline=None)
@given(lists(BOXES, ("area", "id", "name", "segmentation")))
def test_results(rows):
    options = ReadOptions("dt")
    assert source_of(results, rows, options) == in_python(source_of, results, rows, options)


@settings(max_examples=150, deadline=None)
@given(lists(BOXES[:3], ("area", "iscrowd", "id", "score", "ignore")), st.sampled_from(["gt", "dt"]), st.booleans())
def test_annotations(rows, argument, use_ignore):
    arguments = rows, "gt['annotations']", ReadOptions(argument, use_ignore=use_ignore)
    assert source_of(_annotations, *arguments) == in_python(source_of, _annotations, *arguments)


def columns_of(gts, dts, p):
    axes = evaluation_input.axes_of(p, {1: "one"})
    gt, dt = (evaluation_input.source_of(rows, p, axes, is_gt=is_gt) for rows, is_gt in ((gts, True), (dts, False)))
    return build_columns(gt, dt, as_shape("bbox"), in_pixels=True)


def columns(gts, dts, p):
    found = outcome(columns_of, gts, dts, p)
    return found if found[0] == "error" else {name: plain(value) for name, value in flat(found[1]).items()}


@settings(max_examples=150, deadline=None)
@given(
    lists((*BOXES[:3], "id", "iscrowd", "ignore"), ("area", "score")),
    lists((*BOXES, "area", "id"), ("iscrowd",)),
    st.sampled_from([[0, 1, 2], [1, 3], [], ["a", "b"], [1.0, 2.0], [2**62, 2**63], [-1, 4, 2**53]]),
    st.booleans(),
)
def test_columns_for_cocoeval(gts, dts, images, use_cats):
    p = Params(iouType="bbox")
    p.imgIds, p.catIds, p.useCats = images, [0, 1, 2], int(use_cats)
    with np.errstate(all="ignore"):
        assert columns(gts, dts, p) == in_python(columns, gts, dts, p)


PLAIN_GT = {"image_id": 1, "category_id": 2, "bbox": [1, 2.0, 3, 4.5], "id": 7, "iscrowd": 1, "ignore": 1}
PLAIN = {"image_id": 2**63 - 1, "category_id": -1, "bbox": (0.5, -0.0, 3, 2**53 - 1), "score": 1, "area": 2.5, "id": 0}


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 64, 1000, 70_000])
def test_plain_rows_are_taken(n):
    rows = [dict(PLAIN, score=i / 7) for i in range(n)]
    found = read_columns(rows, (*BOXES, "area", "id"), ("iscrowd",))
    assert found is not None
    assert found["score"].tolist() == [i / 7 for i in range(n)]
    assert not (found.has["iscrowd"] | found["iscrowd"]).any()
    assert {tuple(box) for box in found["bbox"].tolist()} <= {PLAIN["bbox"]}
    assert set(found["image_id"].tolist()) <= {2**63 - 1}
    assert not found["id"].any()
    assert dict_columns.source([PLAIN_GT] * n, where_of("gt"), SourceAxes(), [1], [2], is_gt=True) is not None
    assert dict_columns.source(rows, where_of("dt"), SourceAxes(), [1], None, is_gt=False) is not None
    assert native.complete_results([dict(row) for row in rows], 0) == n


@pytest.mark.parametrize("at", [0, 1, 31, 32, 63, 64, 99])
@pytest.mark.parametrize("change", [{"bbox": [1.0, 2.0, 3.0]}, {"score": None}, {"image_id": 2**63}, {7: 1}, {"x": 0}])
def test_the_first_odd_row(at, change):
    rows = [dict(PLAIN) for _ in range(100)]
    rows[at].update(change)
    out = {"image_id": np.empty(100, np.int64), "bbox": np.empty((100, 4)), "score": np.empty(100)}
    assert native.read_dicts(rows, 100, out, {}) == (100 if change == {"x": 0} else at)


def test_keys_are_found_wherever_they_stand():
    spare = {f"key {i}": i for i in range(40)}
    rows = [
        {**spare, **PLAIN},
        {**PLAIN, **spare},
        dict(reversed(PLAIN.items())),
        {"".join(k): v for k, v in PLAIN.items()},
    ]
    rows.append({"".join(list(key)): value for key, value in PLAIN.items()})  # equal keys, other objects
    found = read_columns(rows * 50, BOXES)
    assert found is not None
    assert [plain(found[key]) for key in BOXES] == [plain(read_columns([PLAIN] * 250, BOXES)[key]) for key in BOXES]


# ---- loadRes and createIndex


def quietly(call, *args):
    with contextlib.redirect_stdout(io.StringIO()):
        return call(*args)


def completed(complete, rows):
    rows = copy.deepcopy(rows)
    found = outcome(complete, rows)
    return found, plain(rows)


@settings(max_examples=150, deadline=None)
@given(
    lists(("bbox",), ("segmentation", "area", "id", "iscrowd", "image_id", "name")).filter(lambda x: type(x) is list)
)
def test_completing_results(rows):
    rows = [row if isinstance(row, (dict, UserDict)) else {"bbox": []} for row in rows]  # others cannot be copied
    for row in rows:  # an int times a str or list fills the memory
        if any(
            hasattr(item, "__len__") for item in (row.get("bbox") if isinstance(row.get("bbox"), (list, tuple)) else ())
        ):
            row["bbox"] = [None] * 4
    assert completed(dict_columns.complete_boxes, rows) == in_python(completed, dict_columns.complete_boxes, rows)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"image_id": st.integers(1, 3), "bbox": st.lists(floats | small | huge, min_size=4, max_size=4)},
            optional={key: VALUES[key][0] for key in ("segmentation", "score", "area", "iscrowd", "id", "category_id")},
        ),
        min_size=1,
    )
)  # fmt: skip
def test_load_res_writes_what_pycocotools_writes(need, rows):
    def loaded(coco_class):
        truth = coco_class()
        truth.dataset = {"images": [{"id": i} for i in (1, 2, 3)], "categories": [], "annotations": []}
        mine = [{"category_id": 1, **row} for row in copy.deepcopy(rows)]
        quietly(truth.createIndex)
        result = quietly(truth.loadRes, mine)
        assert result.dataset["annotations"] is mine
        return [plain(value) for value in (mine, result.anns, result.imgToAnns, result.catToImgs)]

    assert loaded(COCO) == loaded(need("pycocotools.coco").COCO)


@settings(max_examples=200, deadline=None)
@given(lists(("image_id", "category_id", "id"), ("bbox",)), st.booleans())
def test_an_index(rows, with_categories):
    ours, theirs = (run(outcome, dict_columns.index, rows, with_categories) for run in (lambda f, *a: f(*a), in_python))
    assert plain(ours) == plain(theirs)


# ---- the caller's objects


def test_evaluate_changes_nothing():
    gt, results = scene()
    before = plain(gt), plain(results)
    found = pymetrics.evaluate(gt, results)
    assert (plain(gt), plain(results)) == before
    expected = in_python(ingest, gt, results)
    ours, theirs = ({k: plain(v) for k, v in flat(columns).items()} for columns in (found.columns, expected))
    assert ours == theirs


@pytest.mark.slow
def test_no_reference_is_lost_or_kept():
    def run():
        read_columns(rows, BOXES, ("area", "id"))
        read_columns([*rows, {**row, "score": "odd"}], BOXES, ("area",))
        read_columns([*rows, {7: 1}], BOXES)
        with pytest.raises(ValueError, match="expected length"):
            native.read_dicts(rows, 70, {"image_id": np.empty(3, np.int64)}, {})
        dict_columns.index(rows, True)
        dict_columns.index([*rows, {**row, "image_id": 1.5}], True)
        new = [{"bbox": box} for _ in range(70)] + [{"bbox": [x, x, x, "odd"]}]
        with pytest.raises(TypeError):
            dict_columns.complete_boxes(new)
        for _ in range(2):
            native.complete_results(new, 0)

    keys = [Str("k" + key)[1:] for key in ("image_id", "category_id", "bbox", "score", "id")]  # none interned
    x, score, number = 1234.5, 0.625, 2**40
    box = [x, 2.5, 3.5, x]
    row = dict(zip(keys, (number, 2**41, box, score, 2**42), strict=True))
    rows = [row] * 70
    objects = [rows, row, box, x, score, number, *keys]
    run()
    gc.collect()
    counts = [sys.getrefcount(item) for item in objects]
    tracemalloc.start()
    try:
        run()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            run()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 4096  # bytes; one run makes some 40 kB
    finally:
        tracemalloc.stop()
    assert [sys.getrefcount(item) for item in objects] == counts


def test_a_polygon_holds_the_box_own_numbers():
    box = [1.5, 2.5, 3.0, 4.0]
    row = {"bbox": box}
    dict_columns.complete_boxes([row])
    polygon = row["segmentation"][0]
    assert polygon == [1.5, 2.5, 1.5, 6.5, 4.5, 6.5, 4.5, 2.5]
    assert [id(polygon[i]) for i in (0, 2, 1, 7)] == [id(box[i]) for i in (0, 0, 1, 1)]
    assert polygon[4] is polygon[6]
    assert [gc.is_tracked(item) for item in (row["segmentation"], polygon)] == [False, False]


# ---- what may happen meanwhile


def with_alarm(handler, call):
    """Runs `handler` by a signal a few milliseconds after `call` began."""
    before = signal.signal(signal.SIGALRM, lambda *_: handler())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


LONG = {
    "read": lambda rows: read_columns(rows, ("image_id",)),
    "complete": lambda rows: native.complete_results(rows, 0),
    "index": lambda rows: native.index_dicts(rows, True),
}


@pytest.mark.cases(1)
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer on this system")
@pytest.mark.parametrize("name", LONG)
def test_ctrl_c(name):
    def stop():
        raise KeyboardInterrupt

    rows = [dict(PLAIN)] * 5_000_000  # a tenth of a second, at least
    count = sys.getrefcount(rows[0])
    with pytest.raises(KeyboardInterrupt):
        with_alarm(stop, lambda: LONG[name](rows))
    gc.collect()
    after = sys.getrefcount(rows[0])  # an assert would hold the row itself
    assert after == count


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer on this system")
@pytest.mark.parametrize("name", LONG)
def test_a_handler_that_empties_the_list(name):
    rows = [dict(PLAIN)] * 5_000_000
    found = with_alarm(rows.clear, lambda: LONG[name](rows))
    assert rows == []
    assert found is None or (name == "complete" and 0 < found < 5_000_000)


class Evil:
    """A key of the hash of `name` that runs code, once, when it is compared."""

    def __init__(self, name):
        self.name, self.run = name, None

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        run, self.run = self.run, None
        if run:
            run()
        return False


@pytest.mark.parametrize("key", ["bbox", "segmentation", "area", "id", "iscrowd", "image_id", "category_id"])
def test_keys_that_run_code(key):
    """Nothing is promised of the answer but that memory is sound (make sanitize) and no exception is lost."""

    def empty():
        rows.clear()
        for row in kept:
            row.pop("bbox", None)

    def fail():
        raise ZeroDivisionError

    kept = []
    for run in (empty, fail):
        for call, n in ((native.complete_results, 0), (native.index_dicts, True)):
            rows = [{**PLAIN, "bbox": [float(i) for i in range(4)]} for _ in range(40)]
            evil = Evil(key)
            rows[5] = {evil: 1, **rows[5]}
            assert (
                native.read_dicts(rows, 40, {"image_id": np.empty(40, np.int64)}, {}) == 5
            )  # keys that are exact strs
            kept[:], evil.run = rows, run
            found = outcome(call, rows, n)
            assert found[0] == "value" or (run is fail and found[1] is ZeroDivisionError)


def test_a_value_whose_end_runs_code():
    class Last:
        def __del__(self):
            rows.clear()

    rows = [{"bbox": [float(i), 2.0, 3.0, 4.0]} for i in range(40)]
    rows[7]["area"] = Last()
    assert native.complete_results(rows, 0) == 8
    assert rows == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (([PLAIN], 1, {"score": np.empty(2)}, {}), ValueError),
        (([PLAIN], 1, {"score": np.empty(1, np.float32)}, {}), TypeError),
        (([PLAIN], 1, {"id": np.empty(1, np.int32)}, {}), TypeError),
        (([PLAIN], 1, {"bbox": np.empty((2, 4))}, {}), ValueError),
        (([PLAIN], 1, {"bbox": np.empty((4, 1)).T}, {}), None),
        (([PLAIN], 1, {"area": [0.0]}, {}), TypeError),
        (([PLAIN], 1, {}, {"area": (np.empty(1), np.empty(2, np.uint8))}), ValueError),
        (([PLAIN], 1, {}, {"area": np.empty(1)}), RuntimeError),
        (([PLAIN], 1, {str(i): np.empty(1) for i in range(10)}, {}), ValueError),
        ((7, "1", {}, {}), TypeError),
    ],
)
def test_arguments_that_would_be_unsafe(arguments, error):
    if error is None:
        assert native.read_dicts(*arguments) == 1
    else:
        with pytest.raises(error):
            native.read_dicts(*arguments)


def test_other_sequences_are_left():
    for rows in (List([PLAIN]), iter([PLAIN]), {0: PLAIN}, np.array([PLAIN])):
        assert read_columns(rows, BOXES) is None
    assert native.complete_results(List([dict(PLAIN)]), 0) == 0
    with pytest.raises(ValueError, match="begin"):
        native.complete_results([], -1)
