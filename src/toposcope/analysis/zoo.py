"""`zoo`: many networks on the same samples, captured and analyzed alike, as one resumable job.

A zoo is a population folder: a RUN for each network (a SERIES where its weights are checkpoints)
and `population.csv` with what is known of each, so that whatever reads a population reads a zoo.
`zoo.json` beside them says how far every network is. A network that cannot be captured or analyzed
becomes a state with its reason; the others go on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toposcope.activations.candidates import Candidate, as_candidates, read_candidates
from toposcope.analysis.design import Design
from toposcope.analysis.parameters import from_keywords
from toposcope.analysis.population_folder import FILE
from toposcope.analysis.run import analyze_design
from toposcope.analysis.trajectory import analyze_series
from toposcope.errors import ParameterMismatchError, RunLockedError, UsageError, require_torch
from toposcope.execution.executors import Jobs
from toposcope.execution.progress import Progress, ensure
from toposcope.execution.steps import Step, goes_elsewhere, run_steps
from toposcope.inputs import parameters
from toposcope.inputs.signatures import checked, instance, models_file_or_entries
from toposcope.inputs.signatures import store as store_or_url
from toposcope.inputs.urls import place_text
from toposcope.store.folders import POPULATION, refuse_other_kind
from toposcope.store.objects import find_json, objects_in, put_json_at
from toposcope.store.series import is_series
from toposcope.store.shapes import expect

if TYPE_CHECKING:
    from toposcope.analysis.population import Population

RECORD = "zoo.json"
CALL = "zoo()"
WAITING, DONE, CAPTURE, ANALYZE = "waiting", "done", "capture", "analyze"
AGAIN = "Delete it and run 'toposcope zoo' again."
SHAPE = {"samples": dict, "networks": list}
NETWORK = {"name": str, "run": str, "state": str, "reason": str, "failed_tasks": int}


@dataclass(frozen=True)
class Network:
    """How far one network of a zoo is.

    Parameters
    ----------
    name, run
        Its name, and its folder within the zoo.
    state
        "waiting", "done", or the stage that failed: "capture" or "analyze".
    reason
        Why that stage failed; empty otherwise.
    failed_tasks
        Tasks of the analysis without a result, where the others have one.
    """

    name: str
    run: str
    state: str = WAITING
    reason: str = ""
    failed_tasks: int = 0

    @property
    def told(self) -> str:
        """The state in words.

        >>> Network("a", "a", CAPTURE).told, Network("b", "b").told
        ('capture failed', 'waiting')
        """
        return self.state if self.state in (WAITING, DONE) else f"{self.state} failed"


@dataclass(frozen=True)
class Zoo:
    """A folder of networks, and how far each is.

    Parameters
    ----------
    path
        The folder.
    networks
        In the order of the models.
    """

    path: Path
    networks: tuple[Network, ...]

    @property
    def failures(self) -> tuple[Network, ...]:
        """Networks without results, or with tasks that failed."""
        return tuple(
            one for one in self.networks if one.state not in (WAITING, DONE) or one.failed_tasks
        )

    def population(self, configuration: str | Sequence[str] | None = None) -> Population:
        """The networks that have results, as units of tests: see `ts.population`."""
        from toposcope.analysis.population_folder import population

        return population(self.path, configuration=configuration)


@checked(
    models=models_file_or_entries,
    analysis=instance(Design, Mapping, needed="a Design, or a dict of its parameters"),
    store=store_or_url,
)
def zoo(
    models: Path | str | Sequence[Any],
    data: Any,
    *,
    store: Path | str,
    n: int | None = None,
    per_class: int | None = None,
    analysis: Design | Mapping[str, Any] | None = None,
    level: float = 0.95,
    dtype: str = "float32",
    device: str = "cpu",
    seed: int = 0,
    jobs: Jobs = None,
    progress: Progress | None = None,
) -> Zoo:
    """Capture and analyze many networks on the same samples; what is there is not done again.

    Parameters
    ----------
    models
        A models.toml, or a sequence of `Candidate`s, mappings with its fields, or MODEL arguments.
        `covariates` of each are the columns of the population. Weights that are a glob or a folder
        of checkpoints make a SERIES.
    data
        DATA argument, arrays or a Dataset: every network sees the same samples of it, through its
        own preprocessing.
    store
        The folder, or a URL. Called again it goes on: with more models, only those are new.
    n, per_class, dtype, device, seed
        As in `capture`, for all networks.
    analysis
        Parameters of `analyze` (`{"points": 200, "homology_dimensions": (0, 1)}`), or a `Design`;
        None for its defaults.
    level, jobs, progress
        As in `analyze`.

    Returns
    -------
    How far each network is; `.failures` are those that something stopped, with the reason.

    Raises
    ------
    UsageError
        Before any work: models that cannot be read, other samples than the folder was made with.
        After it: when no network at all could be captured and analyzed.

    Examples
    --------
    >>> import tempfile, numpy as np, toposcope as ts
    >>> from torch import nn
    >>> x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    >>> def net(width):
    ...     return nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 2))
    >>> models = [
    ...     {"name": f"w{w}", "model": net(w), "layers": "1", "covariates": {"width": w}}
    ...     for w in (5, 8)
    ... ]
    >>> place = tempfile.mkdtemp()
    >>> found = ts.zoo(models, x, store=place, analysis={"points": 20, "replicates": 3}, jobs=0)
    >>> [one.state for one in found.networks], found.population().covariates["width"].tolist()
    (['done', 'done'], [5, 8])
    """
    candidates = (
        read_candidates(models, call=CALL)
        if isinstance(models, str | Path)
        else as_candidates(models, where=CALL)
    )
    columns = covariate_columns(candidates)
    level = parameters.level(level, call=CALL)
    design = (
        analysis
        if isinstance(analysis, Design)
        else from_keywords(Design, dict(analysis or {}), call=CALL)
    )
    seed = parameters.seed(seed, call=CALL)
    folder = Path(store)
    refuse_other_kind(folder, POPULATION, CALL)
    require_torch(CALL)
    samples = {
        "data": data if isinstance(data, str) else type(data).__name__,
        "n": n,
        "per_class": per_class,
        "seed": seed,
        "dtype": dtype,
    }
    _refuse_other_samples(folder, samples)
    how = {"n": n, "per_class": per_class, "dtype": dtype, "device": device, "seed": seed}
    with objects_in(folder).lock():
        networks = [Network(one.name, one.folder) for one in candidates]
        _keep(folder, samples, networks)
        source = _source(data)
        reporter = ensure(progress)
        with reporter.task("networks", len(candidates)) as steps:
            lost = _captured_elsewhere(candidates, data, folder, how, jobs, reporter)
            for number, one in enumerate(candidates):
                if one.name in lost:
                    networks[number] = replace(
                        networks[number], state=CAPTURE, reason=lost[one.name]
                    )
                    _keep(folder, samples, networks)
                    steps.advance()
                    continue
                networks[number] = _one(
                    one, source, folder, how, design, level=level, jobs=jobs, progress=reporter
                )
                _keep(folder, samples, networks)
                steps.advance()
        done = [one for one in networks if one.state == DONE]
        if not done:
            msg = f"{CALL}: no network could be measured. {_reasons(networks)}"
            raise UsageError(msg)
        _put_table(folder, candidates, networks, columns)
    return Zoo(folder, tuple(networks))


def open_zoo(path: Path | str) -> Zoo | None:
    """The record of a zoo; None for a folder that has none, as a population made by hand."""
    objects = objects_in(path)
    record = find_json(objects, RECORD)
    if record is None:
        return None
    where = objects.where(RECORD)
    expect(record, SHAPE, where=where, again=AGAIN)
    for one in record["networks"]:
        expect(one, NETWORK, where=where, again=AGAIN)
    known = NETWORK.keys()
    networks = (Network(**{key: one[key] for key in known}) for one in record["networks"])
    return Zoo(Path(path), tuple(networks))


def covariate_columns(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Names of all covariates in the order they come, each either numbers or words.

    Raises
    ------
    UsageError
        A column that holds both, which no test could take, or one that is called "run".

    Examples
    --------
    >>> one = {"name": "a", "model": "timm:a", "covariates": {"depth": 3}}
    >>> covariate_columns(as_candidates([one]))
    ('depth',)
    """
    kinds: dict[str, dict[bool, str]] = {}
    for one in candidates:
        for key, value in one.covariates.items():
            kinds.setdefault(key, {}).setdefault(isinstance(value, str), one.name)
    if "run" in kinds:
        msg = f"{CALL}: a covariate is called 'run', which is the folder of a network. Rename it."
        raise UsageError(msg)
    for key, of in kinds.items():
        if len(of) > 1:
            msg = (
                f"{CALL}: covariate {key!r} is a number for {of[False]!r} and a word for "
                f"{of[True]!r}. Write numbers for all, or words for all; leave out what is unknown."
            )
            raise UsageError(msg)
    return tuple(kinds)


