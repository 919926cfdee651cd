"""result.matches beside a brute-force reading of COCOeval's evalImgs; splits, merges, duplicates."""

import contextlib
import copy
import io
import pickle

import numpy as np
import pytest
from helpers.columns import ingest

import pymetrics
from pymetrics import Accumulator, Protocol
from pymetrics.coco import COCO, COCOeval


def scene(seed, n_images=6):
    """A COCO dict with crowds, and results with ties."""
    rng = np.random.default_rng(seed)
    annotations, results = [], []
    for image in range(1, n_images + 1):
        boxes = rng.integers(0, 40, (int(rng.integers(0, 8)), 4)) + np.array([0, 0, 5, 5])
        for box in boxes.tolist():
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image, "category_id": int(rng.integers(1, 3)), "bbox": box,
                 "area": box[2] * box[3], "iscrowd": int(rng.random() < 0.15)}
            )  # fmt: skip
        for _ in range(int(rng.integers(0, 12))):
            near = boxes[rng.integers(len(boxes))] + rng.integers(-3, 4, 4) if len(boxes) else [1, 1, 9, 9]
            results.append(
                {"image_id": image, "category_id": int(rng.integers(1, 3)), "bbox": np.maximum(near, 1).tolist(),
                 "score": float(rng.integers(1, 9) / 10)}
            )  # fmt: skip
    rng.shuffle(annotations)
    rng.shuffle(results)
    images = [{"id": i} for i in range(1, n_images + 1)]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1}, {"id": 2}]}, results


def by_hand(gt, dt, t=0):
    """(image, category, dt row, gt row or -1, score, status) and the missed (image, category, gt row), of evalImgs."""
    coco = COCO()
    coco.dataset = copy.deepcopy(gt)
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(copy.deepcopy(dt)), "bbox")
        evaluation.evaluate()
    row_of = {annotation["id"]: row for row, annotation in enumerate(gt["annotations"])}
    n_images, found, missed = len(gt["images"]), [], []
    for k, category in enumerate((1, 2)):
        for entry in evaluation.evalImgs[k * 4 * n_images : k * 4 * n_images + n_images]:
            if entry is None:
                continue
            for i, id in enumerate(entry["dtIds"]):
                took, ignored = int(entry["dtMatches"][t, i]), bool(entry["dtIgnore"][t, i])
                status = "ignored" if ignored else "tp" if took else "fp"
                row = row_of[took] if took else -1
                found.append((entry["image_id"], category, id - 1, row, entry["dtScores"][i], status))
            for i, id in enumerate(entry["gtIds"]):
                if not entry["gtIgnore"][i] and not entry["gtMatches"][t, i]:
                    missed.append((entry["image_id"], category, row_of[id]))
    return found, missed


def rows(table):
    return list(
        zip(
            *(c.tolist() for c in (table.image, table.category, table.dt, table.gt, table.score, table.status)),
            strict=True,
        )
    )


@pytest.mark.parametrize("seed", range(30))
def test_rows_are_those_of_evalimgs(seed):
    gt, dt = scene(seed)
    result = pymetrics.evaluate(gt, dt, keep_matches=True)
    for t, iou in ((0, 0.5), (5, 0.75)):
        found, missed = by_hand(gt, dt, t)
        table, misses = result.matches.at(iou), result.matches.missed(iou)
        assert sorted(rows(table)) == sorted(found)
        order = list(zip(table.category.tolist(), (-table.score).tolist(), strict=True))
        assert order == sorted(order)
        assert sorted(zip(misses.image.tolist(), misses.category.tolist(), misses.gt.tolist(), strict=True)) == sorted(
            missed
        )
        boxes = (
            np.array([d["bbox"] for d in dt], float).reshape(-1, 4),
            np.array([g["bbox"] for g in gt["annotations"]], float),
        )
        for d, g, overlap in zip(table.dt, table.gt, table.overlap, strict=True):
            crowd = [gt["annotations"][g]["iscrowd"]]
            want = pymetrics.box_iou(boxes[0][[d]], boxes[1][[g]], crowd, box_format="xywh")[0, 0] if g >= 0 else 0.0
            assert overlap == want
    per_image = result.per_image
    table = result.matches.at(0.5)
    assert (table.status == "tp").sum() == sum(row["tp"] for row in per_image)
    assert len(result.matches.missed(0.5)) == sum(row["fn"] for row in per_image)


