"""Runs a claim of one's own: open what it is about, say the power, freeze it, read, decide, keep.

The order is the point. Names, numbers of units and covariates are looked at first, and everything
that cannot be decided is refused; then the claim is frozen in plan.json with a hash over itself and
the captures; only then are its values looked up.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.analysis.depths import nearest_depths
from toposcope.analysis.draw_values import replicate_values
from toposcope.analysis.population import Population
from toposcope.analysis.preregister import capture_hash
from toposcope.analysis.result import Analysis
from toposcope.errors import UsageError
from toposcope.execution.tasks import spec_hash
from toposcope.inputs.urls import place_text, refuse_url
from toposcope.store.folders import (
    MARKS,
    STUDY,
    refuse_other_kind,
)
from toposcope.store.objects import LocalObjects, content_hash, put_json
from toposcope.store.preregistration import NAME, Preregistration
from toposcope.store.runs import Run
from toposcope.store.seals import put_seal
from toposcope.store.tables import put_table
from toposcope.studies.claims import Unit
from toposcope.studies.figures import Curve, Figure, Panel, curve_of_means
from toposcope.studies.own_claim import OwnClaim, Where, read_claim
from toposcope.studies.own_claim_decision import Ahead, ahead_of, numbers_of_units, own_evidence
from toposcope.studies.own_claim_networks import (
    Opened,
    check,
    count_units,
    items_of,
    kinds_of,
    open_networks,
    refuse_unreachable,
)
from toposcope.studies.study import Study
from toposcope.studies.verdicts import judge
from toposcope.types import DATA_CLOUD

if TYPE_CHECKING:
    import pandas as pd

KIND = "claim"


@dataclass(frozen=True)
class Frozen:
    """A claim that is ready to be decided.

    Parameters
    ----------
    own
        The claim.
    ahead
        The power of its units.
    plan
        What is frozen, with its hash.
    folder
        Where it is kept.
    others
        Ids of other claims that were frozen beside it about the same networks.
    """

    own: OwnClaim
    ahead: Ahead
    plan: Preregistration
    folder: Path
    others: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "n": self.ahead.n,
            "unit": self.own.unit.value,
            **{key: _finite(value) for key, value in asdict(self.ahead).items() if key != "n"},
            "hash": self.plan.hash,
            "written": self.plan.written,
            "earlier": list(self.plan.earlier),
            "others": list(self.others),
        }


Told = Callable[[Frozen], None]


def run_claim(
    path: Path | str, runs: Any, *, out: Path | str | None = None, told: Told | None = None
) -> Study:
    """Decide the claim of a file over RUNs, SERIES or a population.

    Parameters
    ----------
    path
        The TOML file.
    runs
        RUN or SERIES folders, a population folder, or a `Population`.
    out
        Folder; None for one below studies/ named by the claim's id and the captures.
    told
        Told the power and the frozen claim, before any of its values is looked up.

    Returns
    -------
    A study with one verdict.
    """
    began = time.monotonic()
    # Beside it lie other claims about the same networks, which are told: a bucket lists too much.
    refuse_url(out, call=f"claim {path}: -o (out=)")
    own = read_claim(path)
    opened, ready = prepare(own, runs, path=path, out=out)
    objects = LocalObjects(ready.folder)
    refuse_other_kind(objects, STUDY, f"claim {own.file}")
    ready = freeze(ready)
    if told is not None:
        told(ready)
    with objects.lock():
        table = measured(own, opened)
        main = own_evidence(own, table)
        assert main is not None, "the main choice is always measured"
        others = {choice: own_evidence(own, table, choice) for choice in own.choices}
        verdict = judge(
            own.claim, main, {name: one for name, one in others.items() if one is not None}
        )
        spec = {
            "design": {"file": own.file, **ready.as_dict()},
            "claim": own.as_dict(),
            "quick": False,
            "runs": [place_text(one) for one in _folders(runs)],
        }
        study = Study(
            str(path),
            (verdict,),
            table,
            figure_of(own, table),
            [],
            ready.folder,
            spec,
            {"forecast": 0.0, "took": time.monotonic() - began},
        )
        import pyarrow as pa

        put_table(objects, "measurements.parquet", pa.Table.from_pandas(table))
        put_json(ready.folder / MARKS[STUDY], study.as_dict())
        put_seal(objects, [NAME, "measurements.parquet", MARKS[STUDY]])
    return study


def prepare(
    own: OwnClaim, runs: Any, *, path: Path | str, out: Path | str | None = None
) -> tuple[Opened, Frozen]:
    """Open, refuse and say the power; nothing is written, and no value of the claim looked up."""
    opened = open_networks(own, runs)
    check(own, opened)
    ahead = ahead_of(own, count_units(own, opened))
    refuse_unreachable(own, opened, ahead)
    identities = {
        name: spec_hash([_identity(one) for one in training])
        for name, training in zip(opened.names, opened.trainings, strict=True)
    }
    import toposcope

    about = spec_hash(sorted(identities.values()))[:8]
    folder = Path(out) if out is not None else Path("studies") / f"{_plain(own.id)}-{about}"
    plan = Preregistration(
        kind=KIND,
        parameters={**own.as_dict(), "design": _design(opened)},
        families=(),
        networks=identities,
        earlier=tuple(
            f"{name}/{_analysis_name(training[-1])}"
            for name, training in zip(opened.names, opened.trainings, strict=True)
        ),
        command=f"toposcope study {path}",
        version=str(toposcope.__version__),
        note=own.sentence,
    )
    return opened, Frozen(own, ahead, plan, folder, _others(folder, plan))


def freeze(ready: Frozen) -> Frozen:
    """Write the claim down, or find it as it was written; one that was changed since is refused."""
    file, plan = ready.folder / NAME, ready.plan
    if not file.exists():
        plan.write(file)
        return ready
    kept = Preregistration.read(file)
    changed = kept.deviations(plan.parameters, plan.networks)
    if changed:
        told = "; ".join(f"{one.parameter} was {one.planned!r}, is {one.used!r}" for one in changed)
        msg = (
            f"claim {ready.own.file}: {ready.own.id!r} was frozen {kept.written} (hash "
            f"{kept.hash[:12]}) and its values were read since: {told}. Write it as it was, or "
            "give it another id: then both are told."
        )
        raise UsageError(msg)
    return Frozen(ready.own, ready.ahead, kept, ready.folder, ready.others)


def measured(own: OwnClaim, opened: Opened) -> pd.DataFrame:
    """The values of the claim, one row per network, place, draw and cloud."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    keep = [name for name in (own.by, *own.given) if name is not None]
    for k, (name, training) in enumerate(zip(opened.names, opened.trainings, strict=True)):
        known: Mapping[str, Any] = {one: opened.covariates[one].iloc[k] for one in keep}
        for place, position, layer, analysis in _places(own, training):
            for cloud in (DATA_CLOUD, *([own.cloud] if own.cloud else [])):
                values = replicate_values(
                    analysis, layer, own.statistic, own.homology_dimension, cloud=cloud
                )
                if not len(values) or not np.isfinite(values).all():
                    msg = (
                        f"claim {own.file}: {own.statistic} of {name!r}, layer {layer!r}, cloud "
                        f"{cloud!r}, is missing or not finite in some draws; see toposcope info."
                    )
                    raise UsageError(msg)
                rows += [
                    {
                        "network": name,
                        "configuration": str(kinds_of(opened)[k]),
                        "place": place,
                        "position": position,
                        "layer": layer,
                        "draw": draw,
                        "cloud": cloud,
                        "value": float(value),
                        **known,
                    }
                    for draw, value in enumerate(values)
                ]
    table = pd.DataFrame(rows)
    _refuse_other_draws(own, table)
    return table


