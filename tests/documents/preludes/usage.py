import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

import pymetrics

shutil.copy("sample/gt.json", "gt.json")
shutil.copy("sample/dt_sharp.json", "dt.json")
paths = ["sample/dt_sharp.json", "sample/dt_hasty.json"]
image, labels = [1, 1, 2], [1, 2, 3]
boxes = np.array([[10.0, 10.0, 50.0, 60.0], [80.0, 20.0, 120.0, 90.0], [0.0, 0.0, 30.0, 30.0]])
scores = [0.9, 0.8, 0.7]

# For the pictures: an image, what is in it, and the image 42 of the sample.
Image.new("RGB", (200, 120)).save("street.jpg")
class_names = {1: "person", 2: "car", 3: "truck"}
targets = [{"boxes": boxes[:2], "labels": [1, 2]}]
preds = [{**targets[0], "scores": scores[:2]}]
Path("val2017").mkdir()
for row in json.loads(Path("gt.json").read_text())["images"]:
    if row["id"] == 42:
        Image.new("RGB", (row["width"], row["height"])).save(Path("val2017", row["file_name"]))
