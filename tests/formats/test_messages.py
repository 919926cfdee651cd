"""Messages about values and sources that cannot be evaluated: which argument, which row, which value."""

import gzip
import json
import re

import numpy as np
import pytest

import pymetrics

BOX = {"image_id": 1, "category_id": 3, "bbox": [10, 10, 50, 50]}
GT = {
    "images": [{"id": 1}],
    "categories": [{"id": 3, "name": "cat"}],
    "annotations": [BOX | {"id": i + 1, "iscrowd": 0, "area": 2500} for i in range(3)],
}
DT = [BOX | {"score": 0.5}, BOX | {"score": 0.4}]
BIG = 2**63


def gt(**changes):
    annotations = [dict(annotation) for annotation in GT["annotations"]]
    annotations[1] |= changes
    return GT | {"annotations": annotations}


def dt(**changes):
    return [DT[0], DT[1] | changes]


CASES = [
    (GT, dt(image_id=BIG), ValueError, "dt[1]['image_id'] must be below 2**63, got 9223372036854775808"),
    (GT, dt(category_id=BIG), ValueError, "dt[1]['category_id'] must be below 2**63, got 9223372036854775808"),
    (
        GT,
        dt(category_id=-BIG - 1),
        ValueError,
        "dt[1]['category_id'] must be at least -2**63, got -9223372036854775809",
    ),
    (GT, dt(category_id=10**30), ValueError, f"dt[1]['category_id'] must be below 2**63, got {10**30}"),
    (GT, dt(category_id=1e30), ValueError, "dt[1]['category_id'] must be below 2**63, got 1e+30"),
    (
        GT,
        dt(category_id=np.uint64(BIG + 5)),
        ValueError,
        "dt[1]['category_id'] must be below 2**63, got 92233720368547",
    ),
    (GT, dt(category_id=1.5), ValueError, "dt[1]['category_id'] must be a whole number, got 1.5"),
    (gt(image_id=BIG), DT, ValueError, "gt['annotations'][1]['image_id'] must be below 2**63, got 9223372036854775808"),
    (gt(area=10**400), DT, ValueError, "gt['annotations'][1]['area'] must be below 2**1024, got 1000000000"),
    (gt(area="5"), DT, TypeError, "gt['annotations'][1]['area'] must be a number, got '5'"),
    (gt(area=[5]), DT, TypeError, "gt['annotations'][1]['area'] must be one value, got [5]"),
    (gt(area=[5, 6]), DT, TypeError, "gt['annotations'][1]['area'] must be one value, got [5, 6]"),
    (gt(iscrowd=[0]), DT, TypeError, "gt['annotations'][1]['iscrowd'] must be one value, got [0]"),
    (gt(iscrowd=(0, 1)), DT, TypeError, "gt['annotations'][1]['iscrowd'] must be one value, got (0, 1)"),
    (gt(image_id=[1]), DT, TypeError, "gt['annotations'][1]['image_id'] must be one value, got [1]"),
    (gt(id=[1]), DT, TypeError, "gt['annotations'][1]['id'] must be a number or a string, got [1]"),
    (GT, dt(score=[0.5]), TypeError, "dt[1]['score'] must be one value, got [0.5]"),
    (GT, dt(score=b"0.5"), TypeError, "dt[1]['score'] must be a number, got b'0.5'"),
    (GT, [DT[0] | {"image_id": "1"}], ValueError, "is '1', which is not an image of gt (gt's ids are integers)"),
    (GT, dt(image_id=2), ValueError, "dt[1]['image_id'] is 2, which is not an image of gt"),
]


@pytest.mark.parametrize(("truth", "found", "error", "words"), CASES, ids=[case[3] for case in CASES])
@pytest.mark.usefixtures("backend")
def test_values(truth, found, error, words):
    with pytest.raises(error) as caught:
        pymetrics.evaluate(truth, found)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.usefixtures("backend")
def test_more_digits_than_python_writes():
    with pytest.raises(
        ValueError, match=r"^dt\[1\]\['category_id'\] must be below 2\*\*63, got an integer of 16610 bits$"
    ):
        pymetrics.evaluate(GT, dt(category_id=10**5000))


