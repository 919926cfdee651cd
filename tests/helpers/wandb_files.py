"""What an offline run of W&B has written."""

import json
import subprocess
import sys


def inspect(path, *options):
    """The file of an offline run as JSON text, by W&B's own reader."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", *options, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def history_of(path):
    """What was logged, row by row."""
    records = [json.loads(line) for line in inspect(path).splitlines()]
    return [record["history"]["item"] for record in records if record["type"] == "history"]