@pytest.mark.parametrize("seed", range(12))
def test_from_an_accumulator_rows_count_within_their_image(seed):
    gt, dt = scene(seed)
    whole = pymetrics.evaluate(gt, dt, keep_matches=["all", "small"])

    def places(items):
        seen, found = {}, []
        for item in items:
            found.append(seen.setdefault(item["image_id"], 0))
            seen[item["image_id"]] += 1
        return np.array([*found, -1])

    dt_place, gt_place = places(dt), places(gt["annotations"])
    parts = []
    for images in np.array_split(np.random.default_rng(seed).permutation(gt["images"]), 3):
        ids = {image["id"] for image in images}
        part = Accumulator(keep_matches=["small", "all"])
        own = [a for a in gt["annotations"] if a["image_id"] in ids]
        part.update({**gt, "images": list(images), "annotations": own}, [d for d in dt if d["image_id"] in ids])
        parts.append(pickle.loads(pickle.dumps(part)))
    merged = Accumulator(keep_matches=("all", "small"))
    for part in reversed(parts):
        merged.merge(part)
    for area in ("all", "small"):
        one, other = whole.matches.at(0.5, area), merged.compute().matches.at(0.5, area)
        image, category, _, _, score, status = zip(*rows(one), strict=True) if len(one) else [()] * 6
        dts, gts = dt_place[one.dt].tolist(), gt_place[one.gt].tolist()
        assert sorted(rows(other)) == sorted(zip(image, category, dts, gts, score, status, strict=True))
        one, other = whole.matches.missed(0.5, area), merged.compute().matches.missed(0.5, area)
        want = zip(one.image.tolist(), one.category.tolist(), gt_place[one.gt].tolist(), strict=True)
        assert sorted(zip(other.image.tolist(), other.category.tolist(), other.gt.tolist(), strict=True)) == sorted(
            want
        )


def test_images_that_come_again_keep_their_first_matches():
    gt, dt = scene(3)
    accumulator = Accumulator(keep_matches=True, duplicates="first")
    accumulator.update(gt, dt)
    before = rows(accumulator.compute().matches.at(0.5))
    accumulator.update(gt, [d | {"score": 0.99} for d in dt])
    assert rows(accumulator.compute().matches.at(0.5)) == before
    more, results = scene(4)
    for rows_ in (more["images"],):
        for image in rows_:
            image["id"] += 4
    for row in (*more["annotations"], *results):
        row["image_id"] += 4
    accumulator.update(more, results)
    found = [row for row in rows(accumulator.compute().matches.at(0.5)) if row[0] <= 6]
    assert sorted(found) == sorted(before)


def test_repeated_ids_lead_to_the_row_that_stands_for_them():
    gt, dt = scene(5)
    gt["annotations"].append(gt["annotations"][0] | {"bbox": [200, 200, 10, 10], "area": 100})
    result = pymetrics.evaluate(gt, dt, keep_matches=True)
    table, missed = result.matches.at(0.5), result.matches.missed(0.5)
    assert 0 not in table.gt.tolist()
    assert 0 not in missed.gt.tolist()
    assert len(gt["annotations"]) - 1 in [*table.gt.tolist(), *missed.gt.tolist()]


def test_without_keeping_they_come_from_the_data_or_not_at_all():
    gt, dt = scene(1)
    kept, made = pymetrics.evaluate(gt, dt, keep_matches=True), pymetrics.evaluate(gt, dt)
    assert rows(kept.matches.at(0.5)) == rows(made.matches.at(0.5))
    accumulator = Accumulator()
    accumulator.update(gt, dt)
    with pytest.raises(ValueError, match=r"Accumulator\(keep_matches=True\) .* evaluate\(\.\.\., keep_matches=True\)"):
        _ = accumulator.compute().matches
    empty = Accumulator(keep_matches=True).compute().matches
    assert len(empty.at(0.5)) == len(empty.missed(0.5)) == 0