def columns(**changes):
    names = {"image": [0, 0], "boxes": [[0, 0, 9, 9]] * 2, "labels": [1, 1], "scores": [0.5, 0.4]}
    return pymetrics.Detections(**(names | changes))


def masked(values, mask):
    return np.ma.masked_array(values, mask)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        (
            {"labels": np.array([1, BIG], np.uint64)},
            ValueError,
            "labels[1] must be below 2**63, got 9223372036854775808",
        ),
        ({"labels": [1, BIG]}, ValueError, "Detections.labels[1] must be below 2**63, got 9223372036854775808"),
        ({"image": [BIG + 1, 1]}, ValueError, "Detections.image[0] must be below 2**63, got 9223372036854775809"),
        ({"scores": np.array([b"0.2", b"0.3"])}, TypeError, "Detections.scores[0] must be a number, got b'0.2'"),
        ({"scores": np.array(["0.2", "0.3"])}, TypeError, "Detections.scores[0] must be a number, got '0.2'"),
        ({"scores": masked([0.5, 0.4], [0, 1])}, ValueError, "Detections.scores masks 1 of its 2 values"),
        ({"labels": masked([1, 2], [1, 1])}, ValueError, "Detections.labels masks 2 of its 2 values"),
        ({"boxes": masked([[0, 0, 9, 9]] * 2, [[0, 0, 0, 1], [0] * 4])}, ValueError, "boxes masks 1 of its 8 values"),
        ({"labels": [[1], [2, 3]]}, TypeError, "Detections.labels[0] must be one value, got [1]"),
    ],
)
def test_columns(changes, error, words):
    with pytest.raises(error, match=re.escape(words)):
        columns(**changes)


def test_masked_arrays_that_mask_nothing_are_taken():
    whole = np.array([[1, 10, 10, 50, 50, 3]])
    found = np.array([[1, 10, 10, 50, 40, 0.9, 3]])
    wanted = pymetrics.evaluate(whole, found).stats.tobytes()
    assert pymetrics.evaluate(masked(whole, False), masked(found, np.zeros(7, bool))).stats.tobytes() == wanted
    hidden = masked(found, [[0, 0, 0, 0, 0, 1, 0]])
    with pytest.raises(ValueError, match=r"^dt masks 1 of its 7 values: leave their rows out, or fill them"):
        pymetrics.evaluate(whole, hidden)
    with pytest.raises(ValueError, match=r"^ious masks 1 of its 4 values"):
        pymetrics.match(masked(np.eye(2), np.eye(2) * [1, 0]))


def item(**changes):
    return [{"boxes": [[0, 0, 9, 9]], "labels": [1], "scores": [0.5]} | changes]


TARGET = [{"boxes": [[0, 0, 9, 9]], "labels": [1]}]


@pytest.mark.parametrize(
    ("truth", "found", "words"),
    [
        ([{"boxes": [[0, 0, 9, 9]], "labels": 1}], item(), "gt[0]['labels'] must have shape (N,), got ()"),
        (TARGET, item(labels=np.int64(1)), "dt[0]['labels'] must have shape (N,), got ()"),
        (TARGET, item(scores=0.5), "dt[0]['scores'] has 0 rows, dt[0]['labels'] has 1"),
        (TARGET, [{"boxes": [[0, 0, 9, 9]], "labels": [1], "score": [0.5]}], "dt[0] has no 'scores' (it has 'score')"),
        (TARGET, [{"boxes": [[0, 0, 9, 9]], "label": [1], "scores": [1]}], "dt[0] has no 'labels' (it has 'label')"),
        (TARGET, [{"boxes": [[0, 0, 9, 9]], "scores": [1]}], "dt[0] has no 'labels'"),
    ],
)
def test_lists_per_image(truth, found, words):
    for call in (pymetrics.evaluate, pymetrics.Accumulator().update):
        with pytest.raises(ValueError, match=re.escape(words)):
            call(truth, found)


