"""What runs shown together are called: by what tells them apart, and by which training.

Two trainings of one model, three analyses of one RUN and one network on two data sets all come with
one name; here each gets the words in which it differs from the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from toposcope.analysis.result import Analysis
from toposcope.store.series import is_series, number
from toposcope.words.designs import what_differs
from toposcope.words.formats import all_of

Tell = Callable[[Sequence[Analysis]], list[str]]


def told_apart(analyses: Sequence[Analysis]) -> list[Analysis]:
    """Runs that share a name, named after what differs; checkpoints after their training.

    Data, weights, folder, then the design of the analysis, then two of these together: the first
    that tells all of them apart is taken. Checkpoints get `attrs["training"]` where several
    trainings (or several analyses of one) are shown.
    """
    out = list(analyses)
    for places in _trainings(analyses):
        words = _words([analyses[i] for i in places], by_step=True)
        for place, word in zip(places, words, strict=True):
            one = analyses[place]
            told = {"training": f"{one.attrs.get('model')} ({word})"}
            out[place] = replace(one, name=f"{one.name} ({word})", attrs=one.attrs | told)
    for places in _namesakes(out):
        words = _words([analyses[i] for i in places])
        for place, word in zip(places, words, strict=True):
            out[place] = replace(out[place], name=f"{out[place].name} ({word})")
    return out


def in_training_order(analyses: Sequence[Analysis]) -> list[Analysis]:
    """Checkpoints of a training by rising step; trainings in the order given.

    A shell sorts step150 before step30.
    """
    trainings = list(dict.fromkeys(map(_training, analyses)))

    def place(analysis: Analysis) -> tuple[int, float]:
        step = analysis.attrs.get("step")
        return trainings.index(_training(analysis)), -1 if step is None else float(step)

    return sorted(analyses, key=place)


def steps_apart(analyses: Sequence[Analysis]) -> list[Analysis]:
    """Trainings of one model, each with a note on the steps that the others lack.

    A figure over training shows all steps of each; what is said across trainings holds where the
    steps are shared.
    """
    steps: dict[str, dict[str, set[float]]] = {}
    for one in analyses:
        if one.attrs.get("step") is not None:
            model = steps.setdefault(str(one.attrs.get("model")), {})
            model.setdefault(_training(one), set()).add(float(one.attrs["step"]))
    out = []
    for one in analyses:
        several = steps.get(str(one.attrs.get("model")), {})
        own = several.get(_training(one), set())
        rest = sorted(own - own.intersection(*several.values())) if len(several) > 1 else []
        if one.attrs.get("step") is None or not rest:
            out.append(one)
            continue
        which = f"step{'s' * (len(rest) > 1)} {all_of([number(step) for step in rest])}"
        note = (
            f"not every training of this model has {which}; they stand in the curves and changes "
            "of this one alone, and trainings meet at their common steps only"
        )
        out.append(replace(one, attrs=one.attrs | {"warnings": [*one.attrs["warnings"], note]}))
    return out


def _training(analysis: Analysis) -> str:
    return str(analysis.attrs.get("training") or analysis.attrs.get("model"))


def _trainings(analyses: Sequence[Analysis]) -> Iterable[list[int]]:
    """Checkpoints of one model that are no single training: a step twice, or several SERIES."""
    models: dict[str, list[int]] = {}
    for place, one in enumerate(analyses):
        if one.attrs.get("step") is not None:
            models.setdefault(f"{one.attrs.get('model')} {one.attrs.get('data')}", []).append(place)
    for places in models.values():
        steps = [float(analyses[i].attrs["step"]) for i in places]
        folders = {_series_folder(analyses[i]) for i in places}
        if len(set(steps)) < len(steps) or len(folders) > 1:
            yield places


def _namesakes(analyses: Sequence[Analysis]) -> Iterable[list[int]]:
    names: dict[str, list[int]] = {}
    for place, one in enumerate(analyses):
        names.setdefault(one.name, []).append(place)
    return [places for places in names.values() if len(places) > 1]


def _words(members: Sequence[Analysis], *, by_step: bool = False) -> list[str]:
    """Words for each of several runs of one name, in which no two are alike.

    With `by_step` runs of other steps may share them: they are a training.
    """
    ways: tuple[Tell, ...] = (_data, _weights, _folder, _design, _analysis, _number)
    if by_step:
        ways = (_around, _design, _analysis, _number)
    best: list[str] = []
    for several in (*([way] for way in ways), *([a, b] for a in ways for b in ways if a is not b)):
        columns = [way(members) for way in several]
        words = [", ".join(filter(None, row)) for row in zip(*columns, strict=True)]
        steps = [one.attrs.get("step") if by_step else None for one in members]
        if all(words) and len(set(zip(words, steps, strict=True))) == len(members):
            best = words
            break
    return best


def _data(members: Sequence[Analysis]) -> list[str]:
    return [str(one.attrs.get("data_name") or "") for one in members]


def _weights(members: Sequence[Analysis]) -> list[str]:
    return [Path(str(one.attrs.get("weights") or "")).stem for one in members]


def _folder(members: Sequence[Analysis]) -> list[str]:
    return ["" if one.run is None else one.run.resolve().name for one in members]


def _around(members: Sequence[Analysis]) -> list[str]:
    """The folder that the RUNs of a training lie in."""
    return ["" if one.run is None else one.run.resolve().parent.name for one in members]


def _design(members: Sequence[Analysis]) -> list[str]:
    return what_differs([one.attrs for one in members])


def _analysis(members: Sequence[Analysis]) -> list[str]:
    return [str(one.attrs.get("analysis") or "") for one in members]


def _number(members: Sequence[Analysis]) -> list[str]:
    """The last resort, for analyses in memory that say nothing of themselves."""
    return [str(place + 1) for place in range(len(members))]


def _series_folder(analysis: Analysis) -> str:
    folder = None if analysis.run is None else analysis.run.resolve().parent
    return str(folder) if folder is not None and is_series(folder) else ""
