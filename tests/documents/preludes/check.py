import json
from pathlib import Path

from helpers import layouts

import pymetrics

gt = layouts.coco()[0]
for row in gt["annotations"]:
    del row["segmentation"]
gt["annotations"][0]["id"] = 0
gt["annotations"][1].update(bbox=[500, 100, 200, 100])
Path("gt.json").write_text(json.dumps(gt))