@pytest.mark.parametrize("kind", ["meta", "sparse"])
def test_tensors_without_values(kind, need):
    torch = need("torch")

    def made(values):
        tensor = torch.tensor(values)
        return tensor.to("meta") if kind == "meta" else tensor.to_sparse()

    got = "got a tensor on the device meta" if kind == "meta" else "got the layout sparse_coo"
    words = "must be a dense tensor that holds data, " + got
    with pytest.raises(TypeError, match=re.escape(f"Detections.scores {words}")):
        columns(scores=made([0.5, 0.4]))
    with pytest.raises(TypeError, match=re.escape(f"dt[0]['boxes'] {words}")):
        pymetrics.evaluate(TARGET, item(boxes=made([[0.0, 0, 9, 9]])))
    with pytest.raises(TypeError, match=re.escape(f"gt[0]['labels'] {words}")):
        pymetrics.evaluate([{"boxes": [[0, 0, 9, 9]], "labels": made([1])}], item())
    with pytest.raises(TypeError, match=re.escape(f"ious {words}")):
        pymetrics.match(made([[0.5]]))


@pytest.mark.usefixtures("backend")
def test_paths(tmp_path):
    (tmp_path / "gt.json").write_text(json.dumps(GT))
    (tmp_path / "cut.json").write_bytes(gzip.compress(json.dumps(DT).encode())[:-9])
    with pytest.raises(ValueError, match=r"^dt: '.*cut.json' begins as gzip does, but is damaged: Compressed"):
        pymetrics.evaluate(str(tmp_path / "gt.json"), tmp_path / "cut.json")
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"[{]"))
    with pytest.raises(ValueError, match=r"^dt: '.*text.gz' is not JSON: .*; byte 2, line 1$"):
        pymetrics.evaluate(str(tmp_path / "gt.json"), tmp_path / "text.gz")
    with pytest.raises(ValueError, match=r"^dt: 'a\\x00b.json' is no path: embedded null byte$"):
        pymetrics.evaluate(str(tmp_path / "gt.json"), "a\0b.json")
    with pytest.raises(ValueError, match=r"^gt: 'a\\x00b.json' is no path"):
        pymetrics.evaluate("a\0b.json", DT)


class DataFrame:
    """Enough of an old pandas'."""

    def __init__(self, n_columns):
        self.shape = (4, n_columns)

    def __array__(self, dtype=None, copy=None):
        return np.zeros(self.shape)


@pytest.mark.parametrize("n_columns", [5, 6, 7])
def test_data_frames(n_columns):
    frame = DataFrame(n_columns)
    with pytest.raises(
        TypeError,
        match=re.escape("dt is a DataFrame without Arrow's interface, __arrow_c_stream__: update its library"),
    ):
        pymetrics.evaluate(GT, frame)
    with pytest.raises(TypeError, match=r"^gt is a DataFrame"):
        pymetrics.evaluate(frame, DT)


class Growing(dict):
    """A row whose key, when it is read, makes the list longer, as another thread could."""

    rows: list

    def __getitem__(self, key):
        if len(self.rows) < 20:
            self.rows.append(dict(self))
        return super().__getitem__(key)


@pytest.mark.usefixtures("backend")
def test_a_list_that_grows_while_it_is_read():
    rows = [dict(row) for row in DT]
    rows[0] = Growing(rows[0])
    rows[0].rows = rows
    wanted = pymetrics.evaluate(GT, DT).stats.tobytes()
    assert pymetrics.evaluate(GT, rows).stats.tobytes() == wanted  # the rows that were there at first
    assert len(rows) > 2
    annotations = [dict(row) for row in GT["annotations"]]
    annotations[0] = Growing(annotations[0])
    annotations[0].rows = annotations
    assert pymetrics.evaluate(GT | {"annotations": annotations}, DT).stats.tobytes() == wanted
    assert len(annotations) > 3


def test_threads():
    for n in (1025, 10**9):
        with pytest.raises(ValueError, match=f"n must be at least 1 and at most 1024, got {n}"):
            pymetrics.set_num_threads(n)
