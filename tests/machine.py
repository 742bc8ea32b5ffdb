"""Stores in the hands of a user, a full disk, kill -9 and cosmic rays, beside a model in memory.

A hypothesis machine over real folders and public calls. The model knows the activations of every
RUN and computes what an analysis of them gives on its own, in memory. Whatever happened before, a
call returns what the model says or raises an error of ours; once the faults are over, the same call
returns what the model says.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from torch import nn

import toposcope as ts
from toposcope.errors import ToposcopeError
from toposcope.store.objects import lock_folder
from toposcope.store.runs import open_run
from toposcope.store.verify import verify

ARCHIVE = Path(__file__).parent / "archives" / "run_v1"
DESIGNS = (
    {"points": 8, "replicates": 2, "null": "none", "homology_dimensions": (0,)},
    {"points": 10, "replicates": 2, "null": "none", "homology_dimensions": (0, 1)},
)
COMPARED = {"measures": ("cka",), "n_resamples": 99, "points": 8, "replicates": 2, "jobs": 0}
NAMES = ("one", "two")
TOLD: Counter[str] = Counter()
"""How many calls, faults and errors of ours there were, over all machines of a process."""


class KilledError(BaseException):
    """As kill -9: nothing after it runs but what the kernel does."""


@cache
def network(seed: int) -> nn.Module:
    """A network without any randomness of its own."""
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))
    rng = np.random.default_rng(seed)
    for parameter in net.parameters():
        parameter.data.copy_(parameter.data.new_tensor(rng.normal(size=parameter.shape)))
    return net.eval()


@cache
def data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What it is shown."""
    return np.random.default_rng(seed).normal(size=(24, 3)).astype(np.float32), np.arange(24) % 2


@cache
def model_of(name: str) -> ts.ActivationSet:
    """The activations in memory: the model of a RUN."""
    seed = NAMES.index(name)
    return ts.capture(network(seed), data(0), layers="all")


@cache
def model_table(name: str, design: int) -> str:
    """What the model says an analysis of a RUN gives."""
    return ts.analyze(model_of(name), **DESIGNS[design], jobs=0).table.to_json()


@cache
def model_comparison() -> list[tuple[str, bytes]]:
    """What the model says the comparison of the two RUNs gives."""
    made = ts.compare(model_of("one"), model_of("two"), **COMPARED)
    return [(str(key), value.tobytes()) for key, value in sorted(made.matrices.items(), key=str)]


@contextmanager
def faulty(kind: str, at: int) -> Any:
    """The fault `kind` at the `at`-th write, and at every later one while the disk is full."""
    count = 0
    own_sync, own_rename = os.fsync, Path.replace

    def sync(descriptor: int) -> None:
        nonlocal count
        count += 1
        if kind == "full" and count >= at:
            raise OSError(errno.ENOSPC, "No space left on device")
        if kind == "broken" and count == at:
            raise OSError(errno.EIO, "Input/output error")
        if kind == "killed" and count == at:
            raise KilledError
        own_sync(descriptor)

    def rename(self: Path, target: Any) -> Any:
        if kind == "killed before its rename" and count >= at:
            raise KilledError
        return own_rename(self, target)

    with patch("os.fsync", sync), patch.object(Path, "replace", rename):
        yield


