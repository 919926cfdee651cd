"""Tables in Arrow's memory and in Parquet files, flat and nested: the bits of the same rows in COCO's JSON."""

import json
import re

import numpy as np
import pytest
from helpers.absent import need_module
from helpers.tables import axes_of, bits, flat, of_sides

import pymetrics
from pymetrics.formats.tables.write import table_of, write_tables

pa = need_module("pyarrow")
pq = need_module("pyarrow.parquet")


@pytest.fixture(scope="module")
def coco(data):
    """A COCO dict and results: the generated data set."""
    return [json.loads(data(f"generated/{name}.json").read_text()) for name in ("gt", "dt_coarse")]


@pytest.fixture(scope="module")
def want(coco):
    return bits(pymetrics.evaluate(*coco))


def shuffled(table, seed):
    return table.take(np.random.default_rng(seed).permutation(len(table)))


def nested(gt_or_dt, keys, image_ids):
    """A row for each image."""
    of_image = {id: [] for id in image_ids}
    for row in gt_or_dt:
        of_image[row["image_id"]].append(row)
    columns = {key: [[row.get(key) for row in rows] for rows in of_image.values()] for key in keys}
    return pa.table({"image_id": list(of_image), **columns})


def test_flat_in_memory(coco, want):
    gt, dt = of_sides(*coco)
    axes = axes_of(coco[0])
    for sides in (
        (gt, dt),
        (gt.to_reader(7), dt.to_reader(100)),
        (gt.combine_chunks().to_batches()[0], dt.combine_chunks().to_batches()[0]),
        (pa.concat_tables([gt[:5], gt[5:]]), pa.concat_tables([dt[:50], dt[50:]])),
    ):
        assert bits(pymetrics.evaluate(*sides, order="rows", **axes)) == want
    accumulator = pymetrics.Accumulator()
    accumulator.update(gt, dt, order="rows", **axes)
    assert bits(accumulator.compute()) == want
    read = pymetrics.read(gt, "gt", order="rows", **axes), pymetrics.read(dt, "dt", order="rows")
    assert bits(pymetrics.evaluate(*read)) == want
    assert bits(pymetrics.evaluate(coco[0], dt, order="rows")) == want


