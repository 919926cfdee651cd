"""The warning of ids of 0 and below, and the table of quirks."""

import contextlib
import io
import re
import warnings
from pathlib import Path

import pytest
from cuda_emu.faults import FAULTS, planted
from helpers.marks import sources
from mutation.quirks import quirk_mutants

from pymetrics.coco import COCO, COCOeval

ROOT = Path(__file__).resolve().parents[2]


def quietly(*calls):
    with contextlib.redirect_stdout(io.StringIO()):
        for call in calls:
            call()


def zero_ids(*, gts=(), dts=(), box=(0, 0, 40, 40)):
    """A COCOeval, before evaluate(), of an image with two ground truths; ids of both sides are given."""
    image = {"images": [{"id": 1}], "categories": [{"id": 1}]}
    gt, dt = COCO(), COCO()
    common = {"image_id": 1, "category_id": 1, "area": 1600}
    boxes = [[0, 0, 40, 40], [100, 100, 40, 40]]
    gt.dataset = {**image, "annotations": [
        {**common, "id": id, "bbox": b, "iscrowd": int(id == "crowd")} for id, b in zip(gts, boxes, strict=True)
    ]}  # fmt: skip
    for annotation in gt.dataset["annotations"]:
        annotation["id"] = 0 if annotation["id"] == "crowd" else annotation["id"]
    dt.dataset = {**image, "annotations": [
        {**common, "id": id, "bbox": list(box), "score": 1 - i / 10, "iscrowd": 0} for i, id in enumerate(dts)
    ]}  # fmt: skip
    quietly(gt.createIndex, dt.createIndex)
    return COCOeval(gt, dt, "bbox")


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        ({"gts": (0, 5), "dts": (1,)}, "ground truths of id 0"),
        ({"gts": (3, 5), "dts": (0, 1)}, "detections of ids 0 and below"),
        ({"gts": (3, 5), "dts": (-7, 1)}, "detections of ids 0 and below"),
        ({"gts": (0, 5), "dts": (-7, 1)}, "ground truths of id 0.* and detections of ids 0"),
    ],
)
def test_ids_of_zero_warn(scene, words):
    with pytest.warns(UserWarning, match=f"{words}.*number annotations from 1") as caught:
        quietly(zero_ids(**scene).evaluate)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "scene",
    [
        {"gts": (5, 0), "dts": (1,)},  # no detection matches the ground truth of id 0
        {"gts": ("crowd", 5), "dts": (1, 2)},  # a crowd hides what it takes anyhow
        {"gts": (-5, 5), "dts": (1, 2)},  # negative ids of ground truths do no harm
        {"gts": (3, 5), "dts": (0,)},  # no other detection overlaps the ground truth
        {"gts": (0, 5), "dts": (1,), "box": (300, 300, 5, 5)},
    ],
)
def test_harmless_ids_do_not_warn(scene):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quietly(zero_ids(**scene).evaluate)


def test_every_quirk_has_its_mark_and_its_test():
    """Each name of the tables stands in a comment or docstring of the sources, and its case in a test."""
    text = (ROOT / "docs/coco-quirks.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .* \| `([^`]+)` \|$", text, re.M)
    assert len(rows) == text.count("\n| `") > 30
    code = "".join(path.read_text(encoding="utf-8") for path in sources(ROOT / "pymetrics", ".py"))
    tests = "".join(
        path.read_text(encoding="utf-8") for path in sources(ROOT / "tests", ".py") if path.stem.startswith("test_")
    )
    for name, case in rows:
        assert re.search(rf"\b{name}\b", code), f"no code has the mark {name}"
        assert re.search(rf'def {re.escape(case)}\(|"{re.escape(case)}"', tests), (
            f"{name}: no test has the case {case!r}"
        )


@pytest.mark.slow
def test_every_planted_fault_has_its_place():
    """The tables of wrong code find the marks that they name, each where its code is."""
    edits = list(quirk_mutants(ROOT / "pymetrics"))
    assert len(edits) >= 40
    for _, edit in edits:
        compile(edit.text, edit.path, "exec")
    if (ROOT / "csrc").exists():
        assert len({planted(fault) for fault in FAULTS}) == len(FAULTS)
