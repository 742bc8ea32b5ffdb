"""The candidates of a ranking: what a models.toml says of each, checked before any work."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from toposcope.errors import SpecError
from toposcope.inputs.limits import refuse_long
from toposcope.inputs.toml_files import read_toml
from toposcope.types import near_matches

EVAL, BATCH = "eval", "batch"
"""Modes of batch norm: stored statistics, or those of each image, as the authors of theta ran."""


@dataclass(frozen=True)
class Candidate:
    """One pre-trained model.

    Parameters
    ----------
    name
        Name on the board, unique.
    model
        MODEL argument, such as `py:package.module:factory`, or an `nn.Module`.
    weights
        File of weights, or None for what the factory returns.
    layers
        Blocks whose feature volumes and clouds are looked at.
    features
        Layer whose pooled output serves as penultimate features; None: the last of `layers`.
    pool
        Pool of the features.
    source_accuracy
        Accuracy on the source task, in [0, 1], when known: the constant to beat.
    batch_size
        Samples per forward pass.
    covariates
        What else is known of the network, by name: numbers or words, as columns of a population.
    """

    name: str
    model: Any
    weights: str | None = None
    layers: str | tuple[str, ...] = "blocks"
    features: str | None = None
    pool: str = "auto"
    source_accuracy: float | None = None
    batch_size: int = 64
    covariates: Mapping[str, str | float] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The name as a folder name."""
        return re.sub(r"[^A-Za-z0-9._-]+", "_", self.name).strip(".") or "model"


FIELDS = tuple(Candidate.__dataclass_fields__)


def read_candidates(path: Path | str, *, call: str = "rank()") -> list[Candidate]:
    r"""The candidates of a TOML file with one `[[model]]` table each.

    Parameters
    ----------
    path
        The file. Relative weights, also globs, are looked for beside it.
    call
        Of the caller, for messages.

    Raises
    ------
    SpecError
        Unreadable TOML, unknown or missing keys, wrong types, names that repeat.

    Examples
    --------
    >>> import tempfile
    >>> text = '[[model]]\nname = "small"\nmodel = "py:nets:small"\nweights = "small.safetensors"'
    >>> file = Path(tempfile.mkdtemp()) / "models.toml"
    >>> _ = file.write_text(text)
    >>> read_candidates(file)[0].model
    'py:nets:small'
    """
    file = Path(path)
    table = read_toml(file, where=f"{call}: {file}", error=SpecError)
    entries = table.get("model")
    if not isinstance(entries, list) or not entries:
        msg = (
            f"{call}: {file} has no [[model]] tables; write one per candidate, with name and model."
        )
        raise SpecError(msg)
    return as_candidates([_resolved(entry, file.parent) for entry in entries], where=str(file))


def as_candidates(models: Sequence[Any], *, where: str = "rank()") -> list[Candidate]:
    """Candidates from mappings, `Candidate`s or MODEL arguments; names must differ."""
    candidates = [_candidate(entry, number, where) for number, entry in enumerate(models, start=1)]
    if not candidates:
        msg = f"{where}: there are no candidates."
        raise SpecError(msg)
    folders: dict[str, str] = {}
    for one in candidates:
        if one.folder in folders:
            msg = f"{where}: the names {folders[one.folder]!r} and {one.name!r} are too much alike."
            raise SpecError(msg)
        folders[one.folder] = one.name
    return candidates


def _resolved(entry: Any, folder: Path) -> Any:
    """The entry with its weights beside the file, where there are some: a file, folder or glob."""
    if not isinstance(entry, dict) or not isinstance(entry.get("weights"), str):
        return entry
    given = entry["weights"]
    beside = str(folder / given)
    plain = beside.partition("#")[0]  # FILE#ENTRY
    for place in (beside, plain):
        refuse_long(place, what=f"weights of the model {entry.get('name')!r:.60}")
    there = any(Path(place).exists() or glob.glob(place) for place in (beside, plain))  # noqa: PTH207
    return {**entry, "weights": beside if there else given}


