"""Train YOLOS, of the smallest size and without pretrained weights, by Hugging Face's Trainer.

python examples/train_huggingface.py --epochs 2 --out huggingface    (offline; numbers near 0: it has learned nothing)

With pretrained weights, where they can be fetched:
    model = AutoModelForObjectDetection.from_pretrained("hustvl/yolos-tiny", num_labels=2, ignore_mismatched_sizes=True)
    processor = AutoImageProcessor.from_pretrained("hustvl/yolos-tiny")
"""

import argparse

import torch
from shapes import CLASSES, SIZE, Shapes
from transformers import Trainer, TrainingArguments, YolosConfig, YolosForObjectDetection, YolosImageProcessor

from pymetrics.detection import TrainerMetrics

NAMES = {label - 1: name for label, name in CLASSES.items()}  # transformers counts labels from 0


def example(image, target):
    """An image and its labels as YOLOS takes them: boxes as centre and size, in parts of the image."""
    corners, size = target["boxes"] / SIZE, torch.tensor([SIZE, SIZE])
    boxes = torch.cat([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1)
    return {"pixel_values": image, "labels": {"boxes": boxes, "class_labels": target["labels"] - 1, "orig_size": size}}


def collate(items):
    return {
        "pixel_values": torch.stack([item["pixel_values"] for item in items]),
        "labels": [item["labels"] for item in items],
    }


parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--out", default="huggingface")
arguments = parser.parse_args()

torch.manual_seed(0)
config = YolosConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=[SIZE, SIZE],
    patch_size=16, num_detection_tokens=10, use_mid_position_embeddings=False, id2label=NAMES,
)  # fmt: skip
model, processor = YolosForObjectDetection(config), YolosImageProcessor()

training = TrainingArguments(
    arguments.out, num_train_epochs=arguments.epochs, eval_strategy="epoch", save_strategy="no", report_to="none",
    per_device_train_batch_size=16, per_device_eval_batch_size=16,  # a divisor of the number of images
    batch_eval_metrics=True, eval_do_concat_batches=False,  # what TrainerMetrics needs: no logits are kept
    remove_unused_columns=False, label_names=["labels"], learning_rate=1e-3, use_cpu=True, disable_tqdm=True,
)  # fmt: skip
train, val = ([example(*item) for item in Shapes(n, seed)] for n, seed in ((64, 0), (32, 1)))
trainer = Trainer(
    model, training, data_collator=collate, train_dataset=train, eval_dataset=val,
    compute_metrics=TrainerMetrics(processor, class_names=NAMES),
)  # fmt: skip
trainer.train()
for row in trainer.state.log_history:
    if "eval_map" in row:
        print(f"epoch {row['epoch']:.0f}: AP {row['eval_map']:.4f}, AP50 {row['eval_map_50']:.4f}")
