"""The riskiest readers under a fuzzer that coverage leads, where atheris is there.

Seconds a reader: $TOPOSCOPE_FUZZ_SECONDS, or 60. Without atheris (pip install atheris, for Linux)
the same readers are fuzzed at random by test_parsers.py and test_readers.py.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = float(os.environ.get("TOPOSCOPE_FUZZ_SECONDS", "60"))


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="needs atheris: pip install atheris"
)
@pytest.mark.timeout(3000)
def test_coverage_leads_to_no_other_error(tmp_path, record_property):
    words = [sys.executable, "-m", "tests.faults.atheris_readers", str(tmp_path), f"{SECONDS}"]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=root)
    told = {file.stem: file.read_text("utf-8", "replace") for file in tmp_path.glob("*.txt")}
    wrong = re.findall(r"^(.+): exit (?!0$)", done.stdout, re.M)
    assert not wrong, "\n".join(f"{name}: {told[name][-3000:]}" for name in wrong)
    assert done.returncode == 0 and len(told) == 10, done.stdout + done.stderr
    tries = {}
    for name, text in told.items():
        tries[name] = int(re.search(r"number_of_executed_units: (\d+)", text)[1])
        reached = [int(found) for found in re.findall(r"cov: (\d+)", text)]
        assert tries[name] > 50 and reached[-1] > 1, f"{name}: nothing was reached"
        record_property(name, tries[name])
    record_property("tries", sum(tries.values()))
