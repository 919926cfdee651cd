"""A compiled module of other sources than the Python files beside it is one clear sentence at import."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

import pymetrics
from pymetrics import _config
from pymetrics._version import INTERFACE, VERSION

# The stubs of the present interface. Where this fails, the compiled functions have changed: raise INTERFACE in
# pymetrics/_version.py and record the new stubs here, so that a module built before is refused.
STUBS = (22, "1393c8ff0c51525a")


def test_the_interface_is_that_of_the_stubs():
    folder = Path(pymetrics.__file__).parent
    text = b"".join((folder / name).read_bytes() for name in ("_native.pyi", "_cuda.pyi"))
    assert (INTERFACE, hashlib.sha256(text).hexdigest()[:16]) == STUBS


@pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")
def test_the_module_says_what_it_was_built_for():
    assert f"{VERSION}, interface {INTERFACE}" == _config.native.BUILT_FOR
    assert pymetrics.__version__ == VERSION


@pytest.mark.skipif(_config.native is None, reason="the C++ part is not there")
@pytest.mark.parametrize("built_for", ["0.0.9, interface 0", None], ids=str)
def test_another_module_is_refused_at_import(built_for):
    code = (
        "import sys, types; module = types.ModuleType('pymetrics._native'); module.__file__ = 'x.so'; "
        + (f"module.BUILT_FOR = {built_for!r}; " if built_for else "")
        + "sys.modules['pymetrics._native'] = module; import pymetrics"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        f"was built for pymetrics {built_for or 'of an earlier version'}, but the Python files beside it are {VERSION}"
        in done.stderr
    )
    assert "build it again" in done.stderr
