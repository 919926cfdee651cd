"""Accumulator: any split, any sharding and any merge order give the bits of one evaluation."""

import copy
import pickle
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pymetrics
from pymetrics import Accumulator, Detections, GroundTruths, Protocol

WIDE = Protocol(
    iou_thresholds=np.linspace(0.05, 0.95, 19), area_ranges=[(0, 1e10), *((i * 500, i * 700 + 500) for i in range(7))],
    area_names=["all", *"abcdefg"], max_dets=(1, 3, 100),
)  # fmt: skip


class Data:
    """Boxes of many images, with scores of one decimal, so that equal scores lie in different images."""

    def __init__(self, seed=0, n_images=24, name=lambda i: i):
        rng = np.random.default_rng(seed)
        self.name, self.images = name, rng.permutation(90)[:n_images]
        n_gt, n_dt = 5 * n_images, 12 * n_images
        self.gt_image, self.gt_label = rng.choice(self.images[2:], n_gt), rng.integers(1, 6, n_gt)
        self.gt_box = np.concatenate([rng.integers(0, 90, (n_gt, 2)), rng.integers(8, 60, (n_gt, 2))], axis=1) * 1.0
        self.crowd = rng.random(n_gt) < 0.15
        near = rng.integers(0, n_gt, n_dt)
        self.dt_image, self.dt_label, self.dt_box = self.gt_image[near], self.gt_label[near], self.gt_box[near].copy()
        self.dt_box += rng.choice([0, 0, 2, 5, 12], self.dt_box.shape)
        self.dt_label[rng.random(n_dt) < 0.1] = 7  # a category without ground truth
        self.score = rng.integers(1, 10, n_dt) / 10

    def part(self, images):
        """Ground truths and detections of some of the images, in the order of the rows."""
        g, d = np.isin(self.gt_image, images), np.isin(self.dt_image, images)

        def named(ids):
            return np.array([self.name(i) for i in ids.tolist()], None if len(ids) else type(self.name(0)))

        gt = GroundTruths(
            image=named(self.gt_image[g]), boxes=self.gt_box[g], labels=self.gt_label[g], crowd=self.crowd[g],
            images=named(np.asarray(images)), box_format="xywh",
        )  # fmt: skip
        dt = Detections(
            image=named(self.dt_image[d]), boxes=self.dt_box[d], scores=self.score[d], labels=self.dt_label[d],
            box_format="xywh",
        )  # fmt: skip
        return gt, dt

    def whole(self, protocol="coco"):
        return bits(pymetrics.evaluate(*self.part(self.images), protocol=protocol))


def bits(result):
    arrays = (result.precision, result.recall, result.scores, result.stats)
    ids = result.outcomes.image_ids.tolist(), result.outcomes.category_ids.tolist()
    return [(array.shape, array.tobytes()) for array in arrays], ids


def filled(data, parts, protocol="coco", **options):
    accumulator = Accumulator(protocol, **options)
    for images in parts:
        accumulator.update(*data.part(images))
    return accumulator


def splits(data, seed, n):
    """The images in n parts at random, some of them empty."""
    rng = np.random.default_rng(seed)
    return [data.images[p] for p in np.split(rng.permutation(len(data.images)), np.sort(rng.integers(0, 25, n - 1)))]


@pytest.fixture(scope="module")
def data():
    return Data()


@pytest.mark.parametrize("protocol", ["coco", WIDE], ids=["coco", "three words"])
def test_any_split(data, protocol, backend):
    want = data.whole(protocol)
    assert bits(filled(data, [data.images], protocol).compute()) == want
    assert bits(filled(data, [[image] for image in data.images], protocol).compute()) == want
    for seed in range(8):
        assert bits(filled(data, splits(data, seed, 2 + seed), protocol).compute()) == want


def test_any_sharding_and_merge_order(data, backend):
    want = data.whole()
    rng = np.random.default_rng(1)
    for seed in range(12):
        shards = [filled(data, [part]) for part in splits(data, seed, 5)]
        if seed % 2:
            shards = [Accumulator.from_bytes(shard.to_bytes()) for shard in shards]
        while len(shards) > 1:  # a random tree of merges
            a, b = rng.permutation(len(shards))[:2]
            before = shards[b].to_bytes()
            shards[a].merge(shards[b])
            assert shards[b].to_bytes() == before
            del shards[b]
        assert bits(shards[0].compute()) == want


def test_the_order_of_rows_within_an_image_counts_and_of_images_does_not():
    """Equal scores: of one image in the order of rows, of several by image id."""
    data = Data(3, n_images=6)
    want = data.whole()

    def reorder(order):
        for name in ("dt_image", "dt_label", "dt_box", "score"):
            setattr(data, name, getattr(data, name)[order])

    reorder(np.argsort(-data.dt_image, kind="stable"))
    assert data.whole() == want
    reorder(slice(None, None, -1))
    assert data.whole() != want  # so that ties there were


