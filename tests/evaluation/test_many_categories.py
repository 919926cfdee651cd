"""A summary without precisions at every limit, where there are too many of them: the same bits."""

import numpy as np
import pytest
from helpers.analysis_scenes import scene

from pymetrics.evaluation import stages


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("settings", [{}, {"max_dets": (1, 2, 3)}, {"max_dets": (5,)}], ids=["coco", "few", "one"])
def test_the_summary_is_the_same(backend, monkeypatch, seed, settings):
    of = scene(seed, n_images=20)
    want = of.evaluate(**settings)
    monkeypatch.setattr(stages, "MANY_PRECISIONS", 0)
    found = of.evaluate(**settings)
    assert found.stats.tobytes() == want.stats.tobytes()
    assert ("_arrays" in vars(found)) == (settings.get("max_dets") == (5,))
    assert found.precision.tobytes() == want.precision.tobytes()
    assert found.recall.tobytes() == want.recall.tobytes()
    again = of.evaluate(**settings)
    assert again.precision.shape == want.precision.shape
    assert again.stats.tobytes() == want.stats.tobytes()  # from the arrays that are there
    assert np.isfinite(found.stats).all()
