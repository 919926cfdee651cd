"""Evaluation in steps that an engine for many machines can run: see docs/scale.md."""
