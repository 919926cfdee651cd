"""The road from what users hold to a Result; `road` says its stages, `ingest` and `result` are its ends."""