def _refuse_other_draws(own: OwnClaim, table: pd.DataFrame) -> None:
    if own.unit == Unit.DRAW and own.cloud is not None:
        counts = table.groupby("cloud")["draw"].nunique()
        if counts.nunique() > 1:
            msg = (
                f"claim {own.file}: {counts[DATA_CLOUD]} draws and {counts[own.cloud]} null clouds "
                f"of {own.cloud!r} a layer are no pairs; use another null."
            )
            raise UsageError(msg)


def _places(own: OwnClaim, training: Sequence[Analysis]) -> list[tuple[int, float, str, Analysis]]:
    """(place, position, layer, analysis) of everything a network's number is made of."""
    last = training[-1]
    assert last.activations is not None
    depths = np.array([last.activations.depth(layer) for layer in last.layers])
    if own.where in (Where.LAST_AGAINST_FIRST, Where.SLOPE_OVER_DEPTH):
        return [(k, float(depths[k]), layer, last) for k, layer in enumerate(last.layers)]
    layer = own.layer
    if layer is None:
        ((_, at),) = nearest_depths(np.array([own.depth], dtype=np.float64), depths)
        layer = last.layers[at]
    if own.where == Where.LAYER:
        return [(0, float(depths[last.layers.index(layer)]), layer, last)]
    steps = np.array([one.attrs["step"] for one in training], dtype=np.float64)
    share = (steps - steps[0]) / (steps[-1] - steps[0])
    return [(k, float(share[k]), layer, one) for k, one in enumerate(training)]


