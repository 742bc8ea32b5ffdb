"""The command line: arguments in, pipeline calls, exit codes out. No science lives here.

Importing a module of this package registers its subcommands; none of them imports torch, NumPy or
pandas before it runs, so that `toposcope --help` stays fast.
"""

from toposcope.cli import (
    analyzing,
    capturing,
    choosing,
    comparing,
    covering,
    exporting,
    planning,
    reading,
    studying,
    zoo,
)
from toposcope.cli.common import main

__all__ = [
    "analyzing",
    "capturing",
    "choosing",
    "comparing",
    "covering",
    "exporting",
    "main",
    "planning",
    "reading",
    "studying",
    "zoo",
]
