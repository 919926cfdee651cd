"""The reader of COCO JSON in C++: what it takes it reads as the standard library does, and it takes nothing damaged."""

from __future__ import annotations

import json
import pickle
import random

import numpy as np
import pytest
from helpers.json_cases import ANNOTATION, RESULT, by_library, by_reader, check, data_set, results, same
from hypothesis import given, settings
from hypothesis import strategies as st

import pymetrics
from pymetrics import _config
from pymetrics.formats import coco, coco_file
from pymetrics.formats.options import ReadOptions

pytestmark = pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request):
    pymetrics.set_num_threads(request.param)
    yield request.param
    pymetrics.set_num_threads(None)


# ---- what is taken


@pytest.mark.cases(60)
@pytest.mark.parametrize("chunk", [1, 2, 50, 93, 200, 1 << 17])
@pytest.mark.parametrize(
    "document",
    [
        results(RESULT),
        results(RESULT, RESULT),
        results(*[RESULT] * 40),
        results(*[RESULT.replace(b"42", str(i).encode()) for i in range(200)]),
        results(*[RESULT.replace(b"0.236", repr(1 / (i + 1)).encode()) for i in range(50)]),
        b" \n[\t" + b" ,\r\n ".join([RESULT] * 9) + b" ]\n\n ",
        json.dumps([json.loads(RESULT)] * 9, indent=4).encode(),
        json.dumps([json.loads(RESULT)] * 9, separators=(",", ":")).encode(),
        json.dumps([dict(reversed(json.loads(RESULT).items()))] * 9).encode(),
        results(*[RESULT, RESULT.replace(b'"score"', b'"x": {"y": [1, {"z": "}, {"}]}, "score"')] * 5),
        results(*[RESULT.replace(b'"score"', b'"name": "}, {\\"image_id\\": 1}, {", "score"')] * 9),
        results(*[RESULT.replace(b'"score"', '"name": "é€😀", "ключ": null, "score"'.encode())] * 9),
        results(*[RESULT.replace(b'"score"', b'"id": "any", "area": [], "iscrowd": null, "score"')] * 9),
        results(*[RESULT.replace(b"0.236", b"-0")] * 3, RESULT.replace(b"0.236", b"-0.0")),
        results(*[RESULT.replace(b"258.15", b"-9007199254740991")] * 3),
        results(RESULT, *(RESULT.replace(b"42", b"%d" % id) for id in (2**63 - 1, 1 - 2**63, 0, 123456789))),
        results(RESULT, RESULT.replace(b"42", b"123456789"), RESULT.replace(b"42", b"12345678")),
        results(RESULT, RESULT.replace(b", 41.29", b"  ,\n41.29")),
        results(RESULT, RESULT.replace(b'"score"', b'"mask": [' + b"1.5, " * 3000 + b'2], "score"'), RESULT),
        results(RESULT, *[RESULT.replace(b'"score"', b'"x": "\\u00e9\\ud800 \\\\ \\" \\/", "score"')] * 3),
    ],
    ids=range(20),
)  # fmt: skip
def test_results(document, chunk, tmp_path):
    check("dt", document, chunk, taken=True)
    (tmp_path / "dt.json").write_bytes(document)
    same(coco_file.read_file(tmp_path / "dt.json", ReadOptions("dt"), chunk), by_library("dt", document))


