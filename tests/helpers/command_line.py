"""What tests ask of a command line that must fail."""

import pytest

from pymetrics.cli import main


def refused(capsys, *arguments):
    """The last line of stderr of a command line that must exit with 2."""
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    assert exit_.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()[-1]


def failed(capsys, *arguments, n_before=0):
    """The message of an evaluation that must fail: one line, no traceback, after n_before lines on the detectors."""
    assert main(list(arguments)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == n_before + 1
    return err.splitlines(keepends=True)[-1]
