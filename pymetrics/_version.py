"""The version, and the number of the interface between the Python files and the compiled modules."""

VERSION = "0.1.0"
# One more whenever a compiled function is added or its arguments change: see tests/package/test_interface.py.
INTERFACE = 22