@pytest.mark.parametrize("chunk", [1, 60, 1 << 17])
@pytest.mark.parametrize(
    "document",
    [
        data_set(ANNOTATION),
        data_set(b",".join([ANNOTATION] * 30)),
        data_set(b",".join([ANNOTATION.replace(b"7", str(i).encode()) for i in range(300)])),
        data_set(ANNOTATION.replace(b'"area": 8.5, ', b"")),
        data_set(ANNOTATION.replace(b"8.5", b"null") + b", " + ANNOTATION),
        data_set(ANNOTATION + b"," + ANNOTATION.replace(b', "iscrowd": 0', b"")),
        data_set(ANNOTATION.replace(b'd": 0', b'd": true') + b"," + ANNOTATION.replace(b'd": 0', b'd": false')),
        data_set(ANNOTATION.replace(b'd": 0', b'd": 1') + b"," + ANNOTATION.replace(b'd": 0', b'd": -0.0')),
        data_set(ANNOTATION.replace(b'"id": 7, ', b"")),
        data_set(ANNOTATION.replace(b'"iscrowd"', b'"segmentation": [[1.5, 2, 3e0]], "ignore": 0, "iscrowd"')),
        data_set(ANNOTATION, images=b'[{"file_name": "\\u00e9.jpg", "id": 5, "height": null}]'),
        data_set(ANNOTATION, images=b'[{"id": 9, "category_id": "x", "bbox": 3, "score": {}, "area": "a"}]'),
        data_set(ANNOTATION, categories=b'[{"id": 3.0, "name": "\\u00e9"}, {"id": 4}, {"id": true, "name": 5}]'),
        b'{"info": {"a": [1, {}, []]}, "licenses": [], ' + data_set(ANNOTATION)[1:] + b"\n",
        b'{"annotations": [' + ANNOTATION + b'], "categories": [{"id": 1}], "images": [{"id": 4}]}',
        json.dumps(json.loads(data_set(b",".join([ANNOTATION] * 5))), indent=1).encode(),
    ],
    ids=range(16),
)
def test_ground_truth(document, chunk, tmp_path):
    check("gt", document, chunk, taken=True)
    (tmp_path / "gt.json").write_bytes(document)
    same(coco_file.read_file(tmp_path / "gt.json", ReadOptions("gt"), chunk), by_library("gt", document))


SIZES = b'"height": 480, "width": 640'


@pytest.mark.parametrize("chunk", [1, 60, 1 << 17])
@pytest.mark.parametrize(
    ("images", "has_sizes", "is_lvis"),
    [
        (b'{"id": 1, %s}, {"id": 2, %s}, {"id": 3, %s}' % ((SIZES,) * 3), True, False),
        (b'{"id": 1, %s}, {"id": 2}, {"width": 5, "id": 3}' % SIZES, True, False),
        (b'{"id": 1, "height": null, "width": "640"}, {"id": 2, "height": [], "width": true}', False, False),
        (b'{"id": 1, "height": 0, "width": -1.5}, {"id": 2, "height": 1e300, "width": -0.0}', True, False),
        (b'{"file_name": "a", "id": 1, "x": {"height": 3}, %s}' % SIZES, True, False),
        (b'{"id": 1, "neg_category_ids": [1, 2]}, {"id": 2}', False, True),
        (b'{"id": 1}, {"id": 2, "not_exhaustive_category_ids": []}', False, True),
        (b'{"id": 1, "not_exhaustive_category_ids": null, "neg_category_ids": 5, %s}' % SIZES, True, True),
        (b'{"id": 1, "neg_category_ids": [], "neg_category_ids": []}', False, True),
        (b'{"id": 1, "x": {"neg_category_ids": []}, "neg_category_id": 1}', False, False),
    ],
    ids=range(10),
)
def test_images(images, has_sizes, is_lvis, chunk):
    document = data_set(ANNOTATION, images=b"[" + images + b"]")
    check("gt", document, chunk, taken=True)
    axes = by_reader("gt", document, chunk).axes
    assert (axes.sizes is not None, axes.has_lvis_keys) == (has_sizes, is_lvis)
    expected = [
        [image[key] if type(image.get(key)) in (int, float) else np.nan for key in ("height", "width")]
        for image in json.loads(document)["images"]
    ]
    assert axes.sizes is None or np.array_equal(axes.sizes, expected, equal_nan=True)


