"""Evaluate the predictions.json that Ultralytics writes: COCO's numbers, the best threshold, and Ultralytics' numbers.

yolo val model=best.pt data=data.yaml save_json=True                                       (writes predictions.json)
python examples/evaluate_ultralytics.py data.yaml runs/detect/val/predictions.json

Neither Ultralytics nor the images are needed. With COCO's own data set give COCO's JSON in the place of data.yaml.
"""

import argparse
import json
from pathlib import Path

import pymetrics

parser = argparse.ArgumentParser()
parser.add_argument("gt", help="data.yaml, or COCO JSON")
parser.add_argument("predictions")
parser.add_argument("--first", type=int, default=1, help="the number of the first class there; 0 in older releases")
arguments = parser.parse_args()

rows = json.loads(Path(arguments.predictions).read_text())
if not arguments.gt.endswith(".json"):  # predictions.json counts classes from 1, data.yaml from 0
    rows = [{**row, "category_id": row["category_id"] - arguments.first} for row in rows]
result = pymetrics.evaluate(arguments.gt, rows)
print(result)

best = result.best_threshold("f1")
print(f"\nbest F1 {best.f:.3f} at score {best.threshold}: precision {best.precision:.3f}, recall {best.recall:.3f}")
for row in result.at(best.threshold).per_class:
    print(f"  {row['name']}: {row['tp']} right, {row['fp']} wrong, {row['fn']} missed")

print("\nAs Ultralytics prints them:", pymetrics.analysis.ultralytics(result))
print(pymetrics.explain_difference(arguments.gt, rows, a="ultralytics", b="coco"))
