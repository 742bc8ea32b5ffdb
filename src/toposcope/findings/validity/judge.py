"""From validity measurements to verdicts, by rules that are fixed beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toposcope.analysis.result import Analysis, frame
from toposcope.analysis.validity_checks import CHECKS
from toposcope.findings.looked_at import overlap_of
from toposcope.findings.validity import geometry, points
from toposcope.findings.validity.observations import Observations
from toposcope.findings.validity.verdict import Decision, Verdict
from toposcope.store.objects import read_json
from toposcope.store.tables import read_table

JUDGES: dict[str, Callable[[Observations], Verdict]] = {
    "sample_size": points.sample_size,
    "outliers": points.outliers,
    "normalization": geometry.normalization,
    "concentration": geometry.concentration,
    "metric": geometry.metric,
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
    if not len(analysis.validity):
        return []
    attrs = analysis.attrs
    return judge(
        Observations(
            analysis.validity,
            level=float(attrs["level"]),
            overlap=overlap_of(attrs),
            normalize=str(attrs["normalize"]),
        )
    )


def trust_verdicts(analysis: Analysis) -> list[Verdict]:
    """What a report says of an analysis: the full study where it was made, else the cheap form."""
    studied = {one.name: one for one in _stored(analysis)}
    return [studied.get(one.name, one) for one in validity_verdicts(analysis)]


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