@pytest.mark.parametrize("chunk", [7, 1 << 17])
def test_names_of_images(chunk):
    """What is no string is no name; of two in one image json takes the last one, and reads the file."""
    images = (
        rb'[{"file_name": "a.jpg", "id": 3}, {"id": 1}, {"id": 2, "file_name": "\u00e4 \"b\" \ud83d\ude00.png"}, '
        rb'{"id": 9, "file_name": ""}, {"file_name": null, "id": 4}, {"id": 5, "file_name": 17}, '
        rb'{"id": 6, "file_name": ["x"]}, {"id": 7, "name": "n", "x": {"file_name": "inner"}}, '
        + '{"id": 8, "file_name": "日本/ß.jpg"}]'.encode()
    )
    document = data_set(ANNOTATION, images=images)
    check("gt", document, chunk, taken=True)
    names = by_reader("gt", document, chunk).axes.image_names
    assert names == {3: "a.jpg", 2: 'ä "b" 😀.png', 9: "", 8: "日本/ß.jpg"}
    assert (len(names), names[3], 1 in names, pickle.loads(pickle.dumps(names))) == (4, "a.jpg", False, dict(names))
    check("gt", data_set(ANNOTATION, images=b'[{"id": 1, "file_name": "a", "file_name": "b"}]'), chunk, taken=False)


@pytest.mark.parametrize("chunk", [1, 60, 1 << 17])
@pytest.mark.parametrize(
    ("values", "n"),
    [
        (b"1 0 1 1", 3), (b"0 0 0", 0), (b"true false true", 2), (b"2 -1 0.5 -0.0 0.0 1e-300", 4), (b"null", 0),
        (b'1 "1" [1] {} null 0', 1), (b"1", 1), (b"12345678901 0", 1),
    ],
)  # fmt: skip
def test_ignore(values, n, chunk, tmp_path):
    """It is found, if not asked for; where it is asked for, what is no number is left to the library."""
    records = [ANNOTATION.replace(b'"iscrowd"', b'"ignore": ' + value + b', "iscrowd"') for value in values.split()]
    document = data_set(b", ".join([*records, ANNOTATION]))
    check("gt", document, chunk, taken=True)
    unread = by_reader("gt", document, chunk).unread_ignore
    assert (0 if unread is None else int((unread == 1).sum())) == n
    (tmp_path / "gt.json").write_bytes(document)
    options = ReadOptions("gt", use_ignore=True)
    found = coco_file.read_file(tmp_path / "gt.json", options, chunk)
    if any(not isinstance(json.loads(value), (bool, int, float)) for value in values.split()):
        assert found is None
    else:
        same(found, coco.ground_truth(json.loads(document), options))
        assert int(found.ignore.sum()) == n


@pytest.mark.parametrize("box_format", ["yolo", "albumentations", "cxcywh"])
def test_other_layouts(box_format, tmp_path):
    document = data_set(ANNOTATION, images=b'[{"id": 1, %s}]' % SIZES)
    (tmp_path / "gt.json").write_bytes(document)
    options = ReadOptions("gt", box_format=box_format)
    same(coco_file.read_file(tmp_path / "gt.json", options), coco.ground_truth(json.loads(document), options))


# ---- what is left to the library