def test_string_ids():
    """ "image 10" before "image 9": the order of strings, everywhere."""
    data = Data(4, name=lambda i: f"image {i}")
    want = data.whole()
    assert want[1][0] == sorted(want[1][0])
    for seed in range(4):
        assert bits(filled(data, splits(data, seed, 4)).compute()) == want
        shards = [filled(data, [part]) for part in splits(data, seed, 4)]
        for shard in shards[1:]:
            shards[0].merge(pickle.loads(pickle.dumps(shard)))
        assert bits(shards[0].compute()) == want
    numbers = filled(Data(4), [Data(4).images])
    with pytest.raises(TypeError, match=r"all be integers or all strings, got 'image .*' after"):
        numbers.update(*data.part(data.images))
    with pytest.raises(TypeError, match="all be integers or all strings"):
        numbers.merge(filled(data, [data.images]))


def test_compute_in_between_changes_nothing(data):
    accumulator = Accumulator()
    half = len(data.images) // 2
    accumulator.update(*data.part(data.images[half:]))
    first = bits(accumulator.compute())
    assert first == bits(pymetrics.evaluate(*data.part(data.images[half:])))
    accumulator.update(*data.part(data.images[:half]))
    assert accumulator.n_images == len(data.images)
    assert bits(accumulator.compute()) == bits(accumulator.compute()) == data.whole() != first
    accumulator.reset()
    assert accumulator.n_images == 0
    accumulator.update(*data.part(data.images))
    assert bits(accumulator.compute()) == data.whole()


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda a: pickle.loads(pickle.dumps(a))])
def test_copies_are_independent(data, again):
    first = filled(data, [data.images[:10]], duplicates="first")
    other = again(first)
    assert other.duplicates == "first"
    other.update(*data.part(data.images))
    assert (first.n_images, other.n_images) == (10, len(data.images))
    assert bits(other.compute()) == data.whole()
    first.update(*data.part(data.images[10:]))
    assert bits(first.compute()) == data.whole()


def test_bytes_are_the_same_for_the_same_images(data):
    """Of equal contents, whatever the history."""
    packed = {filled(data, splits(data, seed, 3)).to_bytes() for seed in range(4)}
    assert len(packed) == 1
    assert Accumulator.from_bytes(packed.pop()).to_bytes() == filled(data, [data.images]).to_bytes()


def test_the_same_image_twice_is_an_error(data):
    accumulator = filled(data, [data.images[:10]])
    want = accumulator.to_bytes()
    for act in (
        lambda: accumulator.update(*data.part(data.images[9:])),
        lambda: accumulator.merge(filled(data, [data.images[9:]])),
        lambda: accumulator.merge(accumulator),
    ):
        with pytest.raises(ValueError, match=r"image \d+ came before \(\d+ of \d+ images did\)"):
            act()
        assert accumulator.to_bytes() == want
        assert accumulator.n_images == 10


def test_the_first_of_duplicates_counts(data):
    first = filled(data, [data.images[:10]], duplicates="first")
    other = Data(99)
    other.images = data.images
    first.update(*other.part(data.images[:10]))  # different boxes for images that are there
    first.update(*data.part(data.images))
    first.merge(filled(data, [data.images[5:15]]))
    first.merge(first)
    assert first.n_images == len(data.images)
    assert bits(first.compute())[0][:3] == data.whole()[0][:3]


def test_images_and_categories_without_boxes(data):
    accumulator = Accumulator()
    accumulator.update(
        GroundTruths(image=[], boxes=[], labels=[], images=[5, 6], categories=[1, 2]), Detections([], [], [], [])
    )
    assert accumulator.n_images == 2
    assert (accumulator.compute().stats == -1).all()
    result = Accumulator.from_bytes(accumulator.to_bytes()).compute()
    assert result.outcomes.image_ids.tolist() == [5, 6]
    assert result.outcomes.category_ids.tolist() == [1, 2]
    with pytest.raises(ValueError, match="image 5 came before"):
        accumulator.update(*data.part([5]))


