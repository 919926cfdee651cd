"""pymetrics.coco.mask against pycocotools: the same bytes, shapes, dtypes and orders of memory."""

import numpy as np
import pytest
from helpers.mask_cases import make_bitmap, make_polygon, make_runs

from pymetrics.coco import mask

SIZES = [(1, 1), (1, 9), (9, 1), (5, 7), (33, 40), (64, 63)]
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")  # pycocotools' own


@pytest.fixture
def theirs(need):
    return need("pycocotools.mask")


def same(ours, theirs):
    """Equal to the last bit, in types, shapes and orders of memory too."""
    if isinstance(theirs, (np.ndarray, np.generic)):
        assert type(ours) is type(theirs)
        assert (ours.dtype, ours.shape, ours.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())
        assert ours.flags.f_contiguous == theirs.flags.f_contiguous
        assert ours.flags.writeable == theirs.flags.writeable
    else:
        assert ours == theirs
        assert repr(ours) == repr(theirs)  # the order of keys, and int against numpy's


def masks_of(seed: int, n: int, size=None) -> list:
    rng = np.random.default_rng(seed)
    height, width = size or SIZES[seed % len(SIZES)]
    return [make_bitmap(rng, height, width) for _ in range(n)]


def test_encode_decode_area_and_boxes(backend, theirs):
    """4,800 bitmaps: blobs, noise, stripes, empty, full, one pixel; 1 x 1, 1 x N, N x 1."""
    for seed in range(60):
        bitmaps = masks_of(seed, 80)
        stack = np.asfortranarray(np.moveaxis(bitmaps, 0, 2))
        rles = theirs.encode(stack)
        same(mask.encode(stack), rles)
        same(mask.encode_many(np.array(bitmaps)), rles)
        for bitmap, rle in zip(bitmaps, rles, strict=True):
            same(mask.encode(bitmap), rle)
            same(mask.encode(np.asfortranarray(bitmap)), rle)
            same(mask.decode(rle), theirs.decode(rle))
        same(mask.decode(rles), theirs.decode(rles))
        same(mask.area(rles), theirs.area(rles))
        same(mask.toBbox(rles), theirs.toBbox(rles))
        same(mask.area(rles[0]), theirs.area(rles[0]))
        same(mask.toBbox(rles[0]), theirs.toBbox(rles[0]))


def test_large_masks(backend, theirs):
    for seed in range(4):
        bitmaps = np.array(masks_of(seed, 6, (480, 640)))
        rles = theirs.encode(np.asfortranarray(np.moveaxis(bitmaps, 0, 2)))
        same(mask.encode_many(bitmaps), rles)
        same(mask.decode(rles), theirs.decode(rles))
        same(mask.iou(rles, rles[::-1], [0, 1, 0, 1, 0, 0]), theirs.iou(rles, rles[::-1], [0, 1, 0, 1, 0, 0]))


