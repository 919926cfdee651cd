"""The demo's files, for the command line."""

import pytest

from pymetrics import demo


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with the demo's gt.json, dt_sharp.json, dt_hasty.json."""
    folder = tmp_path_factory.mktemp("sample")
    demo.write(folder, *demo.generate())
    return folder


@pytest.fixture
def here(files, monkeypatch):
    monkeypatch.chdir(files)
    return files
