"""From validity measurements to verdicts, by rules that are fixed beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toposcope.analysis.result import Analysis, frame
from toposcope.analysis.validity_checks import CHECKS
from toposcope.findings.looked_at import overlap_of
from toposcope.findings.validity.concentration import concentration
from toposcope.findings.validity.metric import metric
from toposcope.findings.validity.normalization import normalization
from toposcope.findings.validity.observations import Observations
from toposcope.findings.validity.outliers import outliers
from toposcope.findings.validity.sample_size import sample_size
from toposcope.findings.validity.verdict import Decision, Verdict
from toposcope.store.objects import read_json
from toposcope.store.tables import read_table

JUDGES: dict[str, Callable[[Observations], Verdict]] = {
    "sample_size": sample_size,
    "outliers": outliers,
    "normalization": normalization,
    "concentration": concentration,
    "metric": metric,
}


def judge(observations: Observations, *, checks: Sequence[str] = tuple(CHECKS)) -> list[Verdict]:
    """One verdict per check, in the order of `validity_checks.CHECKS`.

    Parameters
    ----------
    observations
        Measurements, of the cheap or of the full form.
    checks
        Which checks.

    Returns
    -------
    Verdicts; a check without measurements is "not checked", with the reasons that are stored.
    """
    return [
        JUDGES[name](observations)
        if len(observations.of(name))
        else Verdict(name, Decision.NOT_CHECKED, measured=False, reasons=observations.reasons(name))
        for name in checks
    ]


def validity_verdicts(analysis: Analysis) -> list[Verdict]:
    """The validity checks of an analysis, judged.

    Parameters
    ----------
    analysis
        As `analyze` returns it; the cheap form of the checks is measured with it.

    Returns
    -------
    One verdict per check; `ts.describe` tells them. An empty list for an analysis made without
    checks.

    Examples
    --------
    >>> import numpy as np
    >>> from toposcope.analysis.run import analyze
    >>> from toposcope.store import from_arrays
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> analysis = analyze(from_arrays({"block": X}), points=50, replicates=4, jobs=0)
    >>> {one.name: str(one.decision) for one in validity_verdicts(analysis)}["concentration"]
    'holds'
    """
    return judge(_cheap(analysis)) if len(analysis.validity) else []


def _cheap(analysis: Analysis) -> Observations:
    attrs = analysis.attrs
    return Observations(
        analysis.validity,
        level=float(attrs["level"]),
        overlap=overlap_of(attrs),
        normalize=str(attrs["normalize"]),
    )


def trust_verdicts(analysis: Analysis) -> list[Verdict]:
    """What a report says of an analysis: the full study where it was made, else the cheap form.

    Where a study looked at some degrees of homology only, the cheap form is told beside it for the
    others: no degree is ever judged twice.
    """
    studied = {one.name: one for one in _stored(analysis)}
    told = []
    for cheap in validity_verdicts(analysis):
        full = studied.get(cheap.name)
        if full is None or not full.parts:
            told.append(cheap)
            continue
        covered = {part.degree for part in full.parts}
        if any(part.degree not in covered for part in cheap.parts):
            rest = _cheap(analysis).without(cheap.name, covered)
            told += judge(rest, checks=(cheap.name,))
        told.append(full)
    return told


def _stored(analysis: Analysis) -> list[Verdict]:
    """Verdicts of the last study of a RUN when it is about this analysis, from its measurements."""
    if analysis.run is None:
        return []
    root = analysis.run / "studies" / "validity"
    if not (root / "current.json").exists():
        return []
    folder = root / str(read_json(root / "current.json")["study"])
    spec, file = read_json(folder / "spec.json"), folder / "measurements.parquet"
    if not file.exists() or spec["analysis"] != analysis.attrs.get("analysis"):
        return []
    measurements = frame(read_table(folder, file.name))
    checks = [name for name in CHECKS if name in set(measurements["check"])]
    level = float(spec.get("level", analysis.attrs["level"]))
    return judge(
        Observations(measurements, level=level, normalize=str(spec["normalize"])), checks=checks
    )