def _candidate(entry: Any, number: int, where: str) -> Candidate:
    if isinstance(entry, Candidate):
        return entry
    if isinstance(entry, str):
        return Candidate(entry.rpartition(":")[2] or entry, entry)
    if not isinstance(entry, Mapping):
        return Candidate(type(entry).__name__, entry)
    unknown = sorted(set(entry) - set(FIELDS))
    if unknown:
        near = near_matches(unknown[0], FIELDS)
        msg = f"{where}: model {number} has the unknown key {unknown[0]!r}. {near}"
        raise SpecError(msg)
    missing = [key for key in ("name", "model") if not entry.get(key)]
    if missing:
        msg = (
            f"{where}: model {number} has no {missing[0]!r}; every [[model]] needs name and model."
        )
        raise SpecError(msg)
    _check_types(entry, number, where)
    values = dict(entry)
    if isinstance(values.get("layers"), list):
        values["layers"] = tuple(values["layers"])
    accuracy = values.get("source_accuracy")
    if accuracy is not None and not 0.0 <= float(accuracy) <= 1.0:
        msg = f"{where}: source_accuracy of {values['name']!r} is {accuracy}; needed is 0 to 1."
        raise SpecError(msg)
    return Candidate(**values)


def _check_types(entry: Mapping[str, Any], number: int, where: str) -> None:
    """Refuse values of a type that no key has, before any model is loaded."""
    needed: dict[str, tuple[str, Any]] = {
        "name": ("text", lambda v: isinstance(v, str)),
        "weights": ("the path of a file", lambda v: v is None or isinstance(v, str | Path)),
        "layers": (
            "a name, or a list of names",
            lambda v: (
                isinstance(v, str)
                or (isinstance(v, list | tuple) and v and all(isinstance(one, str) for one in v))
            ),
        ),
        "features": ("a name", lambda v: v is None or isinstance(v, str)),
        "pool": ("a name", lambda v: isinstance(v, str)),
        "source_accuracy": (
            "a number from 0 to 1",
            lambda v: v is None or (isinstance(v, Real) and not isinstance(v, bool)),
        ),
        "covariates": (
            "a table of numbers and words",
            lambda v: (
                isinstance(v, Mapping)
                and all(isinstance(one, str | Real) for one in v.values())
                and all(isinstance(key, str) and key.strip() for key in v)
            ),
        ),
        "batch_size": (
            "a whole number from 1",
            lambda v: isinstance(v, Integral) and not isinstance(v, bool) and 0 < int(v) < 1 << 31,
        ),
    }
    for key, (what, fits) in needed.items():
        if key in entry and not fits(entry[key]):
            said = repr(entry[key])[:60]
            msg = f"{where}: model {number} has {key} = {said}; needed is {what}."
            raise SpecError(msg)
    if isinstance(entry["model"], bool | int | float | list | dict):
        msg = (
            f"{where}: model {number} has model = {repr(entry['model'])[:60]}; needed is a MODEL "
            "argument, such as py:package.module:factory."
        )
        raise SpecError(msg)


@dataclass(frozen=True)
class CapturedCandidate:
    """Where one candidate's material lies.

    Parameters
    ----------
    features
        RUN of pooled layers and, where there is a source head, its logits.
    layer
        Layer that serves as penultimate features.
    clouds
        Layers in network order whose clouds count as the network's depth.
    volumes
        RUNs of feature volumes by mode of batch norm ("eval", "batch"); empty when there are none.
    no_volumes
        Why there are no volumes.
    head
        Whether there are source predictions.
    parameters
        Number of parameters of the model.
    """

    features: Path
    layer: str
    clouds: tuple[str, ...]
    volumes: Mapping[str, Path]
    no_volumes: str
    head: bool
    parameters: int
