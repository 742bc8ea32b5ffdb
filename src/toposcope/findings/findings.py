"""`look`: every test of a report, run once, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from toposcope.analysis.result import ANALYSIS, Analysis
from toposcope.errors import UsageError
from toposcope.findings.changes import changes
from toposcope.findings.looked_at import (
    HEADLINE,
    Looked,
    checkpoints,
    overlap_of,
    replicate_values,
)
from toposcope.findings.null_tests import against_nulls
from toposcope.findings.places import Place
from toposcope.findings.trends import LayerTrend, trends
from toposcope.findings.validity.judge import trust_verdicts
from toposcope.findings.validity.verdict import Verdict
from toposcope.inputs.signatures import checked, sequence
from toposcope.stats import Effect, Interval, proportion_interval
from toposcope.stats.turns import Course, course

if TYPE_CHECKING:
    import pandas as pd

FIRST_TOLD: tuple[Looked, ...] = (("lifespan_sum", 0), ("lifespan_sum", 1))


@dataclass(frozen=True, eq=False)
class Findings:
    """What stands out in analyses shown together, each kind corrected for all that was looked at.

    Parameters
    ----------
    analyses
        The runs looked at, in the order in which they are shown.
    subject
        Position of the run that the clearest change is about; of the last run without any.
    changes
        Relative changes over training or depth, clearest first; the mean over classes where draws
        were taken inside them.
    class_changes
        How much more each class changes than all of them on the mean, clearest first; empty where
        classes are pooled. One family with `changes`.
    course
        Where the statistic of the first change surely rises and falls: over the layers of its run,
        over the checkpoints at its layer in a training. A family of its own.
    nulls
        The subject against its null models, as from `against_nulls`.
    trends
        Curves over three checkpoints or more, surest first: a description of them, see `trends`.
    validity
        Verdicts of the validity checks of each analysis; empty where none were made.
    accuracies
        Top-1 accuracy of each analysis with its interval; None without labels.
    """

    analyses: tuple[Analysis, ...] = field(repr=False)
    subject: int
    changes: tuple[Effect[Place], ...]
    nulls: pd.DataFrame = field(repr=False)
    trends: tuple[LayerTrend, ...] = field(repr=False)
    validity: tuple[tuple[Verdict, ...], ...] = field(repr=False)
    accuracies: tuple[Interval | None, ...] = field(repr=False)
    class_changes: tuple[Effect[Place], ...] = field(default=(), repr=False)
    course: Course | None = field(default=None, repr=False)

    @property
    def told(self) -> tuple[Looked, ...]:
        """Statistics told against the nulls: the first of these that has any."""
        return _told(self.changes)


def _told(effects: Sequence[Effect[Place]]) -> tuple[Looked, ...]:
    clearest = [(effect.statistic, effect.homology_dimension) for effect in effects[:1]]
    return tuple(dict.fromkeys([*clearest, *FIRST_TOLD]))


@checked(analyses=sequence(ANALYSIS, of="analyses"))
def look(analyses: Sequence[Analysis]) -> Findings:
    """Everything that a report says beyond what was measured: changes, nulls, trends, trust.

    Parameters
    ----------
    analyses
        Runs shown together.

    Returns
    -------
    The results of all tests; `toposcope.describe` puts them into words.

    Examples
    --------
    >>> import numpy as np
    >>> import toposcope as ts
    >>> X = np.random.default_rng(0).normal(size=(120, 4))
    >>> acts = ts.from_arrays({"thin": X * [1, 1, 0.01, 0.01], "round": X})
    >>> findings = look([ts.analyze(acts, points=30, replicates=4, jobs=0)])
    >>> clearest = findings.changes[0]
    >>> clearest.where.layer, clearest.where.against, clearest.looked_at
    ('round', 'thin', 6)
    """
    if not analyses:
        msg = "look(): no analysis given. Pass one or more, as returned by ts.analyze()."
        raise UsageError(msg)
    found = changes(analyses)
    effects = [effect for effect in found if not effect.where.label]
    subject = effects[0].where.analysis if effects else len(analyses) - 1
    family = tuple(dict.fromkeys([*HEADLINE, *_told(effects)]))
    return Findings(
        analyses=tuple(analyses),
        subject=subject,
        changes=tuple(effects),
        nulls=against_nulls(analyses[subject], statistics=family),
        trends=tuple(trends(analyses)),
        validity=tuple(tuple(trust_verdicts(analysis)) for analysis in analyses),
        accuracies=tuple(map(_accuracy, analyses)),
        class_changes=tuple(effect for effect in found if effect.where.label),
        course=_course(analyses, effects[0]) if effects else None,
    )


def _course(analyses: Sequence[Analysis], effect: Effect[Place]) -> Course | None:
    """The curve that a change is part of; None where some of its values are missing."""
    place, about = effect.where, (effect.statistic, effect.homology_dimension)
    subject = analyses[place.analysis]
    if place.step is None:
        curve = [replicate_values(subject, layer, *about) for layer in subject.layers]
    else:
        steps = checkpoints(analyses)[place.model]
        curve = [replicate_values(analyses[i], place.layer, *about) for i in steps]
    if len({len(values) for values in curve}) != 1 or not len(curve[0]):
        return None
    level, overlap = float(subject.attrs["level"]), overlap_of(subject.attrs)
    return course(np.column_stack(curve), level=level, overlap=overlap)


def _accuracy(analysis: Analysis) -> Interval | None:
    share, n = analysis.attrs.get("top1"), analysis.attrs.get("n")
    if share is None or not n:
        return None
    n -= int(analysis.attrs.get("unlabelled") or 0)  # a share of the labelled samples
    return proportion_interval(share, n, level=float(analysis.attrs.get("level") or 0.95))
