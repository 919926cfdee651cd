"""COCO.showAnns by the artists that it leaves in Matplotlib's axes; COCO.download against a server on this machine."""

import functools
import http.server
import threading

import numpy as np
import pytest
from helpers.coco_cases import quietly

from pymetrics.coco import COCO, mask

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")  # pycocotools' own

SIZE = (30, 40)
BITMAP = np.zeros(SIZE, np.uint8)
BITMAP[5:20, 10:25] = 1


def data_set():
    rle = mask.encode(BITMAP)
    runs = [305, 15, *[15, 15] * 14]
    runs.append(SIZE[0] * SIZE[1] - sum(runs))
    return {
        "images": [{"id": 7, "height": SIZE[0], "width": SIZE[1]}],
        "categories": [{"id": 1, "name": "person", "skeleton": [[1, 2], [2, 3]]}],
        "annotations": [
            ann | {"id": i, "image_id": 7, "category_id": 1, "bbox": [10, 5, 15, 15], "iscrowd": int(i == 3)}
            for i, ann in enumerate(
                [
                    {"segmentation": [[1, 2, 9, 2, 9, 8], [20, 20, 30, 20, 30, 28, 20, 28]]},
                    {"segmentation": rle},
                    {"segmentation": {"size": list(SIZE), "counts": runs}},
                    {"segmentation": dict(rle, counts=rle["counts"].decode())},
                    {"segmentation": [[1, 2, 9, 2, 9, 8]], "keypoints": [3, 4, 2, 10, 12, 1, 0, 0, 0]},
                ],
                1,
            )
        ],
    }


@pytest.fixture
def pyplot(need):
    need("matplotlib").use("agg")
    pyplot = need("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


def drawn(pyplot, coco_class, anns, draw_bbox):
    """What showAnns leaves: outlines, colours, images, lines."""
    coco = coco_class()
    coco.dataset = data_set()
    quietly(coco.createIndex)
    axes = pyplot.figure().add_subplot()
    axes.set_xlim(0, SIZE[1])
    axes.set_ylim(SIZE[0], 0)
    np.random.seed(5)  # noqa: NPY002
    coco.showAnns([coco.anns[id] for id in anns], draw_bbox)
    collections = [
        (
            [path.vertices.tolist() for path in collection.get_paths()],
            collection.get_facecolor().tolist(),
            collection.get_edgecolor().tolist(),
            collection.get_linewidth().tolist(),
        )
        for collection in axes.collections
    ]
    lines = [
        (
            line.get_xdata().tolist(),
            line.get_ydata().tolist(),
            *(getattr(line, f"get_{name}")() for name in ("color", "marker", "linewidth", "linestyle")),
            *(getattr(line, f"get_marker{name}")() for name in ("size", "facecolor", "edgecolor", "edgewidth")),
        )
        for line in axes.lines
    ]
    images = [image.get_array().tolist() for image in axes.images]
    return collections, [tuple(map(str, line)) for line in lines], images, axes.get_autoscale_on()


@pytest.mark.parametrize("draw_bbox", [False, True])
@pytest.mark.parametrize("anns", [[1], [2], [3], [4], [5], [1, 2, 3, 4, 5]], ids=str)
def test_annotations_are_drawn(pyplot, need, anns, draw_bbox):
    ours = drawn(pyplot, COCO, anns, draw_bbox)
    assert ours == drawn(pyplot, need("pycocotools.coco").COCO, anns, draw_bbox)
    collections, lines, images, _ = ours
    n_outlines = sum({1: 2, 5: 1}.get(id, 0) + draw_bbox for id in anns)
    assert [len(outlines) for outlines, *_ in collections] == [n_outlines, n_outlines]
    assert len(images) == len({2, 3, 4} & set(anns))
    assert len(lines) == (3 if 5 in anns else 0)
    for image in images:
        assert np.array_equal(np.array(image)[..., 3] > 0, BITMAP)


def test_captions_are_printed(capsys):
    COCO().showAnns([{"caption": "a cat"}, {"caption": "a dog"}])
    assert capsys.readouterr().out == "a cat\na dog\n"


def test_nothing_to_show(capsys):
    assert COCO().showAnns([]) is None
    with pytest.raises(Exception, match="datasetType not supported"):
        COCO().showAnns([{"bbox": [1, 2, 3, 4]}])
    assert capsys.readouterr().out == ""


@pytest.fixture
def address(tmp_path):
    """Where a server of this process gives a folder's files."""
    folder = tmp_path / "server"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.jpg").write_bytes(bytes([i]) * 100)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def of_server(address, coco_class=COCO):
    coco = coco_class()
    coco.dataset = {"images": [{"id": i, "file_name": f"{i}.jpg", "coco_url": f"{address}/{i}.jpg"} for i in range(3)]}
    quietly(coco.createIndex)
    return coco


def test_download(address, tmp_path, capsys, need):
    folder = tmp_path / "new" / "images"
    assert of_server(address).download(str(folder)) is None
    text = capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        f"{i}.jpg": bytes([i]) * 100 for i in range(3)
    }
    of_server(address, need("pycocotools.coco").COCO).download(str(tmp_path / "theirs"))
    assert [line.split(" (")[0] for line in text.splitlines()] == [
        line.split(" (")[0] for line in capsys.readouterr().out.splitlines()
    ]


def test_download_of_some(address, tmp_path, capsys):
    (tmp_path / "1.jpg").write_bytes(b"mine")
    of_server(address).download(tmp_path, [1, 2])
    assert sorted(path.name for path in tmp_path.glob("*.jpg")) == ["1.jpg", "2.jpg"]
    assert (tmp_path / "1.jpg").read_bytes() == b"mine"
    assert of_server(address).download() == -1
    assert "Please specify target directory" in capsys.readouterr().out


def test_a_download_that_fails_leaves_no_file(address, tmp_path):
    coco = of_server(address)
    coco.imgs[1]["coco_url"] = f"{address}/none.jpg"
    with pytest.raises(OSError, match="404"):
        quietly(coco.download, tmp_path / "images")
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["0.jpg"]


@pytest.mark.parametrize("name", ["../out.jpg", "a/../../out.jpg", "."])
def test_a_name_that_leads_out_of_the_folder(address, tmp_path, name):
    coco = of_server(address)
    coco.imgs[0]["file_name"] = name
    with pytest.raises(ValueError, match=r"imgs\[0\]\['file_name'\] must stay"):
        quietly(coco.download, tmp_path / "images")
    assert not (tmp_path / "out.jpg").exists()