class Stores(RuleBasedStateMachine):
    """Two RUNs and their comparison."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="toposcope-machine-"))
        self.spoiled: tuple[Path, bytes] | None = None
        self.held: Any = None

    def teardown(self) -> None:
        """The machine is switched off."""
        self.release()
        shutil.rmtree(self.root)

    def _captured(self, name: str) -> Callable[[], object]:
        def call() -> object:
            seed = NAMES.index(name)
            acts = ts.capture(network(seed), data(0), layers="all", store=self.root / name)
            for layer in acts.layers:
                assert (acts[layer] == model_of(name)[layer]).all(), f"{name}: {layer} is wrong"
            return acts

        return call

    def _analyzed(self, name: str, design: int) -> Callable[[], object]:
        def call() -> object:
            made = ts.analyze(self.root / name, **DESIGNS[design], jobs=0)
            assert made.table.to_json() == model_table(name, design), f"{name}: a number is wrong"
            return made

        return call

    def _compared(self) -> object:
        first, second = (self.root / name for name in NAMES)
        made = ts.compare(
            *(first, second),
            **COMPARED,
            store=self.root / "comparison",
        )
        found = [(str(key), one.tobytes()) for key, one in sorted(made.matrices.items(), key=str)]
        assert found == model_comparison(), "a number of the comparison is wrong"
        return made

    def _try(self, call: Callable[[], object], *, must: bool) -> None:
        """Call; errors of ours, of the disk and of kills are answers unless it must succeed."""
        TOLD["calls"] += 1
        try:
            call()
        except (ToposcopeError, OSError, KilledError) as error:
            TOLD[f"refused: {type(error).__name__}"] += 1
            if must:
                raise

    @property
    def _sound(self) -> bool:
        return self.spoiled is None and self.held is None

    def _has(self, *names: str) -> bool:
        return all((self.root / name / "capture.json").exists() for name in names)

    @rule(name=st.sampled_from(NAMES))
    def capture(self, name: str) -> None:
        self._try(self._captured(name), must=self._sound)

    @rule(name=st.sampled_from(NAMES), design=st.sampled_from((0, 1)))
    def analyze(self, name: str, design: int) -> None:
        self._try(self._analyzed(name, design), must=self._sound and self._has(name))

    @rule()
    def compare(self) -> None:
        self._try(self._compared, must=self._sound and self._has(*NAMES))

    @rule(
        what=st.sampled_from(("capture", "analyze", "compare")),
        name=st.sampled_from(NAMES),
        kind=st.sampled_from(("killed", "killed before its rename", "full", "broken")),
        at=st.integers(1, 40),
    )
    def fault(self, what: str, name: str, kind: str, at: int) -> None:
        """A kill, a full disk or a broken one in the middle of something."""
        calls = {
            "capture": self._captured(name),
            "analyze": self._analyzed(name, 0),
            "compare": self._compared,
        }
        TOLD[f"fault: {kind}"] += 1
        with faulty(kind, at):
            self._try(calls[what], must=False)

    @precondition(lambda self: self.spoiled is None)
    @rule(seed=st.integers(0, 2**32 - 1))
    def corrupt(self, seed: int) -> None:
        """One bit of one file flips."""
        files = sorted(path for path in self.root.rglob("*") if path.is_file())
        files = [path for path in files if not path.name.startswith(".") and path.stat().st_size]
        if not files:
            return
        rng = random.Random(seed)
        path = rng.choice(files)
        whole = path.read_bytes()
        broken = bytearray(whole)
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        path.write_bytes(broken)
        self.spoiled = path, whole
        TOLD["fault: a bit"] += 1

    @precondition(lambda self: self.spoiled is not None)
    @rule()
    def restore(self) -> None:
        """The file comes back from a backup; what a later call has mended stays."""
        path, whole = self.spoiled
        if path.exists() and path.read_bytes() != whole:
            path.write_bytes(whole)
        self.spoiled = None

    @precondition(lambda self: self.held is None)
    @rule(name=st.sampled_from((*NAMES, "comparison")))
    def second_process(self, name: str) -> None:
        """Another process writes to a folder."""
        if (self.root / name).is_dir():
            self.held = lock_folder(self.root / name)
            TOLD["fault: another process"] += 1

    @rule()
    def release(self) -> None:
        """It ends."""
        if self.held is not None:
            self.held.close()
            self.held = None

    @precondition(lambda self: not (self.root / "older").exists())
    @rule()
    def older_store(self) -> None:
        """A RUN of the first version arrives, and is read and analyzed."""
        shutil.copytree(ARCHIVE, self.root / "older")
        TOLD["older stores"] += 1
        stored = open_run(self.root / "older")
        assert all(np.isfinite(stored[layer]).all() for layer in stored.layers)

    @precondition(lambda self: self._sound)
    @invariant()
    def what_is_complete_is_clean(self) -> None:
        """A folder that nobody spoiled verifies, whatever was killed in it."""
        for name in NAMES:
            if self._has(name):
                found = verify(self.root / name)
                assert found.problems == (), (name, found.problems)
