"""The workflows, which have not been run: what can be said of them without a runner."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from helpers.absent import need

from pymetrics._version import VERSION

ROOT = Path(__file__).resolve().parents[2]
WHEELS = ROOT / ".github" / "workflows" / "wheels.yml"

need(WHEELS.exists(), "source", "not in the source folder")


@pytest.mark.parametrize(("tag", "passes"), [(f"v{VERSION}", True), (f"v{VERSION}1", False), ("v9", False)])
def test_a_release_is_published_for_the_tag_of_its_version_alone(tag: str, passes: bool) -> None:
    (command,) = re.findall(r"run: (grep .*)", WHEELS.read_text(encoding="utf-8"))
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, env={"GITHUB_REF_NAME": tag, "PATH": "/usr/bin:/bin"})
    assert (done.returncode == 0) == passes


def test_publishing_waits_for_all_that_is_built() -> None:
    text = WHEELS.read_text(encoding="utf-8")
    jobs = re.findall(r"^  (\w+):$", text.partition("\njobs:\n")[2], re.MULTILINE)
    assert jobs == ["wheels", "sdist", "publish"]
    publish = text.partition("\n  publish:\n")[2]
    assert "needs: [wheels, sdist]" in publish
    assert "if: startsWith(github.ref, 'refs/tags/v')" in publish
    assert "id-token: write" in publish
    assert "id-token" not in text.partition("\n  publish:\n")[0]
