"""Rows of a table in parts."""

import numpy as np
from helpers.absent import need_module

from pymetrics.distributed.shuffle import part_of, split

pa = need_module("pyarrow")


def test_parts_hold_their_rows_alone():
    """In the order of the table; a part does not keep the memory of the others alive."""
    rng = np.random.default_rng(0)
    n = 40_000
    boxes = pa.FixedSizeListArray.from_arrays(pa.array(rng.random(4 * n)), 4)
    table = pa.table({"image": rng.integers(0, 900, n), "row": np.arange(n), "bbox": boxes})
    parts = split(table, "image", 16)
    assert sorted(np.concatenate([part["row"].to_numpy() for part in parts]).tolist()) == list(range(n))
    for i, part in enumerate(parts):
        assert (np.diff(part["row"].to_numpy()) > 0).all()
        assert set(part_of(part["image"].to_numpy(), 16).tolist()) == {i}
        assert part["bbox"].to_pylist() == table["bbox"].take(part["row"]).to_pylist()
    assert sum(part.get_total_buffer_size() for part in parts) < 1.2 * table.nbytes


def test_ids_are_spread():
    """Ids that follow one another, also in steps, and texts."""
    for ids in (np.arange(10_000), np.arange(10_000) * 64, np.array([f"i{i}" for i in range(10_000)])):
        counts = np.bincount(part_of(ids, 16), minlength=16)
        assert counts.min() > 400
        assert counts.max() < 900
