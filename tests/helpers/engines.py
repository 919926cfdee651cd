"""Tests that hold of every engine: a module subclasses EngineTests, and gives the fixture `evaluate`."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import pymetrics
from helpers import kept
from helpers.absent import need_module
from helpers.tables import axes_of, bits, of_sides, side_by_side, some_scene, write_real
from pymetrics.formats.tables.write import write_tables

pa = need_module("pyarrow")
pq = need_module("pyarrow.parquet")
STEPS = ("match_partition", "reduce_category")


def written(folder, gt, dt, files=3, size=99):
    """The paths of both tables, each in several files."""
    for name, table in (("gt", gt), ("dt", dt)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(files):
            part = table[i * len(table) // files : (i + 1) * len(table) // files]
            pq.write_table(part, folder / name / f"{i}.parquet", row_group_size=size)
    return folder / "gt", folder / "dt"


def end_where_asked(folder, end=lambda: os._exit(1)):
    """In a worker: a step that has run ends its process where a file of the step's name lies in the folder."""
    from pymetrics.distributed import plan

    def deadly(name, step):
        def run(*args, **kwargs):
            found = step(*args, **kwargs)
            try:
                os.unlink(f"{folder}/{name}")
            except FileNotFoundError:
                return found
            return end()

        return run

    for name in STEPS:
        setattr(plan, name, deadly(name, getattr(plan, name)))


def script_of(engine, folder):
    """The lines of an engine's script in docs/scale.md, with the files in a folder, and four partitions."""
    page = Path(__file__).parents[2] / "docs" / "scale.md"
    section = page.read_text("utf-8").partition(f"\n## {engine}\n")[2].partition("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ") and "pip install" not in line]
    script = "\n".join(lines)
    assert "n_partitions=256" in script
    return script.replace("/data/", f"{folder}/").replace("256", "4")


