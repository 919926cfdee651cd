"""A small generated sample in COCO's layout, two simulated detectors to evaluate on it, and drawn pictures."""

from .sample import HEIGHT, N_IMAGES, NAMES, WIDTH, generate, write

__all__ = ["HEIGHT", "NAMES", "N_IMAGES", "WIDTH", "generate", "write"]
