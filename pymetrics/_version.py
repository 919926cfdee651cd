"""The version, and the number of the interface between the Python files and the compiled modules."""

VERSION = "0.1.0"
INTERFACE = 3  # one more whenever the arguments of a compiled function change (tests/package/test_interface.py)
