"""What an offline experiment of Comet has written."""

import json
import zipfile


class Archive:
    """The archive of an offline experiment.

    metrics: {(name, step): value}. epochs: those of metrics. html: texts. uploads: rows of {"type", "name", "step",
    "overwrite", "data" (bytes), "metadata"}.
    """

    def __init__(self, path):
        with zipfile.ZipFile(path) as archive:
            messages = [json.loads(line) for line in archive.read("messages.json").splitlines()]
            self.metrics, self.epochs = {}, set()
            for message in messages:
                if message["type"] == "metric_msg":
                    metric = message["payload"]["metric"]
                    self.metrics[metric["metricName"], metric["step"]] = metric["metricValue"]
                    self.epochs.add(metric["epoch"])
            self.html = [message["payload"]["html"] for message in messages if message["type"] == "html"]
            self.uploads = []
            for message in messages:
                if message["type"] == "file_upload":
                    payload = message["payload"]
                    settings = payload["additional_params"]
                    self.uploads.append({
                        "type": payload["upload_type"], "name": settings.get("fileName") or settings.get("figName"),
                        "step": settings["step"], "overwrite": settings["overwrite"],
                        "data": archive.read(payload["file_path"]), "metadata": payload["metadata"] or {},
                    })  # fmt: skip

    def of(self, type_):
        """The uploads of a type: curve, confusion-matrix, asset, visualization."""
        return [upload for upload in self.uploads if upload["type"] == type_]
