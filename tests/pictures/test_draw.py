"""draw: pixels in the colours of boxes and masks, at their places."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.absent import need_module

import pymetrics
from pymetrics.pictures import Marks, draw_marks
from pymetrics.pictures.draw import COLORS

PIL = need_module("PIL.Image")
BLANK = np.full((100, 200, 3), 255, np.uint8)
TARGET = {"boxes": np.array([[20.0, 30, 90, 80]]), "labels": np.array([1])}
PREDS = {**TARGET, "scores": np.array([0.9])}


def where(picture: Any, color: tuple[int, int, int]) -> Any:
    return (np.asarray(picture) == color).all(axis=2)


def test_boxes_of_predictions_are_solid_and_those_of_targets_dashed() -> None:
    solid = where(pymetrics.draw(BLANK, PREDS), COLORS["dt", ""])
    assert solid[30:81, 20].all()
    assert solid[30:81, 90].all()
    assert solid[80, 20:91].all()
    assert not solid[81:, :].any()
    dashed = where(pymetrics.draw(BLANK, target=TARGET), COLORS["gt", ""])
    assert 0.3 < dashed[30:81, 90].mean() < 0.7
    assert np.array_equal(BLANK, np.full((100, 200, 3), 255, np.uint8))


def test_scores_names_and_paths(tmp_path: Path) -> None:
    PIL.fromarray(BLANK).save(tmp_path / "a.png")
    drawn = pymetrics.draw(tmp_path / "a.png", PREDS, class_names={1: "cat"}, score=0.9)
    assert where(drawn, COLORS["dt", ""]).any()
    assert np.array_equal(np.asarray(pymetrics.draw(tmp_path / "a.png", PREDS, score=0.91)), BLANK)
    named = pymetrics.draw(BLANK, PREDS, class_names=["dog", "a long name"])
    assert where(named, COLORS["dt", ""]).sum() > where(drawn, COLORS["dt", ""]).sum()


def test_tensors_of_mixed_precision_and_any_labels() -> None:
    torch = need_module("torch")
    half = {key: torch.tensor(value, dtype=torch.bfloat16) for key, value in PREDS.items() if key != "labels"}
    wanted = pymetrics.draw(BLANK, {"boxes": PREDS["boxes"], "labels": [None], "scores": np.array([0.9])})
    drawn = pymetrics.draw(torch.ones(3, 100, 200, dtype=torch.bfloat16), {**half, "labels": [None]})
    assert np.array_equal(np.asarray(drawn), np.asarray(wanted))


def test_masks_are_filled() -> None:
    masks = np.zeros((1, 1, 100, 200), np.float32)
    masks[0, 0, 40:60, 100:150] = 0.8
    drawn = np.asarray(pymetrics.draw(BLANK, {"masks": masks, "labels": np.array([1])}))
    assert (drawn[45:55, 110:140] == drawn[50, 120]).all()
    assert drawn[50, 120].tolist() not in ([255] * 3, list(COLORS["dt", ""]))
    assert where(drawn, COLORS["dt", ""])[40:61, 100].all()


def test_marks_have_colors_of_their_status() -> None:
    dt = {
        "boxes": np.array([[20.0, 30, 90, 80], [120, 10, 180, 90]]), "labels": np.array([1, 1]),
        "scores": np.array([0.9, 0.8]),
    }  # fmt: skip
    gt = {"boxes": np.array([[20.0, 30, 90, 80], [100, 40, 110, 60]]), "labels": np.array([1, 1])}
    drawn = draw_marks(PIL.fromarray(BLANK), Marks(pymetrics.evaluate([gt], [dt]), -math.inf).of(0))
    assert where(drawn, COLORS["dt", "tp"])[35:80, 20].all()
    assert where(drawn, COLORS["dt", "fp"])[40:90, 180].all()
    assert where(drawn, COLORS["gt", "missed"])[40:60, 100].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preds": []}, "preds must be a dict of one image, got list"),
        ({"preds": {"labels": np.array([1])}}, "preds must have 'boxes' or 'masks', got the keys ['labels']"),
        ({"target": {"boxes": np.ones((2, 5))}}, "target['boxes'] must have the shape (N, 4), got (2, 5)"),
        ({"preds": {**PREDS, "scores": np.ones(2)}}, "preds['scores'] must have 1 rows, as the boxes; got 2"),
        ({"preds": {"boxes": np.full((1, 4), np.nan)}}, "preds['boxes'][0] must be finite, got [nan, nan, nan, nan]"),
        ({"preds": {**PREDS, "labels": np.ones((1, 2))}}, "preds['labels'] must have the shape (N,), got (1, 2)"),
        ({"preds": {"masks": np.ones((1, 5, 5))}}, "preds['masks'] must have the shape (N, 100, 200), got (1, 5, 5)"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as error:
        pymetrics.draw(BLANK, **arguments)
    assert str(error.value) == message


def test_nothing_to_draw() -> None:
    empty = {"boxes": np.zeros((0, 4)), "labels": np.zeros(0, int), "scores": np.zeros(0)}
    assert np.array_equal(np.asarray(pymetrics.draw(BLANK, empty, {"boxes": [], "labels": []})), BLANK)
