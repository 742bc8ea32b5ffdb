"""Sums and dimensions over depth: the numbers by hand, the worlds, and one small training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibration.claims import load, rate
from toposcope.studies import magai_depth, materials
from toposcope.studies.running import run_definition
from toposcope.studies.study import Given
from toposcope.studies.verdicts import Decided

WORLDS = [
    f"studies_magai.magai-depth.{claim}.{world}"
    for claim in ("M1", "M2", "M3", "M9")
    for world in ("true", "null")
]


@pytest.mark.parametrize("name", WORLDS)
def test_verdicts_survive_a_second_look(name: str) -> None:
    assert rate(load()[name], 8).kept


def test_noise_has_no_hump() -> None:
    """The layer chosen on one half is measured on the other: the mean is not above the ends."""
    read = 5 + np.random.default_rng(0).normal(size=(4000, 2, 8))
    assert magai_depth.hump(read).mean() < 0
    assert ((read.mean(axis=1)[:, 1:-1].max(axis=1) / read.mean(axis=1)[:, 0]) - 1).mean() > 0.1


def test_a_small_training_from_networks_to_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(materials, "user_cache", lambda: tmp_path / "cache")
    tiny = replace(
        magai_depth.QUICK, widths=(4,), seeds=4, blocks=2, steps=4, points=20, known=120, draws=6
    )
    study = replace(magai_depth.STUDY, quick=tiny)
    found = run_definition(study, Given(), quick=True, out=tmp_path / "study", jobs=1)
    assert [one.claim.id for one in found.verdicts] == ["M1", "M2", "M3", "M9"]
    assert not found.failures
    assert [one.n for one in found.verdicts] == [8, 8, 8, 6]
    # Four networks of a kind are too few to decide on them alone.
    kinds = {"residual alone", "plain alone"}
    for one in found.verdicts:
        assert set(one.alternatives) == set(one.claim.choices) - kinds
    # Nearest neighbors of 120 points in 15 dimensions lie too far: TwoNN reads a third too low.
    assert found.verdict("M9").alternatives["TwoNN"] == Decided.REFUTED
    assert [panel.kind for panel in found.figure.panels][-1] == "points"
