"""Labels: integer and string ids of categories, names in their place."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from helpers.ingest_cases import by_pycocotools, columns_source, same, scene
from helpers.label_cases import IDS, as_files, as_items, bits, relabelled

import pymetrics
from pymetrics import Accumulator, Detections, GroundTruths


def as_columns(gt, dt):
    """GroundTruths and Detections with the labels that the rows have."""
    table = columns_source(*relabelled(gt, dt, {label: k for k, label in enumerate(IDS.values())}))
    labels = [[row["category_id"] for row in rows] for rows in (gt["annotations"], dt)]
    names = {row["id"]: row["name"] for row in gt["categories"]}
    truth, found = table
    return (
        GroundTruths(
            truth.image, truth.boxes, labels[0], truth.crowd, truth.area, images=truth.images, categories=names,
            box_format="xywh",
        ),
        Detections(found.image, found.boxes, found.scores, np.array(labels[1]), box_format="xywh"),
    )  # fmt: skip


# ---- string ids


@pytest.mark.parametrize("kind", ["dicts", "files", "columns", "lists"])
@pytest.mark.parametrize("seed", range(4))
def test_string_ids(kind, seed, tmp_path):
    gt, dt = scene(seed)
    expected = pymetrics.evaluate(gt, dt)
    texts = relabelled(gt, dt, IDS)
    sources = {"dicts": lambda: texts, "files": lambda: as_files(*texts, tmp_path)}
    sources |= {"columns": lambda: as_columns(*texts), "lists": lambda: as_items(*texts)}
    options = {"box_format": "xywh"} if kind == "lists" else {}
    result = pymetrics.evaluate(*sources[kind](), **options)
    assert bits(result) == bits(expected)
    assert result.outcomes.category_ids.tolist() == list(IDS.values())
    assert [row["id"] for row in result.per_class] == list(IDS.values())
    drop = {"id", "name"} if kind == "lists" else {"id"}
    for ours, theirs in zip(result.per_class, expected.per_class, strict=True):
        assert [ours[key] for key in ours.keys() - drop] == [theirs[key] for key in ours.keys() - drop]


def test_string_ids_as_in_pycocotools(need):
    gt, dt = relabelled(*scene(5), {10: "z", 20: "é", 30: "A"})
    same(pymetrics.evaluate(gt, dt), by_pycocotools(need, gt, dt))
    assert pymetrics.evaluate(gt, dt).outcomes.category_ids.tolist() == ["A", "z", "é"]


def test_a_result_with_string_ids():
    gt, dt = relabelled(*scene(2), IDS)
    result = pymetrics.evaluate(gt, dt, keep_matches=True)
    assert [row["id"] for row in json.loads(result.to_json())["per_class"]] == list(IDS.values())
    assert set(result.scalars(class_names=True)) >= {"map/category_0", "map/category_1", "map/category_2"}
    assert set(result.scalars(class_names={})) >= {"map/a_cat", "map/b_dog", "map/c_cow"}
    assert result.scalars(class_names={"a cat": "one"})["map/one"] == result.per_class[0]["map"]
    matches = result.matches.at()
    assert [IDS[label] for label in sorted(IDS)] == sorted(set(matches.category.tolist()))
    assert [dt[row]["category_id"] for row in matches.dt.tolist()] == matches.category.tolist()
    missed = result.matches.missed()
    assert [gt["annotations"][row]["category_id"] for row in missed.gt.tolist()] == missed.category.tolist()
    assert result.curves().precision.shape[0] == 3
    again = pickle.loads(pickle.dumps(result))
    assert bits(again) == bits(result)
    assert again.per_class == result.per_class


def test_scalars_tell_string_ids_apart():
    """What is equal after odd characters are replaced gets the place on axis K, which fits into a key."""
    result = pymetrics.evaluate(*relabelled(*scene(2), {10: "a b", 20: "a/b", 30: "%"}))
    values = result.scalars(class_names={}, undefined="keep")
    assert [key for key in values if key.startswith("map/")] == ["map/0", "map/a_b_1", "map/a_b_2"]


def test_saved_results_keep_string_ids(tmp_path):
    result = pymetrics.evaluate(*relabelled(*scene(3), IDS), keep_matches=True)
    result.save(tmp_path / "result")
    again = pymetrics.Result.load(tmp_path / "result")
    assert again.per_class == result.per_class
    assert bits(again) == bits(result)
    assert again.outcomes.category_ids.dtype == result.outcomes.category_ids.dtype
    assert again.matches.at().category.tolist() == result.matches.at().category.tolist()


def parts(gt, dt):
    for image in gt["images"]:
        rows = [[row for row in side if row["image_id"] == image["id"]] for side in (gt["annotations"], dt)]
        yield {**gt, "images": [image], "annotations": rows[0]}, rows[1]


@pytest.mark.parametrize("seed", range(3))
def test_an_accumulator_of_string_ids(seed):
    gt, dt = relabelled(*scene(seed), IDS)
    whole = pymetrics.evaluate(gt, dt)
    shards = [Accumulator(keep_matches=True), Accumulator(keep_matches=True)]
    for i, part in enumerate(parts(gt, dt)):
        shards[i % 2].update(*part)
    shards[0].merge(Accumulator.from_bytes(shards[1].to_bytes()))
    shards[0].merge(Accumulator(keep_matches=True))  # which has no categories at all
    assert bits(shards[0].compute()) == bits(whole)
    assert shards[0].compute().per_class == whole.per_class
    assert shards[0].to_bytes() == pickle.loads(pickle.dumps(shards[0])).to_bytes()


def test_batches_may_have_other_categories():
    """Each batch has the labels that occur in it; axis K is that of all, sorted."""
    batches = [["b", "a"], ["ccc"], ["a"]]
    accumulator = Accumulator()
    for labels in batches:
        boxes = np.array([[0, 0, 10 + k, 10] for k in range(len(labels))])
        items = {"boxes": boxes, "labels": labels}
        accumulator.update([items], [items | {"scores": np.ones(len(labels))}])
    result = accumulator.compute()
    assert [(row["id"], row["n_gt"]) for row in result.per_class] == [("a", 2), ("b", 1), ("ccc", 1)]
    assert result["map"] > 0.99


# ---- integers and strings do not mix


def mixed_cases():
    gt, dt = scene(1)
    texts = relabelled(gt, dt, IDS)
    no_names = {**gt, "categories": [{"id": row["id"]} for row in gt["categories"]]}
    first = dt[0]["category_id"]
    of_gt = texts[0]["annotations"][0]["category_id"]
    one = {"boxes": [[0, 0, 5, 5]], "scores": [0.5]}
    return {
        "dt of strings": (no_names, texts[1], f"dt[0]['category_id'] is {IDS[first]!r}, gt has 10, whose"),
        "gt of strings": (texts[0], dt, f"dt[0]['category_id'] is {first}, gt has 'a cat'"),
        "one row of dt": (gt, [dt[0], {**dt[1], "category_id": "x"}], f"is {first}, dt[1]['category_id'] is 'x'"),
        "annotations": (
            {**texts[0], "annotations": texts[0]["annotations"][:1] + gt["annotations"][1:]}, texts[1],
            f"gt['annotations'][0]['category_id'] is {of_gt!r}, gt['annotations'][1]['category_id'] is ",
        ),
        "lists": (
            [{**one, "labels": ["a"]}], [{**one, "labels": [1]}],
            "all strings: gt[0]['labels'][0] is 'a', dt[0]['labels'][0] is 1",
        ),
        "images of one list": (
            [one | {"labels": ["a"]}, one | {"labels": np.array([7])}], [one | {"labels": ["a"]}] * 2,
            "all strings: gt[0]['labels'][0] is 'a', gt[1]['labels'][0] is 7",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("case", list(mixed_cases()))
def test_integers_and_strings_do_not_mix(case):
    gt, dt, message = mixed_cases()[case]
    gt = [{key: item[key] for key in ("boxes", "labels")} for item in gt] if isinstance(gt, list) else gt
    with pytest.raises(TypeError, match=r"^category ids must be all integers or all strings: ") as info:
        pymetrics.evaluate(gt, dt)
    assert message in str(info.value)


def test_accumulators_do_not_mix_them():
    gt, dt = scene(1)
    accumulator, other = Accumulator(), Accumulator()
    accumulator.update(gt, dt)
    before = accumulator.to_bytes()
    texts = relabelled(*scene(1, string_ids=False), IDS)
    far = {image["id"]: image["id"] + 1000 for image in gt["images"]}
    texts = (
        {
            **texts[0],
            "images": [{**image, "id": far[image["id"]]} for image in texts[0]["images"]],
            "annotations": [{**row, "image_id": far[row["image_id"]]} for row in texts[0]["annotations"]],
        },
        [{**row, "image_id": far[row["image_id"]]} for row in texts[1]],
    )
    other.update(*texts)
    for add in (lambda: accumulator.update(*texts), lambda: accumulator.merge(other)):
        with pytest.raises(TypeError, match="category ids must be all integers or all strings, got 'a cat' after 10"):
            add()
        assert accumulator.to_bytes() == before
    accumulator.reset()
    accumulator.update(*texts)
    assert accumulator.to_bytes() == other.to_bytes()


# ---- names


@pytest.mark.parametrize("kind", ["dicts", "files", "columns"])
@pytest.mark.parametrize("seed", range(3))
def test_names_in_the_place_of_ids(kind, seed, tmp_path):
    gt, dt = scene(seed)
    expected = pymetrics.evaluate(gt, dt)
    name_of = {row["id"]: row["name"] for row in gt["categories"]}
    named = [{**row, "category_id": name_of[row["category_id"]]} for row in dt]
    sources = (gt, named)
    if kind == "files":
        sources = as_files(gt, named, tmp_path)
    if kind == "columns":
        truth, found = columns_source(gt, dt)
        labels = [name_of[label] for label in found.labels.tolist()]
        sources = (truth, Detections(found.image, found.boxes, found.scores, labels, "xywh"))
    result = pymetrics.evaluate(*sources)
    assert bits(result) == bits(expected)
    assert result.per_class == expected.per_class
    assert result.outcomes.category_ids.tolist() == [10, 20, 30]


def test_names_of_ground_truths():
    names = {1: "person", 2: "car"}
    image, boxes, labels = [1, 1], [[0, 0, 5, 5], [6, 6, 9, 9]], [2, 1]
    by_id = GroundTruths(image, boxes, labels, categories=names)
    by_name = GroundTruths(image, boxes, ["car", "person"], categories=names)
    found = Detections(image, boxes, [0.5, 0.25], ["car", "car"])
    assert bits(pymetrics.evaluate(by_id, found)) == bits(pymetrics.evaluate(by_name, found))
    assert pymetrics.evaluate(by_name, found).per_class[1]["map"] > 0.99
    with pytest.raises(ValueError, match=r"^GroundTruths.labels\[1\] is 'dog', which is not one of the categories"):
        pymetrics.evaluate(GroundTruths(image, boxes, ["car", "dog"], categories=names), found)


def test_an_unknown_name_is_an_unlisted_category():
    gt, dt = scene(1)
    expected = pymetrics.evaluate(gt, dt)
    name_of = {row["id"]: row["name"] for row in gt["categories"]}
    named = [{**row, "category_id": name_of[row["category_id"]]} for row in dt]
    named.append({**named[0], "category_id": "zebra"})
    with pytest.warns(UserWarning, match=rf"^1 of {len(named)} detections are of .* \('zebra'\): they are left out$"):
        result = pymetrics.evaluate(gt, named)
    assert bits(result) == bits(expected)


def test_names_that_two_categories_have():
    gt, dt = scene(1)
    gt["categories"] = [{"id": 10, "name": "cat"}, {"id": 20, "name": "dog"}, {"id": 30, "name": "cat"}]
    pymetrics.evaluate(gt, dt)  # ids: no names are looked up
    named = [{**row, "category_id": "dog"} for row in dt]
    with pytest.raises(ValueError, match=r"^gt has two categories named 'cat' \(10 and 30\): labels must be ids, or"):
        pymetrics.evaluate(gt, named)
