"""Which checkpoints a training left, and at which step each was written.

Steps are read from names (`checkpoint-500`, `epoch=1-step=300.ckpt`, `epoch_0.25.safetensors`),
failing that from the record a trainer keeps beside or inside the file. What a name does not say is
never guessed in silence.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from toposcope.activations.models.weight_files import (
    IN_FOLDER,
    SUFFIXES,
    holds_one_network,
    read_weights,
    split_entry,
    weights_file,
    with_entry,
)
from toposcope.errors import UsageError, WeightsError
from toposcope.types import near_matches

_STEP = re.compile(r"(?:^|[^a-z])(?:global[_-]?)?(?:steps?|checkpoint|ckpt|iter)[=_-]?(\d+)", re.I)
_EPOCH = re.compile(r"(?:^|[^a-z])(?:epochs?|ep)[=_-]?(\d+(?:\.\d+)?)", re.I)
_TAIL = re.compile(r"(\d+)$")
_LAST = re.compile(r"(?:^|[^a-z])(?:final|last)(?:$|[^a-z])", re.I)


@dataclass(frozen=True)
class Checkpoint:
    """One file of weights and when it was written.

    Parameters
    ----------
    path
        File to load.
    name
        What the user sees: the file, or the folder of a Trainer checkpoint.
    step
        Training step or epoch; None when it cannot be read, then `problem` says why.
    unit
        "step" or "epoch".
    problem
        Why the file cannot be used; "" otherwise.
    """

    path: Path
    name: str
    step: float | None
    unit: str = "step"
    problem: str = ""


def find_checkpoints(
    weights: str | Path | Sequence[str | Path], *, steps: Sequence[float] | None = None
) -> tuple[list[Checkpoint], list[str]]:
    """Checkpoints in the order of training.

    Parameters
    ----------
    weights
        Files, globs (`ckpt/epoch_*.safetensors`), or folders: of a Hugging Face Trainer
        (`checkpoint-500/`), of Lightning (`*.ckpt`), or of plain weights files.
    steps
        Their steps, when the names do not tell: one for each, in natural order (`epoch_2` before
        `epoch_10`, `final` and `last` at the end).

    Returns
    -------
    The checkpoints, and notes on everything that was decided for the user.

    Raises
    ------
    UsageError
        When nothing is found, or steps are unknown, ambiguous or not as many as checkpoints.

    Examples
    --------
    >>> parse_step("epoch=1-step=300"), parse_step("epoch_0.25"), parse_step("final")
    ((300.0, 'step'), (0.25, 'epoch'), (None, 'step'))
    """
    listed = [weights] if isinstance(weights, (str, Path)) else list(weights)
    places = list(dict.fromkeys(place for item in listed for place in _expand(str(item))))
    if not places:
        msg = f"no checkpoints in {', '.join(map(str, listed))}."
        raise UsageError(msg)
    places.sort(key=lambda place: _natural(_name(place)))
    if steps is not None:
        return _given(places, steps), []
    return _ordered([_read(place) for place in places])


def is_single(weights: str | Path | Sequence[str | Path]) -> bool:
    """Whether an argument means one file of weights rather than a series.

    >>> is_single("model.safetensors"), is_single("ckpt/epoch_*.safetensors")
    (True, False)
    """
    if not isinstance(weights, (str, Path)):
        return len(weights) == 1 and is_single(weights[0])
    path, _ = split_entry(weights)
    if path.is_dir():
        return holds_one_network(path) and not _members(path)
    return path.is_file() or not glob.has_magic(str(path))


def parse_step(name: str) -> tuple[float | None, str]:
    """Step and unit that a name tells, without its suffix; a step wins over an epoch."""
    for pattern, unit in ((_STEP, "step"), (_EPOCH, "epoch"), (_TAIL, "step")):
        match = pattern.search(name)
        if match:
            return float(match.group(1)), unit
    return None, "step"


def _name(place: Path) -> str:
    """Name that may tell a step, without its suffix."""
    file, _ = split_entry(place)
    if file.is_dir():
        return file.name
    return Path(file.stem).stem if file.suffix == ".tar" else file.stem


def _natural(name: str) -> tuple[bool, list[tuple[int, float, str]]]:
    """Sorting key: numbers by value, `final` and `last` behind everything."""
    parts = re.split(r"(\d+(?:\.\d+)?)", name)
    return bool(_LAST.search(name)), [
        (0, float(part), "") if part[:1].isdigit() else (1, 0.0, part) for part in parts if part
    ]


def _expand(item: str) -> list[Path]:
    path, entry = split_entry(item)
    if path.is_dir():
        return [with_entry(place, entry) for place in _members(path) or [path]]
    if path.is_file():
        return [with_entry(path, entry)]
    if glob.has_magic(str(path)):
        # Path.glob takes no absolute patterns.
        matches = [Path(match) for match in glob.glob(str(path))]  # noqa: PTH207
        usable = [place for place in matches if place.is_dir() or place.suffix in SUFFIXES]
        if usable:
            return [with_entry(place, entry) for place in usable]
        msg = f"--weights {item!r} matches no folder and no file that ends in {_suffixes()}."
        raise UsageError(msg)
    beside = sorted(p.name for p in path.parent.glob("*")) if path.parent.is_dir() else []
    msg = f"--weights {item!r}: there is no such file or folder. {near_matches(path.name, beside)}"
    raise UsageError(msg)


def _members(folder: Path) -> list[Path]:
    """Checkpoints inside a folder: a Trainer's subfolders, else files of weights."""
    inside = sorted(folder.iterdir())
    trainer = [one for one in inside if one.is_dir() and one.name.startswith("checkpoint-")]
    if trainer:
        return trainer
    lightning = folder / "checkpoints"
    if lightning.is_dir() and any(lightning.glob("*.ckpt")):
        return _members(lightning)
    if holds_one_network(folder):
        return []
    return [one for one in inside if one.is_file() and one.suffix in SUFFIXES]


