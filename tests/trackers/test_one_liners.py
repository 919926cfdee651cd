"""What has no module of its own takes the scalars of a Result: Trackio, Lightning's log_dict, CSV."""

import json
import math
import sqlite3

import pytest
from helpers import result_cases


def test_trackio(need, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    trackio = need("trackio")
    monkeypatch.setattr("trackio.utils.TRACKIO_DIR", tmp_path, raising=False)
    results = [result_cases.make_result(seed=seed, n_gt=60, names={1: "a @b"}) for seed in range(2)]
    trackio.init(project="test")
    for epoch, result in enumerate(results):
        trackio.log({"epoch": epoch, **result.scalars("val/", class_names=True)})
    trackio.finish()
    (path,) = tmp_path.glob("**/test.db")
    with sqlite3.connect(path) as store:
        rows = [json.loads(row[0]) for row in store.execute("select metrics from metrics order by step")]
    assert rows == [{"epoch": i} | result.scalars("val/", class_names=True) for i, result in enumerate(results)]


@pytest.mark.filterwarnings("ignore:.*does not have many workers:UserWarning")
@pytest.mark.filterwarnings("ignore:.*isinstance.treespec:FutureWarning")
@pytest.mark.parametrize(("undefined", "wanted"), [("keep", -1), ("drop", None)])
def test_lightning(need, tmp_path, undefined, wanted):
    """ModelCheckpoint needs its key in every epoch: undefined="keep", as docs/trackers.md says."""
    lightning, torch = need("lightning"), need("torch")
    result = result_cases.make_result(n_gt=0)

    class Model(lightning.LightningModule):
        def validation_step(self, batch, batch_idx):
            pass

        def on_validation_epoch_end(self):
            self.log_dict(result.scalars("val/", undefined=undefined))

    trainer = lightning.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.validate(Model(), torch.utils.data.DataLoader([torch.zeros(1)]), verbose=False)
    assert trainer.callback_metrics.get("val/map") == wanted


def test_columns_stay_the_same(tmp_path):
    """What a CSV file needs."""
    full, empty = (result_cases.make_result(n_gt=n_gt).scalars("val/", undefined="nan") for n_gt in (60, 0))
    assert list(full) == list(empty)
    assert all(math.isnan(value) for value in empty.values())
