"""What must notice a mutant: small scenes, sums and searches by the interpreted kernels, against other code's answers.

`answers()` runs on the code as it is, and checks it against the second oracle; `check(answers)` runs on a mutant and
raises at the first difference.
"""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from helpers import lvis_oracle
from helpers.columns import match_and_keep
from helpers.literal import differences, make_problem
from helpers.literal_checks import check_parts, check_summaries, check_variants
from helpers.lvis_scenes import full_image_scene, make_lvis_scene

from pymetrics import evaluate
from pymetrics.coco import faster, lvis
from pymetrics.evaluation import stages

SCENES = range(300)
LVIS_SCENES = [seed for seed in range(40) if lvis_oracle.CHANGES[seed % len(lvis_oracle.CHANGES)] != "with masks"]
LVIS_EXPECTED = Path(__file__).resolve().parents[1] / "fixtures" / "lvis_expected.json"  # of lvis-api
FIELDS = ("n_gt", "offsets", "scores", "matched", "ignored")


def solve(seed: int, verify: bool) -> list[bytes]:
    columns, protocol = make_problem(seed)
    cells, outcomes, matches = match_and_keep(columns, protocol)
    arrays = stages.accumulate(outcomes)
    if verify:
        assert differences(columns, protocol, cells, outcomes, matches, arrays) == [], seed
    if seed % 7 == 0:
        check_variants(columns, protocol, outcomes, matches)
        check_summaries(outcomes)
    return [
        *(getattr(outcomes, name).tobytes() for name in FIELDS),
        *(array.tobytes() for array in (matches.gt_of, matches.overlap, *arrays)),
    ]


def poison_new_arrays() -> None:
    """What is read before it was written shall be nonsense, not by chance 0."""
    empty = np.empty

    def poisoned(shape: Any, dtype: Any = np.float64) -> Any:
        out = empty(shape, dtype)
        out.reshape(-1).view(np.uint8).fill(0xA5)
        return out

    np.empty = poisoned  # type: ignore[assignment]


def check_lvis() -> None:
    """LVIS' rules, by LVISEval and by evaluate()."""
    expected = json.loads(LVIS_EXPECTED.read_text())
    with tempfile.TemporaryDirectory() as folder:
        for seed in LVIS_SCENES:
            change, scene = lvis_oracle.CHANGES[seed % len(lvis_oracle.CHANGES)], make_lvis_scene(seed)
            found = lvis_oracle.evaluated(lvis, scene, change, folder)
            want = expected[str(seed)]
            assert lvis_oracle.state(found) == want, seed
            if change is None:
                result = evaluate(scene.gt, scene.dt, protocol="lvis")
                assert [float(value).hex() for value in result.stats] == list(want["results"].values()), seed
                check_faster(scene, result.stats)
        found.params.use_cats = 0
        found.evaluate()
        found.accumulate()
        assert (found.eval["precision"] == -1).all()
        assert not any(map(len, found.ious.values()))
    check_by_evaluate()


def check_faster(scene: Any, stats: Any) -> None:
    """faster-coco-eval's form of LVIS' rules, where nothing but these rules matters. stats: LVIS' numbers."""
    if any(ann.keys() & {"ignore", "iscrowd"} or not ann["area"] for ann in scene.gt["annotations"]):
        return
    gt = faster.COCO()
    gt.dataset = scene.gt
    gt.createIndex()
    evaluation = faster.COCOeval_faster(gt, gt.loadRes(copy.deepcopy(scene.dt)), "bbox", lvis_style=True)
    evaluation.params.maxDets = [300]
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert np.abs(evaluation.stats[:6] - stats[:6]).max() < 1e-12


def check_by_evaluate() -> None:
    """The limit of an image, and detections without area."""
    scene = full_image_scene()
    for limit, recall in ((2, 0.5), (3, 1.0)):
        assert evaluate(scene.gt, scene.dt, protocol="lvis", max_dets=[limit]).stats[9] == recall
    for seed in range(4):
        scene = make_lvis_scene(seed)
        flat = [dt | {"bbox": [*dt["bbox"][:3], 0.0]} for dt in scene.dt]
        results = [evaluate(scene.gt, dts, protocol="lvis").stats.tolist() for dts in (scene.dt, scene.dt + flat)]
        assert results[0] == results[1]


def answers() -> list[list[bytes]]:
    check_parts()
    check_lvis()
    return [solve(seed, verify=True) for seed in SCENES]


def check(expected: list[list[bytes]]) -> None:
    poison_new_arrays()
    for seed, want in zip(SCENES, expected, strict=True):
        assert solve(seed, verify=False) == want, seed
    check_parts()
    check_lvis()
