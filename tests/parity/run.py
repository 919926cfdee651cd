"""Generated scenes, evaluated by pycocotools and by this library: run.py [--scenes N] [--shapes bbox segm keypoints]

Every array of `eval`, every entry of evalImgs and every overlap must have the same bits, on each backend. Prints a
line per shape and backend; ends with 1 where a scene differs, and names its seed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.coco_scenes import Scene, compare, make_scene, run
from helpers.mask_scenes import make_mask_scene
from helpers.pose_scenes import make_pose_scene

MAKERS: dict[str, Callable[[int], Scene]] = {"bbox": make_scene, "segm": make_mask_scene, "keypoints": make_pose_scene}
BACKENDS = ("native", "numba")
FIRST_SEED = 100_000  # the suite's own seeds are below
CHUNK = 50


def differing(shape: str, backend: str, seeds: range) -> list[tuple[int, list[str]]]:
    """The seeds whose scenes differ, and where."""
    import pycocotools.coco
    import pycocotools.cocoeval

    from pymetrics.coco import COCO, COCOeval

    os.environ["PYMETRICS_BACKEND"] = backend
    warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy")  # pycocotools' own
    found = []
    for seed in seeds:
        scene = MAKERS[shape](seed)
        theirs = run(pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval, scene, iou_type=shape)
        ours = run(COCO, COCOeval, scene, iou_type=shape)
        found.append((seed, compare(theirs, ours)))
    return [(seed, where) for seed, where in found if where]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=10_000)
    parser.add_argument("--shapes", nargs="+", choices=list(MAKERS), default=list(MAKERS))
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    options = parser.parse_args()
    if options.scenes < 1:
        parser.error(f"--scenes: expected at least 1, got {options.scenes}")
    end = FIRST_SEED + options.scenes
    chunks = [range(low, min(low + CHUNK, end)) for low in range(FIRST_SEED, end, CHUNK)]
    n_differing = 0
    with ProcessPoolExecutor() as pool:
        for shape in options.shapes:
            for backend in options.backends:
                start = time.perf_counter()
                futures = [pool.submit(differing, shape, backend, seeds) for seeds in chunks]
                found = [each for future in futures for each in future.result()]
                seconds = time.perf_counter() - start
                print(f"{shape}, {backend}: {options.scenes} scenes, {len(found)} differ ({seconds:.0f} s)", flush=True)
                for seed, where in found[:20]:
                    print(f"  seed {seed}: {'; '.join(where[:3])}")
                n_differing += len(found)
    sys.exit(n_differing > 0)


if __name__ == "__main__":
    main()
