"""`ts.rank`: which pre-trained model to fine-tune for a target data set.

Every candidate is run over the target twice: once for pooled features and source predictions, once
for the feature volumes of a few images. All scores are then computed on the same disjoint draws of
samples for every candidate, by resumable tasks that never load torch. What a candidate cannot
give (no spatial volumes, no source head) becomes a status with its reason; the others go on.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.activations.candidates import Candidate, as_candidates, read_candidates
from toposcope.analysis.plan import SCIENCE, code_hash
from toposcope.errors import ToposcopeError, UsageError
from toposcope.execution.legacy import Ledger, Task, run_tasks, task_key
from toposcope.execution.progress import Progress
from toposcope.pointclouds.draws import draw_rows
from toposcope.store.folders import RANKING, refuse_other_kind
from toposcope.store.objects import put_json, read_json
from toposcope.store.runs import Run
from toposcope.transfer.ranking import board as boards
from toposcope.transfer.ranking.board import Entry
from toposcope.transfer.ranking.scoring import measure_draw, sensitivity
from toposcope.transfer.scores.registry import SCORES
from toposcope.types import near_matches

if TYPE_CHECKING:
    import pandas as pd

BOARD, JUDGEMENT = "board.json", "evaluation.json"
THRESHOLDS = (0.0, 0.25, 0.5, 1.0)
"""Thresholds of the sensitivity table; the first one is the score's own default."""


@dataclass(frozen=True)
class Election:
    """The parameters of a ranking that decide its numbers."""

    scores: tuple[str, ...]
    n: int | None
    points: int
    replicates: int
    images: int
    threshold: float
    seed: int


def rank(
    models: Path | str | Sequence[Any],
    target: Any,
    *,
    scores: Sequence[str] | None = None,
    n: int | None = None,
    points: int = 500,
    replicates: int = 8,
    images: int = 64,
    threshold: float = 0.0,
    level: float = 0.95,
    store: Path | str | None = None,
    device: str = "cpu",
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
    command: str | None = None,
) -> pd.DataFrame:
    """Score every candidate on a target data set: the board, with intervals and ties.

    Parameters
    ----------
    models
        A models.toml, or a sequence of `Candidate`s, mappings with its fields, or MODEL arguments.
    target
        DATA argument of the target, with labels; every candidate uses its own preprocessing.
    scores
        Names in `transfer.SCORES`; None for all.
    n
        Target samples; None: points x replicates.
    points, replicates
        Size and number of the disjoint draws every score is computed on; points x replicates <= n.
    images
        Images whose feature volumes are kept for theta, divided over the draws.
    threshold
        Filtration value at which theta counts, on raw activations as published. 0, the default,
        is the one threshold that does not move with the scale of activations.
    level
        Coverage of intervals.
    store
        Folder to keep captures and scores in, so that an interrupted call continues; None: a
        temporary one.
    device, seed, jobs, progress, command
        As in `capture` and `analyze`.

    Returns
    -------
    One row per score and candidate: see `board.assemble`. `attrs` holds `failures` (candidates
    that could not be captured, with the reason), `sensitivity` (how the topological scores move
    with their choices), the parameters and the target.

    Raises
    ------
    UsageError
        For unknown scores or parameters, before any work; when every candidate fails.

    Examples
    --------
    >>> from torch import nn
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(80) % 2
    >>> x = (rng.normal(size=(80, 6)) + y[:, None]).astype(np.float32)
    >>> net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2), nn.ReLU())
    >>> models = [{"name": "net", "model": net, "layers": "all"}]
    >>> table = rank(models, (x, y), scores=["knn", "parameters"], points=20, replicates=4, jobs=0)
    >>> table.score.tolist(), table.replicates.tolist(), float(table.value.iloc[1])
    (['knn', 'parameters'], [4, 1], 74.0)
    """
    names = check_scores(scores)
    candidates = (
        read_candidates(models) if isinstance(models, str | Path) else as_candidates(models)
    )
    if images < replicates:
        msg = f"rank(): images={images} must be at least replicates={replicates}, one per draw."
        raise UsageError(msg)
    election = Election(names, n, points, replicates, images, threshold, seed)
    folder = Path(tempfile.mkdtemp(prefix="toposcope-rank-")) if store is None else Path(store)
    refuse_other_kind(folder, RANKING, "rank()")
    try:
        table = _rank(candidates, target, election, folder, level, device, jobs, progress)
        table.attrs["command"] = command
        put_json(folder / BOARD, {"rows": boards.plain(table), "attrs": table.attrs})
        return table
    finally:
        if store is None:
            shutil.rmtree(folder)


