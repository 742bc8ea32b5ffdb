"""From validity measurements to verdicts; every threshold is fixed in this folder, beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toposcope.analysis.result import Analysis
from toposcope.analysis.validity_checks import CHECKS
from toposcope.findings.looked_at import overlap_of
from toposcope.findings.validity import geometry, points
from toposcope.findings.validity.observations import Observations
from toposcope.findings.validity.verdict import Decision, Missing, NotChecked, Verdict

JUDGES: dict[str, Callable[[Observations], Verdict]] = {
    "sample_size": points.sample_size,
    "outliers": points.outliers,
    "normalization": geometry.normalization,
    "concentration": geometry.concentration,
    "metric": geometry.metric,
}


def judge(
    observations: Observations, *, checks: Sequence[str] = tuple(CHECKS)
) -> tuple[Verdict, ...]:
    """One verdict per check, in the order of `checks`.

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
    return tuple(
        JUDGES[name](observations)
        if len(observations.of(name))
        else _unmeasured(observations, name)
        for name in checks
    )


def _unmeasured(observations: Observations, name: str) -> Verdict:
    basis = NotChecked(Missing.NOT_MEASURED, observations.reasons(name))
    return Verdict(name, Decision.NOT_CHECKED, basis)


def validity_verdicts(analysis: Analysis) -> tuple[Verdict, ...]:
    """What the validity checks of an analysis say.

    Parameters
    ----------
    analysis
        As `analyze` returns it; the cheap form of the checks is measured with it.

    Returns
    -------
    One verdict per check, with all its numbers; `toposcope.words.validity` tells its rule, its
    reasons and what to do. Empty for an analysis made without checks.

    Examples
    --------
    >>> import numpy as np
    >>> from toposcope.analysis.run import analyze
    >>> from toposcope.store import from_arrays
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> analysis = analyze(from_arrays({"block": X}), points=50, replicates=4, jobs=0)
    >>> verdicts = {verdict.name: verdict.verdict for verdict in validity_verdicts(analysis)}
    >>> print(verdicts["concentration"])
    holds
    """
    if not len(analysis.validity):
        return ()
    attrs = analysis.attrs
    return judge(
        Observations(
            analysis.validity,
            level=float(attrs["level"]),
            overlap=overlap_of(attrs),
            normalize=str(attrs["normalize"]),
        )
    )