def test_bad_arguments():
    gt, dt = scene(1)
    matches = pymetrics.evaluate(gt, dt, keep_matches=True).matches
    for call in (matches.at, matches.missed):
        with pytest.raises(ValueError, match=r"iou must be one of .*got 0\.52"):
            call(0.52)
        with pytest.raises(ValueError, match=r"area must be one of those kept, .*got 'small'"):
            call(0.5, "small")
    with pytest.raises(ValueError, match=r"keep_matches must be True or name area ranges .*got 'tiny'"):
        pymetrics.evaluate(gt, dt, keep_matches=["tiny"])
    for wrong in (None, 5):
        with pytest.raises(TypeError, match=f"keep_matches must be True, False or names of area ranges, got {wrong}"):
            pymetrics.evaluate(gt, dt, keep_matches=wrong)
    assert Accumulator(keep_matches=np.True_).keep_matches == ("all",)
    assert Accumulator(keep_matches=np.False_).keep_matches == ()
    one, other = Accumulator(keep_matches=True), Accumulator()
    other.update(gt, dt)
    with pytest.raises(ValueError, match="give both the same keep_matches"):
        one.merge(other)


def test_a_protocol_without_a_range_named_all():
    gt, dt = scene(2)
    protocol = Protocol(area_ranges=((0, 300), (300, 1e9)), area_names=("below", "above"))
    result = pymetrics.evaluate(gt, dt, protocol=protocol, keep_matches=True)
    assert result.matches.protocol.area_names == ("below",)
    assert len(result.matches.at(0.5, "below")) == len(result.outcomes.scores)
    with pytest.raises(ValueError, match=r"got 'all': say area='below', or name another of the protocol's ranges in"):
        result.matches.at()


def test_the_memory_that_is_stated():
    gt, dt = scene(2, 40)
    matches = pymetrics.evaluate(gt, dt, keep_matches=True).matches
    arrays = [getattr(matches, name) for name in ("dt_row", "scores", "gt_of", "overlap", "matched", "ignored")]
    assert sum(array.nbytes for array in arrays) == (30 + 2 + 12 * 10) * len(matches.dt_row)


def test_cells_by_image_hold_all_categories():
    from pymetrics.evaluation.cells import group

    gt, dt = scene(7)
    columns = ingest(gt, dt)
    cells = group(columns, 100, by="image")
    assert cells.category_cells.tolist() == [0, len(cells)]
    for c, image in enumerate(cells.image.tolist()):
        detections = cells.dt_rows[cells.dt_offsets[c] : cells.dt_offsets[c + 1]]
        truths = cells.gt_rows[cells.gt_offsets[c] : cells.gt_offsets[c + 1]]
        own = np.flatnonzero(columns.dt.image == image)
        assert detections.tolist() == own[np.argsort(-columns.dt.scores[own], kind="stable")].tolist()
        assert truths.tolist() == np.flatnonzero(columns.gt.image == image).tolist()


@pytest.mark.parametrize("iou_type", ["bbox", "obb"])
def test_without_any_ground_truth_all_detections_are_false(iou_type):
    box = [5, 5, 9, 9, 0.1] if iou_type == "obb" else [0, 0, 9, 9]
    gt = {"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": []}
    dt = [{"image_id": 1, "category_id": 1, "bbox": box, "score": s} for s in (0.5, 0.7)]
    whole = pymetrics.evaluate(gt, dt, iou_type, keep_matches=True)
    parts = Accumulator(iou_type=iou_type, keep_matches=True)
    parts.update(gt, dt)
    for result in (whole, parts.compute(), pymetrics.evaluate(gt, dt, iou_type)):
        assert rows(result.matches.at()) == [(1, 1, 1, -1, 0.7, "fp"), (1, 1, 0, -1, 0.5, "fp")]
        assert len(result.matches.missed()) == 0


@pytest.mark.parametrize("name", ["merged", "arrange_matches"])
def test_an_interrupted_merge_can_be_repeated(monkeypatch, name):
    def interrupted(*args):
        raise KeyboardInterrupt

    gt, dt = scene(3)
    accumulator = Accumulator(keep_matches=True)
    for image in gt["images"]:
        own, found = ([row for row in side if row["image_id"] == image["id"]] for side in (gt["annotations"], dt))
        accumulator.update({**gt, "images": [image], "annotations": own}, found)
    with monkeypatch.context() as patch:
        patch.setattr(f"pymetrics.evaluation.accumulator.{name}", interrupted)
        with pytest.raises(KeyboardInterrupt):
            accumulator.compute()
    table, want = accumulator.compute().matches.at(), pymetrics.evaluate(gt, dt).matches.at()
    assert sorted(zip(table.image, table.score, table.status, strict=True)) == sorted(
        zip(want.image, want.score, want.status, strict=True)
    )
