"""Importing the package and asking for help load nothing heavy; analyze never loads torch."""

import subprocess
import sys

import numpy as np
import pytest

import toposcope as ts

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


@pytest.mark.parametrize("command", ["status", "info"])
def test_looking_into_a_folder_waits_for_no_science(tmp_path, command):
    """3.4 and 2.7 CPU seconds before, 0.9 each after, by the same machine."""
    X = np.random.default_rng(0).normal(size=(30, 3))
    ts.store.save_arrays(ts.from_arrays({"a": X}, labels=np.arange(30) % 2), tmp_path / "run")
    code = f"""
import sys
from toposcope.cli import main
try:
    main([{command!r}, {str(tmp_path / "run")!r}])
except SystemExit as done:
    assert not done.code
"""
    assert loaded(code) & set(HEAVY) == {"pyarrow"}


def test_analysis_never_loads_torch():
    code = """
import numpy as np, toposcope as ts
acts = ts.from_arrays({"a": np.random.default_rng(0).normal(size=(60, 3))})
ts.analyze(acts, points=20, replicates=2, jobs=0)
import toposcope.reporting.entry
"""
    assert "torch" not in loaded(code)


def test_a_name_that_is_written_twice_to_wait_for_nothing_is_one():
    from toposcope.analysis.covering import FILE
    from toposcope.cli.inspecting import LANDMARKS

    assert LANDMARKS == FILE


def test_python_m_toposcope_is_the_command(tmp_path):
    """People type it; the answer, the exit code and its weight are the command's."""
    for words in (["--version"], ["info", str(tmp_path / "nothing")]):
        found = [
            subprocess.run(
                [sys.executable, "-m", module, *words], capture_output=True, text=True, timeout=60
            )
            for module in ("toposcope", "toposcope.cli")
        ]
        assert [one.returncode for one in found] == [0 if words == ["--version"] else 1] * 2
        assert found[0].stdout == found[1].stdout
        assert found[0].stderr == found[1].stderr != ("" if words[0] == "info" else None)
