"""From what users hold to a Result: `stages` lists the steps, `ingest` and `result` are the two ends."""
