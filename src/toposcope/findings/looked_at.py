"""What changes, nulls and trends look at alike: statistics, series of checkpoints, values by draw.

Which comparisons are made follows from the design of the runs alone, beforehand. All of them enter
the correction, also those that show nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toposcope.analysis.design import BESIDE
from toposcope.analysis.draw_values import Looked as Looked
from toposcope.analysis.draw_values import class_values as class_values
from toposcope.analysis.draw_values import headline as headline
from toposcope.analysis.draw_values import replicate_values as replicate_values
from toposcope.analysis.filtrations.points import HEADLINE as HEADLINE
from toposcope.analysis.result import Analysis
from toposcope.analysis.result import overlap_of as overlap_of
from toposcope.inputs.urls import url_of
from toposcope.store.series import is_series


def training_names(analyses: Sequence[Analysis]) -> list[str]:
    """The training that each run is a checkpoint of; "" for a run without a step.

    Its model, with the folder of the SERIES behind it where several are shown: two trainings of one
    model are two trainings. `attrs["training"]` says it where the caller knows better.
    """
    names = [_training(one) for one in analyses]
    folders = [_series_folder(one) for one in analyses]
    out = []
    for name, folder in zip(names, folders, strict=True):
        several = {there for other, there in zip(names, folders, strict=True) if other == name}
        out.append(f"{name} ({folder})" if name and folder and len(several) > 1 else name)
    return out


def checkpoints(analyses: Sequence[Analysis]) -> dict[str, tuple[int, ...]]:
    """Series of checkpoints: training -> positions of its runs on the same draws, by rising step.

    Runs that share a step, as two trainings in folders of RUNs do, are no series: which of them
    belong together is not known.
    """
    names = training_names(analyses)
    series = {}
    for name in dict.fromkeys(filter(None, names)):
        members = [i for i, one in enumerate(names) if one == name]
        members.sort(key=lambda i: float(analyses[i].attrs["step"]))
        first, *others = members
        steps = {float(analyses[i].attrs["step"]) for i in members}
        alike = all(_paired(analyses[first], analyses[other]) for other in others)
        if others and alike and len(steps) == len(members):
            series[name] = tuple(members)
    return dict(sorted(series.items()))


def _training(analysis: Analysis) -> str:
    if analysis.attrs.get("step") is None:
        return ""
    return str(analysis.attrs.get("training") or analysis.attrs["model"])


def _series_folder(analysis: Analysis) -> str:
    """Name of the SERIES that a RUN lies in; "" outside of one."""
    if analysis.run is None:
        return ""
    remote = url_of(analysis.run) is not None
    folder = (analysis.run if remote else analysis.run.resolve()).parent
    return folder.name if is_series(folder) else ""


def _paired(a: Analysis, b: Analysis) -> bool:
    """Whether equal replicate numbers mean equal samples, measured alike."""
    return (
        a.activations is not None
        and b.activations is not None
        and np.array_equal(a.activations.sample_ids, b.activations.sample_ids)
        and a.design is not None
        and b.design is not None
        and not a.design.differs(b.design, but=BESIDE)
    )
