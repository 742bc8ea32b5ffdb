"""Capture the checkpoints of one training as a series: one RUN each, on the same samples."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from toposcope.activations.capture import capture, command_line
from toposcope.activations.data.load import load_data
from toposcope.activations.models.checkpoints import Checkpoint, find_checkpoints
from toposcope.activations.models.model import LoadedModel
from toposcope.errors import WeightsError
from toposcope.execution.executors import Jobs
from toposcope.execution.progress import Progress, ensure
from toposcope.execution.steps import Step, goes_elsewhere, run_steps
from toposcope.inputs import parameters as given
from toposcope.inputs.signatures import checked, places, sample_ids
from toposcope.inputs.signatures import store as store_place
from toposcope.store.series import (
    Member,
    Series,
    begin_series,
    number,
    put_series,
    run_name,
    with_failure,
    with_member,
)

log = logging.getLogger("toposcope")


@checked(weights=places, store=store_place, ids=sample_ids, steps=given.numbers)
def capture_series(
    model: str | nn.Module | LoadedModel,
    data: Any,
    *,
    weights: str | Path | Sequence[str | Path],
    store: Path | str,
    steps: Sequence[float] | None = None,
    layers: str | Sequence[str] = "blocks",
    pool: str = "auto",
    n: int | None = None,
    per_class: int | None = None,
    batch_size: int = 128,
    device: str = "cpu",
    seed: int = 0,
    dtype: str = "float32",
    channels: str = "auto",
    max_tokens: int | None = None,
    thumbnails: bool = True,
    logits: bool = False,
    progress: Progress | None = None,
    name: str | None = None,
    command: str | None = None,
    ids: str | Sequence[Any] | None = None,
    jobs: Jobs = None,
) -> Series:
    """Capture every checkpoint of a training on the same samples; what is captured is kept.

    Parameters
    ----------
    model, data, layers, pool, n, per_class, batch_size, device, seed, dtype
        As in `capture`. An `nn.Module` leaves with the weights it came with.
    channels, max_tokens, thumbnails, logits, ids
        As in `capture`.
    weights
        Files, globs or folders of checkpoints: see `find_checkpoints`.
    store
        SERIES folder. Called again with more checkpoints, only the new ones are captured.
    steps
        Training steps, one for each checkpoint, when their names do not tell.
    name
        Name of the network; the step is added to it.
    progress, command
        As in `capture`.
    jobs
        An executor (`--executor slurm`): every checkpoint is a task of it, where model and data are
        told in words; all machines find them, the checkpoints and the SERIES under the same paths.
        Worker processes of this machine count for nothing: a capture takes all of its cores.

    Returns
    -------
    The series. A checkpoint that cannot be read or does not fit is in `.failures` with its reason,
    and the others go on.

    Raises
    ------
    WeightsError
        When no checkpoint at all could be captured.
    UsageError
        As `capture`, and when steps cannot be told.
    """
    checkpoints, notes = find_checkpoints(weights, steps=steps)
    for note in notes:
        log.info("%s", note)
    place = Path(store)
    unit = next((one.unit for one in checkpoints if one.step is not None), "step")
    series = begin_series(place, unit)
    called = name or _name_of(model)
    if command is None and isinstance(model, str) and isinstance(data, str):
        command = _command(model, data, weights, place)
    source = load_data(data)
    reporter = ensure(progress)

    how: dict[str, Any] = {
        "layers": layers,
        "pool": pool,
        "n": n,
        "per_class": per_class,
        "batch_size": batch_size,
        "device": device,
        "seed": seed,
        "dtype": dtype,
        "channels": channels,
        "max_tokens": max_tokens,
        "thumbnails": thumbnails,
        "logits": logits,
        "step_unit": unit,
        "command": command,
        "ids": ids,
    }

    def own_of(one: Checkpoint) -> dict[str, Any]:
        """What differs from checkpoint to checkpoint."""
        assert one.step is not None, "looked at before"
        return {
            "store": place / run_name(one.step, unit),
            "weights": one.path,
            "name": f"{called} {unit} {number(one.step)}",
            "step": int(one.step) if float(one.step).is_integer() else one.step,
        }

    def member_of(one: Checkpoint) -> Member:
        if one.step is None:
            raise WeightsError(one.problem)
        run = run_name(one.step, unit)
        if run in lost:
            raise WeightsError(lost[run])
        capture(model, source, progress=reporter, **how, **own_of(one))
        return Member(one.step, run, one.name)

    with series.objects.lock(), _own_weights(model):
        series = put_series(replace(series, notes=tuple(notes)))
        lost: dict[str, str] = {}
        if goes_elsewhere(jobs) and isinstance(model, str) and isinstance(data, str):
            steps_known = [one for one in checkpoints if one.step is not None]
            own = {run_name(float(one.step or 0), unit): own_of(one) for one in steps_known}
            lost = run_steps(
                _capture_step,
                list(own),
                (model, data, how, own),
                folder=place,
                jobs=jobs,
                progress=reporter,
                title="capture",
            )
        for one in checkpoints:
            try:
                series = with_member(series, member_of(one))
            except WeightsError as error:
                log.info("checkpoint %s is left out: %s", one.name, error)
                series = with_failure(series, one.step, one.name, str(error))
            series = put_series(series)
    if not series.members:
        reasons = "; ".join(f"{f['weights']}: {f['reason']}" for f in series.failures)
        msg = f"none of {len(checkpoints)} checkpoints could be captured. {reasons[:800]}"
        raise WeightsError(msg)
    return series


def _capture_step(step: Step, asked: tuple[str, str, dict[str, Any], dict[str, Any]]) -> bytes:
    """Capture one checkpoint in a worker; here it is found captured."""
    model, data, how, own = asked
    capture(model, load_data(data), **how, **own[step.name])
    return b"captured"


def _name_of(model: str | nn.Module | LoadedModel) -> str:
    if isinstance(model, str):
        return model.rpartition(":")[2]
    return model.name if isinstance(model, LoadedModel) else type(model).__name__


def _command(model: str, data: str, weights: Any, place: Path) -> str:
    listed = [weights] if isinstance(weights, (str, Path)) else list(weights)
    words = [word for one in listed for word in ("--weights", one)]
    return command_line(model, data, *words, "-o", place)


@contextmanager
def _own_weights(model: str | nn.Module | LoadedModel) -> Iterator[None]:
    """A network that was handed over gets its own weights back."""
    if isinstance(model, str):
        yield
        return
    module = model.model if isinstance(model, LoadedModel) else model
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    try:
        yield
    finally:
        module.load_state_dict(before)