def test_values_other_than_0_and_1(backend, theirs):
    """VALUE_RUNS: a run ends where the value changes."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        bitmap = np.asfortranarray(rng.choice([0, 1, 2, 255], (6, 5)).astype(np.uint8))
        same(mask.encode(bitmap), theirs.encode(bitmap))
        same(mask.encode(np.ascontiguousarray(bitmap)), theirs.encode(bitmap))


def test_orders_of_memory_and_dtypes(backend, theirs):
    bitmaps = np.array(masks_of(3, 5))
    wanted = theirs.encode(np.asfortranarray(np.moveaxis(bitmaps, 0, 2)))
    for change in (np.asarray, np.asfortranarray, lambda a: a.astype(bool), lambda a: np.repeat(a, 2, 2)[:, :, ::2]):
        same(mask.encode_many(change(bitmaps)), wanted)
        same([mask.encode(change(bitmaps)[i]) for i in range(5)], wanted)
        same(mask.encode(np.moveaxis(change(bitmaps), 0, 2)), wanted)
        same(mask.encode(np.ascontiguousarray(np.moveaxis(change(bitmaps), 0, 2))), wanted)
    same(mask.encode(np.zeros((3, 4, 0), np.uint8)), [])
    assert mask.encode(np.zeros(3, np.uint8)) is None
    for empty in ((0, 5), (5, 0)):
        same(mask.encode(np.zeros(empty, np.uint8)), theirs.encode(np.zeros(empty, np.uint8, order="F")))


def test_tensors(need, theirs):
    torch = need("torch")
    bitmaps = np.array(masks_of(3, 5))
    wanted = theirs.encode(np.asfortranarray(np.moveaxis(bitmaps, 0, 2)))
    same(mask.encode_many(torch.from_numpy(bitmaps)), wanted)
    same(mask.encode_many(torch.from_numpy(bitmaps).bool()), wanted)
    same(mask.encode(torch.from_numpy(bitmaps)[1]), wanted[1])


def random_rles(theirs, rng, n, size):
    """pycocotools writes out of bounds where a mask has more runs than pixels."""
    runs = [make_runs(rng, *size) for _ in range(n)]
    runs = [each for each in runs if each.sum() == size[0] * size[1] and len(each) <= size[0] * size[1]]
    return theirs.frPyObjects([{"counts": each.tolist(), "size": list(size)} for each in runs], *size) if runs else []


def test_iou_and_merge(backend, theirs):
    """Runs of length 0 and crowds among 3,000 masks; 80,000 overlaps."""
    rng = np.random.default_rng(5)
    for i in range(120):
        dt, gt = (random_rles(theirs, rng, n, SIZES[i % len(SIZES)]) for n in (30, 25))
        crowd = (rng.random(len(gt)) < 0.3).astype(int).tolist()
        same(mask.iou(dt, gt, crowd), theirs.iou(dt, gt, crowd))
        for intersect in (False, True):
            for n in (0, 1, 2):  # of more with runs of length 0 pycocotools may never end
                same(mask.merge(dt[:n], intersect), theirs.merge(dt[:n], intersect))
            plain = theirs.encode(np.asfortranarray(np.moveaxis(masks_of(i, 6), 0, 2)))
            same(mask.merge(plain, intersect), theirs.merge(plain, intersect))
        same(mask.area(dt), theirs.area(dt))
        same(mask.toBbox(dt), theirs.toBbox(dt))


def test_empty_run():
    """EMPTY_RUN: a run of 1 of length 0 and nothing else has a box that wraps around."""
    rle = mask.frPyObjects({"counts": [100, 0], "size": [10, 10]}, 10, 10)
    assert mask.toBbox(rle).tolist() == [10, 10, 4294967287, 4294967287]
    assert mask.area(rle) == 0


def test_masks_of_different_sizes(backend, theirs):
    """DIFFERENT_SIZES: -1 where the boxes overlap, and a union of size 0 x 0."""
    rng = np.random.default_rng(6)
    for _ in range(30):
        dt, gt = random_rles(theirs, rng, 8, (5, 7)), random_rles(theirs, rng, 8, (7, 5))
        same(mask.iou(dt, gt, [0] * len(gt)), theirs.iou(dt, gt, [0] * len(gt)))
        same(mask.merge(dt[:2] + gt[:2]), theirs.merge(dt[:2] + gt[:2]))


def test_boxes(backend, theirs):
    rng = np.random.default_rng(7)
    dt, gt = rng.uniform(0, 30, (9, 4)), rng.uniform(0, 30, (6, 4))
    crowd = [0, 1, 0, 1, 0, 0]
    same(mask.iou(dt, gt, crowd), theirs.iou(dt, gt, crowd))
    same(mask.iou(dt.tolist(), gt.tolist(), crowd), theirs.iou(dt.tolist(), gt.tolist(), crowd))
    same(mask.iou(dt.astype(int), gt, np.array(crowd, bool)), theirs.iou(dt.astype(int), gt, np.array(crowd, bool)))
    same(mask.frPyObjects(dt, 33, 40), theirs.frPyObjects(dt, 33, 40))


def test_polygons(backend, theirs):
    """6,000 polygons: whole, fifth and any coordinates, repeated points, far outside, of two points and more."""
    rng = np.random.default_rng(8)
    for i in range(300):
        size = SIZES[i % len(SIZES)]
        polygons = [make_polygon(rng).ravel().tolist() for _ in range(20)]
        polygons = [polygon for polygon in polygons if len(polygon) > 1]
        polygons = [*(polygon for polygon in polygons if len(polygon) > 4), *polygons][:20]
        if polygons and len(polygons[0]) > 4:
            same(mask.frPyObjects(polygons, *size), theirs.frPyObjects(polygons, *size))


def test_polygons_of_photographs(backend, theirs):
    """Shapes of the size and the roundness that annotators draw."""
    rng = np.random.default_rng(9)
    for _ in range(150):
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 60)))
        radius = rng.uniform(0.3, 1, len(angles)) * rng.uniform(2, 400)
        points = rng.uniform(0, 500, 2) + np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None]
        polygon = np.round(points, 2).ravel().tolist()
        same(mask.frPyObjects([polygon], 427, 640), theirs.frPyObjects([polygon], 427, 640))


def test_many_turns_in_one_column(backend, theirs):
    """An outline that crosses a column a thousand times."""
    rng = np.random.default_rng(10)
    for n in (20, 100, 1000):
        polygon = np.stack([np.tile([3.0, 9.0], n), rng.uniform(0, 30, 2 * n)], 1).ravel().tolist()
        same(mask.frPyObjects([polygon], 33, 40), theirs.frPyObjects([polygon], 33, 40))


def test_odd_polygons(backend, theirs):
    """An odd last number is left out; later polygons may have two or four numbers."""
    polygons = [[1.0, 1, 4, 1, 4, 4, 3], [1, 1, 2, 2], [3.0, 3], [1.0, 1, 4, 1, 4]]
    same(mask.frPyObjects(polygons, 5, 6), theirs.frPyObjects(polygons, 5, 6))
    same(mask.frPyObjects([np.array(polygons[0])], 5.0, np.int64(6)), theirs.frPyObjects(polygons[:1], 5, 6))


def test_lists_of_runs(backend, theirs):
    for counts in ([5, 5, 20], [30], [], [0, 30], [5.7, 5, 20], [5, 5], [2**28, 1, 2**27, 7, 0, 2**28]):
        rle = {"counts": counts, "size": [5, 6]}
        same(mask.frPyObjects(rle, 5, 6), theirs.frPyObjects(rle, 5, 6))
        same(mask.frPyObjects([rle, rle], 5, 6), theirs.frPyObjects([rle, rle], 5, 6))


def test_counts_as_str(theirs):
    rle = mask.encode(masks_of(5, 1)[0])
    text = {"size": rle["size"], "counts": rle["counts"].decode()}
    for name in ("decode", "area", "toBbox"):
        same(getattr(mask, name)(text), getattr(theirs, name)(rle))
    same(mask.merge([text, rle]), theirs.merge([rle, rle]))


def test_masks_of_files(data, theirs, backend):
    import json

    gt = json.loads(data("coco_val2014_100/instances_val2014_100.json").read_text())
    sizes = {image["id"]: (image["height"], image["width"]) for image in gt["images"]}
    for annotation in gt["annotations"]:
        same(
            mask.frPyObjects(annotation["segmentation"], *sizes[annotation["image_id"]]),
            theirs.frPyObjects(annotation["segmentation"], *sizes[annotation["image_id"]]),
        )
