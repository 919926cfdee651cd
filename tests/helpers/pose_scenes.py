"""Generated scenes with keypoints: the scenes of coco_scenes with poses in place of boxes."""

import json

import numpy as np

from helpers.coco_scenes import Scene, make_scene


def make_pose_scene(seed: int) -> Scene:
    """Ground truths without visible keypoints, with counts that contradict them, crowds; detections often near a ground
    truth, or equal to it. Now and then other numbers of keypoints with sigmas of their own, results with boxes,
    detections without their last visibility, and coordinates that are not finite.
    """
    scene, rng = make_scene(seed), np.random.default_rng(seed)

    def odd(chance: float) -> bool:
        return rng.random() < chance

    if isinstance(scene.dt, np.ndarray):
        rows = [[float(value) for value in row] for row in scene.dt]
        scene.dt = [
            {"image_id": int(row[0]), "bbox": row[1:5], "score": row[5], "category_id": int(row[6])} for row in rows
        ]
    n = int(rng.choice([17, 17, 17, 1, 7, 14, 133, 300]))
    if n != 17:
        scene.params["kpt_oks_sigmas"] = rng.choice([0.025, 0.05, 0.1, 0.0789], n)
    scene.params["maxDets"] = [[20], [20], [3], [5, 20]][rng.integers(4)]
    near: dict = {}
    for gt in scene.gt["annotations"]:
        points = rng.integers(0, 80, (n, 2)).astype(float)
        if odd(0.5):
            points += rng.random((n, 2)).round(2)
        visibility = rng.integers(0, 3, n) if odd(0.7) else np.full(n, rng.choice([0, 0, 2]))
        gt["keypoints"] = listed(rng, points, visibility)
        gt["num_keypoints"] = int((visibility > 0).sum()) if odd(0.9) else int(rng.integers(0, 3))
        near.setdefault(gt["image_id"], []).append(points)
    without_boxes = not scene.own_ids and odd(0.7)
    for dt in scene.dt:
        points = rng.uniform(-10, 90, (n, 2))
        if near.get(dt["image_id"]) and odd(0.8):
            found = near[dt["image_id"]]
            points = found[rng.integers(len(found))] + rng.choice([0, 0.5, 2, 6]) * rng.normal(size=(n, 2))
        if odd(0.3):
            points = points.round()
        if odd(0.02):
            points[rng.integers(n), rng.integers(2)] = rng.choice([np.nan, np.inf, -np.inf, 1e200])
        dt["keypoints"] = listed(rng, points, np.ones(n, int))
        if odd(0.05):
            dt["keypoints"].pop()
        if without_boxes:
            del dt["bbox"]
    return scene


def listed(rng: np.random.Generator, points: np.ndarray, visibility: np.ndarray) -> list:
    """x, y, visibility, x, y, ...; whole numbers as ints, now and then."""
    values = np.column_stack([points, visibility]).ravel().tolist()
    whole = rng.random() < 0.6
    return [int(value) if whole and abs(value) < 1e6 and value == int(value) else value for value in values]


def jittered_poses(gt_path, seed: int, per_person: int = 3) -> list[dict]:
    """Results: copies of the persons of a COCO file, each keypoint moved, unlabelled ones anywhere in the box."""
    rng = np.random.default_rng(seed)
    results = []
    for gt in json.loads(gt_path.read_text())["annotations"]:
        points = np.array(gt["keypoints"], float).reshape(-1, 3)
        x, y, w, h = gt["bbox"]
        for _ in range(rng.integers(0, per_person + 1)):
            moved = points.copy()
            moved[:, :2] += rng.normal(0, rng.choice([0.02, 0.1, 0.4]) * np.sqrt(gt["area"]) / 4, (len(points), 2))
            unlabelled = points[:, 2] == 0
            moved[unlabelled, :2] = [x, y] + rng.random((int(unlabelled.sum()), 2)) * [w, h]
            moved[:, 2] = 1
            score = float(rng.integers(1, 100)) / 100
            row = {"image_id": gt["image_id"], "category_id": gt["category_id"], "score": score}
            results.append(row | {"keypoints": moved.round(2).ravel().tolist()})
    return results
