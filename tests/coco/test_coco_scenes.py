"""Thousands of generated scenes: every array, evalImgs and ious of COCOeval to the last bit as pycocotools has them."""

import pytest
from helpers.coco_cases import ByImage
from helpers.coco_scenes import compare, make_scene, run

from pymetrics.coco import COCO, COCOeval

SEEDS = [pytest.param(range(i, i + 100), marks=pytest.mark.slow if i else ()) for i in range(0, 3000, 100)]


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_native(rival, need, seeds, monkeypatch, tmp_path):
    need("pymetrics._native")
    monkeypatch.setenv("PYMETRICS_BACKEND", "native")
    n_unopened = 0
    for seed in seeds:
        scene = make_scene(seed)
        theirs = run(*rival, scene)
        assert compare(theirs, run(COCO, COCOeval, scene)) == [], seed
        of_files = run(COCO, COCOeval, scene, folder=tmp_path)
        n_unopened += bool(of_files.cocoGt._kept)
        assert compare(theirs, of_files) == [], seed
    assert n_unopened > len(seeds) / 4


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "seeds"), [("numba", range(4000, 4400)), ("reference", range(4400, 4500))])
def test_other_backends(rival, backend, seeds, monkeypatch):
    monkeypatch.setenv("PYMETRICS_BACKEND", backend)
    for seed in seeds:
        scene = make_scene(seed)
        assert compare(run(*rival, scene), run(COCO, COCOeval, scene)) == [], seed


@pytest.mark.slow
def test_image_by_image(rival):
    for seed in range(5000, 5400):
        scene = make_scene(seed)
        assert compare(run(*rival, scene), run(COCO, ByImage, scene)) == [], seed


@pytest.mark.slow
def test_the_generator_makes_what_it_should():
    """Not the numbers but the generator: enough scenes match something, ignore something, and are odd."""
    evaluations = [run(COCO, COCOeval, make_scene(seed)) for seed in range(300)]
    entries = [entry for evaluation in evaluations for entry in evaluation.evalImgs if entry is not None]
    assert sum(int(((e["dtMatches"] != 0) & ~e["dtIgnore"]).sum()) for e in entries) > 500
    assert sum(int(((e["dtMatches"] != 0) & e["dtIgnore"]).sum()) for e in entries) > 500
    assert (
        sum(
            ((evaluation.eval["precision"] > 0) & (evaluation.eval["precision"] < 1)).any()
            for evaluation in evaluations
        )
        > 50
    )
