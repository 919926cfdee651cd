"""class_map: categories renamed and merged on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.ingest_cases import columns_source, scene
from helpers.label_cases import IDS, as_files, as_items, bits, relabelled

import pymetrics
from pymetrics import Accumulator


def mapped(gt, dt, new_id):
    """The scene with the categories renamed by hand."""
    rows = [[{**row, "category_id": new_id.get(row["category_id"], row["category_id"])} for row in side] for side in (
        gt["annotations"], dt,
    )]  # fmt: skip
    categories = {new_id.get(row["id"], row["id"]): row for row in gt["categories"]}
    return {**gt, "annotations": rows[0], "categories": [{**row, "id": id} for id, row in categories.items()]}, rows[1]


@pytest.mark.parametrize(
    ("class_map", "new_id"),
    [
        ({10: 20}, {10: 20}),
        ({10: 20, 20: 10}, {10: 20, 20: 10}),
        ({"category 0": "category 2"}, {10: 30}),
        ({"category 0": 30, 20: "category 2"}, {10: 30, 20: 30}),
        ({"10": "20"}, {10: 20}),
        ({10: 99, 30: 99}, {10: 99, 30: 99}),
        ({20: "thing", "category 2": "thing"}, {30: 20}),
        ({np.int64(10): np.int64(20)}, {10: 20}),
        ({}, {}),
    ],
)
@pytest.mark.parametrize("kind", ["dicts", "files", "columns", "accumulator"])
def test_class_map(class_map, new_id, kind, tmp_path):
    gt, dt = scene(4)
    expected = pymetrics.evaluate(*mapped(gt, dt, new_id))
    if kind == "accumulator":
        accumulator = Accumulator()
        accumulator.update(gt, dt, class_map=class_map)
        result = accumulator.compute()
    else:
        sources = {"dicts": lambda: (gt, dt), "files": lambda: as_files(gt, dt, tmp_path)}
        sources |= {"columns": lambda: columns_source(gt, dt)}
        result = pymetrics.evaluate(*sources[kind](), class_map=class_map)
    assert bits(result) == bits(expected)
    assert result.outcomes.category_ids.tolist() == expected.outcomes.category_ids.tolist()


@pytest.mark.parametrize(
    ("class_map", "names"),
    [
        ({10: 20}, {20: "category 1", 30: "category 2"}),
        ({10: 20, 20: 10}, {10: "category 1", 20: "category 0", 30: "category 2"}),
        ({20: "thing", 30: "thing"}, {10: "category 0", 20: "thing"}),
        ({20: 99}, {10: "category 0", 30: "category 2", 99: "category 1"}),
    ],
)
def test_names_after_class_map(class_map, names):
    result = pymetrics.evaluate(*scene(4), class_map=class_map)
    assert {row["id"]: row["name"] for row in result.per_class} == names


def test_class_map_of_string_ids_and_of_lists():
    gt, dt = scene(4)
    expected = pymetrics.evaluate(gt, dt, class_map={10: 20})
    texts = relabelled(gt, dt, IDS)
    by_id = pymetrics.evaluate(*texts, class_map={"a cat": "b/dog"})
    assert bits(by_id) == bits(expected)
    new = pymetrics.evaluate(*texts, class_map={"a cat": "b", "category 1": "b"})
    assert bits(new) == bits(expected)
    assert [(row["id"], row["name"]) for row in new.per_class] == [("b", "b"), ("c cow", "category 2")]
    items = pymetrics.evaluate(*as_items(*texts), box_format="xywh", class_map={"a cat": "b/dog"})
    assert bits(items) == bits(expected)


def test_class_map_of_labels_that_only_the_detections_have():
    gt, dt = scene(4)
    expected = pymetrics.evaluate(gt, dt)
    others = {10: "feline", 20: "canine", 30: "category 2"}
    named = [{**row, "category_id": others[row["category_id"]]} for row in dt]
    result = pymetrics.evaluate(gt, named, class_map={"feline": "category 0", "canine": 20})
    assert bits(result) == bits(expected)
    no_names = {**gt, "categories": [{"id": row["id"]} for row in gt["categories"]]}
    to_ids = {"feline": 10, "canine": 20, "category 2": 30}
    assert bits(pymetrics.evaluate(no_names, named, class_map=to_ids)) == bits(expected)
    with pytest.raises(TypeError, match=r"with class_map dt\[\d+\]\['category_id'\] is 10, another is 'canine'"):
        pymetrics.evaluate(no_names, named, class_map={"feline": 10})


def test_class_map_leaves_unlisted_detections_unlisted():
    gt, dt = scene(4)
    expected = pymetrics.evaluate(gt, dt, class_map={10: 20})
    name_of = {row["id"]: row["name"] for row in gt["categories"]}
    named = [{**row, "category_id": name_of[row["category_id"]]} for row in dt]
    with pytest.warns(UserWarning, match=r"^1 of .* \('zebra'\)"):
        result = pymetrics.evaluate(gt, [*named, {**named[0], "category_id": "zebra"}], class_map={10: 20})
    assert bits(result) == bits(expected)


@pytest.mark.parametrize(
    ("class_map", "error", "message"),
    [
        ({"dog": 10, 7: 10, 10: 20}, ValueError, r"keys that are neither ids nor names of categories: 'dog', 7$"),
        ({f"x{i}": 10 for i in range(9)}, ValueError, "'x0', 'x1', 'x2', 'x3', 'x4', ...$"),
        ({"--5": 10}, ValueError, "'--5'$"),
        ([(10, 20)], TypeError, "class_map must map categories to categories, got list"),
        ({10: 1.5}, TypeError, "class_map must map ids or names of categories, got a value 1.5"),
        ({10: None}, TypeError, "got a value None"),
        ({True: 10}, TypeError, "got a key True"),
    ],
)
def test_bad_class_maps(class_map, error, message):
    with pytest.raises(error, match=message):
        pymetrics.evaluate(*scene(4), class_map=class_map)


def test_class_map_with_names_that_two_categories_have():
    """Ids do not need names; the two may even become one category."""
    gt, dt = scene(4)
    gt["categories"] = [{"id": 10, "name": "cat"}, {"id": 20, "name": "cat"}, {"id": 30, "name": "dog"}]
    assert bits(pymetrics.evaluate(gt, dt, class_map={10: 20})) == bits(pymetrics.evaluate(*mapped(gt, dt, {10: 20})))
    with pytest.raises(ValueError, match="gt has two categories named 'cat'"):
        pymetrics.evaluate(gt, dt, class_map={"cat": "dog"})
    mended = pymetrics.evaluate(gt, dt, class_map={10: "tiger"})
    assert bits(mended) == bits(pymetrics.evaluate(gt, dt))
    assert [row["name"] for row in mended.per_class] == ["tiger", "cat", "dog"]


@pytest.mark.parametrize("has_names", [True, False])
def test_class_map_of_detections_that_have_the_new_name(has_names):
    gt, dt = scene(4)
    expected = pymetrics.evaluate(*mapped(gt, dt, {20: 10}))
    new_names = {10: "thing", 20: "thing", 30: "category 2"}
    named = [{**row, "category_id": new_names[row["category_id"]]} for row in dt]
    class_map = {"category 1": "thing", "category 0": "thing"}
    if not has_names:
        gt = {**gt, "categories": [{"id": row["id"]} for row in gt["categories"]]}
        class_map = {20: "thing", 10: "thing", "category 2": 30}
    result = pymetrics.evaluate(gt, named, class_map=class_map)
    assert bits(result) == bits(expected)
    assert result.per_class[0]["name"] == "thing"


def test_class_map_whose_new_name_is_a_key():
    """All entries hold at once: a label that is a key does not become what another entry gives that name to."""
    gt, dt = scene(4)
    new_names = {10: "category 0", 20: "thing", 30: "category 2"}
    named = [{**row, "category_id": new_names[row["category_id"]]} for row in dt]
    for pairs in ([("category 0", "thing"), ("thing", 20)], [("thing", 20), ("category 0", "thing")]):
        result = pymetrics.evaluate(gt, named, class_map=dict(pairs))
        assert bits(result) == bits(pymetrics.evaluate(gt, dt))