@pytest.mark.parametrize(
    "document",
    [
        b"", b" ", b"[", b"]", b"[]", b"{}", b"5", b"null", b"[5]", b"[[]]", b"[{}]", b"\xef\xbb\xbf" + results(RESULT),
        results(RESULT).decode().encode("utf-16"), results(RESULT).decode().encode("utf-32-le"),
        results(RESULT) + b"x", results(RESULT) + b"[]", results(RESULT) + b"\0", results(RESULT) + b",",
        results(RESULT, b""), results(RESULT, b"7"), results(RESULT, b"{}"), b"[," + RESULT + b"]",
        b"[" * 100000, b'[{"a":' * 100000, b"[" + RESULT + RESULT + b"]", b"[" + RESULT + b", ]", b'{"images": 5}',
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("chunk", [40, 1 << 17])
def test_left(document, chunk):
    check("dt", document, chunk, taken=False)
    check("gt", document, chunk, taken=False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *((b"0.236", new) for new in b"NaN -Infinity 1e999 00.1 .236 0. 0.2.3 - 0-2 0/2 01 null true [] {}".split()),
        *((b"42", new) for new in b'42.0 4. 042 1e3 "42" true'.split()),
        *((b"42", b"%d" % new) for new in (2**63, -(2**63), -(2**63) - 1, 2**64, -(2**64))),
        *((b"258.15", new) for new in (b"9007199254740992", b"-1e16", b"1" * 30, b"null", b"", b"1 2")),
        (b"258.15", b"%d" % -(2**63)), (b"0.236", b"%d" % -(2**63)),
        (b"0.236", b""), (b"0.236", b'"0.236"'), (b"42", b"1" * 5000), (b"42", b""),
        (b", 243.78", b""), (b"243.78", b"243.78, 1"), (b"258.15, ", b""), (b"[", b"{"), (b"]", b""),
        (b'"score": 0.236', b'"s": 1'), (b'"score"', b'"image_id"'), (b'"score"', b'"score": 1, "score"'),
        (b"score", b"s\\u0063ore"), (b'"score"', b"score"), (b":", b""), (b",", b""), (b",", b",,"),
        *((b'"score"', b'"x": ' + odd + b', "score"') for odd in (
            b'"\xff"', b'"\n"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b'"\\x"',
            b'"\\u00g0"', b"01", b"tru", b"[1,]", b'{"a"}', b"{1: 2}", b"[1}", b"NaN", b"9" * 4301, b"1.", b"1e", b"-",
            b"[" * 100000 + b"]" * 100000)),
        (b'"score"', b"'x': 1, \"score\""),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("chunk", [40, 1 << 17])
def test_left_for_one_record(old, new, chunk):
    odd = RESULT.replace(old, new, 1)
    for document in (results(odd), results(odd, RESULT), results(RESULT, odd), results(*[RESULT] * 5, odd, RESULT)):
        check("dt", document, chunk, taken=False)


@pytest.mark.parametrize(
    "document",
    [
        data_set(b""),
        data_set(ANNOTATION, images=b"[]"),
        data_set(ANNOTATION, categories=b"[]"),
        data_set(ANNOTATION, categories=b"{}"),
        data_set(ANNOTATION, categories=b'[{"id": "a"}]'),
        data_set(ANNOTATION, categories=b'[{"id": 1.5}]'),
        data_set(ANNOTATION, categories=b"[5]"),
        data_set(ANNOTATION, images=b'[{"id": "a"}]'),
        data_set(ANNOTATION, images=b'[{"id": 1, "id": 2}]'),
        data_set(ANNOTATION, images=b'[{"file_name": "a"}]'),
        data_set(ANNOTATION, images=b'{"id": 1}'),
        data_set(ANNOTATION)[:-1] + b', "annotations": []}',
        data_set(ANNOTATION)[:-1] + b', "images": [{"id": 1}]}',
        data_set(ANNOTATION)[:-1] + b"}}",
        data_set(ANNOTATION)[:-1] + b",}",
        data_set(ANNOTATION).replace(b'"images"', b'"image\\u0073"'),
        data_set(ANNOTATION).replace(b'"categories"', b'"cats"'),
        data_set(ANNOTATION + b"," + ANNOTATION.replace(b'"id": 7, ', b"")),
        data_set(ANNOTATION.replace(b'"area": 8.5', b'"area": 8.5, "score": 1')),
        data_set(ANNOTATION.replace(b'd": 0', b'd": null')),
        data_set(ANNOTATION.replace(b"8.5", b"true")),
        data_set(ANNOTATION.replace(b"7", b'"seven"')),
        data_set(ANNOTATION.replace(b"8.5", b"NaN")),
    ],
    ids=repr,
)
def test_left_data_sets(document):
    check("gt", document, taken=False)


@pytest.mark.parametrize("chunk", [30, 1 << 17])
@pytest.mark.parametrize("argument", ["gt", "dt"])
def test_truncated_at_every_byte(argument, chunk):
    document = data_set(b", ".join([ANNOTATION] * 3)) if argument == "gt" else results(*[RESULT] * 4)
    for end in range(len(document)):
        check(argument, document[:end], chunk, taken=False)


@pytest.mark.cases(2)
@pytest.mark.parametrize("chunk", [1, 37, 95])
def test_every_byte_changed(chunk):
    """Each byte of a small file, taken away, doubled or replaced: read as the library reads it, or left."""
    for argument, document in (("dt", results(*[RESULT] * 3)), ("gt", data_set(b",".join([ANNOTATION] * 2)))):
        rng = random.Random(chunk)
        for i in range(len(document)):
            for new in (b"", document[i : i + 1] * 2, bytes([rng.choice(b'0123456789.-eE+/{}[]",: \\\0\xff')])):
                check(argument, document[:i] + new + document[i + 1 :], chunk)


# ---- documents by chance

SPACE = st.sampled_from(["", " ", "\n  ", "\t", "\r\n"])
NUMBER = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e6, 1e6).map(lambda x: repr(round(x, 2))),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
)
ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ID = st.one_of(st.integers(0, 500), st.integers(-(2**64), 2**64)).map(str)


@st.composite
def record(draw, scored, style):
    fields = {
        '"image_id"': draw(ID),
        '"category_id"': draw(ID),
        '"bbox"': "[" + ", ".join(draw(NUMBER) for _ in range(4)) + "]",
    }
    if scored:
        fields['"score"'] = draw(NUMBER)
    else:
        fields['"id"'] = draw(ID)
        for name, value in (('"area"', NUMBER), ('"iscrowd"', st.sampled_from(["0", "1", "true"]))):
            if draw(st.integers(0, 9)):
                fields[name] = draw(value)
    for _ in range(draw(st.integers(0, 2)) if style["extras"] else 0):
        fields[json.dumps(draw(st.text(max_size=5)))] = json.dumps(draw(ANY), ensure_ascii=draw(st.booleans()))
    items = list(fields.items())
    if style["shuffled"]:
        items = draw(st.permutations(items))
    colon, comma = style["colon"], style["comma"]
    return "{" + comma[1:] + comma.join(f"{key}{colon}{value}" for key, value in items) + "}"


@st.composite
def records(draw, scored):
    style = {"extras": draw(st.booleans()), "shuffled": draw(st.booleans())}
    style |= {"colon": draw(SPACE) + ":" + draw(SPACE), "comma": "," + draw(SPACE)}
    return ("," + draw(SPACE)).join(draw(st.lists(record(scored, style), min_size=1, max_size=12)))


@settings(max_examples=250, deadline=None)
@given(records(True), SPACE, st.integers(1, 400))
def test_random_results(text, space, chunk):
    check("dt", f"{space}[{space}{text}{space}]{space}".encode("utf-8", "surrogatepass"), chunk)


@settings(max_examples=150, deadline=None)
@given(records(False), SPACE, st.integers(1, 400), st.permutations(range(3)))
def test_random_data_sets(text, space, chunk, order):
    parts = [f'"annotations": [{text}]', '"images": [{"id": 1}, {"id": 20}]', '"categories":[{"id": 3, "name": "c"}]']
    content = "{" + space + ", ".join(parts[i] for i in order) + space + "}"
    check("gt", content.encode("utf-8", "surrogatepass"), chunk)


@settings(max_examples=150, deadline=None)
@given(records(True), st.data())
def test_random_damage(text, data):
    content = bytearray(f"[{text}]".encode("utf-8", "surrogatepass"))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    check("dt", bytes(content), data.draw(st.integers(1, 200)))
