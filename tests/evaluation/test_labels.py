"""Labels: integer and string ids of categories, names in their place, and class_map."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from helpers.ingest_cases import by_pycocotools, columns_source, per_image_source, same, scene

import pymetrics
from pymetrics import Accumulator, Detections, GroundTruths

IDS = {10: "a cat", 20: "b/dog", 30: "c cow"}  # they ascend as the integers do


def relabelled(gt, dt, label_of):
    """The scene with other category ids on both sides; the names are the same."""
    return {
        **gt,
        "annotations": [{**row, "category_id": label_of[row["category_id"]]} for row in gt["annotations"]],
        "categories": [{**row, "id": label_of[row["id"]]} for row in gt["categories"]],
    }, [{**row, "category_id": label_of[row["category_id"]]} for row in dt]


def bits(result):
    return [getattr(result, name).tobytes() for name in ("precision", "recall", "scores", "stats")]


def as_files(gt, dt, folder):
    for name, content in (("gt", gt), ("dt", dt)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder / "gt.json", folder / "dt.json"


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


def as_items(gt, dt):
    """Lists of one dict per image, labels as lists and arrays of strings."""
    number = {label: k for k, label in enumerate(IDS.values())}
    names = np.array(list(IDS.values()))
    sides = per_image_source(*relabelled(gt, dt, number))
    return [
        [item | {"labels": make(names[item["labels"]])} for item in items]
        for items, make in zip(sides, (np.ndarray.tolist, np.array), strict=True)
    ]


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


# ---- class_map


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
