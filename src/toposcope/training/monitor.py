"""`Monitor`: look at the shape of the data inside a network while it is being trained.

Every k steps a fixed set of samples runs through the network; what its layers make of them is
stored as one member of a SERIES, measured cheaply, and logged. The training is never disturbed: not
by an exception, not in its weights, mode, gradients or random numbers, and not for longer than a
stated share of its time.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any, Self

from toposcope.analysis.design import Design
from toposcope.analysis.result import Analysis
from toposcope.analysis.run import analyze_design
from toposcope.errors import UsageError, networks
from toposcope.store.objects import LocalObjects, put_json
from toposcope.store.series import (
    Member,
    Series,
    begin_series,
    put_series,
    run_name,
    with_failure,
    with_member,
)
from toposcope.store.tables import OK
from toposcope.types import DATA_CLOUD

if TYPE_CHECKING:
    from torch import nn

log_message = logging.getLogger("toposcope")

SHOWN: tuple[tuple[str, int | None], ...] = (
    ("lifespan_sum", 0),
    ("lifespan_sum", 1),
    ("ph_dimension", None),
    ("activation_norm", None),
)
"""What is logged of each layer; the SERIES has all statistics."""
RECORD = "monitor.json"
FAILURES_ALLOWED = 3
"""Looks that may fail one after the other before the monitor stops trying."""


class Monitor:
    """Looks at a network while it is trained, within a share of the training time.

    Making one looks at the network as it is (step 0) and thereby measures what a look costs;
    `step` is called after every training step; `close` looks a last time. These first and last
    looks lie before and after the training and are not in its share.

    Parameters
    ----------
    model
        The network that is trained.
    probe
        The fixed samples, as `load_data` takes them: (n, ...) arrays, a pair (x, y), a torch
        Dataset, a DATA spec.
    store
        SERIES folder to write to. It must not hold members yet, unless `resume`.
    every
        Training steps between looks.
    share
        Largest part of the training time, from the first `step` on, that looks may take. A look
        that is due and would exceed it waits until it fits.
    layers, pool, batch_size
        As in `capture`.
    preprocess
        Function from a raw batch to what the model takes; None for the model's own attribute
        `preprocess`, or the default.
    homology_dimensions
        (0,) is cheap; (0, 1) adds loops.
    points, replicates
        Size and number of the disjoint clouds; None spreads the probe over 4 of them.
    log
        "auto", "none", or names of trackers: see `open_trackers`.
    resume
        Continue a SERIES of an interrupted training: steps that it holds are not looked at again.
    seed
        Seed of the draws.
    name
        Name of the network in tables and reports.

    Attributes
    ----------
    series
        What is captured so far; failures included.
    seconds, elapsed
        Time spent looking, and time since the first `step`.

    Raises
    ------
    UsageError
        When the probe, the layers or the folder do not fit: before the training, not in it.

    Examples
    --------
    A loop calls `monitor.step(step)` after each step and `monitor.close()` at the end; for
    Lightning pass `callbacks=[monitor.lightning()]`, for Hugging Face's Trainer
    `callbacks=[monitor.transformers()]`. See docs/howto/live_training.md.
    """

    def __init__(
        self,
        model: nn.Module,
        probe: Any,
        *,
        store: Path | str,
        every: int = 100,
        share: float = 0.05,
        layers: str | Sequence[str] = "blocks",
        pool: str = "auto",
        batch_size: int = 128,
        preprocess: Callable[[Any], Any] | None = None,
        homology_dimensions: Sequence[int] = (0,),
        points: int | None = None,
        replicates: int = 4,
        log: str | tuple[str, ...] = "auto",
        resume: bool = False,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        with networks("Monitor()"):
            from toposcope.activations.capture import capture
            from toposcope.activations.data.load import load_data
        from toposcope.training.trackers import open_trackers

        _check(every, share, replicates)
        began = time.perf_counter()
        self.every, self.share = every, share
        self.seconds = 0.0
        self.looks: list[dict[str, Any]] = []
        self._model, self._preprocess, self._name = model, preprocess, name
        self._source = load_data(probe)
        self._capture = partial(
            capture,
            layers=layers,
            pool=pool,
            batch_size=batch_size,
            seed=seed,
            thumbnails=1 in homology_dimensions,
        )
        self._design = Design(
            homology_dimensions=homology_dimensions,
            points=self._source.n // replicates if points is None else points,
            replicates=replicates,
            null="none",
            seed=seed,
        )
        self._postponed, self._said = 0, False
        self._failed_in_a_row = 0
        self._first: float | None = None
        self._ended: float | None = None
        self._started_at = 0
        self.series, self._lock = self._begin(Path(store), resume=resume)
        self._seen = self._looked_at = int(max(self.series.steps, default=0))
        try:
            self._trackers = open_trackers(log, self.series.path)
            if not len(self.series):
                self._look(0)
            # That look compiled kernels and filled caches: the next ones cost what a warm one does.
            self._cost = self._rehearse()
        except BaseException:
            self._unlock()
            raise
        self._due = self._next_due()
        self.setup_seconds = time.perf_counter() - began
        self._record()

    def step(self, step: int) -> None:
        """Say that a training step is done; looks at the network when it is time to.

        Parameters
        ----------
        step
            Number of training steps done. The same number again does nothing.
        """
        if self._lock is None or step <= self._seen:
            return
        now = time.perf_counter()
        if self._first is None:
            self._first, self._started_at = now, step
        self._seen = step
        if step < self._due or self._failed_in_a_row >= FAILURES_ALLOWED:
            return
        if not self._fits(now):
            self._postpone(step, now)
            return
        self._try(step)
        cost = time.perf_counter() - now
        self.seconds += cost
        self._cost = cost
        self._due = self._next_due()

    def close(self) -> None:
        """Look at the network as it is at the end, and write what is left. Never raises."""
        if self._lock is None:
            return
        if self._seen > self._looked_at and self._failed_in_a_row < FAILURES_ALLOWED:
            self._try(self._seen)
        self._finish()

    @property
    def elapsed(self) -> float:
        """Seconds since the first `step`, looks included."""
        return 0.0 if self._first is None else self._until - self._first

    @property
    def used(self) -> float:
        """Part of the training time that looks took."""
        return self.seconds / self.elapsed if self.elapsed else 0.0

    def lightning(self) -> Any:
        """A callback for `lightning.pytorch.Trainer(callbacks=[...])`."""
        from toposcope.training.callbacks import lightning_callback

        return lightning_callback(self)

    def transformers(self) -> Any:
        """A callback for `transformers.Trainer(callbacks=[...])`."""
        from toposcope.training.callbacks import trainer_callback

        return trainer_callback(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is None:
            self.close()
        else:
            # The training failed: what its network looks like now is nobody's question.
            self._finish()

    @property
    def _until(self) -> float:
        return time.perf_counter() if self._ended is None else self._ended

    def _begin(self, path: Path, *, resume: bool) -> tuple[Series, IO[str] | None]:
        series = begin_series(path, "step")
        if len(series) and not resume:
            msg = (
                f"Monitor(store={str(path)!r}): the folder holds the steps "
                f"{', '.join(f'{step:g}' for step in series.steps)} of another training. Pass "
                "another folder, or resume=True to continue that training."
            )
            raise UsageError(msg)
        return replace(series, beside=(RECORD,)), LocalObjects(path).lock()

    def _next_due(self) -> float:
        return (self._seen // self.every + 1) * self.every

    def _fits(self, now: float) -> bool:
        """Whether a look that costs what the last one did keeps within the share."""
        elapsed = now - (self._first or now)
        return self.seconds + self._cost <= self.share * (elapsed + self._cost)

    def _postpone(self, step: int, now: float) -> None:
        elapsed = now - (self._first or now)
        if not self._said and elapsed > 0:
            self._said = True
            fits = self._cost / self.share / elapsed * (step - self._started_at)
            log_message.warning(
                "a look at the network takes %.2g s; within %.3g %% of the training time it fits "
                "about every %.3g steps, not every %d. It is made when it fits.",
                self._cost,
                100 * self.share,
                fits,
                self.every,
            )
        self._postponed += 1

    def _try(self, step: int) -> None:
        """Look, and let no exception through to the training."""
        try:
            self._look(step)
            self._failed_in_a_row = 0
        except Exception as error:
            self._failed_in_a_row += 1
            self._fail(step, error)
        try:
            self._record()
        except OSError as error:
            log_message.warning("the monitor's record cannot be written: %s", error)

    def _look(self, step: int) -> None:
        began = time.perf_counter()
        run = run_name(step, "step")
        analysis = self._measure(self.series.path / run, step)
        self.series = put_series(with_member(self.series, Member(step, run)))
        self._looked_at = step
        values = numbers(analysis)
        self.looks.append({"step": step, "seconds": time.perf_counter() - began, "values": values})
        for tracker in list(self._trackers):
            try:
                tracker.log(step, values)
            except Exception as error:
                self._trackers.remove(tracker)
                self._fail(step, error, what=f"logging to {tracker.name}, which is left off now")

    def _measure(self, run: Path, step: int) -> Analysis:
        from toposcope.activations.models.load import device_of, loaded_module

        loaded = loaded_module(self._model, self._preprocess, name=self._name)
        self._capture(
            loaded,
            self._source,
            store=run,
            device=device_of(self._model),
            name=f"{loaded.name} step {step}",
            step=step,
            command=f"live: toposcope.Monitor of {loaded.name}",
        )
        return analyze_design(run, self._design, jobs=0)

    def _rehearse(self) -> float:
        """Seconds that a look takes, by taking one that is thrown away."""
        began = time.perf_counter()
        with TemporaryDirectory(prefix=".rehearsal-", dir=self.series.path) as folder:
            self._measure(Path(folder), 0)
        return time.perf_counter() - began

    def _fail(self, step: int, error: Exception, *, what: str = "the look at the network") -> None:
        reason = f"{what} failed: {type(error).__name__}: {error}"
        last = self._failed_in_a_row >= FAILURES_ALLOWED
        log_message.warning(
            "step %d: %s. The training goes on%s.",
            step,
            reason,
            f"; after {FAILURES_ALLOWED} failures there are no more looks" if last else "",
        )
        self.series = with_failure(self.series, step, f"live, step {step}", reason)
        self.looks.append({"step": step, "failed": reason, "traceback": traceback.format_exc()})
        try:
            put_series(self.series)
        except OSError as again:
            log_message.warning("the failure cannot be written down: %s", again)

    def _record(self) -> None:
        put_json(
            self.series.path / RECORD,
            {
                "every": self.every,
                "share": self.share,
                "share_used": self.used,
                "seconds": self.seconds,
                "elapsed": self.elapsed,
                "postponed": self._postponed,
                "looks": self.looks,
            },
        )

    def _finish(self) -> None:
        self._ended = time.perf_counter() if self._first is not None else None
        try:
            self._record()
            for tracker in self._trackers:
                tracker.close()
        except Exception as error:
            log_message.warning("the monitor could not be closed in order: %s", error)
        self._unlock()
        log_message.info(
            "%d looks took %.3g %% of the training time; %s",
            len(self.series),
            100 * self.used,
            self.series.path,
        )

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def numbers(analysis: Analysis) -> dict[str, float]:
    """What is logged of an analysis: the mean over draws, by statistic and layer."""
    frame = analysis.intervals
    good = frame[(frame["cloud"] == DATA_CLOUD) & (frame["status"] == OK)]
    values: dict[str, float] = {}
    for statistic, k in SHOWN:
        degree = good["homology_dimension"]
        rows = (good["statistic"] == statistic) & (
            degree.isna() if k is None else degree.eq(k).fillna(False)
        )
        name = f"toposcope_{statistic}" + ("" if k is None else f"_H{k}")
        for layer, mean in zip(good[rows]["layer"], good[rows]["mean"], strict=True):
            values[f"{name}/{layer}"] = float(mean)
    top1 = analysis.attrs.get("top1")
    return values if top1 is None else {**values, "toposcope_top1/probe": float(top1)}


def _check(every: int, share: float, replicates: int) -> None:
    if every < 1 or replicates < 1 or not 0 < share <= 1:
        msg = (
            f"Monitor(every={every}, share={share}, replicates={replicates}): needed are whole "
            "numbers of 1 or more, and a share of the training time above 0, at most 1."
        )
        raise UsageError(msg)
