"""From validity measurements to verdicts, by rules that are fixed beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toposcope.analysis.result import ANALYSIS, Analysis, frame
from toposcope.analysis.validity_checks import CHECKS
from toposcope.errors import DamagedError
from toposcope.findings.looked_at import overlap_of
from toposcope.findings.validity.concentration import concentration
from toposcope.findings.validity.metric import metric
from toposcope.findings.validity.normalization import normalization
from toposcope.findings.validity.observations import Observations
from toposcope.findings.validity.outliers import outliers
from toposcope.findings.validity.sample_size import sample_size
from toposcope.findings.validity.verdict import Decision, Verdict
from toposcope.inputs.signatures import checked
from toposcope.store import checked_json
from toposcope.store.objects import find_json, objects_in
from toposcope.store.runs import Run
from toposcope.store.seals import Seal, find_seal
from toposcope.store.shapes import expect, understood
from toposcope.store.tables import table_of

ROOT, SPEC, TABLE = "studies/validity", "spec.json", "measurements.parquet"
SHAPE = {"analysis": str, "level?": (float, int), "normalize": str}
AGAIN = "Run 'toposcope study validity' of this RUN again."

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


@checked(analysis=ANALYSIS)
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


@checked(analysis=ANALYSIS)
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
    objects = objects_in(analysis.run)
    pointer = find_json(objects, f"{ROOT}/current.json")
    if pointer is None:
        return []
    where = objects.where(f"{ROOT}/current.json")
    name = expect(pointer, {"study": str}, where=where, again=AGAIN)["study"]
    folder = objects.within(f"{ROOT}/{name}")
    seal = find_seal(folder)
    if not folder.exists(SPEC):
        msg = f"{where} names the study {name[:60]!r}, which is not there. {AGAIN}"
        raise DamagedError(msg)
    if seal is None and checked_json.is_checked(folder.get(SPEC)):
        return []  # begun, and not finished
    # Studies of versions before had no seal: nothing vouches for their files.
    seal = seal or Seal(folder, {}, None, {})
    seal.refuse_another(Run.open(analysis.run).whose)
    spec = expect(seal.json(SPEC), SHAPE, where=folder.where(SPEC), again=AGAIN)
    begun = not seal.covers_all and not folder.exists(TABLE)
    if begun or spec["analysis"] != analysis.attrs.get("analysis"):
        return []
    with understood(folder.where(TABLE), again=AGAIN):
        measurements = frame(table_of(seal.get(TABLE), where=folder.where(TABLE)))
        checks = [name for name in CHECKS if name in set(measurements["check"])]
        level = float(spec.get("level", analysis.attrs["level"]))
        return judge(
            Observations(measurements, level=level, normalize=str(spec["normalize"])),
            checks=checks,
        )