def check_scores(scores: Sequence[str] | None) -> tuple[str, ...]:
    """Names of scores, all known, in the order of the registry."""
    wanted = tuple(SCORES) if scores is None else tuple(scores)
    for name in wanted:
        if name not in SCORES:
            msg = f"rank(): there is no score {name!r}. {near_matches(name, tuple(SCORES))}"
            raise UsageError(msg)
    if not wanted:
        msg = f"rank(): no scores were asked for; there are {', '.join(SCORES)}."
        raise UsageError(msg)
    return tuple(name for name in SCORES if name in wanted)


def _rank(
    candidates: Sequence[Candidate],
    target: Any,
    election: Election,
    folder: Path,
    level: float,
    device: str,
    jobs: int | None,
    progress: Progress | None,
) -> pd.DataFrame:
    from toposcope.activations.candidate_capture import Audition, audition

    captured: dict[str, Audition] = {}
    failures = []
    for one in candidates:
        try:
            captured[one.name] = audition(
                one,
                target,
                folder / "candidates" / one.folder,
                n=election.n or election.points * election.replicates,
                images=election.images if _any(election.scores, "volumes") else 0,
                device=device,
                seed=election.seed,
                progress=progress,
            )
        except Exception as error:  # a candidate's own code may raise anything; the others go on
            failures.append({"model": one.name, "reason": f"{type(error).__name__}: {error}"})
    if not captured:
        msg = f"rank(): no candidate could be captured. {_reasons(failures)}"
        raise UsageError(msg)
    tasks = _tasks(captured, election, folder)
    ledger = Ledger(folder / "ledger")
    flat = [task for by_model in tasks.values() for task in by_model]
    run_tasks(measure_draw, flat, ledger=ledger, jobs=jobs, progress=progress, title="score")
    entries: dict[str, dict[str, Entry]] = {score: {} for score in election.scores}
    for one in candidates:
        failed = next((f["reason"] for f in failures if f["model"] == one.name), None)
        draws = [] if failed else _read(tasks[one.name], ledger)
        for score in election.scores:
            entries[score][one.name] = (
                Entry(np.empty(0), status="failed", reason=failed)
                if failed
                else _entry(score, one, captured[one.name], draws, election)
            )
    declared = {
        name: (SCORES[name].higher_is_better, SCORES[name].labels, SCORES[name].cost)
        for name in election.scores
    }
    table = boards.assemble(entries, declared, level=level)
    table.attrs = {
        "kind": "board",
        "candidates": [one.name for one in candidates],
        "draws": {
            score: {model: entry.values.tolist() for model, entry in by_model.items()}
            for score, by_model in entries.items()
        },
        "failures": failures,
        "target_name": Run.open(next(iter(captured.values())).features).spec["data_name"],
        "target": str(target) if isinstance(target, str) else type(target).__name__,
        "sensitivity": sensitivity(
            {
                name: [d for d in _read(tasks[name], ledger) if "failed" not in d]
                for name in captured
            },
            election.scores,
            threshold=election.threshold,
        ),
        **{key: value for key, value in asdict(election).items() if key != "scores"},
        "level": level,
    }
    return table


def _reasons(failures: Sequence[Mapping[str, str]]) -> str:
    """Every reason once, with the candidates it stopped: a bad target stops all for one reason."""
    models: dict[str, list[str]] = {}
    for failure in failures:
        models.setdefault(failure["reason"], []).append(failure["model"])
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in models.items())


def _any(scores: Sequence[str], needs: str) -> bool:
    return any(SCORES[name].needs == needs for name in scores)