def cast(table, **types):
    fields = [pa.field(field.name, types.get(field.name, field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def test_other_types_of_the_same_values(coco, want):
    gt, dt = of_sides(*coco)
    axes = axes_of(coco[0])
    for box, number, small in (
        (pa.list_(pa.float64(), 4), pa.int64(), pa.int32()),
        (pa.large_list(pa.float64()), pa.uint64(), pa.uint16()),
        (pa.list_(pa.float64()), pa.float64(), pa.int64()),
    ):
        g = cast(gt, bbox=box, image_id=number, category_id=small, iscrowd=pa.uint8())
        d = cast(dt, bbox=box, image_id=number, category_id=small)
        assert bits(pymetrics.evaluate(g, d, order="rows", **axes)) == want
    parts = [pa.array([box[i] for box in dt["bbox"].to_pylist()]) for i in range(4)]
    split = dt.drop_columns("bbox")
    for name, part in zip("xywh", parts, strict=True):
        split = split.append_column(name, part)
    columns = {"dt": {"bbox": ["x", "y", "w", "h"]}}
    assert bits(pymetrics.evaluate(gt, split, order="rows", columns=columns, **axes)) == want
    crowds = gt.set_column(gt.schema.get_field_index("iscrowd"), "iscrowd", cast(gt, iscrowd=pa.bool_())["iscrowd"])
    assert bits(pymetrics.evaluate(crowds, dt, order="rows", **axes)) == want


def test_names(coco):
    """String ids and categories as text and as dictionaries are those of lists of them."""
    gt, dt = coco
    name = {category["id"]: category["name"] for category in gt["categories"]}
    rows = [
        [row | {"image_id": f"i{row['image_id']:09}", "category_id": name[row["category_id"]]} for row in side]
        for side in (gt["annotations"], dt)
    ]
    keys = ("image_id", "category_id", "bbox")
    expected = pymetrics.evaluate(
        pymetrics.GroundTruths(
            [row["image_id"] for row in rows[0]], [row["bbox"] for row in rows[0]],
            [row["category_id"] for row in rows[0]], crowd=[row["iscrowd"] for row in rows[0]],
            area=[row["area"] for row in rows[0]], box_format="xywh",
        ),
        pymetrics.Detections(
            [row["image_id"] for row in rows[1]], [row["bbox"] for row in rows[1]], [row["score"] for row in rows[1]],
            [row["category_id"] for row in rows[1]], box_format="xywh",
        ),
    )  # fmt: skip
    g, d = flat(rows[0], (*keys, "iscrowd", "area")), flat(rows[1], (*keys, "score"))
    assert bits(pymetrics.evaluate(g, d, order="rows")) == bits(expected)
    kinds = {"image_id": pa.large_string(), "category_id": pa.dictionary(pa.int16(), pa.string())}
    assert bits(pymetrics.evaluate(cast(g, **kinds), cast(d, **kinds), order="rows")) == bits(expected)
    renamed = [table.rename_columns({"image_id": "file", "bbox": "box"}) for table in (g, d)]
    columns = {"image_id": "file", "bbox": "box"}
    assert bits(pymetrics.evaluate(*renamed, order="rows", columns=columns)) == bits(expected)


def test_nested(coco, want):
    """Lists of images, in the layouts of struct of lists and of list of structs."""
    gt, dt = coco
    image_ids = [image["id"] for image in gt["images"]]
    g = nested(gt["annotations"], ("category_id", "bbox", "iscrowd", "area", "id"), image_ids)
    d = nested(dt, ("category_id", "bbox", "score"), image_ids)
    categories = axes_of(gt)["categories"]
    assert bits(pymetrics.evaluate(g, d, categories=categories)) == want
    assert bits(pymetrics.evaluate(shuffled(g, 1), shuffled(d, 2), categories=categories)) == want
    some = [image["id"] for image in gt["images"][:5]]
    assert bits(pymetrics.evaluate(g, d, categories=categories, images=some)) == want

    def struct_of_lists(table):
        names = [name for name in table.column_names if name != "image_id"]
        columns = [table[name].combine_chunks() for name in names]
        names = ["category" if name == "category_id" else name for name in names]
        return pa.table({"image_id": table["image_id"], "objects": pa.StructArray.from_arrays(columns, names)})

    def list_of_structs(table):
        found = struct_of_lists(table)
        rows = [[dict(zip(row, item, strict=True)) for item in zip(*row.values(), strict=True)]
                for row in found["objects"].to_pylist()]  # fmt: skip
        return pa.table({"image_id": table["image_id"], "objects": rows})

    for made in (struct_of_lists, list_of_structs):
        assert bits(pymetrics.evaluate(made(g), made(d), categories=categories)) == want
        assert bits(pymetrics.evaluate(made(g), d, columns={"gt": "hf"}, categories=categories)) == want


def test_hugging_face_names(coco):
    """The names of a ClassLabel are those of its places."""
    gt, dt = coco
    image_ids = [image["id"] for image in gt["images"]]
    g = nested(gt["annotations"], ("category_id", "bbox"), image_ids).rename_columns({"category_id": "category"})
    objects = pa.StructArray.from_arrays([g[n].combine_chunks() for n in ("category", "bbox")], ["category", "bbox"])
    label = {"names": [f"class {i}" for i in range(100)], "_type": "ClassLabel"}
    for feature in ({"category": {"feature": label, "_type": "Sequence"}}, {"feature": {"category": label}}):
        text = json.dumps({"info": {"features": {"objects": feature}}})
        table = pa.table({"image_id": g["image_id"], "objects": objects}).replace_schema_metadata({"huggingface": text})
        result = pymetrics.evaluate(table, flat(dt, ("image_id", "category_id", "bbox", "score")), order="rows")
        assert [row["name"] for row in result.per_class] == [f"class {row['id']}" for row in result.per_class]


def test_files_folders_and_globs(coco, want, tmp_path):
    gt, dt = of_sides(*coco)
    axes = axes_of(coco[0])
    pq.write_table(gt, tmp_path / "gt.parquet", row_group_size=13)
    (tmp_path / "dt").mkdir()
    for i in range(5):
        part = dt[i * len(dt) // 5 : (i + 1) * len(dt) // 5]
        pq.write_table(part, tmp_path / "dt" / f"part-{i}.parquet", row_group_size=37, version="1.0")
    (tmp_path / "dt" / "_SUCCESS").touch()
    for path in (tmp_path / "dt", f"{tmp_path}/dt/*.parquet", str(tmp_path / "d*")):
        assert bits(pymetrics.evaluate(tmp_path / "gt.parquet", path, **axes)) == want
    (tmp_path / "by").mkdir()
    for category in set(dt["category_id"].to_pylist()):
        folder = tmp_path / "by" / f"category_id={category}"
        folder.mkdir()
        part = dt.filter(pa.compute.equal(dt["category_id"], category)).drop_columns("category_id")
        pq.write_table(part, folder / "rows.parquet")
    assert bits(pymetrics.evaluate(tmp_path / "gt.parquet", tmp_path / "by", **axes)) == want
    assert bits(pymetrics.evaluate(coco[0], tmp_path / "dt")) == want
    with pytest.raises(FileNotFoundError, match=r"no\.parquet"):
        pymetrics.evaluate(tmp_path / "gt.parquet", tmp_path / "no.parquet")


def test_files_whose_types_differ(coco, want, tmp_path):
    """Pieces are widened where all are joined: the types of a file change no bit, nor does text in the last one."""
    gt, dt = of_sides(*coco)
    axes = axes_of(coco[0])
    kinds = (
        {"image_id": pa.int64(), "category_id": pa.int8(), "bbox": pa.list_(pa.float64(), 4)},
        {"image_id": pa.uint64(), "category_id": pa.int64(), "bbox": pa.list_(pa.float64())},
        {"image_id": pa.float64(), "category_id": pa.uint16(), "bbox": pa.large_list(pa.float64())},
    )
    for side, table in (("gt", gt), ("dt", dt)):
        (tmp_path / side).mkdir()
        n = len(table) // 3
        for i, kind in enumerate(kinds):
            part = table[i * n :] if i == 2 else table[i * n : (i + 1) * n]
            pq.write_table(cast(part, **kind), tmp_path / side / f"part-{i}.parquet", row_group_size=17)
    assert bits(pymetrics.evaluate(tmp_path / "gt", tmp_path / "dt", order="rows", **axes)) == want
    read = pymetrics.read(tmp_path / "dt", "dt")
    assert read.image.dtype == read.category.dtype == np.int64
    assert read.shape.values.dtype == np.float64
    names = dt[:5].set_column(0, "image_id", pa.array(["a"] * 5))
    assert names.column_names == dt.column_names
    pq.write_table(names, tmp_path / "dt" / "part-9.parquet")
    with pytest.raises(TypeError, match=r"part-9\.parquet', column 'image_id' holds strings, .* numbers"):
        pymetrics.read(tmp_path / "dt", "dt")


@pytest.mark.parametrize("schema", ["flat", "nested"])
@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_write_tables(data, tmp_path, schema, kind):
    """From COCO's JSON to tables and back: the same bits, on real data."""
    names = {
        "bbox": ("coco_yolact100/gt.json", "coco_yolact100/dt_yolact_im700.json"),
        "segm": (
            "coco_val2014_100/instances_val2014_100.json",
            "coco_val2014_100/instances_val2014_fakesegm100_results.json",
        ),
        "keypoints": ("coco_val2017_person538/gt_person_keypoints.json", None),
    }[kind]
    gt = data(names[0])
    dt = poses(json.loads(gt.read_text())) if names[1] is None else data(names[1])
    sources = pymetrics.read(gt, "gt", kind), pymetrics.read(dt, "dt", kind)
    expected = bits(pymetrics.evaluate(*sources, iou_type=kind))
    paths = [tmp_path / f"{side}.parquet" for side in ("gt", "dt")]
    for source, path in zip(sources, paths, strict=True):
        write_tables(source, path, schema)
    axes = axes_of(json.loads(gt.read_text()))
    assert bits(pymetrics.evaluate(*paths, iou_type=kind, **axes)) == expected
    tables = [table_of(source, schema) for source in sources]
    assert bits(pymetrics.evaluate(*tables, iou_type=kind, order="rows", **axes)) == expected
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["dt.parquet", "gt.parquet"]


def poses(gt):
    """Detections: the poses of ground truth, moved, with scores of one decimal."""
    rng = np.random.default_rng(3)
    found = []
    for row in gt["annotations"]:
        points = np.array(row["keypoints"], float).reshape(-1, 3)
        points[:, :2] += rng.normal(0, 4, points[:, :2].shape).round(2)
        kept = {"image_id": row["image_id"], "category_id": row["category_id"]}
        found.append({**kept, "keypoints": points.reshape(-1).tolist(), "score": float(rng.integers(1, 10)) / 10})
    return found


# The order of rows.


class Ties:
    """Equal boxes and scores of one decimal, where the order of rows decides."""

    def __init__(self, seed=0, n=400):
        rng = np.random.default_rng(seed)
        boxes = [[0.0, 0, 40, 40], [0.0, 0, 40, 40], [5.0, 5, 40, 40], [60.0, 0, 30, 30]]

        def rows(n, **more):
            return {
                "image_id": rng.integers(0, 20, n).tolist(),
                "category_id": rng.integers(1, 4, n).tolist(),
                "bbox": [boxes[i] for i in rng.integers(0, 4, n)],
                **more,
            }

        self.gt = pa.table(rows(n // 4, iscrowd=rng.integers(0, 2, n // 4).tolist(), id=list(range(1, n // 4 + 1))))
        self.dt = pa.table(rows(n, score=(rng.integers(1, 10, n) / 10).tolist(), id=list(range(n))))
        self.dt = self.dt.set_column(2, "bbox", [boxes_near(rng, self.dt["bbox"].to_pylist())])


def boxes_near(rng, boxes):
    return [[x + int(rng.integers(0, 3)), y, w, h] for x, y, w, h in boxes]


def test_the_order_of_a_column(coco):
    ties = Ties()
    want = bits(pymetrics.evaluate(ties.gt, ties.dt, order="rows"))
    for seed in range(4):
        gt, dt = shuffled(ties.gt, seed), shuffled(ties.dt, seed + 9)
        assert bits(pymetrics.evaluate(gt, dt)) == want  # "id", which both have
        assert bits(pymetrics.evaluate(gt, dt, order="id")) == want
        other = [table.rename_columns({"id": "place"}) for table in (gt, dt)]
        assert bits(pymetrics.evaluate(*other, order="place")) == want
    assert bits(pymetrics.evaluate(shuffled(ties.gt, 1), shuffled(ties.dt, 2), order="rows")) != want
    repeated = ties.dt.set_column(4, "id", [[i // 2 for i in range(len(ties.dt))]])
    with pytest.raises(ValueError, match=r"dt\['id'\]\[\d+\] is \d+, as is dt\['id'\]\[\d+\] of the same image"):
        pymetrics.evaluate(ties.gt, pa.concat_tables([ties.dt, repeated[:1]]), order="id")


def test_the_order_of_values():
    ties = Ties(5)
    gt, dt = ties.gt.drop_columns("id"), ties.dt.drop_columns("id")
    want = bits(pymetrics.evaluate(gt, dt, order="values"))
    for seed in range(4):
        shuffles = shuffled(gt, seed), shuffled(dt, seed + 9)
        assert bits(pymetrics.evaluate(*shuffles, order="values")) == want
    keys = ["image_id", "score", "category_id", *range(4)]
    rows = sorted(dt.to_pylist(), key=lambda row: [row["image_id"], -row["score"], row["category_id"], *row["bbox"]])
    assert len(keys) == 7
    by_hand = pa.Table.from_pylist(rows, dt.schema)
    rows = sorted(gt.to_pylist(), key=lambda row: [row["category_id"], *row["bbox"], row["iscrowd"]])
    assert bits(pymetrics.evaluate(pa.Table.from_pylist(rows, gt.schema), by_hand, order="rows")) == want


def test_tables_without_an_order(coco):
    gt, dt = of_sides(*coco)
    words = 'is a table whose rows have no order.*order="id".*order="rows".*order="values"'
    with pytest.raises(ValueError, match=f"^gt {words}"):  # ids on one side alone
        pymetrics.evaluate(gt, dt)
    with pytest.raises(ValueError, match=f"^dt {words}"):
        pymetrics.evaluate(coco[0], dt)
    with pytest.raises(ValueError, match=f"^dt {words}"):
        pymetrics.read(dt, "dt")
    with pytest.raises(ValueError, match="order='place': gt has no column 'place'"):
        pymetrics.evaluate(gt, dt, order="place")
    with pytest.raises(ValueError, match="order= is of tables"):
        pymetrics.evaluate(*coco, order="rows")


# What is refused.

BOX = pa.list_(pa.float64(), 4)


def changed(table, name, values, kind=None):
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values, kind))


def bad_tables(dt):
    n = len(dt)
    scores, boxes, images = dt["score"].to_pylist(), dt["bbox"].to_pylist(), dt["image_id"].to_pylist()
    return {
        "no column": (dt.drop_columns("score"), ValueError, "{} has no column 'score'"),
        "null": (changed(dt, "score", [*scores[:7], None, *scores[8:]]), ValueError, "{score}{7} is null"),
        "nan": (changed(dt, "score", [*scores[:7], np.nan, *scores[8:]]), ValueError, "{score}{7} must be finite"),
        "text": (changed(dt, "score", list(map(str, scores))), TypeError, "{score} must hold numbers, got the type"),
        "null box": (changed(dt, "bbox", [*boxes[:5], None, *boxes[6:]]), ValueError, "{bbox}{5} is null"),
        "null in a box": (
            changed(dt, "bbox", [*boxes[:5], [1.0, 2.0, None, 3.0], *boxes[6:]]), ValueError, "{bbox}{5} is null",
        ),
        "short box": (changed(dt, "bbox", [*boxes[:5], [1.0], *boxes[6:]]), ValueError, "{bbox}{5} must hold 4"),
        "no lists": (changed(dt, "bbox", scores), TypeError, "{bbox} must hold lists, got the type double"),
        "overflow": (
            changed(dt, "image_id", [2**64 - 1, *images[1:]], pa.uint64()), ValueError,
            "{image_id}{0} must be below 2**63, got 18446744073709551615",
        ),
        "part of an id": (
            changed(dt, "image_id", [*images[:3], 0.5, *images[4:]], pa.float64()), ValueError,
            "{image_id}{3} must be a whole number, got 0.5",
        ),
        "times": (
            changed(dt, "image_id", [0] * n, pa.timestamp("ms")), TypeError,
            "{image_id} must hold integers or strings, got the type timestamp[ms]",
        ),
        "NUL": (
            changed(dt, "image_id", ["a"] * (n - 1) + ["a\0"]), ValueError,
            f"{{image_id}}{{{n - 1}}} must not end in a NUL character",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", [
    "no column", "null", "nan", "text", "null box", "null in a box", "short box", "no lists", "overflow",
    "part of an id", "times", "NUL",
])  # fmt: skip
def test_a_bad_column(coco, tmp_path, name):
    """In memory and in the second file of a folder, named with its row there."""
    gt, dt = of_sides(*coco)
    table, kind, words = bad_tables(dt)[name]

    def text(where, places):
        for key in ("score", "bbox", "image_id"):
            words_of = words.replace(f"{{{key}}}", f"{where}{places[0].format(key)}")
            if words_of != words:
                return re.sub(r"\{(\d+)\}", lambda found: places[1].format(found[1]), words_of)
        return words.format(where)

    with pytest.raises(kind, match="^" + re.escape(text("dt", ("[{!r}]", "[{}]")))):
        pymetrics.evaluate(gt, table, order="rows")
    pq.write_table(gt, tmp_path / "gt.parquet")
    (tmp_path / "dt").mkdir()
    pq.write_table(dt, tmp_path / "dt" / "a.parquet")
    path = tmp_path / "dt" / "b.parquet"
    pq.write_table(table, path, row_group_size=4)
    with pytest.raises(kind, match="^" + re.escape(text(f"dt: {str(path)!r}", (", column {!r}", ", row {}")))):
        pymetrics.evaluate(tmp_path / "gt.parquet", tmp_path / "dt")


def test_other_errors(coco, tmp_path):
    gt, dt = of_sides(*coco)

    def refused(kind, words, *sides, **options):
        with pytest.raises(kind, match="^" + re.escape(words)):
            pymetrics.evaluate(*sides, **{"order": "rows", **options})

    refused(ValueError, "gt and dt are swapped", dt, gt)
    refused(
        ValueError, "columns must be one of 'coco', 'hf', 'openimages' or a dict; got 'yolo'", gt, dt, columns="yolo"
    )
    refused(ValueError, "columns has the key 'box', which is not one of image_id,", gt, dt, columns={"box": "bbox"})
    refused(TypeError, "columns['score'] must be the name of a column, got 5", gt, dt, columns={"score": 5})
    refused(TypeError, "columns must be a preset's name or a dict of names, got int", gt, dt, columns=5)
    refused(ValueError, "gt has no column 'crowded'", gt, dt, columns={"iscrowd": "crowded"})
    refused(
        ValueError,
        "gt['iscrowd'][2] must be 0 or 1, got 3",
        changed(gt, "iscrowd", [0, 0, 3] + [0] * (len(gt) - 3)),
        dt,
    )
    refused(TypeError, "image ids must be all integers or all strings: gt['image_id'][0] is ", gt,
            changed(dt, "image_id", [str(i) for i in dt["image_id"].to_pylist()]))  # fmt: skip
    refused(ValueError, "dt['image_id'][0] is ", gt[:0], dt, images=[1, 2])
    first = f"gt['image_id'][0] is {gt['image_id'][0]}"
    refused(
        TypeError, f"image ids must be all integers or all strings: {first}, images[0] is 'x'", gt, dt, images=["x"]
    )
    ids = [image["id"] for image in coco[0]["images"]]
    rows = nested(coco[0]["annotations"], ("category_id", "bbox"), ids)
    refused(ValueError, f"gt['image_id'] holds {ids[0]} in 2 rows", pa.concat_tables([rows, rows[:1]]), dt)
    refused(ValueError, "order='image_id': gt has rows with lists", rows, dt, order="image_id")
    other = rows.set_column(2, "bbox", [[boxes[:-1] for boxes in rows["bbox"].to_pylist()]])
    first = next(i for i, boxes in enumerate(rows["bbox"].to_pylist()) if boxes)
    n = len(rows["bbox"][first])
    refused(ValueError, f"gt['bbox'][{first}] holds {n - 1} objects, column 'category_id' {n}", other, dt)
    refused(TypeError, "gt['bbox'] must hold a list for each image", changed(rows, "bbox", [1.0] * len(rows)), dt)
    refused(ValueError, "columns= is of tables", *coco, order=None, columns="coco")
    path = tmp_path / "bad.parquet"
    for content in (b"", b"PAR1 and nothing else", b'{"images": []}'):
        path.write_bytes(content)
        refused(ValueError, f"dt: {str(path)!r} cannot be read as Parquet", gt, path)
    pq.write_table(dt, path)
    whole = bytearray(path.read_bytes())
    whole[100:2000] = b"\xff" * 1900
    path.write_bytes(whole)
    refused(ValueError, f"dt: {str(path)!r} cannot be read as Parquet", gt, path)


def test_a_null_flag_or_area_is_none(coco, want):
    """As where COCO's annotations lack the key."""
    gt, dt = coco
    bare = {**gt, "annotations": [dict(row) for row in gt["annotations"]]}
    for i, row in enumerate(bare["annotations"]):
        if not row["iscrowd"]:
            del row["iscrowd"]
        if i % 3 == 0:
            del row["area"]
    g, d = of_sides(bare, dt)
    assert g["area"].null_count
    assert g["iscrowd"].null_count
    found = bits(pymetrics.evaluate(g, d, order="rows", **axes_of(gt)))
    assert found == bits(pymetrics.evaluate(bare, dt))
    assert found != want


def test_lvis_is_refused(coco, tmp_path):
    """Tables do not hold what LVIS says of images."""
    gt, dt = of_sides(*coco)
    pq.write_table(gt, tmp_path / "gt.parquet")
    for side, what in ((gt, "Table"), (tmp_path / "gt.parquet", "Parquet: .*gt.parquet")):
        with pytest.raises(ValueError, match=f"protocol 'lvis' needs gt as a file of LVIS or its content, got {what}"):
            pymetrics.evaluate(side, dt, protocol="lvis", order="rows")


def test_empty_tables(coco):
    gt, dt = of_sides(*coco)
    assert (pymetrics.evaluate(gt[:0], dt[:0], order="rows").stats == -1).all()
    result = pymetrics.evaluate(gt, dt[:0], order="rows", **axes_of(coco[0]))
    assert bits(result) == bits(pymetrics.evaluate(coco[0], []))


def test_open_images(tmp_path):
    """Parts of the image, by two corners; names as categories."""
    names = {"XMin": [0.1, 0.5], "XMax": [0.4, 0.9], "YMin": [0.2, 0.5], "YMax": [0.5, 0.75]}
    gt = pa.table({"ImageID": ["a", "b"], "LabelName": ["/m/1", "/m/2"], **names, "IsGroupOf": [0, 1]})
    dt = pa.table({"ImageID": ["a", "b"], "LabelName": ["/m/1", "/m/2"], **names, "Score": [0.5, 0.25]})
    options = {"image_sizes": (100, 200), "order": "rows"}
    result = pymetrics.evaluate(gt, dt, columns="openimages", **options)
    assert result["map"] > 0.999999
    assert result.columns.gt.shape.round(9).tolist() == [[20.0, 20.0, 60.0, 30.0], [100.0, 50.0, 80.0, 25.0]]
    assert result.columns.gt.flags.tolist() == [0, 8]


@pytest.mark.parametrize("library", ["pandas", "polars", "duckdb"])
def test_frames(coco, want, library):
    need_module(library)
    gt, dt = of_sides(*coco)
    axes = axes_of(coco[0])
    if library == "pandas":
        sides = gt.to_pandas(), dt.to_pandas()
    elif library == "polars":
        import polars

        sides = polars.from_arrow(gt), polars.from_arrow(dt)
    else:
        import duckdb

        connection = duckdb.connect()
        sides = connection.from_arrow(gt), connection.from_arrow(dt)
    assert bits(pymetrics.evaluate(*sides, order="rows", **axes)) == want


def test_buffers_that_are_not_aligned(coco, want):
    """As some transports of messages leave them."""

    def moved(array):
        buffers = [
            None if buffer is None else pa.py_buffer(b"x" + buffer.to_pybytes()).slice(1) for buffer in array.buffers()
        ]
        return pa.Array.from_buffers(array.type, len(array), buffers)

    tables = [table.combine_chunks() for table in of_sides(*coco)]
    for i, table in enumerate(tables):
        boxes = cast(table.select(["bbox"]), bbox=BOX)["bbox"].chunk(0).values
        columns = {name: moved(table[name].chunk(0)) for name in table.column_names if name != "bbox"}
        tables[i] = pa.table({**columns, "bbox": pa.FixedSizeListArray.from_arrays(moved(boxes), 4)})
    assert bits(pymetrics.evaluate(*tables, order="rows", **axes_of(coco[0]))) == want


def test_columns_are_views(coco):
    """Boxes as lists of one length are not copied when a table is read."""
    _, dt = of_sides(*coco)
    dt = cast(dt, bbox=BOX).combine_chunks()
    source = pymetrics.read(dt, "dt", order="rows")
    boxes = dt["bbox"].chunk(0).values
    assert source.shape.values.__array_interface__["data"][0] == boxes.buffers()[1].address
