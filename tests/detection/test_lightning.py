"""MeanAveragePrecision in a real Lightning Trainer of two processes; run by `make integrations`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.absent import need_module
from helpers.ranks import launch


@pytest.mark.slow
def test_two_processes(need: Callable[[str], Any], tmp_path: Path) -> None:
    """What is logged is what one process gives for the images of both, in the sampler's order.

    Of seven images Lightning's sampler gives each process four, the first one twice.
    """
    need("torchmetrics"), need_module("pytorch_lightning")
    import lightning_scenes as scenes

    from pymetrics.detection import MeanAveragePrecision

    images = scenes.Images()
    found = launch("lightning_scenes", "fitted", 2, tmp_path)
    for case, duplicates in enumerate((None, "first")):
        order = [*range(scenes.N_IMAGES), *([] if duplicates else [0])]
        expected = []
        for epoch in range(scenes.EPOCHS):
            metric = MeanAveragePrecision(class_metrics=True)
            preds, target = (list(side) for side in zip(*(images[i] for i in order), strict=True))
            metric.update([item | {"scores": item["scores"].flip(0)} for item in preds] if epoch else preds, target)
            expected.append(metric.scalars("val/", class_names=True))
        assert expected[0] != expected[1]
        maps = [values["val/map"] for values in expected]
        for rank in range(2):
            epochs, logged, (best, _), seen = found[rank][case]
            assert epochs == expected
            assert seen == [0, 2, 4, 6, 0, 2, 4, 6] if rank == 0 else [1, 3, 5, 0, 1, 3, 5, 0]
            assert logged == pytest.approx(expected[1] | {"map": maps[1]}, rel=1e-6)
            assert best == pytest.approx(max(maps), rel=1e-6)