def figure_of(own: OwnClaim, table: pd.DataFrame) -> Figure:
    """The number of every unit, and the values behind it."""
    names, numbers, mean = numbers_of_units(own, table)
    order = np.argsort(numbers)
    panels = [
        Panel(
            own.claim.unit.value + "s",
            own.claim.unit.value,
            own.measured.split(":")[0].removeprefix("rank correlation of "),
            [Curve("each", [names[k] for k in order], [float(numbers[k]) for k in order])],
            line=None if own.by is not None else own.threshold,
            kind="points",
        )
    ]
    data = table[table["cloud"] == DATA_CLOUD]
    inner = "draw" if own.unit == Unit.DRAW else "network"
    grid = data.pivot_table(index=inner, columns="place", values="value", sort=False)
    if grid.shape[1] > 1 and grid.notna().all(axis=None):
        at = data.groupby("place")["position"].first()
        label = "step (share)" if own.where == Where.SLOPE_OVER_STEPS else "relative depth"
        curve = curve_of_means("mean", at.tolist(), grid.to_numpy(), level=own.level)
        panels.append(Panel("behind it", label, own.statistic, [curve]))
    return Figure(
        f"{own.measured}: the number of every {own.unit.value}; their mean is {mean.value:.3g} "
        f"[{mean.low:.3g}, {mean.high:.3g}] ({100 * own.level:g} %). Bands: intervals of means.",
        panels,
    )


def _folders(runs: Any) -> list[Path]:
    if isinstance(runs, Population):
        return [] if runs.folder is None else [runs.folder]
    return [Path(one) for one in items_of(runs) if isinstance(one, (str, Path))]


def _identity(analysis: Analysis) -> str:
    """What was captured; of an analysis without a RUN its numbers."""
    if analysis.run is None:
        return content_hash(np.ascontiguousarray(analysis.table["value"].to_numpy()).tobytes())
    return capture_hash(Run.open(analysis.run))


def _design(opened: Opened) -> str:
    design = opened.trainings[0][-1].design
    assert design is not None, "strangers are refused"
    return spec_hash(asdict(design))[:16]


def _analysis_name(analysis: Analysis) -> str:
    return str(analysis.attrs.get("analysis", "analysis"))


def _others(folder: Path, plan: Preregistration) -> tuple[str, ...]:
    """Ids of other claims about the same networks, kept beside this one."""
    found = []
    for file in sorted(folder.parent.glob(f"*/{NAME}")):
        if file.parent == folder:
            continue
        kept = Preregistration.read(file)
        if kept.kind == KIND and set(kept.networks.values()) & set(plan.networks.values()):
            found.append(str(kept.parameters["id"]))
    return tuple(found)


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".-") or "claim"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
