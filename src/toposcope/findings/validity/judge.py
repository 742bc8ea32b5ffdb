"""From validity measurements to verdicts in words; every threshold is fixed here, beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toposcope.analysis.result import Analysis
from toposcope.analysis.validity_checks import CHECKS
from toposcope.findings.validity import geometry, points
from toposcope.findings.validity.observations import Observations
from toposcope.findings.validity.verdict import NOT_CHECKED, Verdict

JUDGES: dict[str, Callable[[Observations], Verdict]] = {
    "sample_size": points.sample_size,
    "outliers": points.outliers,
    "normalization": geometry.normalization,
    "concentration": geometry.concentration,
    "metric": geometry.metric,
}


def judge(observations: Observations, *, checks: Sequence[str] = tuple(CHECKS)) -> list[Verdict]:
    """One verdict per check, in the order of `checks.CHECKS`.

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
    found = []
    for name in checks:
        if len(observations.of(name)):
            found.append(JUDGES[name](observations))
            continue
        reasons = observations.reasons(name)
        text = "; ".join(reasons) or "It was not measured (Rips filtrations of points only)."
        found.append(Verdict(name, CLAIMS[name], NOT_CHECKED, text))
    return found


CLAIMS = {**points.CLAIMS, **geometry.CLAIMS}
"""What each check would like to be true."""


def validity_verdicts(analysis: Analysis) -> list[Verdict]:
    """The validity checks of an analysis as verdicts in words.

    Parameters
    ----------
    analysis
        As `analyze` returns it; the cheap form of the checks is measured with it.

    Returns
    -------
    One verdict per check; each names its rule, its numbers and what to do. An empty list for an
    analysis made without checks.

    Examples
    --------
    >>> import numpy as np
    >>> from toposcope.analysis.run import analyze
    >>> from toposcope.store import from_arrays
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> found = analyze(from_arrays({"block": X}), points=50, replicates=4, jobs=0)
    >>> {one.name: one.verdict for one in validity_verdicts(found)}["concentration"]
    'holds'
    """
    if not len(analysis.validity):
        return []
    attrs = analysis.attrs
    return judge(
        Observations(
            analysis.validity,
            level=float(attrs["level"]),
            overlap=attrs["points"] / attrs["n"] if attrs["overlapping"] else 0.0,
            normalize=str(attrs["normalize"]),
        )
    )