def _one(
    one: Candidate,
    source: Any,
    folder: Path,
    how: Mapping[str, Any],
    design: Design,
    *,
    level: float,
    jobs: Jobs,
    progress: Progress,
) -> Network:
    """Capture and analyze one network; what stops it is its state."""
    state = Network(one.name, one.folder)
    place = folder / one.folder
    stage = CAPTURE
    try:
        _capture(one, source, place, how, progress)
        stage = ANALYZE
        if is_series(place):
            failed = analyze_series(
                place, design, level=level, jobs=jobs, progress=progress
            ).failures
        else:
            failed = analyze_design(
                place, design, level=level, jobs=jobs, progress=progress
            ).failures
    except RunLockedError:
        raise  # the folder is in use: that says nothing of the network
    except Exception as error:  # a network's own code may raise anything; the others go on
        notes = "".join(f" {note}" for note in getattr(error, "__notes__", ()))
        return replace(state, state=stage, reason=f"{type(error).__name__}: {error}{notes}")
    return replace(state, state=DONE, failed_tasks=len(failed))


def _captured_elsewhere(
    candidates: Sequence[Candidate],
    data: Any,
    folder: Path,
    how: Mapping[str, Any],
    jobs: Jobs,
    progress: Progress,
) -> dict[str, str]:
    """Have the workers of a named executor capture what can be told to them in words.

    Networks and arrays that are objects of this process are captured here.

    Returns
    -------
    Reasons of those that could not be captured, by name.
    """
    if not (goes_elsewhere(jobs) and isinstance(data, str)):
        return {}
    told = {one.name: one for one in candidates if isinstance(one.model, str)}
    asked = (told, data, folder, dict(how))
    return run_steps(
        _capture_step,
        list(told),
        asked,
        folder=folder,
        jobs=jobs,
        progress=progress,
        title="capture",
    )


