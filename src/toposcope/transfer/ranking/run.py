"""`ts.rank`: which pre-trained model to fine-tune for a target data set.

Every candidate is run over the target twice: once for pooled features and source predictions, once
for the feature volumes of a few images. All scores are then computed on the same disjoint draws of
samples for every candidate, by resumable tasks that never load torch. What a candidate cannot
give (no spatial volumes, no source head) becomes a status with its reason; the others go on.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.activations.candidates import (
    Candidate,
    CapturedCandidate,
)
from toposcope.activations.data.source import DataSource
from toposcope.analysis.plan import SCIENCE, code_hash
from toposcope.errors import DoesNotFitError, RunLockedError, UsageError
from toposcope.execution.executors import Jobs, workers_of
from toposcope.execution.forecasts import listener
from toposcope.execution.progress import Progress
from toposcope.execution.steps import Step, goes_elsewhere, run_steps
from toposcope.execution.tasks import Task
from toposcope.execution.workbook import Workbook
from toposcope.inputs import parameters
from toposcope.inputs.memory import gib
from toposcope.inputs.signatures import checked, models_file_or_entries
from toposcope.inputs.signatures import store as store_or_url
from toposcope.pointclouds.draws import draw_rows
from toposcope.store.folders import RANKING, refuse_other_kind
from toposcope.store.ledger import Failure
from toposcope.store.objects import (
    content_hash,
    objects_in,
)
from toposcope.store.runs import Run
from toposcope.store.tables import OK
from toposcope.transfer.ranking import board as boards
from toposcope.transfer.ranking.asked import RankingDesign, any_needs, asked
from toposcope.transfer.ranking.board import Entry
from toposcope.transfer.ranking.forecast import score_forecast
from toposcope.transfer.ranking.kept import put_board
from toposcope.transfer.ranking.scoring import DrawJob, Material, measure_draw, sensitivity
from toposcope.transfer.ranking.sizes_of_scores import (
    DrawSizes,
    largest,
    refuse_what_cannot_fit,
)
from toposcope.transfer.scores.registry import SCORES
from toposcope.types import LOGITS

if TYPE_CHECKING:
    import pandas as pd

THRESHOLDS = (0.0, 0.25, 0.5, 1.0)
"""Thresholds of the sensitivity table; the first one is the score's own default."""

SOURCES = ("transfer/scores", "transfer/ranking/scoring.py", "stats/ranks.py")
"""Sources that decide a score, besides those of an analysis."""


