"""From what users hold to a Result: `stages` lists the steps, `read_sources` and `result` are the two ends."""
