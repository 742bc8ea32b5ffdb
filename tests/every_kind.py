"""A small store of every kind of folder, made by public calls, for tests that walk all files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

import toposcope as ts
from toposcope.analysis.opening import load_analysis
from toposcope.findings.validity.judge import trust_verdicts
from toposcope.store.objects import LocalObjects
from toposcope.store.runs import Run, open_run, twins_of
from toposcope.store.series import Member, Series, put_series, with_member
from toposcope.studies.validity_study import validity
from toposcope.transfer.ranking.kept import load_board

KINDS = ("run", "series", "comparison", "ranking")


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2), nn.ReLU())


def make_run(path: Path, seed: int, *, n: int = 40, twin: int = 0) -> Path:
    """A RUN with labels and a finished analysis."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(n, 4)).astype(np.float32), np.arange(n) % 2
    ts.capture(network(seed), data, store=path, twin=twin)
    ts.analyze(path, points=12, replicates=2, null="none", jobs=0)
    return path


def make_studied(path: Path, seed: int) -> Path:
    """A RUN with twins, a finished analysis and a study of its validity."""
    make_run(path, seed, n=256, twin=2)
    validity(path, checks="concentration", points=64, replicates=4, jobs=0)
    return path


def make_series(path: Path, seed: int) -> Path:
    """A SERIES of two checkpoints."""
    series = Series(LocalObjects(path), unit="step")
    for step in (1, 2):
        data = np.random.default_rng(seed).normal(size=(20, 4)).astype(np.float32)
        ts.capture(network(seed + step), data, store=path / f"step_{step}", step=step)
        series = with_member(series, Member(step, f"step_{step}", f"{step}.pt"))
    put_series(series)
    return path


def make_comparison(path: Path, run: Path, other: Path) -> Path:
    """A comparison of two RUNs."""
    ts.compare(run, other, measures=("wasserstein", "cka"), n_resamples=99, store=path, jobs=0)
    return path


def make_ranking(path: Path, seed: int) -> Path:
    """A ranking of two candidates."""
    rng = np.random.default_rng(seed)
    y = np.arange(40) % 2
    x = (rng.normal(size=(40, 4)) + y[:, None]).astype(np.float32)
    models = [{"name": f"net {i}", "model": network(seed + i), "layers": "all"} for i in (0, 1)]
    ts.rank(models, (x, y), scores=["knn", "logme"], points=20, replicates=2, store=path, jobs=0)
    return path


def make_all(root: Path, seed: int) -> dict[str, Path]:
    """One of each kind; two calls with different seeds give folders with the same names in them."""
    one, two = (make_run(root / name, seed + i, twin=0) for i, name in enumerate(("one", "two")))
    return {
        "run": make_studied(root / "run", seed + 10),
        "series": make_series(root / "series", seed + 20),
        "comparison": make_comparison(root / "comparison", one, two),
        "ranking": make_ranking(root / "ranking", seed + 40),
    }


def read_all(kind: str, path: Path) -> object:
    """Everything that a user reads of a folder, as values that can be compared."""
    if kind == "run":
        return _read_run(path)
    if kind == "series":
        return [
            (step, _captured(acts))
            for step, acts in zip(ts.open_series(path).steps, ts.open_series(path), strict=True)
        ]
    if kind == "comparison":
        made = ts.Comparison.load(path)
        matrices = {key: value.tobytes() for key, value in {**made.matrices, **made.gaps}.items()}
        tables = made.layers.to_json(), made.models.to_json()
        return made.networks, tables, matrices, made.places, made.failures, repr(made.attrs)
    board = load_board(path)
    return board.to_json(), repr(board.attrs)


def _captured(acts: ts.ActivationSet) -> object:
    labels = None if acts.labels is None else acts.labels.tolist()
    arrays = {name: acts.read(name, None).tobytes() for name in (*acts.layers, *acts.pseudo)}
    return arrays, acts.sample_ids.tolist(), labels, acts.class_names, repr(acts.attrs)


def _read_run(path: Path) -> object:
    acts, analysis = open_run(path), load_analysis(path)
    samples = Run.open(path).samples
    twins = [_captured(open_run(twin)) for twin in twins_of(path)]
    return (
        _captured(acts),
        samples.indices.tolist(),
        twins,
        analysis.table.to_json(),
        analysis.intervals.to_json(),
        [(key, pairs.tobytes()) for key, pairs in analysis.diagrams],
        analysis.loops.to_json(),
        analysis.validity.to_json(),
        analysis.failures,
        repr(analysis.attrs),
        [one.as_dict() for one in trust_verdicts(analysis)],
    )
