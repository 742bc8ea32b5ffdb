"""What a worker must have in common with its driver: the code and what the numbers depend on."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from toposcope.execution.plugins import plugin_hash
from toposcope.execution.source_hash import source_hash

PACKAGES = ("numpy", "scipy", "numba", "gudhi", "scikit-learn", "pyarrow", "pandas", "torch")


@cache
def fingerprint() -> dict[str, str]:
    """Hash of all sources of this package, of plug-ins, and versions of what decides numbers.

    >>> sorted(fingerprint())[:3]
    ['gudhi', 'numba', 'numpy']
    """
    found = {"toposcope": source_hash("."), "plug-ins": plugin_hash() or "none"}
    found["python"] = ".".join(map(str, sys.version_info[:2]))
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def differences(here: dict[str, str], there: dict[str, str]) -> str:
    """What differs between a driver and a worker, as a list; "" where nothing does.

    >>> differences({"numpy": "2.4", "scipy": "1.17"}, {"numpy": "2.3", "scipy": "1.17"})
    'numpy: 2.4 here, 2.3 there'
    """
    return "; ".join(
        f"{name}: {here.get(name, 'none')} here, {there.get(name, 'none')} there"
        for name in {**here, **there}
        if here.get(name) != there.get(name)
    )