def _tasks(captured: Mapping[str, Any], election: Election, folder: Path) -> dict[str, list[Task]]:
    """One task per candidate and draw; every candidate has the same draws of the same samples."""
    first = Run.open(next(iter(captured.values())).features)
    draws = draw_rows(
        first.n,
        points=election.points,
        replicates=election.replicates,
        seed=election.seed,
        labels=first.samples.labels,
    )
    thresholds = sorted({election.threshold, *THRESHOLDS})
    found: dict[str, list[Task]] = {}
    for name, one in captured.items():
        run = Run.open(one.features)
        found[name] = []
        for index, rows in enumerate(draws):
            spec = {
                "features": run.layer_hash(one.layer),
                "volumes": _volume_hashes(one.volumes),
                "layers": list(one.clouds),
                "draw": [election.seed, election.points, election.replicates, index],
                "scores": list(election.scores),
                "thresholds": thresholds,
                "images": election.images,
                "code": code_hash((*SCIENCE, "transfer")),
            }
            key = task_key(spec)
            payload = {
                "key": key,
                "folder": str(folder),
                "run": str(one.features),
                "layer": one.layer,
                "clouds": list(one.clouds),
                "volumes": {mode: str(path) for mode, path in one.volumes.items()},
                "rows": rows.tolist(),
                "index": index,
                "replicates": election.replicates,
                "scores": list(election.scores),
                "thresholds": thresholds,
                "threshold": election.threshold,
                "seed": election.seed,
            }
            found[name].append(Task(key, f"{name}, draw {index}", payload))
    return found


def _volume_hashes(volumes: Mapping[str, Path]) -> dict[str, list[str]]:
    return {
        mode: [Run.open(path).layer_hash(layer) for layer in Run.open(path).addresses]
        for mode, path in volumes.items()
    }


def _read(tasks: Sequence[Task], ledger: Ledger) -> list[dict[str, Any]]:
    found = []
    for task in tasks:
        entry = ledger.entry(task.key)
        assert entry is not None, "every task was run"
        if entry["status"] == "done":
            found.append(read_json(ledger.folder.parent / "scores" / f"{task.key}.json"))
        else:
            found.append({"failed": entry["reason"]})
    return found


def _entry(
    score: str, one: Candidate, found: Any, draws: Sequence[Mapping[str, Any]], election: Election
) -> Entry:
    """What the draws say of one score of one candidate."""
    if score == "parameters":
        return Entry(np.array([float(found.parameters)]))
    if score == "source_accuracy":
        if one.source_accuracy is None:
            reason = "not known; write source_accuracy in models.toml"
            return Entry(np.empty(0), status="unknown", reason=reason)
        return Entry(np.array([one.source_accuracy]))
    broken = next((draw["failed"] for draw in draws if "failed" in draw), None)
    if broken is not None:
        return Entry(np.empty(0), status="failed", reason=broken)
    if SCORES[score].needs == "volumes" and not found.volumes:
        return Entry(np.empty(0), status="undefined", reason=found.no_volumes)
    if SCORES[score].needs == "head" and not found.head:
        reason = "the model's output is no (n, classes) scores of a source classifier"
        return Entry(np.empty(0), status="undefined", reason=reason)
    parts = [draw["scores"][score] for draw in draws]
    missing = next((part for part in parts if part["status"] != boards.OK), None)
    if missing is not None:
        return Entry(np.empty(0), status=missing["status"], reason=missing["reason"])
    size = (
        election.images // election.replicates
        if SCORES[score].needs == "volumes"
        else election.points
    )
    return Entry(
        np.array([part["value"] for part in parts]),
        points=size,
        seconds=float(np.mean([part["seconds"] for part in parts])),
    )


def load_board(folder: Path | str) -> pd.DataFrame:
    """The board a `rank` call left in its folder."""
    import pandas as pd

    path = Path(folder) / BOARD
    if not path.exists():
        msg = f"there is no board in {folder}: toposcope rank MODELS.toml --target DATA -o FOLDER"
        raise ToposcopeError(msg)
    stored = read_json(path)
    table = pd.DataFrame(stored["rows"], columns=list(boards.COLUMNS))
    for name in ("value", "low", "high", "seconds"):
        table[name] = table[name].astype(float)
    table["rank"] = table["rank"].astype("Int64")
    table.attrs = stored["attrs"]
    judged = Path(folder) / JUDGEMENT
    if judged.exists():
        table.attrs["evaluation"] = read_json(judged)
    return table


def put_judgement(folder: Path, found: Mapping[str, Any]) -> None:
    """Keep an evaluation beside its board, for the report."""
    put_json(folder / JUDGEMENT, dict(found))
