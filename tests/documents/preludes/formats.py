import json
from pathlib import Path

from PIL import Image

import pymetrics

# One image in each split, with one object, and a detection of it.
data, labels = Path("data/coco8"), Path("runs/detect/val/labels")
for split in ("train", "val"):
    for kind in ("images", "labels"):
        (data / kind / split).mkdir(parents=True)
    Image.new("RGB", (64, 48)).save(data / "images" / split / "000139.jpg")
    (data / "labels" / split / "000139.txt").write_text("0 0.5 0.5 0.25 0.5\n")
(data / "data.yaml").write_text("train: images/train\nval: images/val\nnames: {0: person}\n")
labels.mkdir(parents=True)
(labels / "000139.txt").write_text("0 0.5 0.5 0.25 0.5 0.9\n")
(labels / "classes.txt").write_text("person\n")
truth = {"id": 1, "image_id": 139, "category_id": 1, "bbox": [24, 12, 16, 24], "area": 384, "iscrowd": 0}
Path("gt.json").write_text(
    json.dumps(
        {
            "images": [{"id": 139, "file_name": "000139.jpg", "width": 64, "height": 48}],
            "categories": [{"id": 1, "name": "person"}],
            "annotations": [truth],
        }
    )
)
