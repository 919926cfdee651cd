"""Check an installed pymetrics from outside its source folder: smoke.py native|numba."""

import sys
import warnings
from pathlib import Path

import numpy as np

backend = sys.argv[1]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import pymetrics

messages = [str(warning.message) for warning in caught if warning.category is RuntimeWarning]
if backend == "native":
    assert not messages, messages
else:
    assert len(messages) == 1, messages
    for words in ("without its C++ part", "_native was not built when", "no C++ compiler", "--no-cache-dir"):
        assert words in messages[0], messages
    assert caught[0].filename == __file__, caught[0].filename

pymetrics.show_config()
assert Path(sys.prefix).resolve() in Path(pymetrics.__file__).resolve().parents, pymetrics.__file__

# Image, x, y, width, height, category; then with the score before the category. pycocotools gives these numbers.
gt = np.array([[1, 10, 10, 40, 40, 1], [1, 100, 20, 30, 60, 2], [2, 5, 5, 200, 150, 1]], float)
dt = np.array(
    [[1, 12, 10, 40, 40, 0.9, 1], [1, 100, 20, 30, 60, 0.8, 2], [2, 0, 5, 190, 140, 0.7, 1], [2, 300, 5, 9, 9, 0.6, 2]]
)
stats = pymetrics.evaluate(gt, dt).stats
print(stats)
expected = [0.9004950495049505, 1.0, 1.0, -1.0, 0.9499999999999998, 0.6999999999999998]
expected += [0.9, 0.9, 0.9, -1.0, 0.95, 0.7]
assert stats.tolist() == expected, stats.tolist()
print(f"smoke evaluation on {backend}: as expected")
