"""lvis-api's numbers on the scenes of lvis_scenes, and what is compared of them; run as a program it writes them.

    python tests/helpers/lvis_oracle.py tests/fixtures/lvis_expected.json    # where lvis 0.5.3 is installed

lvis-api needs numpy.float, which numpy no longer has: it is set in this process alone.
"""

import copy
import hashlib
import json
import sys
import warnings
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from helpers.lvis_scenes import make_lvis_scene, make_real_scene

SEEDS = range(120)
CHANGES = (None, "with masks", "subset", "limit", "thresholds")
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "lvis_val_100" / "lvis_val_100.json"


def evaluated(module, scene, change, folder, from_file=False):
    """An LVISEval of the scene that has run. module: of LVIS, LVISResults, LVISEval. from_file: the results, too."""
    path = Path(folder) / "gt.json"
    path.write_text(json.dumps(scene.gt))
    iou_type = "segm" if change == "with masks" else "bbox"
    gt = module.LVIS(str(path))
    results = copy.deepcopy(scene.dt)
    if from_file:
        (Path(folder) / "dt.json").write_text(json.dumps(results))
        results = str(Path(folder) / "dt.json")
    dt = module.LVISResults(gt, results, max_dets=5 if change == "limit" else 300)
    evaluation = module.LVISEval(gt, dt, iou_type)
    if change == "subset":
        evaluation.params.img_ids = evaluation.params.img_ids[1:] + evaluation.params.img_ids[1:2]
        evaluation.params.cat_ids = evaluation.params.cat_ids[::-2]
    if change == "thresholds":
        evaluation.params.iou_thrs = np.array([0.5, 0.3, 0.75])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluation.run()
    return evaluation


def scenes(with_real=True):
    """name, scene, change of what is compared."""
    for seed in SEEDS:
        change = CHANGES[seed % len(CHANGES)]
        yield str(seed), make_lvis_scene(seed, change == "with masks"), change
    if with_real and REAL.exists():
        for change in (None, "with masks"):
            yield f"real {change}", make_real_scene(json.loads(REAL.read_text()), change == "with masks"), change


def state(evaluation):
    """The thirteen numbers to the last bit, and digests of the arrays and of eval_imgs."""
    arrays = {name: np.ascontiguousarray(evaluation.eval[name]).tobytes() for name in ("precision", "recall")}
    pointers = [  # ids are float64 where an image has no detections
        [
            [np.asarray(part[key]).astype(int).tolist() for key in ("dt_ids", "tps", "fps")]
            for part in areas.values()
            if part
        ]
        for areas in evaluation.eval["dt_pointers"].values()
    ]
    entries = [
        entry and {key: np.asarray(value).tolist() for key, value in entry.items()} for entry in evaluation.eval_imgs
    ]
    ious = [np.asarray(block).tolist() for block in evaluation.ious.values() if np.size(block)]
    return {
        "results": {name: float(value).hex() for name, value in evaluation.results.items()},
        **{name: hashlib.sha256(data).hexdigest()[:16] for name, data in arrays.items()},
        "pointers": _digest(pointers),
        "eval_imgs": _digest(entries),
        "ious": _digest(ious),
    }


def _digest(value):
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


if __name__ == "__main__":
    import tempfile

    setattr(np, "float", float)  # noqa: B010
    import lvis

    with tempfile.TemporaryDirectory() as folder:
        found = {name: state(evaluated(lvis, scene, change, folder)) for name, scene, change in scenes()}
    Path(sys.argv[1]).write_text(json.dumps(found, indent=0) + "\n")