@pytest.mark.filterwarnings("ignore:.* detections are of categories that gt does not list")
def test_categories_in_any_order(data):
    """Those that ground truth names are in ascending order, however it names them and in whatever order they come."""
    results = []
    for order in ([5, 1, 3, 2, 4], [1, 2, 3, 4, 5]):
        accumulator = Accumulator()
        for part in np.array_split(data.images, 3):
            gt, dt = data.part(part)
            named = {k: f"category {k}" for k in order}
            gt = GroundTruths(gt.image, gt.boxes, gt.labels, gt.crowd, images=part, categories=named, box_format="xywh")
            accumulator.update(gt, dt)
        results.append(bits(accumulator.compute()))
        assert accumulator.compute().outcomes.category_names == named
        gt, dt = data.part(data.images)
        gt = GroundTruths(
            gt.image, gt.boxes, gt.labels, gt.crowd, images=data.images, categories=named, box_format="xywh"
        )
        assert bits(pymetrics.evaluate(gt, dt)) == results[-1]
    assert results[0] == results[1]


def test_nothing_at_all():
    empty = Accumulator(WIDE)
    assert (empty.n_images, empty.compute().precision.shape) == (0, (19, 101, 0, 8, 3))
    assert (empty.compute().stats == -1).all()
    again = Accumulator.from_bytes(empty.to_bytes())
    again.merge(empty)
    assert again.protocol == WIDE
    assert again.n_images == 0
    empty.update([], [])
    assert empty.n_images == 0


def per_image(data, images, with_id):
    gts, dts = [], []
    for image in images:
        g, d = data.gt_image == image, data.dt_image == image
        gts.append({"boxes": data.gt_box[g], "labels": data.gt_label[g], "iscrowd": data.crowd[g]})
        dts.append({"boxes": data.dt_box[d], "labels": data.dt_label[d], "scores": data.score[d]})
        if with_id:
            gts[-1]["image_id"] = int(image)
    return gts, dts


def test_streams_of_lists_are_numbered_on(data):
    images = np.sort(data.images)
    accumulator = Accumulator()
    for part in np.array_split(images, 7):
        accumulator.update(*per_image(data, part, with_id=False), box_format="xywh")
    assert accumulator.compute().outcomes.image_ids.tolist() == list(range(len(images)))
    assert bits(accumulator.compute())[0] == data.whole()[0]
    with_ids = Accumulator()
    for part in np.array_split(data.images, 7):
        with_ids.update(*per_image(data, part, with_id=True), box_format="xywh")
    assert bits(with_ids.compute()) == data.whole()