@checked(models=models_file_or_entries, store=store_or_url)
def rank(
    models: Path | str | Sequence[Any],
    target: Any,
    *,
    scores: Sequence[str] | None = None,
    n: int | None = None,
    points: int | None = None,
    replicates: int = 8,
    images: int | None = None,
    threshold: float = 0.0,
    level: float = 0.95,
    store: Path | str | None = None,
    device: str = "cpu",
    seed: int = 0,
    jobs: Jobs = None,
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
        None: 500 points, or n // replicates where there are fewer samples.
    images
        Images whose feature volumes are kept for theta, divided over the draws; None: 64, or all
        of a smaller target.
    threshold
        Filtration value at which theta counts, on raw activations as published. 0, the default,
        is the one threshold that does not move with the scale of activations.
    level
        Coverage of intervals.
    store
        Folder or URL to keep captures and scores in, so that an interrupted call continues; None: a
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
    >>> import torch
    >>> from torch import nn
    >>> _ = torch.manual_seed(0)  # the last ReLU of some initializations is dead for all samples
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(80) % 2
    >>> x = (rng.normal(size=(80, 6)) + y[:, None]).astype(np.float32)
    >>> net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2), nn.ReLU())
    >>> models = [{"name": "net", "model": net, "layers": "all"}]
    >>> table = rank(models, (x, y), scores=["knn", "parameters"], points=20, replicates=4, jobs=0)
    >>> table.score.tolist(), table.replicates.tolist(), float(table.value.iloc[1])
    (['knn', 'parameters'], [4, 1], 74.0)
    """
    candidates, data, design = asked(
        models,
        target,
        scores=scores,
        n=n,
        points=points,
        replicates=replicates,
        images=images,
        threshold=threshold,
        seed=seed,
    )
    level = parameters.level(level, call="rank()")
    tasks = len(candidates) * design.replicates
    refuse_what_cannot_fit(
        DrawSizes(design.points), design.scores, workers=workers_of(jobs), tasks=tasks
    )
    folder = Path(tempfile.mkdtemp(prefix="toposcope-rank-")) if store is None else Path(store)
    refuse_other_kind(folder, RANKING, "rank()")
    try:
        with objects_in(folder).lock():
            table = _rank(candidates, data, target, design, folder, level, device, jobs, progress)
            table.attrs["command"] = command
            put_board(folder, table)
            return table
    finally:
        if store is None:
            shutil.rmtree(folder)


def _rank(
    candidates: Sequence[Candidate],
    data: DataSource,
    target: Any,
    design: RankingDesign,
    folder: Path,
    level: float,
    device: str,
    jobs: Jobs,
    progress: Progress | None,
) -> pd.DataFrame:
    captured, failures = _capture(candidates, data, target, design, folder, device, jobs, progress)
    tasks = draw_tasks(captured, design)
    workbook = Workbook(objects_in(folder), ".json", again="rank again")
    material, workers = Material(captured), workers_of(jobs)
    todo = workbook.todo(tasks)
    if todo:
        sizes = largest(captured, design.points, design.replicates)
        there = design.n or design.points * design.replicates
        refuse_what_cannot_fit(sizes, design.scores, workers=workers, tasks=len(todo), n=there)
    if (tell := listener(progress)) is not None and todo:
        tell("score", score_forecast(tasks, todo, material, folder, workers))
    workbook.run(measure_draw, tasks, material, jobs=jobs, progress=progress, title="score")
    draws = _draws(workbook, tasks)
    spent = _seconds(workbook, tasks)
    entries = {
        score: {
            one.name: Entry(np.empty(0), status="failed", reason=failures[one.name])
            if one.name in failures
            else _entry(
                score, one, captured[one.name], draws[one.name], design, spent[one.name].get(score)
            )
            for one in candidates
        }
        for score in design.scores
    }
    declared = {
        name: (SCORES[name].higher_is_better, SCORES[name].labels, SCORES[name].cost)
        for name in design.scores
    }
    table = boards.assemble(entries, declared, level=level)
    measured = {
        name: [draw for draw in draws[name] if not isinstance(draw, Failure)] for name in captured
    }
    table.attrs = {
        "kind": "board",
        "candidates": [one.name for one in candidates],
        "draws": {
            score: {model: entry.values.tolist() for model, entry in by_model.items()}
            for score, by_model in entries.items()
        },
        "failures": [{"model": name, "reason": reason} for name, reason in failures.items()],
        "target_name": Run.open(next(iter(captured.values())).features).spec["data_name"],
        "target": str(target) if isinstance(target, str) else type(target).__name__,
        "sensitivity": sensitivity(measured, design.scores, threshold=design.threshold),
        **{key: value for key, value in asdict(design).items() if key != "scores"},
        "level": level,
    }
    return table


def _capture(
    candidates: Sequence[Candidate],
    data: DataSource,
    target: Any,
    design: RankingDesign,
    folder: Path,
    device: str,
    jobs: Jobs,
    progress: Progress | None,
) -> tuple[dict[str, CapturedCandidate], dict[str, str]]:
    """What could be captured by name, and why the others could not."""
    from toposcope.activations.candidate_capture import capture_candidate

    how: dict[str, Any] = {
        "n": design.n or design.points * design.replicates,
        "images": design.images if any_needs(design.scores, "volumes") else 0,
        "device": device,
        "seed": design.seed,
    }
    captured: dict[str, CapturedCandidate] = {}
    failures: dict[str, str] = {}
    if goes_elsewhere(jobs) and isinstance(target, str):
        # What is told in words; networks that are objects of this process are captured in it.
        told = {one.name: one for one in candidates if isinstance(one.model, str)}
        failures = run_steps(
            _capture_step,
            list(told),
            (told, target, folder, how),
            folder=folder,
            jobs=jobs,
            progress=progress,
            title="capture",
        )
    for one in candidates:
        if one.name in failures:
            continue
        place = folder / "candidates" / one.folder
        try:
            captured[one.name] = capture_candidate(one, data, place, progress=progress, **how)
        except RunLockedError:
            raise  # the folder is in use: that says nothing of the candidate
        except DoesNotFitError as error:
            msg = (
                f"rank(): what is captured of {one.name!r} takes {gib(error.needed)}; "
                f"{gib(error.available)} are free where {folder} lies. Free space, or name a "
                "folder on another disk as store= (-o), and call again: what is captured is kept."
            )
            raise DoesNotFitError(msg, needed=error.needed, available=error.available) from error
        except Exception as error:  # a candidate's own code may raise anything; the others go on
            notes = "".join(f" {note}" for note in getattr(error, "__notes__", ()))
            failures[one.name] = f"{type(error).__name__}: {error}{notes}"
    if not captured:
        raise no_candidate(failures)
    return captured, failures


def _capture_step(step: Step, asked: tuple[dict[str, Candidate], str, Path, Any]) -> bytes:
    """Capture one candidate in a worker; here it is found captured."""
    from toposcope.activations.candidate_capture import capture_candidate

    candidates, target, folder, how = asked
    one = candidates[step.name]
    capture_candidate(one, target, folder / "candidates" / one.folder, **how)
    return b"captured"


def no_candidate(failures: Mapping[str, str]) -> UsageError:
    """The error of a ranking without candidates.

    Every reason once, with those it stopped: a bad target stops all for one reason.
    """
    models: dict[str, list[str]] = {}
    for model, reason in failures.items():
        models.setdefault(reason, []).append(model)
    told = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in models.items())
    return UsageError(f"rank(): no candidate could be captured. {told}")


def draw_tasks(
    captured: Mapping[str, CapturedCandidate], design: RankingDesign
) -> list[Task[DrawJob]]:
    """One task per candidate and draw; every candidate has the same draws of the same samples."""
    first = Run.open(next(iter(captured.values())).features)
    draws = draw_rows(
        first.n,
        points=design.points,
        replicates=design.replicates,
        seed=design.seed,
        labels=first.samples.labels,
        call="rank()",
    )
    tasks = []
    for name, one in captured.items():
        content, labels = tuple(_content(one)), _labels(one)
        for index, rows in enumerate(draws):
            job = DrawJob(
                code=ranking_hash(),
                model=name,
                layer=one.layer,
                clouds=one.clouds,
                content=content,
                labels=labels,
                rows=tuple(rows.tolist()),
                index=index,
                replicates=design.replicates,
                scores=design.scores,
                thresholds=tuple(sorted({design.threshold, *THRESHOLDS})),
                threshold=design.threshold,
                seed=design.seed,
            )
            tasks.append(Task(job, f"{name}, draw {index}"))
    return tasks


def ranking_hash() -> str:
    """Hash of all sources that decide a score."""
    return code_hash((*SCIENCE, *SOURCES))


def _content(one: CapturedCandidate) -> Iterator[tuple[str, ...]]:
    """Hashes of everything of a candidate that its scores read."""
    run = Run.open(one.features)
    for layer in dict.fromkeys((one.layer, *one.clouds, LOGITS)):
        if layer in run.layers:
            yield layer, run.layer_hash(layer)
    for mode, path in one.volumes.items():
        volumes = Run.open(path)
        yield mode, *(volumes.layer_hash(layer) for layer in volumes.addresses)


def _labels(one: CapturedCandidate) -> str:
    """Hash of the labels that scores read, and of those that images are drawn by."""
    labels = [Run.open(run).samples.labels for run in (one.features, *one.volumes.values())]
    return content_hash(*(b"none" if known is None else known.tobytes() for known in labels))


def _draws(
    workbook: Workbook, tasks: Sequence[Task[DrawJob]]
) -> dict[str, list[dict[str, Any] | Failure]]:
    """What was measured on every draw of every candidate, or why it could not be."""
    done = {task.key: json.loads(part) for task, part in workbook.parts(tasks)}
    failed = {task.key: failure for task, failure in workbook.failures(tasks)}
    draws: dict[str, list[dict[str, Any] | Failure]] = {}
    for task in tasks:
        outcome = done[task.key] if task.key in done else failed[task.key]
        draws.setdefault(task.job.model, []).append(outcome)
    return draws


def _seconds(workbook: Workbook, tasks: Sequence[Task[DrawJob]]) -> dict[str, dict[str, float]]:
    """Candidate -> score -> mean processor seconds of a draw, where they were noted."""
    noted: dict[str, dict[str, list[float]]] = {task.job.model: {} for task in tasks}
    for task in tasks:
        for score, value in workbook.ledger.note(task.key).items():
            noted[task.job.model].setdefault(score, []).append(value)
    return {
        model: {score: float(np.mean(values)) for score, values in by_score.items()}
        for model, by_score in noted.items()
    }


def _entry(
    score: str,
    candidate: Candidate,
    captured: CapturedCandidate,
    draws: Sequence[dict[str, Any] | Failure],
    design: RankingDesign,
    seconds: float | None,
) -> Entry:
    """What the draws say of one score of one candidate."""
    if score == "parameters":
        return Entry(np.array([float(captured.parameters)]))
    if score == "source_accuracy":
        if candidate.source_accuracy is None:
            reason = "not known; write source_accuracy in models.toml"
            return Entry(np.empty(0), status="unknown", reason=reason)
        return Entry(np.array([candidate.source_accuracy]))
    measured = [draw for draw in draws if not isinstance(draw, Failure)]
    if len(measured) < len(draws):
        broken = next(draw for draw in draws if isinstance(draw, Failure))
        return Entry(np.empty(0), status="failed", reason=broken.reason)
    if SCORES[score].needs == "volumes" and not captured.volumes:
        return Entry(np.empty(0), status="undefined", reason=captured.no_volumes)
    if SCORES[score].needs == "head" and not captured.head:
        reason = "the model's output is no (n, classes) scores of a source classifier"
        return Entry(np.empty(0), status="undefined", reason=reason)
    parts = [draw["scores"][score] for draw in measured]
    missing = next((part for part in parts if part["status"] != OK), None)
    if missing is not None:
        return Entry(np.empty(0), status=missing["status"], reason=missing["reason"])
    of_images = SCORES[score].needs == "volumes"
    return Entry(
        np.array([part["value"] for part in parts]),
        points=design.images // design.replicates if of_images else design.points,
        seconds=float("nan") if seconds is None else seconds,
    )
