"""Small generated scenes that are rich in what pycocotools decides in odd ways; the same seed gives the same scene."""

import contextlib
import copy
import io
import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

AREAS = [[0, 1e10], [0, 1024], [1024, 9216], [9216, 1e10]]


@dataclass
class Scene:
    """gt: a COCO data set. dt: results, a list or an (N, 7) array. params: what replaces a COCOeval's parameters.

    own_ids: the results' ids are part of the scene, so they become a COCO by hand; loadRes would number them.
    """

    gt: dict
    dt: object
    params: dict = field(default_factory=dict)
    own_ids: bool = False


def make_scene(seed: int) -> Scene:
    """A few images and categories; boxes on a coarse grid and scores of one decimal, so that ties are common."""
    rng = np.random.default_rng(seed)

    def odd(chance: float) -> bool:
        return rng.random() < chance

    n_images, n_categories = rng.integers(1, 5), rng.integers(1, 4)
    images = (rng.permutation(20)[:n_images] + (2**53 if odd(0.05) else 0)).tolist()
    if odd(0.1):
        images = [f"image {i}" for i in images]
    categories = rng.permutation(6)[:n_categories].tolist()
    cell = rng.choice([4, 16, 32])  # 16 and 32 put areas on the borders of the area ranges
    fine = odd(0.2)
    strange = odd(0.15)  # boxes that are no boxes

    def box() -> list:
        values = np.concatenate([rng.integers(0, 4, 2), rng.integers(1, 4, 2)]) * cell
        values = values + rng.uniform(0, 2, 4) if fine else values
        values = [float(v) if fine or odd(0.5) else int(v) for v in values]
        if strange and odd(0.3):
            values[rng.integers(0, 4)] = rng.choice([0.0, -10.0, np.nan, np.inf, -np.inf, 1e30])
        return values

    def area_of(values: list) -> float:
        return rng.choice([0.0, 1023.5, 1024.0, 9216.0, np.nan, 1e11]) if odd(0.15) else values[2] * values[3]

    def annotation(i: int, image, category, values: list) -> dict:
        return {"id": i, "image_id": image, "category_id": category, "bbox": values}

    crowd_chance = rng.choice([0, 0.1, 0.5])
    gts = []
    for i in range(rng.integers(0, 16)):
        gt = annotation(i + 1, images[rng.integers(n_images)], categories[rng.integers(n_categories)], box())
        gt |= {"area": area_of(gt["bbox"]), "iscrowd": int(odd(crowd_chance))}
        if odd(0.1):
            gt["ignore"] = 1
        if odd(0.1):
            gt["iscrowd"] = bool(gt["iscrowd"])
        gts.append(gt)
    number_strangely(rng, gts, 0.15)

    scores = rng.choice([[0.1, 0.5, 0.9], rng.random(3).tolist(), [0.0, -0.0, 1e-300]])
    scores = [*scores, *([np.nan, np.inf, -np.inf] if odd(0.08) else [])]
    dts = []
    for i in range(rng.integers(1, 30)):
        near = gts[rng.integers(len(gts))] if gts and odd(0.7) else None
        image = near["image_id"] if near else images[rng.integers(n_images)]
        category = near["category_id"] if near and odd(0.9) else [*categories, 77][rng.integers(n_categories + 1)]
        values = list(near["bbox"]) if near and odd(0.7) else box()
        if odd(0.3):
            values[rng.integers(0, 4)] += cell // 4
        dts.append(annotation(i + 1, image, category, values) | {"score": float(rng.choice(scores))})
    own_ids = odd(0.1)
    if own_ids:
        for dt in dts:
            dt |= {"area": area_of(dt["bbox"]), "iscrowd": 0}
        number_strangely(rng, dts, 0.7)
    else:
        for dt in dts:
            del dt["id"]
    if not own_ids and not isinstance(images[0], str) and images[0] < 1000 and odd(0.15):
        rows = [[dt["image_id"], *dt["bbox"], dt["score"], dt["category_id"]] for dt in dts]
        dts = np.array(rows, np.float32 if odd(0.7) else np.float64)

    gt = {
        "images": [{"id": image} for image in images],
        "annotations": gts,
        "categories": [{"id": category, "name": f"name {category}"} for category in categories],
    }
    return Scene(gt, dts, make_params(rng, images, categories), own_ids)