BAD_UPDATES = [
    (lambda gt, dt: (dt, gt), "swapped|ground truth"),
    (lambda gt, dt: (gt, Detections([7], [[0, 0, 9, 9]], [0.5], [1])), "image"),
    (lambda gt, dt: (gt, [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": float("nan")}]), "score"),
    (lambda gt, dt: (None, dt), "gt"),
    (lambda gt, dt: (gt, "no/such/file.json"), "no/such/file.json"),
]


@pytest.mark.parametrize(("change", "words"), BAD_UPDATES)
def test_after_an_error_nothing_has_changed(data, change, words):
    accumulator = filled(data, [data.images[:10]])
    want = accumulator.to_bytes()
    with pytest.raises((ValueError, TypeError, OSError), match=words):
        accumulator.update(*change(*data.part(data.images[10:])))
    with pytest.raises(ValueError, match="box_format"):
        accumulator.update(*data.part(data.images[10:]), box_format="xyz")
    assert accumulator.to_bytes() == want
    accumulator.update(*data.part(data.images[10:]))
    assert bits(accumulator.compute()) == data.whole()


def test_bad_arguments(data):
    accumulator = filled(data, [data.images[:4]])
    with pytest.raises(TypeError, match="other must be an Accumulator, got Result"):
        accumulator.merge(accumulator.compute())
    with pytest.raises(ValueError, match=r"another protocol than this one: they differ in iou_thresholds, .*max_dets$"):
        accumulator.merge(Accumulator(WIDE))
    with pytest.raises(ValueError, match=r"protocol must be one of .*'voc'"):
        Accumulator("voc")
    with pytest.raises(ValueError, match=r"iou_type must be one of 'bbox'.*; got 'segments'"):
        Accumulator(iou_type="segments")
    with pytest.raises(ValueError, match=r"duplicates must be one of .*'last'"):
        Accumulator(duplicates="last")
    assert accumulator.n_images == 4


def test_bytes_from_another_process(data, tmp_path):
    path = tmp_path / "shard"
    path.write_bytes(filled(data, [data.images[:10]]).to_bytes())
    code = (
        "import sys, pathlib, pymetrics\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "path.write_bytes(pymetrics.Accumulator.from_bytes(path.read_bytes()).to_bytes())"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    other = Accumulator.from_bytes(path.read_bytes())
    other.update(*data.part(data.images[10:]))
    assert bits(other.compute()) == data.whole()


# Several Python threads.


def test_updates_from_many_threads(data):
    want = data.whole()
    for _ in range(3):
        accumulator = Accumulator()
        start = threading.Barrier(4)

        def work(images, accumulator=accumulator, start=start):
            start.wait()
            for image in images:
                accumulator.update(*data.part([image]))
                accumulator.compute()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, np.array_split(data.images, 4)))
        assert accumulator.n_images == len(data.images)
        assert bits(accumulator.compute()) == want


def test_merges_across_threads_do_not_lock_each_other(data):
    a, b = filled(data, [data.images[:10]], duplicates="first"), filled(data, [data.images[10:]], duplicates="first")
    threads = [threading.Thread(target=x.merge, args=(y,), daemon=True) for x, y in [(a, b), (b, a)] * 10]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert bits(a.compute()) == bits(b.compute()) == data.whole()


def test_first_of_duplicates_needs_image_ids():
    """Images without ids are numbered anew on every machine: nothing could tell a duplicate from another image."""
    accumulator = pymetrics.Accumulator(duplicates="first")
    image = {"boxes": np.array([[0.0, 0, 20, 20]]), "labels": np.array([1])}
    found = [{**image, "scores": np.array([0.5])}]
    with pytest.raises(ValueError, match=r"gt\[0\] has no 'image_id'"):
        accumulator.update([image], found)
    assert accumulator.n_images == 0
    accumulator.update([{**image, "image_id": 7}], found)
    assert accumulator.n_images == 1


# Many at once.


@pytest.mark.parametrize("keep_matches", [False, True])
def test_merge_all_in_any_order(data, keep_matches, backend):
    want = filled(data, [data.images], keep_matches=keep_matches).to_bytes()
    rng = np.random.default_rng(2)
    for seed in range(6):
        parts = [filled(data, [part], keep_matches=keep_matches) for part in splits(data, seed, 7)]
        before = [part.to_bytes() for part in parts]
        order = rng.permutation(len(parts))
        given = [before[i] if i % 2 else parts[i] for i in order]
        assert Accumulator.merge_all(iter(given)).to_bytes() == want
        assert [part.to_bytes() for part in parts] == before
    one = Accumulator.merge_all([want])
    one.update(*Data(5, name=lambda i: i + 1000).part([]))
    assert one.to_bytes() == want


def test_merge_all_keeps_the_data(data):
    parts = [filled(data, [part], keep_data=True) for part in np.array_split(data.images, 3)]
    whole = Accumulator.merge_all(parts)
    want = pymetrics.evaluate(*data.part(data.images)).confusion(score=0.3)
    assert whole.compute().confusion(score=0.3).matrix.tolist() == want.matrix.tolist()


def test_merge_all_of_duplicates(data):
    other = Data(99)
    other.images = data.images
    parts = [filled(data, [data.images[:10]]), filled(other, [data.images[8:12]]), filled(data, [data.images[10:]])]
    with pytest.raises(ValueError, match=r"^parts\[1\]: image \d+ came before \(2 of 4 images did\)"):
        Accumulator.merge_all(parts)
    first = Accumulator.merge_all([parts[0], parts[2], parts[1]], duplicates="first")
    assert first.duplicates == "first"
    assert bits(first.compute()) == data.whole()
    assert bits(Accumulator.merge_all(parts, duplicates="first").compute()) != data.whole()


def test_merge_all_refuses(data):
    part = filled(data, [data.images[:10]])
    damaged = bytearray(filled(data, [data.images[10:]]).to_bytes())
    damaged[100] ^= 1
    named = [
        GroundTruths([i], [[0, 0, 9, 9]], [1], images=[i], categories={1: name}) for i, name in enumerate(["a", "b"])
    ]
    groups = []
    for gt in named:
        groups.append(Accumulator())
        groups[-1].update(gt, Detections([], [], [], []))
    for parts, kind, words in (
        ([], ValueError, "parts must hold at least one Accumulator, or its bytes"),
        ([part, 5], TypeError, "parts[1]: it must be an Accumulator or bytes, got int"),
        ([part, bytes(damaged)], ValueError, "parts[1]: data is damaged: the checksum"),
        ([part, Accumulator(WIDE)], ValueError, "parts[1]: other follows another protocol than this one"),
        ([part, Accumulator(keep_matches=True)], ValueError, "parts[1]: other keeps the matches"),
        ([part, filled(Data(5, name=str), [[1]])], TypeError, "parts[1]: image ids must all be integers or all"),
        (groups, ValueError, "parts[1]: category 1 is named 'b', and was 'a' before"),
    ):
        with pytest.raises(kind, match=f"^{re.escape(words)}"):
            Accumulator.merge_all(parts)
    with pytest.raises(ValueError, match=r"^duplicates must be one of"):
        Accumulator.merge_all([part], duplicates="last")
