"""The command line in this process, as a shell would see it.

A process of its own imports PyTorch and Numba for three seconds. Tests in which the process is not
the point (no signals, limits or streams) call `command` instead; what stays of the process is that
`toposcope.cli` is run with its words, from a folder, with user code imported afresh.
"""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from click.testing import CliRunner

from toposcope.cli import main


@dataclass(frozen=True)
class Done:
    """What a shell is left with."""

    returncode: int
    stdout: str
    stderr: str


def command(folder: str | Path, *words: object) -> Done:
    """Run `toposcope WORDS` in a folder.

    An exception that the command line lets through goes through here, too: a shell would show a
    traceback.
    """
    told = [str(word) for word in words]
    here, before = Path.cwd(), set(sys.modules)
    os.chdir(folder)
    try:
        with warnings.catch_warnings(), patch.object(sys, "argv", ["toposcope", *told]):
            # As in a fresh process: warnings are for the user to read.
            warnings.simplefilter("default")
            warnings.simplefilter("ignore", DeprecationWarning)
            done = CliRunner().invoke(main, told, catch_exceptions=False)
    finally:
        inside = str(Path.cwd())
        os.chdir(here)
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and file.startswith(inside + os.sep):
                del sys.modules[name]
    return Done(done.exit_code, done.stdout, done.stderr)