def number_strangely(rng: np.random.Generator, rows: list, chance: float) -> None:
    """Ids of 0, negative, huge or equal ones, now and then."""
    if not rows or rng.random() >= chance:
        return
    kind = rng.integers(0, 4)
    for i, row in enumerate(rows):
        row["id"] = (i, -i - 1, 2**53 + i, i // 2 + 1)[kind]


def make_params(rng: np.random.Generator, images: list, categories: list) -> dict:
    """Few thresholds (pycocotools is slow), and odd ones; sometimes a part of the images and categories."""

    def odd(chance: float) -> bool:
        return rng.random() < chance

    ious = rng.choice(np.linspace(0.5, 0.95, 10), rng.integers(1, 4))
    if odd(0.3):
        ious = rng.choice([0.0, 0.25, 0.3, 0.5, 0.5, 0.9, 1.0, -1.0, 1.5], rng.integers(1, 5))
    recalls = np.linspace(0, 1, rng.choice([1, 2, 11, 101]))
    if odd(0.2):
        recalls = rng.permutation(recalls) if odd(0.5) else rng.choice([-1.0, 0.0, 0.5, 1.0, 2.0], 4)
    ranges = [AREAS[a] for a in rng.permutation(4)[: rng.integers(1, 3)]]
    if odd(0.1):
        ranges = [ranges[0], ranges[0], [100, 0]]
    limits = [[100], [1, 100], [2, 1], [1, 2, 3], [3, 3], [0, 2], [100, 1, 10]][rng.integers(7)]
    params = {
        "iouThrs": ious,
        "recThrs": recalls,
        "areaRng": ranges,
        "maxDets": limits,
        "useCats": int(not odd(0.1)),
    }
    if odd(0.15):
        params["imgIds"] = [images[i] for i in rng.integers(0, len(images), 3)]
    if odd(0.15):
        params["catIds"] = [*categories, 77][:: rng.choice([-1, 1])][: rng.integers(1, 3)]
        if odd(0.3):
            params["catIds"] = params["catIds"] * 2
    return params


def of_dict(coco_class: type, dataset: dict):
    coco = coco_class()
    coco.dataset = copy.deepcopy(dataset)
    coco.createIndex()
    return coco


def in_file(path: Path, content) -> str:
    path.write_text(json.dumps(content, default=lambda value: value.item()))
    return str(path)


def run(
    coco_class: type,
    eval_class: type,
    scene: Scene,
    quiet: bool = True,
    folder: Path | None = None,
    iou_type: str = "bbox",
):
    """A COCOeval that has evaluated and accumulated the scene; the scene stays as it is.

    folder: where to write its files, from which it is then read.
    """
    with contextlib.redirect_stdout(io.StringIO()) if quiet else contextlib.nullcontext(), warnings.catch_warnings():
        # pycocotools divides infinities; this library warns of ids of 0.
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.filterwarnings("ignore", "the numbers follow pycocotools in a quirk", UserWarning)
        if folder is None:
            gt = of_dict(coco_class, scene.gt)
        else:
            gt = coco_class(in_file(folder / "gt.json", scene.gt))
        if scene.own_ids:
            dt = of_dict(coco_class, {**scene.gt, "annotations": scene.dt})
        elif folder is None or isinstance(scene.dt, np.ndarray):
            dt = gt.loadRes(copy.deepcopy(scene.dt))
        else:
            dt = gt.loadRes(in_file(folder / "dt.json", scene.dt))
        evaluation = eval_class(gt, dt, iou_type)
        for name, value in scene.params.items():
            setattr(evaluation.params, name, copy.deepcopy(value))
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def differences(theirs: dict, ours: dict) -> list[str]:
    """Where two `eval` dicts are not the same to the last bit, in words."""
    found = []
    for name in ("counts", "precision", "recall", "scores"):
        a, b = np.asarray(theirs[name]), np.asarray(ours[name])
        if a.shape != b.shape or a.dtype != b.dtype:
            found.append(f"{name}: {a.shape} {a.dtype}, not {b.shape} {b.dtype}")
        elif a.tobytes() != b.tobytes():
            at = tuple(i[0] for i in np.nonzero(a != b)) if (a != b).any() else ()
            found.append(f"{name}: {(a != b).sum()} of {a.size} differ, at {at} {a[at]!r} and {b[at]!r}")
    return found


def entry_differences(theirs: list, ours: list) -> list[str]:
    """Where two lists of evalImgs differ in a key, its place, a type or a bit, in words."""
    if len(theirs) != len(ours):
        return [f"{len(theirs)} entries, not {len(ours)}"]
    found = []
    for i, (a, b) in enumerate(zip(theirs, ours, strict=True)):
        if a is None or b is None:
            if a is not b:
                found.append(f"entry {i} is {a}, not {b}")
            continue
        if list(a) != list(b):
            found.append(f"entry {i} has {list(a)}, not {list(b)}")
            continue
        for key in a:
            x, y = a[key], b[key]
            if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
                same = x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
            else:
                same = type(x) is type(y) and repr(x) == repr(y)
            if not same:
                found.append(f"entry {i} has {key} {x!r}, not {y!r}")
    return found


def compare(theirs, ours) -> list[str]:
    """Where two COCOevals differ: eval, evalImgs and ious, in words."""
    found = differences(theirs.eval, ours.eval) + entry_differences(theirs.evalImgs, ours.evalImgs)
    if theirs.ious.keys() != ours.ious.keys():
        return [*found, f"ious of {list(theirs.ious)}, not of {list(ours.ious)}"]
    for key, ious in theirs.ious.items():
        a, b = np.asarray(ious), np.asarray(ours.ious[key])
        if a.shape != b.shape or a.tobytes() != b.tobytes():
            found.append(f"ious of {key}: {a}, not {b}")
    return found


def plain_scene(n_images: int = 12) -> Scene:
    """Ordinary data with crowds, all sizes of boxes, wrong classes, and ties of score and of overlap."""
    rng = np.random.default_rng(9)
    images, categories = list(range(40, 40 - 2 * n_images, -2)), [3, 1, 7]
    gts, dts = [], []
    for image in images:
        for _ in range(rng.integers(0, 9)):
            x, y, w, h = (rng.integers(0, 20, 4) * 8 + [0, 0, 8, 8]).tolist()
            gt = {
                "id": len(gts) + 1,
                "image_id": image,
                "category_id": categories[rng.integers(3)],
                "bbox": [x, y, w, h],
            }
            gts.append(gt | {"area": w * h, "iscrowd": int(rng.random() < 0.15)})
            for _ in range(rng.integers(0, 4)):
                box = np.array([x, y, w, h]) + rng.choice([-8, 0, 0, 0, 8], 4)
                category = gt["category_id"] if rng.random() < 0.8 else categories[rng.integers(3)]
                dt = {"image_id": image, "category_id": category, "bbox": box.astype(float).tolist()}
                dts.append(dt | {"score": float(rng.integers(1, 10)) / 10})
    gt = {
        "images": [{"id": image} for image in images],
        "annotations": gts,
        "categories": [{"id": category, "name": f"name {category}"} for category in categories],
    }
    return Scene(gt, dts)


def summary(evaluation) -> tuple[list[str], object]:
    """The lines that summarize prints and the numbers it keeps, or the type of its exception."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            evaluation.summarize()
        except Exception as error:
            return out.getvalue().splitlines(), type(error)
    return out.getvalue().splitlines(), np.asarray(evaluation.stats).tobytes()
