"""What must notice a mutant: small scenes, sums and searches by the interpreted kernels, against other code's answers.

`answers()` runs on the code as it is, and checks it against the second oracle; `check(answers)` runs on a mutant and
raises at the first difference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from literal import differences, make_problem

SCENES = range(420)
FIELDS = ("n_gt", "offsets", "scores", "matched", "ignored", "match_of", "match_iou")


def solve(seed: int, verify: bool) -> list[bytes]:
    from pymetrics.evaluation import road

    columns, protocol = make_problem(seed)
    outcomes = road.match(columns, protocol, keep_matches=True)
    arrays = road.accumulate(outcomes)
    if verify:
        assert differences(columns, protocol, outcomes, arrays) == [], seed
    if not verify and seed % 7 == 0:  # without the matches, which takes other branches
        bare = road.match(columns, protocol)
        assert bare.matched.tobytes() == outcomes.matched.tobytes()
        assert bare.ignored.tobytes() == outcomes.ignored.tobytes()
        assert bare.n_gt.tobytes() == outcomes.n_gt.tobytes()
    return [*(getattr(outcomes, name).tobytes() for name in FIELDS), *(array.tobytes() for array in arrays)]


def answers() -> list[list[bytes]]:
    check_parts()
    return [solve(seed, verify=True) for seed in SCENES]


def check(expected: list[list[bytes]]) -> None:
    for seed, want in zip(SCENES, expected, strict=True):
        assert solve(seed, verify=False) == want, seed
    check_parts()


def check_parts() -> None:
    """What small scenes do not reach."""
    with np.errstate(all="ignore"):
        check_bits()
        check_hits_needed()
        check_means()
    check_match()


def check_bits() -> None:
    from pymetrics.kernels.accumulate import lowest_bit

    rng = np.random.default_rng(0)
    for b in range(64):
        for above in (0, *rng.integers(0, 2**64, 3, np.uint64).tolist()):
            word = (above << (b + 1) | 1 << b) % 2**64
            assert lowest_bit(np.uint64(word)) == b


def check_hits_needed() -> None:
    """The first place in tp / n that is not below a threshold, as numpy finds it."""
    from pymetrics.kernels.accumulate import UNREACHED, hits_needed

    recalls = [*np.linspace(0, 1, 101)[::9], 1 / 3, 2 / 3, 0.7, np.nextafter(0.5, 1), np.nextafter(0.5, 0), -1.0, 1.5]
    for n in [*range(1, 70), 997, 10**6]:
        rc = np.arange(n + 1) / np.float64(n)
        for threshold in recalls:
            need = hits_needed(np.float64(threshold), np.int64(n))
            want = np.searchsorted(rc, threshold)
            assert need == want if want <= n else need > n
    assert hits_needed(np.float64(0.5), np.int64(0)) == hits_needed(np.float64(np.nan), np.int64(3)) == UNREACHED
    assert hits_needed(np.float64(2e9), np.int64(3)) == UNREACHED


def check_means() -> None:
    from pymetrics.evaluation import road

    rng = np.random.default_rng(1)
    for n in (0, 1, 7, 8, 9, 15, 16, 17, 127, 128, 129, 136, 137, 250, 256, 257, 264, 400, 1000, 1025, 3000):
        table = rng.random((1, n, 1, 1, 2))
        table[0, :: max(1, n // 3), 0, 0, 1] = -1
        for m in range(2):
            values = table[..., m]
            values = values[values > -1]
            want: Any = np.mean(values) if values.size else np.float64(-1)
            assert road.means(table, [(None, 0, m)])[0].tobytes() == want.tobytes(), n


def check_match() -> None:
    """match() on many problems at once against each of them by itself, literally."""
    import pymetrics

    rng = np.random.default_rng(2)
    for _ in range(25):
        n_dt, n_gt = rng.integers(0, 5, (2, 4))
        blocks = [rng.choice([0.0, 0.3, 0.5, 0.7, 0.9, 1.0], (d, g)) for d, g in zip(n_dt, n_gt, strict=True)]
        if rng.random() < 0.2:
            blocks[0][rng.random(blocks[0].shape) < 0.3] = np.nan
        crowd, ignore = rng.random((2, n_gt.sum())) < 0.3
        offsets = tuple(np.concatenate([[0], np.cumsum(n)]) for n in (n_dt, n_gt))
        thresholds = [0.5, 0.0, 1.0]
        got = pymetrics.match(
            np.concatenate([block.reshape(-1) for block in blocks]), crowd, ignore, thresholds, offsets
        )  # fmt: skip
        for p, block in enumerate(blocks):
            d, g = (slice(*o[p : p + 2]) for o in offsets)
            for t, threshold in enumerate(thresholds):
                assert got[t, d].tolist() == by_the_rules(block, crowd[g], ignore[g], threshold)


def by_the_rules(ious: Any, crowd: Any, ignore: Any, threshold: float) -> list[int]:
    ignore = ignore | crowd
    taken, out = set(), []
    for row in ious:
        bar, m = min(threshold, 1 - 1e-10), -1
        for g in [*np.flatnonzero(~ignore), *np.flatnonzero(ignore)]:
            if g in taken and not crowd[g]:
                continue
            if m >= 0 and not ignore[m] and ignore[g]:
                break
            if row[g] < bar:
                continue
            bar, m = row[g], int(g)
        taken.add(m)
        out.append(m)
    return out
