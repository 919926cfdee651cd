"""torchmetrics' functional names: pymetrics.functional.detection."""