class EngineTests:
    """own: what the engine calls its own tables."""

    own = ""

    @pytest.fixture(scope="class")
    def coco(self, data):
        """A COCO dict and results: the generated data set."""
        return [json.loads(data(f"generated/{name}.json").read_text()) for name in ("gt", "dt_coarse")]

    @pytest.mark.parametrize(
        ("n", "is_sorted"), [(1, False), (1, True), (2, False), (7, False), (7, True), (64, False)]
    )
    def test_files(self, coco, evaluate, tmp_path, n, is_sorted):
        """Rows of an image are spread over the files, or stand together; their order is that of the files."""
        gt, dt = of_sides(*coco)
        rng, axes = np.random.default_rng(0), axes_of(coco[0])
        gt, dt = (table.take(pa.array(rng.permutation(len(table)))) for table in (gt, dt))
        if is_sorted:
            gt, dt = (table.take(pa.array(np.argsort(table["image_id"], kind="stable"))) for table in (gt, dt))
        paths = written(tmp_path, gt, dt)
        want = pymetrics.evaluate(gt, dt, order="rows", **axes)
        result = evaluate(*paths, n_partitions=n, **axes)
        assert bits(result) == bits(want)
        assert result.to_json() == want.to_json()

    def test_an_order(self, coco, evaluate, tmp_path):
        """Named, of files whose rows stand in another one; or by values."""
        gt, dt = (
            table.append_column("turn", pa.array(np.random.default_rng(0).permutation(len(table))))
            for table in of_sides(*coco)
        )
        paths = written(tmp_path, gt, dt)
        named, by_rows, by_values = (pymetrics.evaluate(gt, dt, order=order) for order in ("turn", "rows", "values"))
        assert bits(named) != bits(by_rows)
        assert bits(evaluate(*paths, n_partitions=3, order="turn")) == bits(named)
        assert bits(evaluate(*paths, n_partitions=3, order="values")) == bits(by_values)
        with pytest.raises(ValueError, match=r"order='none': gt: '.*' has no column 'none'"):
            evaluate(*paths, n_partitions=3, order="none")

    @pytest.mark.parametrize(("use_cats", "max_rows"), [(True, 20), (False, 100)])
    def test_categories_cut_by_score(self, coco, evaluate, tmp_path, use_cats, max_rows):
        """Many have more detections than max_rows; or all are of one category."""
        gt, dt = of_sides(*coco)
        given = {"protocol": pymetrics.Protocol(use_cats=use_cats, iou_thresholds=[0.3, 0.6])}
        want = pymetrics.evaluate(gt, dt, order="rows", **given)
        assert max(row["n_dt"] for row in want.per_class) > 3 * max_rows
        paths = written(tmp_path, gt, dt)
        given |= {"n_partitions": 3, "max_rows": max_rows, "keep_matches": tmp_path / "matches"}
        with pytest.raises(
            ValueError, match=rf"draws=20 needs all detections .* above max_rows={max_rows} and was cut"
        ):
            evaluate(*paths, draws=20, **given)
        assert not os.path.exists(given["keep_matches"])
        assert bits(evaluate(*paths, **given)) == bits(want)
        assert kept.written(given["keep_matches"]) == kept.rows_of_matches(want, gt, dt, [want.protocol.main_iou])
        with pytest.raises(ValueError, match="max_rows must be at least 1, got 0"):
            evaluate(*paths, max_rows=0)

    @pytest.mark.parametrize(("n", "schema"), [(1, "flat"), (2, "nested"), (7, "flat"), (64, "nested")])
    @pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
    def test_real_data(self, data, evaluate, tmp_path, kind, n, schema):
        paths, _ = write_real(data, tmp_path, kind, schema)
        want = pymetrics.evaluate(*paths, iou_type=kind)
        assert bits(evaluate(*paths, iou_type=kind, n_partitions=n)) == bits(want)

    def test_empty_partitions(self, coco, evaluate, tmp_path):
        """More partitions than images, no detections, no ground truth, no rows at all."""
        gt, dt = of_sides(*coco)
        image = gt["image_id"][0]
        gt, dt = (table.filter(pa.compute.equal(table["image_id"], image)) for table in (gt, dt))
        assert len(gt) > 0
        assert len(dt) > 0
        for i, (g, d) in enumerate(((gt, dt), (gt, dt[:0]), (gt[:0], dt), (gt[:0], dt[:0]))):
            paths = written(tmp_path / str(i), g, d)
            want = pymetrics.evaluate(g, d, order="rows")
            assert bits(evaluate(*paths, n_partitions=4)) == bits(want)

    def test_what_is_kept(self, coco, evaluate, tmp_path):
        """Matches and tables of images are whole or absent; intervals."""
        gt, dt = of_sides(*coco)
        paths, want = written(tmp_path, gt, dt), pymetrics.evaluate(gt, dt, order="rows")
        folders = {"keep_matches": tmp_path / "new" / "m", "per_image": f"{tmp_path}/i/"}
        options = {**folders, "n_partitions": 4, "keep_matches_at": (0.5, 0.75), "per_image_score": 0.3}
        result = evaluate(*paths, **options, draws=20, seed=3)
        assert bits(result) == bits(want)
        assert kept.written(folders["keep_matches"]) == kept.rows_of_matches(want, gt, dt, (0.5, 0.75))
        assert kept.written(folders["per_image"]) == kept.rows_of_images(want, 0.5, 0.3)
        assert {len(os.listdir(folder)) for folder in folders.values()} == {4}
        assert result.bootstrap().per_class == pymetrics.analysis.bootstrap(want, 20, 3).per_class
        with pytest.raises(FileExistsError, match="keep_matches must be a folder that is absent or empty"):
            evaluate(*paths, **options)
        with pytest.raises(ValueError, match=r"draws must be an integer in \[2, 1000000\], got 1"):
            evaluate(*paths, draws=1)
        (tmp_path / "dt" / "1.parquet").write_bytes((tmp_path / "gt" / "1.parquet").read_bytes())
        with pytest.raises(ValueError, match="has no column 'score'"):
            evaluate(*paths, n_partitions=4, keep_matches=tmp_path / "other")
        assert sorted(os.listdir(tmp_path)) == ["dt", "gt", "i", "new"]

    def test_faults(self, coco, evaluate, tmp_path):
        gt, dt = of_sides(*coco)
        place = str(tmp_path / "dt" / "1.parquet")

        def refused(kind, words, gt, dt):
            with pytest.raises(kind, match=words):
                evaluate(*written(tmp_path, gt, dt), n_partitions=3)

        scores = dt["score"].to_pylist()
        for value, words in ((None, "is null"), (np.nan, "must be finite")):
            scores[len(dt) // 3 + 30] = value
            refused(
                ValueError, f"dt: '{place}', column 'score', row 30 {words}", gt, dt.set_column(3, "score", [scores])
            )
        texts = dt.set_column(0, "image_id", [[str(image) for image in dt["image_id"].to_pylist()]])
        refused(TypeError, "image ids must be all integers or all strings", gt, texts)
        refused(ValueError, "dt: '.*' has no column 'score'", gt, dt.drop_columns("score"))
        paths = written(tmp_path, gt, dt)
        pq.write_table(dt.drop_columns("score"), place)
        with pytest.raises(ValueError, match=f"dt: '{place}' has no column 'score'"):
            evaluate(*paths, n_partitions=3)
        pq.write_table(texts[:50], place)
        with pytest.raises(TypeError, match=f"dt: '{place}', column 'image_id' holds strings, dt: '.*0.parquet', .* n"):
            evaluate(*paths, n_partitions=3)
        lists = {name: [[value]] for name, value in dt.to_pylist()[0].items() if name != "image_id"}
        pq.write_table(pa.table({"image_id": dt["image_id"][:1], **lists}), place)
        with pytest.raises(TypeError, match=f"dt: the rows of '{place}' are images, those of '.*0.parquet' objects"):
            evaluate(*paths, n_partitions=3)
        whole = bytearray((tmp_path / "dt" / "2.parquet").read_bytes())
        whole[100:1500] = b"\xff" * 1400
        (tmp_path / "dt" / "1.parquet").write_bytes(whole)
        with pytest.raises(ValueError, match=f"dt: '{place}' cannot be read as Parquet"):
            evaluate(*paths, n_partitions=3)
        with pytest.raises(TypeError, match=f"gt must be a path of Parquet files or a {self.own}, got list"):
            evaluate([], paths[1])
        with pytest.raises(TypeError, match=r"unexpected keyword argument 'max_dets'; .* protocol=pymetrics.Protocol"):
            evaluate(*paths, max_dets=(1, 10))

    def test_arguments(self, coco, evaluate, tmp_path):
        """What is wrong is refused before any task runs, but for ids of another type."""
        paths = written(tmp_path, *of_sides(*coco))
        for name in ("n_partitions", "max_rows"):
            for value, kind, words in ((0, ValueError, "at least 1, got 0"), (1.5, TypeError, "an integer, got 1.5")):
                with pytest.raises(kind, match=f"{name} must be {words}"):
                    evaluate(*paths, **{name: value})
        with pytest.raises(ValueError, match=r"images\[1\] must be a whole number, got 0.5"):
            evaluate(*paths, images=[1, 0.5])
        with pytest.raises(ValueError, match=r"categories must have shape \(N,\), got \(\)"):
            evaluate(*paths, categories=3)
        ids = axes_of(coco[0])["categories"]
        result = evaluate(*paths, categories=iter(ids), n_partitions=3)
        assert bits(result) == bits(pymetrics.evaluate(*paths, categories=ids))
        with pytest.raises(TypeError, match=r"all strings: gt\['image_id'\]\[0\] is \d+, images\[0\] is 'x'"):
            evaluate(*paths, images=["x"], n_partitions=3)
        (tmp_path / "empty").mkdir()
        for path in (tmp_path / "absent", tmp_path / "empty"):
            with pytest.raises(FileNotFoundError, match=f"dt: no Parquet file is there: '{path}'"):
                evaluate(paths[0], path)

    def test_nested_beside_flat(self, coco, evaluate, tmp_path):
        """The order of the rows is that of the files. Images that ground truth does not list are refused."""
        gt, dt = of_sides(*coco)
        gt = gt.drop_columns("id")
        write_tables(pymetrics.read(gt, "gt", order="rows"), tmp_path / "gt.parquet", "nested")
        dt = dt.filter(pa.compute.is_in(dt["image_id"], gt["image_id"].combine_chunks()))
        flat = written(tmp_path, gt, dt)[1]
        want = pymetrics.evaluate(gt, dt, order="rows")
        for order in (None, "rows"):
            result = evaluate(tmp_path / "gt.parquet", flat, n_partitions=4, order=order)
            assert bits(result) == bits(want)
        pq.write_table(dt[:1].set_column(0, "image_id", [[10**9]]), tmp_path / "other.parquet")
        for n in (1, 64):  # with the ground truth of other images, and with none
            with pytest.raises(ValueError, match="is 1000000000, which is not an image of gt"):
                evaluate(tmp_path / "gt.parquet", tmp_path / "other.parquet", n_partitions=n)

    @pytest.mark.parametrize("schema", ["flat", "nested"])
    def test_images_without_rows(self, coco, evaluate, tmp_path, schema):
        """They may have detections; images that neither they nor ground truth name may not."""
        gt, dt = of_sides(*coco)
        write_tables(pymetrics.read(gt, "gt", order="rows"), tmp_path / "gt.parquet", schema)
        write_tables(pymetrics.read(dt, "dt", order="rows"), tmp_path / "dt.parquet", schema)
        paths, known = (tmp_path / "gt.parquet", tmp_path / "dt.parquet"), set(gt["image_id"].to_pylist())
        others = sorted(set(dt["image_id"].to_pylist()) - known)
        assert others
        listed = [*others, 10**9]
        want, result = pymetrics.evaluate(*paths, images=listed), evaluate(*paths, images=listed, n_partitions=4)
        assert bits(result) == bits(want)
        assert result.to_json() == want.to_json()
        with pytest.raises(ValueError, match=f"is {others[0]}, which is not an image of gt"):
            evaluate(*paths, images=listed[1:], n_partitions=4)

    def test_files_of_other_types(self, coco, evaluate, tmp_path):
        """Text of all kinds, flags and numbers, ids in some files alone."""
        gt, dt = (
            table.set_column(1, "category_id", [[f"c{id}" for id in table["category_id"].to_pylist()]])
            for table in of_sides(*coco)
        )
        paths = written(tmp_path, gt, dt)
        want = pymetrics.evaluate(gt, dt, order="rows")
        kinds = pa.string(), pa.dictionary(pa.int8(), pa.string()), pa.string_view()
        for path, turned in zip(paths, (kinds, kinds[::-1]), strict=True):
            for i, kind in enumerate(turned):
                table = pq.read_table(path / f"{i}.parquet")
                texts = table["category_id"].combine_chunks()
                texts = texts.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else texts.cast(kind)
                table = table.set_column(1, "category_id", texts)
                if i == 1 and path == paths[0]:
                    crowd = table.schema.get_field_index("iscrowd")
                    flags = table["iscrowd"].cast(pa.bool_())
                    table = table.set_column(crowd, "iscrowd", flags).drop_columns("id")
                pq.write_table(table, path / f"{i}.parquet", row_group_size=99)
        assert bits(evaluate(*paths, n_partitions=4)) == bits(want)

    def test_ids_of_folders(self, coco, evaluate, tmp_path):
        """Images without ground truth, whose partition gets the names of the columns all the same."""
        gt, dt = of_sides(*coco)
        some = dt["image_id"].unique()[:12]
        dt = dt.filter(pa.compute.is_in(dt["image_id"], some))
        gt = gt.filter(pa.compute.is_in(gt["image_id"], some[:4]))
        for name, table in (("gt", gt), ("dt", dt)):
            for image in table["image_id"].unique().to_pylist():
                (tmp_path / name / f"image_id={image}").mkdir(parents=True)
                part = table.filter(pa.compute.equal(table["image_id"], image)).drop_columns("image_id")
                pq.write_table(part, tmp_path / name / f"image_id={image}" / "0.parquet")
        result = evaluate(tmp_path / "gt", tmp_path / "dt", n_partitions=16)
        assert bits(result) == bits(pymetrics.evaluate(gt, dt, order="rows"))

    def test_generated_scenes(self, evaluate, tmp_path):
        """5,000 of them, a thousand at a time as one data set: each has the curves of an evaluation of its own."""
        protocol = pymetrics.Protocol(recall_thresholds=np.linspace(0, 1, 11), max_dets=(2, 100))
        rng = np.random.default_rng(0)
        for first in range(0, 5000, 1000):
            scenes = [some_scene(seed) for seed in range(first, first + 1000)]
            sides = [table.take(pa.array(rng.permutation(len(table)))) for table in side_by_side(scenes)]
            result = evaluate(*written(tmp_path, *sides, size=20_000), n_partitions=6, protocol=protocol)
            ids = np.array([row["id"] for row in result.per_class])
            for i, scene in enumerate(scenes):
                want = pymetrics.evaluate(*scene, protocol=protocol)
                of = slice(*np.searchsorted(ids, [4 * i, 4 * i + 4]))
                assert (ids[of] - 4 * i).tolist() == [row["id"] for row in want.per_class]
                assert result.precision[:, :, of].tobytes() == want.precision.tobytes(), first + i
                assert result.recall[:, of].tobytes() == want.recall.tobytes(), first + i
                assert result.scores[:, :, of].tobytes() == want.scores.tobytes(), first + i

    def test_an_image_in_two_places(self, evaluate, tmp_path):
        """Of nested ground truth, an image is a row: two files that both have it are refused."""
        rows = {"image_id": [7], "category_id": [[3]], "bbox": [[[0.0, 0.0, 9.0, 9.0]]]}
        (tmp_path / "gt").mkdir()
        for i in range(2):
            pq.write_table(pa.table(rows), tmp_path / "gt" / f"{i}.parquet")
        pq.write_table(pa.table(rows | {"score": [[0.5]]}), tmp_path / "dt.parquet")
        with pytest.raises(ValueError, match=r"gt\['image_id'\] holds 7 in 2 rows: .* a row is an image"):
            evaluate(tmp_path / "gt", tmp_path / "dt.parquet", n_partitions=3)


class UnorderedEngineTests(EngineTests):
    """Of engines whose own tables have no order. The fixture `frame` makes one of Arrow's."""

    def test_own_tables(self, coco, evaluate, frame):
        """With ids as text, and a column that nothing reads."""
        gt, dt = of_sides(*coco)
        gt, dt = (t.set_column(0, "image_id", [[f"i{id}" for id in t["image_id"].to_pylist()]]) for t in (gt, dt))
        sides = [frame(table.append_column("pixels", pa.array([b"\0" * 9] * len(table)))) for table in (gt, dt)]
        want = pymetrics.evaluate(gt, dt, order="values")
        assert bits(evaluate(*sides, order="values", n_partitions=3)) == bits(want)
        numbered = dt.append_column("id", pa.array(np.arange(len(dt))))
        want = pymetrics.evaluate(gt, numbered)
        assert bits(evaluate(sides[0], frame(numbered), n_partitions=3)) == bits(want)
        with pytest.raises(ValueError, match='order must not be "rows": those of gt have no order'):
            evaluate(*sides, order="rows")
        with pytest.raises(ValueError, match="gt is a table whose rows have no order"):
            evaluate(*sides, n_partitions=3)
        nulls = frame(dt.set_column(3, "score", pa.array([None, *dt["score"].to_pylist()[1:]])))
        with pytest.raises(ValueError, match=r"dt\['score'\]\[\d+\] is null"):
            evaluate(sides[0], nulls, order="values", n_partitions=3)
