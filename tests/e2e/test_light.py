"""Importing the package and asking for help load nothing heavy; analyze never loads torch."""

import subprocess
import sys

HEAVY = ("torch", "pandas", "xarray", "scipy", "matplotlib", "numba", "pyarrow", "sklearn")


def loaded(code):
    probe = f"{code}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=60
    )
    assert found.returncode == 0, found.stderr
    return set(found.stdout.split())


def test_import_is_light():
    assert loaded("import toposcope") == set()


def test_the_probe_can_fail():
    assert "scipy" in loaded("import scipy")


def test_command_line_is_light():
    assert loaded("import toposcope.cli") == set()


def test_analysis_never_loads_torch():
    code = """
import numpy as np, toposcope as ts
acts = ts.from_arrays({"a": np.random.default_rng(0).normal(size=(60, 3))})
ts.analyze(acts, points=20, replicates=2, jobs=0)
import toposcope.reporting.entry
"""
    assert "torch" not in loaded(code)
