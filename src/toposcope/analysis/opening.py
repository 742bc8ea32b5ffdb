"""Opening a finished analysis of a RUN, and the command that computes one.

What measures is not imported: that takes half a second, and this is read far more often.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np

from toposcope.analysis import result
from toposcope.analysis.design import Design
from toposcope.analysis.preregister import capture_hash, parameters_used
from toposcope.analysis.result import Analysis
from toposcope.analysis.statistic_names import DUPLICATES
from toposcope.analysis.stored import FAILURES, SPEC, sealed, spec_of
from toposcope.inputs import parameters
from toposcope.inputs.signatures import checked, store
from toposcope.inputs.urls import place_text
from toposcope.pointclouds.nulls import NULLS
from toposcope.store.commands import plain_command
from toposcope.store.preregistration import followed
from toposcope.store.runs import Run, open_run
from toposcope.store.seals import AGAIN
from toposcope.store.shapes import understood
from toposcope.types import DATA_CLOUD, ActivationSet

REPEATED_SHARE = 0.05
"""Share of repeated points in a cloud from which on a layer is warned of."""


@checked(path=store, analysis=parameters.text)
def load_analysis(path: Path | str, analysis: str | None = None) -> Analysis:
    """The finished analysis of a RUN: the one named, or the last one.

    Parameters
    ----------
    path
        RUN folder.
    analysis
        Name of a folder in RUN/results; None for the last one finished.

    Returns
    -------
    Analysis
        With all its tables, checked against their hashes; `activations` are read when asked for.

    Raises
    ------
    StoreError
        When there is none, or when it is damaged.

    Examples
    --------
    >>> import tempfile, numpy as np, toposcope as ts
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = ts.store.save_arrays(ts.from_arrays({"layer1": X}), f"{place}/run")
    ...     _ = ts.analyze(f"{place}/run", points=20, replicates=2, null="none", jobs=0)
    ...     list(ts.load_analysis(f"{place}/run").layers)
    ['layer1']
    """
    activations = open_run(path)
    assert activations.run is not None
    run = activations.run
    folder = result.current_folder(run, analysis)
    seal = sealed(run, folder.name)
    with understood(place_text(folder / SPEC), again=AGAIN):
        spec = spec_of(seal)
        design = Design.from_spec(spec)
    attrs = {
        **activations.attrs,
        **{key: value for key, value in spec.items() if key not in ("versions",)},
        "n": activations.n,
        "smallest_class": _smallest_class(activations) if design.per_class else None,
        "pool": _pools(activations.attrs.get("pool")),
        "analysis": folder.name,
        "versions": {**activations.attrs.get("versions", {}), **spec["versions"]},
        "conventions": {
            "filtration": design.filtration.describe(),
            **design.filtration.conventions(design),
            **{f"null {name}": NULLS[name] for name in design.nulls},
        },
        "class_names": list(activations.class_names),
        "commands": _commands(activations, design, spec["level"]),
        "plan": followed(
            folder,
            parameters_used(design, spec["level"]),
            lambda: {place_text(run): capture_hash(Run.open(run))},
        ),
        "warnings": _warnings(activations, design),
    }
    with understood(place_text(folder), again=AGAIN):
        loaded = Analysis.load(
            seal,
            name=str(
                activations.attrs.get("name") or activations.attrs.get("model") or folder.name
            ),
            failures=list(seal.json(FAILURES)),
            attrs=attrs,
            activations=activations,
            run=activations.run,
        )
    attrs["warnings"] += _repeats(loaded)
    return loaded


def analyze_command(run: Path | str, design: Design, *, level: float | None = None) -> str:
    """The command line that computes an analysis."""
    words = ["toposcope", "analyze", place_text(run), *design.command_words()]
    return shlex.join(words + ([] if level is None else ["--level", str(level)]))


def _commands(activations: ActivationSet, design: Design, level: float) -> list[str]:
    noted = activations.attrs.get("command")
    # A RUN may be a stranger's: what is no capture becomes a comment for whoever pastes it.
    plain = plain_command(noted, imports=True)
    capture = noted and (plain or f"# noted: {' '.join(str(noted).split())}")
    analyze_line = analyze_command(activations.run or "RUN", design, level=level)
    return [*([capture] if capture else []), analyze_line]


def _smallest_class(activations: ActivationSet) -> int:
    """Samples of the class that has fewest."""
    assert activations.labels is not None, "draws inside classes need labels"
    return int(np.unique(activations.labels, return_counts=True)[1].min())


def _pools(pool: Any) -> str:
    """Pools in words: one name where all layers share it."""
    if not isinstance(pool, dict):
        return str(pool or "as given")
    names = sorted(set(map(str, pool.values())))
    if len(names) == 1:
        return names[0]
    return "; ".join(f"{layer}: {name}" for layer, name in pool.items())


def _warnings(activations: ActivationSet, design: Design) -> list[str]:
    said = [
        f"layer {layer}: {count:,} values are not finite; it was not measured"
        for layer, count in (activations.attrs.get("nonfinite") or {}).items()
    ]
    if activations.attrs.get("truncated"):
        said.append(
            f"{activations.attrs['truncated']:,} of {activations.n:,} texts have more than "
            f"{activations.attrs['token_limit']:,} tokens and were cut"
        )
    if design.overlapping:
        said.append(
            "draws overlap: intervals are widened for it, and draws are no permutation units"
        )
    return said + design.filtration.reservations(design, activations)


def _repeats(analysis: Analysis) -> list[str]:
    """Layers whose clouds have fewer distinct points than the design says."""
    columns = analysis.columns
    counted = columns.having("statistic", DUPLICATES) & columns.having("cloud", DATA_CLOUD)
    table = columns.frame(np.flatnonzero(counted))
    rows = table[table["value"] >= REPEATED_SHARE * table["points"]]
    return [
        f"layer {layer}: up to {most['value']:.0f} of {most['points']} points of a cloud repeat "
        "another one, so it has fewer pairs in H0: sums and numbers of pairs are not comparable "
        "with layers of distinct points"
        for layer, most in (
            (layer, group.loc[group["value"].idxmax()])
            for layer, group in rows.groupby("layer", sort=False)
        )
    ]
