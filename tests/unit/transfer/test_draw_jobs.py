"""Jobs of a ranking: all that decides a score is in the key."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import toposcope as ts
from toposcope.activations.candidates import EVAL, CapturedCandidate
from toposcope.execution.tasks import identity
from toposcope.store.arrays import save_arrays
from toposcope.transfer.ranking.asked import RankingDesign
from toposcope.transfer.ranking.run import draw_tasks
from toposcope.transfer.ranking.scoring import DrawJob

RNG = np.random.default_rng(0)
LAYERS = {"a": RNG.normal(size=(40, 3)), "b": RNG.normal(size=(40, 3))}
MAPS = {"a": RNG.normal(size=(8, 2, 3, 3))}
LABELS, IMAGE_LABELS = np.arange(40) % 2, np.arange(8) % 2
DESIGN = RankingDesign(("knn", "theta"), None, 10, 4, 8, 0.0, 0)


def saved(folder: Path, *, layers=LAYERS, maps=MAPS, labels=LABELS, image_labels=IMAGE_LABELS):
    """A candidate as it is captured: two RUNs."""
    return CapturedCandidate(
        features=save_arrays(ts.from_arrays(layers, labels=labels), folder / "features"),
        layer="b",
        clouds=("a", "b"),
        volumes={EVAL: save_arrays(ts.from_arrays(maps, labels=image_labels), folder / "volumes")},
        no_volumes="",
        head=False,
        parameters=1,
    )


def keys(candidate, design=DESIGN, name="net"):
    return [task.key for task in draw_tasks({name: candidate}, design)]


@pytest.fixture(scope="module")
def candidate(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("ranking"))


@pytest.mark.parametrize("name", [one.name for one in fields(DrawJob)])
def test_every_field_of_a_job_is_in_its_identity(candidate, name):
    job = draw_tasks({"net": candidate}, DESIGN)[0].job
    assert identity(replace(job, **{name: "another"})) != identity(job)


def test_the_same_captures_have_the_same_keys_in_another_folder(candidate, tmp_path):
    assert keys(saved(tmp_path)) == keys(candidate)
    assert len(set(keys(candidate))) == DESIGN.replicates


@pytest.mark.parametrize(
    "changed",
    [
        {"layers": LAYERS | {"a": LAYERS["a"] + 1e-9}},
        {"layers": LAYERS | {"b": LAYERS["b"] + 1e-9}},
        {"maps": {"a": MAPS["a"] + 1e-9}},
        {"labels": np.arange(40) // 20},
        {"image_labels": np.arange(8) // 4},
        {"image_labels": None},
    ],
)
def test_whatever_was_captured_otherwise_is_another_job(candidate, tmp_path, changed):
    assert not set(keys(saved(tmp_path, **changed))) & set(keys(candidate))


@pytest.mark.parametrize(
    "changed",
    [{"scores": ("knn",)}, {"points": 9}, {"replicates": 3}, {"seed": 1}, {"threshold": 2.0}],
)
def test_whatever_is_asked_otherwise_is_another_job(candidate, changed):
    assert not set(keys(candidate, replace(DESIGN, **changed))) & set(keys(candidate))