def _file_of(place: Path) -> Path:
    """The file to load; where a folder does not tell, the one whose absence will be reported."""
    folder, entry = split_entry(place)
    try:
        return weights_file(place)
    except WeightsError:
        return with_entry(folder / IN_FOLDER[0], entry)


def _suffixes() -> str:
    return ", ".join(SUFFIXES)


def _read(place: Path) -> Checkpoint:
    """A checkpoint with the step its name, its trainer's record or its content tells."""
    file, name = _file_of(place), place.name
    step, unit = parse_step(_name(place))
    if step is not None:
        return Checkpoint(file, name, step, unit)
    state = split_entry(place)[0] / "trainer_state.json"
    if state.is_file():
        try:
            return Checkpoint(file, name, float(json.loads(state.read_bytes())["global_step"]))
        except (
            ValueError,
            LookupError,
            TypeError,
            OSError,
            RecursionError,
            ArithmeticError,
        ) as error:
            return Checkpoint(file, name, None, problem=f"{state} cannot be read: {error}.")
    if split_entry(file)[0].suffix == ".ckpt":
        try:
            inside = read_weights(split_entry(file)[0]).content
        except WeightsError as error:
            return Checkpoint(file, name, None, problem=str(error))
        if isinstance(inside, dict) and isinstance(inside.get("global_step"), int):
            return Checkpoint(file, name, float(inside["global_step"]))
    return Checkpoint(file, name, None)


def _given(places: Sequence[Path], steps: Sequence[float]) -> list[Checkpoint]:
    rising = all(a < b for a, b in pairwise(steps))
    if len(steps) != len(places) or not rising:
        names = ", ".join(place.name for place in places)
        msg = (
            f"--steps has {len(steps)} numbers for {len(places)} checkpoints; needed is one rising "
            f"number for each, in this order: {names}."
        )
        raise UsageError(msg)
    return [
        Checkpoint(_file_of(place), place.name, float(step))
        for place, step in zip(places, steps, strict=True)
    ]


def _ordered(checkpoints: Sequence[Checkpoint]) -> tuple[list[Checkpoint], list[str]]:
    """Checkpoints by step; the one called final or last comes behind all others."""
    notes: list[str] = []
    broken = [one for one in checkpoints if one.problem]
    known = [one for one in checkpoints if one.step is not None]
    unknown = [one for one in checkpoints if one.step is None and not one.problem]
    units = {one.unit for one in known}
    last = [one for one in unknown if _LAST.search(Path(one.name).stem)]
    if len(units) > 1 or (not known and len(checkpoints) > 1) or len(unknown) > min(len(last), 1):
        named = ", ".join(one.name for one in checkpoints)
        msg = (
            f"the steps of these checkpoints cannot be read from their names: {named}. Give one "
            "rising number for each with --steps, in this order."
        )
        raise UsageError(msg)
    unit = next(iter(units), "step")
    chosen: dict[float, Checkpoint] = {}
    for one in sorted(known, key=lambda c: (float(c.step or 0), bool(_LAST.search(c.name)))):
        assert one.step is not None
        first = chosen.setdefault(one.step, one)
        if first is one:
            continue
        if not _LAST.search(one.name):
            msg = f"{first.name} and {one.name} both tell {unit} {one.step:g}. Leave one out."
            raise UsageError(msg)
        notes.append(f"{one.name} is left out: {first.name} is of the same {unit} {one.step:g}")
    out = list(chosen.values())
    for one in unknown:
        step = (out[-1].step or 0.0) + 1.0 if out else 0.0
        if out:
            notes.append(
                f"{one.name} tells no {unit}; as the last it is placed at {unit} {step:g}. Curves "
                f"and slopes use that number: give the true ones with --steps"
            )
        out.append(Checkpoint(one.path, one.name, step, unit))
    return [*out, *broken], notes
