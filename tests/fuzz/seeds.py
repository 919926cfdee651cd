"""Small COCO documents to begin with: seeds.py FOLDER writes one file for each, whole ones and odd ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.json_cases import ANNOTATION, RESULT, data_set, results

EXTRAS = [
    b'"x": {"y": [1, {"z": "}, {"}], "w": null}',
    b'"name": "}, {\\"image_id\\": 1}, {"',
    '"name": "é€😀", "ключ": [true, false]'.encode(),
    b'"x": "\\u00e9\\ud800 \\\\ \\" \\/", "v": -1.5e-3',
    b'"id": 5, "area": 2.5, "iscrowd": 1',
    b'"mask": [' + b"1.5, " * 400 + b"2]",  # longer than what is read at once of a small chunk
    b", ".join(b'"%d": %d' % (i, i) for i in range(20)),  # more numbers than a template holds
]
NUMBERS = b"0 -0 1 -0.0 7.25 1e5 1E-5 12345678 123456789 1234567.25 0.98765432109876543 5e-324 1.8e308 1e-9".split()


def documents() -> list[bytes]:
    """Results and data sets; in each something else stands out."""
    wide = [RESULT.replace(b'"score"', extra + b', "score"') for extra in EXTRAS]
    scores = [RESULT.replace(b"0.236", number) for number in NUMBERS]
    found = [results(RESULT), results(*[RESULT] * 5), *(results(score, RESULT) for score in scores)]
    found += [results(*records) for odd in wide for records in ((RESULT, odd, RESULT), (odd, odd))]
    found += [json.dumps([json.loads(RESULT)] * 3, indent=indent).encode() for indent in (None, 0, 2)]
    found.append(json.dumps([json.loads(RESULT)] * 3, separators=(",", ":")).encode())
    found.append(json.dumps([dict(reversed(json.loads(RESULT).items()))] * 3).encode())
    crowd = ANNOTATION.replace(b'd": 0', b'd": true').replace(b"8.5", b"null")
    bare = b'{"image_id":1,"category_id":3,"bbox":[0,0,1,1]}'
    found += [data_set(b",".join(rows)) for rows in ([ANNOTATION], [ANNOTATION] * 5, [ANNOTATION, crowd], [bare, bare])]
    found.append(data_set(ANNOTATION, images=b'[{"file_name": "\\u00e9.jpg", "id": 5, "height": null}]'))
    found.append(b'{"info": {"a": [1, {}, []]}, "licenses": [], ' + data_set(ANNOTATION)[1:] + b"\n")
    found.append(b'{"annotations":[' + bare + b'],"categories":[{"id":3}],"images":[{"id":1},{"id":2}]}')
    pose = b'{"image_id":1,"category_id":3,"keypoints":[1,2.5,2,3,4,0],"score":0.5}'
    person = ANNOTATION.replace(b'"area"', b'"keypoints": [1, 2, 2, 3, 4, 0], "num_keypoints": 1, "area"')
    found += [results(*[pose] * 3), data_set(b",".join([person] * 3))]
    return [*found, b"[]", b"{}", b"[{}]", results(RESULT)[:-1], b"[" * 70 + b"]" * 70]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for i, document in enumerate(documents()):
        (folder / f"seed-{i}").write_bytes(document)
