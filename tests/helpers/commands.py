"""The command line, called in a process."""

import warnings

import pytest

from ganinv.cli.main import main


def cli(*argv):
    """Run the program in this process; return its exit status."""
    with warnings.catch_warnings(), pytest.raises(SystemExit) as stopped:
        main([str(word) for word in argv])
    return stopped.value.code