def _capture_step(step: Step, asked: tuple[dict[str, Candidate], str, Path, Any]) -> bytes:
    """Capture one network in a worker; one that is there is not captured again."""
    candidates, data, folder, how = asked
    one = candidates[step.name]
    _capture(one, _source(data), folder / one.folder, how, ensure(None))
    return b"captured"


def _capture(
    one: Candidate, source: Any, place: Path, how: Mapping[str, Any], progress: Progress
) -> None:
    from toposcope.activations.capture import capture
    from toposcope.activations.checkpoint_series import capture_series
    from toposcope.activations.models.checkpoints import is_single

    layers = one.layers if isinstance(one.layers, str) else list(one.layers)
    same = {
        "layers": layers,
        "pool": one.pool,
        "store": place,
        "batch_size": one.batch_size,
        "name": one.name,
        "progress": progress,
        **how,
    }
    if one.weights is not None and not is_single(one.weights):
        capture_series(one.model, source, weights=one.weights, **same)
    else:
        capture(one.model, source, weights=one.weights, **same)


def _source(data: Any) -> Any:
    """The data read once for all networks."""
    from toposcope.activations.data.load import load_data

    return load_data(data)


def _refuse_other_samples(folder: Path, samples: Mapping[str, Any]) -> None:
    """Raise where the folder holds networks on other samples: they could not be compared."""
    record = find_json(objects_in(folder), RECORD)
    if record is None:
        return
    expect(record, SHAPE, where=place_text(folder / RECORD), again=AGAIN)
    before = record["samples"]
    differing = [key for key in samples if samples[key] != before.get(key)]
    if differing:
        told = ", ".join(f"{key}={before.get(key)!r}, now {samples[key]!r}" for key in differing)
        msg = (
            f"{CALL}: {place_text(folder)} was made with {told}. Networks of one zoo see the "
            "same samples: ask for those, or name another folder (-o; in Python store=)."
        )
        raise ParameterMismatchError(msg)


def _keep(folder: Path, samples: Mapping[str, Any], networks: Sequence[Network]) -> None:
    record = {"samples": dict(samples), "networks": [asdict(one) for one in networks]}
    put_json_at(objects_in(folder), RECORD, record)


def _put_table(
    folder: Path,
    candidates: Sequence[Candidate],
    networks: Sequence[Network],
    columns: Sequence[str],
) -> None:
    """Write population.csv with the networks that have results."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *columns])
    for one, network in zip(candidates, networks, strict=True):
        if network.state == DONE:
            cells = [one.covariates.get(key, "") for key in columns]
            writer.writerow([network.run, *(int(c) if isinstance(c, bool) else c for c in cells)])
    objects_in(folder).put(FILE, text.getvalue().encode())


def _reasons(networks: Sequence[Network]) -> str:
    """Every reason once, with the networks it stopped."""
    names: dict[str, list[str]] = {}
    for one in networks:
        names.setdefault(one.reason, []).append(one.name)
    return "; ".join(f"{', '.join(some[:5])}: {reason}" for reason, some in names.items())
