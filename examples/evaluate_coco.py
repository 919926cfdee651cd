"""Evaluate a detector on COCO files and read the numbers off in every way there is.

python examples/evaluate_coco.py gt.json dt.json      (pymetrics demo --out FOLDER writes files to try it on)
"""

import sys

import pymetrics

result = pymetrics.evaluate(sys.argv[1], sys.argv[2])

print(result)  # pycocotools' twelve lines
print(f"\nAP {result['map']:.4f}, AP50 {result['map_50']:.4f}, AR100 {result['mar_100']:.4f}")
print("as an array:", result.stats.round(3))
print("for a tracker:", result.scalars("val/", keys="coco"))  # undefined values are left out

print("\nthe weakest categories")
known = [row for row in result.per_class if row["map"] != -1]  # -1: no ground truth, nothing to measure
for row in sorted(known, key=lambda row: row["map"])[:5]:
    print(f"  {row['name'] or row['id']}: AP {row['map']:.3f} over {row['n_gt']} objects")

print("\nthe images with the most misses at IoU .5")
for row in sorted(result.per_image, key=lambda row: -row["fn"])[:5]:
    print(f"  image {row['id']}: {row['fn']} of {row['n_gt']} objects missed, {row['fp']} false alarms")

# The curve behind the number: precision [T, R, K, A, M] at IoU .5, first category, all areas, the last limit.
print("\nprecision at recall 0, .1, ..., 1:", result.precision[0, ::10, 0, 0, -1].round(2))
