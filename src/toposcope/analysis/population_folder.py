"""`population`: networks from a folder of RUNs with a table, or from what Python holds.

A population folder holds RUN or SERIES folders and `population.csv`: a column `run` with the folder
of each network (relative to the table), and a column for each covariate. Empty cells are unknown.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toposcope.analysis.picking import pick
from toposcope.analysis.population import (
    Population,
    checked_configuration,
    refuse_strangers,
    told_columns,
)
from toposcope.analysis.result import Analysis
from toposcope.analysis.run import load_analysis
from toposcope.analysis.stored import Stored, stored_analyses
from toposcope.analysis.trajectory import Trajectory
from toposcope.errors import StoreError, UsageError
from toposcope.inputs import parameters as given
from toposcope.inputs.signatures import checked, store
from toposcope.inputs.urls import place_text, url_of
from toposcope.store.folders import MARKS, POPULATION, RUN, SERIES, folder_kind
from toposcope.store.objects import LocalObjects, objects_in
from toposcope.store.series import open_series
from toposcope.types import ActivationSet

if TYPE_CHECKING:
    import pandas as pd

FILE = MARKS[POPULATION]
CALL = "population()"

Item = Analysis | Trajectory | ActivationSet | Path | str


def _items(value: object, name: str, *, call: str) -> Any:
    if isinstance(value, str | os.PathLike):
        return store(value, name, call=call)
    if isinstance(value, Mapping):
        return value
    return given.entries(value, name, call=call, of="networks, a dict of them by name, or a folder")


def _covariates(value: object, name: str, *, call: str) -> Any:
    if isinstance(value, Mapping) or (hasattr(value, "columns") and hasattr(value, "loc")):
        return value
    msg = f"{call}: {name}={given.shown(value)}; needed is a dict of columns, or a DataFrame."
    raise UsageError(msg)


@checked(items=_items, covariates=_covariates, analysis=given.text)
def population(
    items: Mapping[str, Item] | Sequence[Item] | Path | str,
    covariates: Mapping[str, Any] | pd.DataFrame | None = None,
    *,
    configuration: str | Sequence[str] | None = None,
    analysis: str | None = None,
) -> Population:
    """Many networks with what is known of each, so that networks are the units of tests.

    Parameters
    ----------
    items
        A folder of RUNs or SERIES with `population.csv` (a column `run` and one for each
        covariate). Or the networks themselves, in a list or by name: RUN or SERIES folders,
        `Analysis`, what `analyze_series` returned, `ActivationSet` of RUNs.
    covariates
        One row per network, in their order or by their names: configuration, seed, activation,
        depth, accuracy and whatever else. Of a folder without `population.csv` the names are those
        of its RUNs. `accuracy` is taken from the captures where it is not among them.
    configuration
        Column, or columns, in which networks agree that differ by their seed alone. None: the
        column "configuration"; without one every network stands for itself.
    analysis
        Name of the analysis of every RUN; None for the newest that all of them have.

    Returns
    -------
    The population. Networks that were not analyzed alike, on the same samples, are refused.

    Examples
    --------
    >>> import numpy as np
    >>> import toposcope as ts
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> def network(seed):
    ...     turned = X @ np.random.default_rng(seed).normal(size=(3, 3))
    ...     layers = ts.from_arrays({"block": turned}, name=f"net{seed}")
    ...     return ts.analyze(layers, points=20, replicates=3, jobs=0)
    >>> some = ts.population([network(s) for s in range(4)], {"activation": ["relu", "tanh"] * 2})
    >>> some, some.means("lifespan_sum", 0).shape
    (Population(4 networks, 1 layers), (4, 1))
    """
    folder = Path(items) if isinstance(items, (str, Path)) else None
    notes: list[str] = []
    if folder is not None:
        held, table, notes = _of_folder(folder, covariates)
    else:
        held = _named(items)  # type: ignore[arg-type]
        table = _rows_of(covariates, list(held))
    if len(held) < 2:
        msg = (
            f"{CALL}: got {len(held)} network{'s' * (len(held) != 1)}; a population has two or "
            "more. For one network use ts.analyze() and ts.report()."
        )
        raise UsageError(msg)
    names = list(held)
    trainings = newest_analyses(names, list(held.values()), analysis)
    last = [one[-1] for one in trainings]
    refuse_strangers(names, last, call=CALL)
    known = [one.attrs.get("top1") for one in last]
    if "accuracy" not in table.columns and all(share is not None for share in known):
        table["accuracy"] = [float(share) for share in known if share is not None]
    return Population(
        tuple(names),
        tuple(last),
        table,
        checked_configuration(table, configuration, call=CALL),
        tuple(trainings),
        tuple(notes),
        folder,
    )


def is_population(place: object) -> bool:
    """Whether a path is a folder with a table of networks, or of RUNs alone; or a URL with one."""
    if not isinstance(place, (str, Path)):
        return False
    if url_of(place) is None and not Path(place).is_dir():
        return False
    kind = folder_kind(place)
    return kind == POPULATION or (kind is None and len(_members(Path(place))) > 1)


def _of_folder(folder: Path, covariates: Any) -> tuple[dict[str, Item], pd.DataFrame, list[str]]:
    objects = objects_in(folder)
    where = objects.where()
    if isinstance(objects, LocalObjects) and not folder.is_dir():
        msg = f"{CALL}: {folder} is no folder. Pass a folder of RUNs with {FILE}."
        raise UsageError(msg)
    there, members = folder / FILE, _members(folder)
    if not objects.exists(FILE):
        if len(members) < 2:
            msg = (
                f"{CALL}: {where} holds no {FILE} and {len(members)} RUN or SERIES folders; "
                f"needed are two or more. Write {FILE} with a column 'run' (folders of RUNs) and "
                "one for each covariate, such as run,activation,seed."
            )
            raise UsageError(msg)
        held: dict[str, Item] = {one.name: one for one in members}
        return held, _rows_of(covariates, list(held)), []
    if covariates is not None:
        msg = f"{CALL}: {where} has covariates in {FILE}; add columns there, or pass its RUNs."
        raise UsageError(msg)
    table = read_covariates(there)
    runs = table.pop("run").tolist()
    missing = [name for name in runs if folder_kind(folder / name) not in (RUN, SERIES)]
    if missing:
        msg = (
            f"{CALL}: {len(missing)} of {len(runs)} entries of 'run' in {place_text(there)} are "
            f"no RUN or SERIES folders: {', '.join(missing[:5])}. Paths are relative to {where}."
        )
        raise UsageError(msg)
    listed = {(folder / name).resolve() for name in runs}
    left = [one.name for one in members if one.resolve() not in listed]
    notes = [f"{len(left)} RUNs of the folder are not in {FILE}: {', '.join(left[:5])}"] * bool(
        left
    )
    table.index = runs
    return {name: folder / name for name in runs}, table, notes


def read_covariates(path: Path) -> pd.DataFrame:
    """The table of a population folder: `run` as text, other columns as numbers or texts.

    A column with numbers and other words is refused, since either reading of it may be wrong.
    """
    import pandas as pd

    try:
        text = objects_in(path.parent).get(path.name).decode("utf-8-sig")
        lines = io.StringIO(text, newline="")
        rows = [row for row in csv.reader(lines) if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{CALL}: {path} is not a table of commas in UTF-8: {error}. Save it as such."
        raise UsageError(msg) from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    if "run" not in header:
        other = next((mark for mark in ";\t" if len(header) == 1 and mark in header[0]), None)
        hint = f" It seems to be separated by {other!r}: needed are commas." if other else ""
        msg = (
            f"{CALL}: {path} has the columns {header}; needed is a column 'run' with the folder of "
            f"each network, and one for each covariate.{hint}"
        )
        raise UsageError(msg)
    twice = sorted({one for one in header if header.count(one) > 1} | ({""} & set(header)))
    ragged = [k for k, row in enumerate(rows[1:], start=2) if len(row) != len(header)]
    if twice or ragged:
        what = f"the columns {twice} twice or without a name" if twice else ""
        where = f"{len(ragged)} rows of another length (the first is row {ragged[:1]})"
        msg = f"{CALL}: {path} has {what or where}; needed are {len(header)} named columns."
        raise UsageError(msg)
    columns = {name: [row[k].strip() for row in rows[1:]] for k, name in enumerate(header)}
    runs = columns["run"]
    again = sorted({one for one in runs if runs.count(one) > 1})
    if again or "" in runs or not runs:
        what = f"names {', '.join(again[:5])} twice" if again else "has rows without a run"
        msg = f"{CALL}: {path} {what if runs else 'has no rows'}; each network has one row."
        raise UsageError(msg)
    told = {name: _column(path, name, cells) for name, cells in columns.items() if name != "run"}
    return pd.DataFrame({"run": runs, **told})


def _column(path: Path, name: str, cells: Sequence[str]) -> Any:
    """Numbers, or texts; empty cells are unknown."""
    import pandas as pd

    numbers = pd.to_numeric(pd.Series(list(cells)).replace("", None), errors="coerce")
    told = [cell != "" for cell in cells]
    is_number = [bool(one) for one in numbers.notna()]
    if any(is_number) and is_number != told:
        odd = next(cell for cell, a, b in zip(cells, told, is_number, strict=True) if a and not b)
        msg = (
            f"{CALL}: column {name!r} of {path} holds numbers and {odd!r}. Leave unknown cells "
            "empty; write names as words that are no numbers."
        )
        raise UsageError(msg)
    if any(is_number):
        return numbers
    return pd.Series([cell or None for cell in cells], dtype=object)


def _members(folder: Path) -> list[Path]:
    """RUNs and SERIES in a folder; behind a URL none, where a listing decides nothing."""
    if url_of(folder) is not None:
        return []
    inside = sorted(one for one in folder.iterdir() if one.is_dir())
    return [one for one in inside if folder_kind(one) in (RUN, SERIES)]


def _named(items: Any) -> dict[str, Item]:
    """Networks by name: the names given, else those of their RUNs or models, told apart."""
    if isinstance(items, Mapping):
        return {str(name): item for name, item in items.items()}
    if not isinstance(items, Sequence) or isinstance(items, (bytes, str)):
        msg = f"{CALL}: got a {type(items).__name__}; pass a folder, a list or a dict of networks."
        raise UsageError(msg)
    plain = [_name(item) for item in items]
    out: dict[str, Item] = {}
    for name, item in zip(plain, items, strict=True):
        number = sum(1 for other in out if other.split(" (")[0] == name) + 1
        out[name if plain.count(name) == 1 else f"{name} ({number})"] = item
    return out


def _name(item: Item) -> str:
    if isinstance(item, (str, Path)):
        return Path(item).resolve().name
    if isinstance(item, Trajectory):
        return item.series.path.resolve().name
    if isinstance(item, Analysis):
        return item.name
    attrs = getattr(item, "attrs", {})
    return str(attrs.get("name") or attrs.get("model") or "network")


def _rows_of(covariates: Any, names: list[str]) -> pd.DataFrame:
    """Covariates with a row for each network, in their order."""
    import pandas as pd

    if covariates is None:
        return pd.DataFrame(index=names)
    try:
        table = told_columns(covariates)
    except ValueError as error:
        msg = f"{CALL}: covariates are no table ({error}). Pass columns of {len(names)} entries."
        raise UsageError(msg) from None
    labels = [str(one) for one in table.index]
    if set(labels) == set(names) and len(labels) == len(names):
        table.index = labels
        return table.loc[names]
    numbered = isinstance(table.index, pd.RangeIndex)
    if len(table) != len(names) or not numbered:
        lacking = [name for name in names if name not in labels][:3]
        msg = (
            f"{CALL}: covariates have {len(table)} rows for {len(names)} networks"
            + (f", and none for {', '.join(lacking)}" if not numbered else "")
            + ". Pass one row for each network, in their order or with their names as the index."
        )
        raise UsageError(msg)
    table.index = names
    return table


def newest_analyses(
    names: Sequence[str], items: Sequence[Item], asked: str | None
) -> list[tuple[Analysis, ...]]:
    """Analyses of each network by step: of RUNs the newest design that all of them have."""
    runs = [_runs(name, item) for name, item in zip(names, items, strict=True)]
    flat = [(k, run) for k, several in enumerate(runs) for run in several]
    known = [_stored(names[k], run, asked) for k, run in flat]
    made = [Stored("", one.design, one.attrs.get("code")) for one in _last(items)]
    picked = pick([*known, *([one] for one in made)], {})
    out: list[tuple[Analysis, ...]] = []
    position = 0
    for item, several in zip(items, runs, strict=True):
        if isinstance(item, Analysis):
            out.append((item,))
            continue
        if isinstance(item, Trajectory):
            out.append(item.analyses)
            continue
        loaded = []
        for run in several:
            rank = picked.chosen[position]
            # What does not fit is loaded all the same: the refusal says what differs.
            loaded.append(load_analysis(run, known[position][rank or 0].name))
            position += 1
        out.append(tuple(loaded))
    return out


def _last(items: Sequence[Item]) -> list[Analysis]:
    made = [item for item in items if isinstance(item, (Analysis, Trajectory))]
    return [one.analyses[-1] if isinstance(one, Trajectory) else one for one in made]


def _runs(name: str, item: Item) -> list[Path]:
    """RUN folders behind an item, by step; none behind an analysis."""
    if isinstance(item, (Analysis, Trajectory)):
        return []
    if isinstance(item, ActivationSet):
        if item.run is None:
            msg = f"{CALL}: {name!r} are activations in no RUN; pass what ts.analyze() returns."
            raise UsageError(msg)
        return [item.run]
    if not isinstance(item, (str, Path)):
        msg = (
            f"{CALL}: {name!r} is a {type(item).__name__}; pass RUN or SERIES folders, Analysis or "
            "what ts.analyze_series() returned."
        )
        raise UsageError(msg)
    if folder_kind(item) == SERIES:
        series = open_series(item)
        if not len(series):
            msg = f"{CALL}: {item} holds no captured checkpoint. Capture one first."
            raise StoreError(msg)
        return list(series.runs)
    return [Path(item)]


def _stored(name: str, run: Path, asked: str | None) -> list[Stored]:
    known = stored_analyses(run)
    if asked is not None:
        known = [one for one in known if one.name == asked]
    if not known:
        which = "finished analysis" if asked is None else f"analysis {asked!r}"
        msg = (
            f"{CALL}: {name!r} has no {which}. Run 'toposcope analyze {run}', alike for all "
            "networks."
        )
        raise UsageError(msg)
    return known
