"""What `ts.compare` says of two networks: from the values of layers to the sentence.

Most worlds enter where `compare` has measured its layers (`PairValues`) and then run the very code
of it: judgement, families, onset, tables, `Comparison`, sentences. Diagrams are stood in for by
vectors with Euclidean distances: a part that a draw gives both networks alike, and noise of their
own that neighboring layers share (correlation 0.5). Two worlds run `ts.compare` on clouds.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from functools import cache, partial
from typing import Any

import numpy as np

import toposcope as ts
from benchmarks.calibration.claims import add
from toposcope.comparison.judgement import Rules
from toposcope.comparison.networks import Network
from toposcope.comparison.pair_values import PairValues
from toposcope.comparison.run import TARGET, _compared
from toposcope.words.comparison import summarize_comparison

DRAWS = 8
DEGREES = (0, 1)
DIAGRAMS = ("wasserstein", "bottleneck", "sliced_wasserstein", "landscape", "betti_curve")
SIMILARITIES = ("cka", "cka_debiased", "procrustes", "rsa", "mutual_knn")

Array = np.ndarray[Any, Any]


@cache
def networks(layers: int, draws: int, count: int = 2, *, paired: bool = True) -> list[Network]:
    """Networks without activations worth the name: `compare` asks for layers and samples."""
    rows = tuple(np.array([r]) for r in range(draws))
    out = []
    for k in range(count):
        ids = np.array([f"{0 if paired else k}:{r}" for r in range(draws)])
        named = {f"l{p}": np.zeros((draws, 1)) for p in range(layers)}
        acts = ts.from_arrays(named, sample_ids=ids, name=f"net{k}")
        out.append(Network(f"net{k}", acts, None, rows, acts.attrs))
    return out


def noise_of_layers(rng: np.random.Generator, layers: int, draws: int, width: int) -> Array:
    """(layers, draws, width) noise of variance 1; neighboring layers correlate by 0.5."""
    out = rng.normal(size=(layers, draws, width))
    for p in range(1, layers):
        out[p] = 0.5 * out[p - 1] + np.sqrt(0.75) * out[p]
    return out


def compared(
    rng: np.random.Generator,
    shifts: Array,
    *,
    measures: tuple[str, ...] = ("wasserstein", "cka"),
    rules: Rules | None = None,
    draws: int = DRAWS,
    width: int = 4,
    paired: bool = True,
    count: int = 2,
    planted: tuple[tuple[str, int], ...] | None = None,
    related: bool = True,
    neighbors: bool = False,
) -> ts.Comparison:
    """A comparison of networks of which the second one is shifted by `shifts` (layers,) noise sd.

    `planted` names the (measure, degree) pairs that see the shift; None for all of them.
    """
    layers, rules = len(shifts), rules or Rules()
    cross: dict[Any, Array] = {}
    same: dict[Any, Array] = {}
    floor: dict[Any, Array] = {}
    for measure in measures:
        for degree in DEGREES if measure in DIAGRAMS else (None,):
            if degree is None:
                for p in range(layers):
                    for j in range(1, count):
                        key = ((0, p), (j, p), measure)
                        same[key], floor[key] = similarities(rng, measure, draws, related)
                continue
            common = noise_of_layers(rng, layers, draws, width)
            points = []
            for k in range(count):
                shared = common if paired else noise_of_layers(rng, layers, draws, width)
                mine = shared + noise_of_layers(rng, layers, draws, width) / np.sqrt(2)
                if k == 1 and (planted is None or (measure, degree) in planted):
                    mine[:, :, 0] += shifts[:, None]
                mine += 6.0 * np.arange(layers)[:, None, None] ** 0.5
                points.append(mine)
            meets = [((k, p), (k, p)) for k in range(count) for p in range(layers)]
            if neighbors:  # they only say how long a step is, which no claim rests on
                meets += [((k, p), (k, p + 1)) for k in range(count) for p in range(layers - 1)]
            meets += [
                ((i, p), (j, p)) for i in range(count) for j in range(i) for p in range(layers)
            ]
            left = np.stack([points[k][p] for (k, p), _ in meets])
            right = np.stack([points[k][p] for _, (k, p) in meets])
            apart = np.linalg.norm(left[:, :, None] - right[:, None], axis=-1)
            for (a, b), matrix in zip(meets, apart, strict=True):
                cross[a, b, measure, degree] = matrix
    values = PairValues(cross, same, floor, {}, draws)
    kinds = [m for m in measures if m in DIAGRAMS] + [m for m in measures if m not in DIAGRAMS]
    attrs = {
        "points": 1,
        "replicates": draws,
        "conventions": {},
        "measures": kinds,
        "homology_dimensions": list(DEGREES),
        "target": TARGET,
        "plan": None,
        "equalized": False,
        **asdict(rules),
    }
    parts = {"": (networks(layers, draws, count, paired=paired), values)}
    return _compared(parts[""][0], parts, rules, attrs)


def similarities(
    rng: np.random.Generator, measure: str, draws: int, related: bool
) -> tuple[Array, Array]:
    """Values of draws, and of unrelated samples, of a measure in its own direction."""
    declared = ts.similarity.MEASURES[measure]
    far = np.clip(0.1 + 0.05 * rng.normal(size=(2, draws)), 0, 1)
    value = 0.9 + 0.02 * rng.normal(size=draws) if related else far[0]
    turned = [value, far[1]]
    if declared.at_identity == 0:
        turned = [1 - one for one in turned]
    return turned[0], turned[1]


def text_of(found: ts.Comparison) -> str:
    """All sentences as one text."""
    return " ".join(summarize_comparison(found))


def says_some_differ(found: ts.Comparison) -> bool:
    """Whether any sentence claims a difference, of a layer or of the networks."""
    said = re.search(r"\d+ of \d+ layers? differs?|all \d+ layers differ|together they differ",
                     text_of(found))  # fmt: skip
    table = found.layers[found.layers["homology_dimension"].notna()]
    assert (
        bool(said) == bool((table["adjusted_p"] <= 0.05).any()) or "together" in (said or [""])[0]
    )
    return bool(said)


# Nothing differs.


def null_world(
    rng: np.random.Generator, *, layers: int, measures: tuple[str, ...], **how: Any
) -> bool:
    return says_some_differ(compared(rng, np.zeros(layers), measures=measures, **how))


def null_unrelated(rng: np.random.Generator, *, layers: int, measure: str) -> bool:
    """Similarities of layers that have nothing to do with each other."""
    found = compared(rng, np.zeros(layers), measures=(measure,), related=False)
    text = text_of(found)
    return "Every layer is more alike" in text or not (found.layers["adjusted_p"] > 0.05).all()


for _layers in (9, 20, 56, 150):
    add(
        f"comparison.null_{_layers}",
        partial(null_world, layers=_layers, measures=("wasserstein", "cka")),
        "any layer, or the networks, differ",
        world=f"default measures, nothing differs, {_layers} layers, 8 pairs",
        simulations={9: 400, 20: 400, 56: 200, 150: 120}[_layers],
        at_most=0.05,
    )
for _measure in DIAGRAMS:
    add(
        f"comparison.null_{_measure}",
        partial(null_world, layers=20, measures=(_measure,)),
        "any layer, or the networks, differ",
        world=f"{_measure} alone, nothing differs, 20 layers, 8 pairs",
        simulations=100,
        at_most=0.05,
    )
add(
    "comparison.null_all_measures",
    partial(null_world, layers=20, measures=(*DIAGRAMS, "cka")),
    "any layer, or the networks, differ",
    world="all five distances and CKA, nothing differs, 20 layers, 8 pairs",
    simulations=100,
    at_most=0.05,
)
for _layers in (9, 56):
    add(
        f"comparison.null_independent_{_layers}",
        partial(null_world, layers=_layers, measures=("wasserstein",), paired=False),
        "any layer, or the networks, differ",
        world=f"wasserstein, other samples in each network, {_layers} layers, 8 and 8 draws",
        simulations={9: 200, 56: 60}[_layers],
        at_most=0.05,
    )
add(
    "comparison.null_four_networks",
    partial(null_world, layers=9, measures=("wasserstein",), count=4),
    "any layer of any pair, or any pair of networks, differs",
    world="wasserstein, four networks (6 pairs), nothing differs, 9 layers, 8 pairs of draws",
    simulations=200,
    at_most=0.05,
)
for _measure in SIMILARITIES:
    add(
        f"comparison.unrelated_{_measure}",
        partial(null_unrelated, layers=20, measure=_measure),
        "any layer is more alike than unrelated samples",
        world=f"{_measure}, unrelated layers, 20 layers, 8 pairs",
        at_most=0.05,
    )


# Something differs.


def one_layer_far(rng: np.random.Generator, *, layers: int, measures: tuple[str, ...]) -> bool:
    """Whether the layer that is 50 standard deviations apart is named, and nothing else."""
    shifts = np.zeros(layers)
    where = int(rng.integers(layers))
    shifts[where] = 50.0
    found = compared(rng, shifts, measures=measures)
    sentences = summarize_comparison(found)[:2]
    return all(re.search(rf"1 of {layers} layers differs .*: l{where}\. ", s) for s in sentences)


for _layers in (9, 20, 56, 150):
    add(
        f"comparison.one_layer_of_{_layers}",
        partial(one_layer_far, layers=_layers, measures=("wasserstein", "cka")),
        "1 layer differs, and it is named (H0 and H1), no other is",
        world=f"one of {_layers} layers 50 sd apart in H0 and H1, default measures, 8 pairs",
        simulations={9: 100, 20: 100, 56: 60, 150: 30}[_layers],
        at_least=0.9,
    )


def quoted(found: ts.Comparison) -> float:
    """Gap in H0 that the sentence says would have been found 8 times in 10."""
    said = re.search(
        r"draws a gap of ([\d.e+-]+) in one layer would", summarize_comparison(found)[0]
    )
    return float(said[1]) if said else float("nan")


def quoted_gap_is_found(
    rng: np.random.Generator, *, layers: int, measures: tuple[str, ...], **how: Any
) -> bool | None:
    """A first comparison quotes a gap; a second one has just that gap in one layer of H0."""
    gap = quoted(compared(rng, np.zeros(layers), measures=measures, **how))
    if not np.isfinite(gap):
        return None
    where, shifts = int(rng.integers(layers)), np.zeros(layers)
    shifts[where] = gap
    diagram = next(m for m in measures if m in DIAGRAMS)
    found = compared(rng, shifts, measures=measures, planted=((diagram, 0),), **how)
    rows = found.layers.query(f"measure == '{diagram}' and homology_dimension == 0")
    return bool(rows["adjusted_p"].iloc[where] <= 0.05)


for _layers, _width in ((9, 1), (9, 4), (9, 30), (20, 4), (20, 30), (56, 4), (150, 4)):
    add(
        f"comparison.quoted_gap_{_layers}_{_width}",
        partial(quoted_gap_is_found, layers=_layers, measures=("wasserstein", "cka"), width=_width),
        "a gap of X in one layer would have been found 8 times in 10",
        world=f"exactly X in one of {_layers} layers, noise in {_width} directions, 8 pairs",
        simulations=60 if _layers == 150 else 120,
        at_least=0.7,
        at_most=0.9,
    )
for _draws in (6, 16):
    add(
        f"comparison.quoted_gap_draws_{_draws}",
        partial(quoted_gap_is_found, layers=20, measures=("wasserstein", "cka"), draws=_draws),
        "a gap of X in one layer would have been found 8 times in 10",
        world=f"exactly X in one of 20 layers, noise in 4 directions, {_draws} pairs",
        simulations=80,
        at_least=0.7,
        at_most=0.9,
    )
add(
    "comparison.quoted_gap_independent",
    partial(quoted_gap_is_found, layers=20, measures=("wasserstein",), paired=False),
    "a gap of X in one layer would have been found 8 times in 10",
    world="exactly X in one of 20 layers, other samples in each network, 8 and 8 draws",
    simulations=80,
    at_least=0.7,
    at_most=0.9,
)


# From which depth on.

CURVES = {
    "first": ("only the first of 9 layers", np.arange(9) == 0),
    "last": ("only the last of 9 layers", np.arange(9) == 8),
    "band": ("only layers 5 and 6 of 9", np.isin(np.arange(9), (4, 5))),
    "step": ("layers 5 to 9 of 9, all alike", np.arange(9) >= 4),
    "ramp": ("a ramp over layers 4 to 9 of 9", np.clip((np.arange(9) - 2) / 6, 0, 1)),
    "level": ("all 9 layers alike", np.ones(9)),
}


def onset_said(rng: np.random.Generator, *, curve: str, size: float, kind: str) -> bool:
    text = summarize_comparison(compared(rng, size * CURVES[curve][1], measures=("wasserstein",)))[
        0
    ]
    return {"step": "They differ from", "most": "Most of the squared gap lies"}[kind] in text


def onset_covers(rng: np.random.Generator, *, curve: str, size: float) -> bool | None:
    """Of an onset that was said: whether its interval holds the best step of the true curve."""
    true = (size * CURVES[curve][1]) ** 2
    layers = len(true)
    explained = [true[k:].sum() / np.sqrt(layers - k) for k in range(layers)]
    depth = (int(np.argmax(explained)) + 1) / layers
    found = compared(rng, size * CURVES[curve][1], measures=("wasserstein",)).models.iloc[0]
    if found["onset"] == "none":
        return None
    return bool(found["change_low"] - 1e-9 <= depth <= found["change_high"] + 1e-9)


for _curve in ("first", "band", "level"):
    for _size in (3.0, 10.0):
        for _kind, _said in (
            ("step", "they differ from depth x on"),
            ("most", "most of the squared gap lies from depth x on"),
        ):
            add(
                f"comparison.onset_{_curve}_{_size:g}_{_kind}",
                partial(onset_said, curve=_curve, size=_size, kind=_kind),
                _said,
                world=f"{CURVES[_curve][0]}, {_size:g} sd, 8 pairs",
                simulations=100,
                at_most=0.05,
            )
for _curve, _size in (("last", 3.0), ("last", 10.0), ("step", 3.0), ("step", 10.0)):
    add(
        f"comparison.onset_{_curve}_{_size:g}_said",
        partial(onset_said, curve=_curve, size=_size, kind="step"),
        "they differ from depth x on",
        world=f"{CURVES[_curve][0]}, {_size:g} sd, 8 pairs (true)",
        simulations=100,
    )
for _curve, _size in (
    ("last", 2.0), ("last", 10.0), ("step", 2.0), ("step", 10.0), ("ramp", 3.0), ("ramp", 10.0),
):  # fmt: skip
    add(
        f"comparison.onset_{_curve}_{_size:g}_covers",
        partial(onset_covers, curve=_curve, size=_size),
        "interval of the onset, where one is said",
        world=f"{CURVES[_curve][0]}, {_size:g} sd, 8 pairs",
        simulations=200,
        at_least=0.93,
    )


# Equivalence.


def equivalent_at_the_margin(
    rng: np.random.Generator, *, layers: int, share: float, unit: str
) -> bool:
    """Whether any layer is called equivalent, where all gaps are `share` margins."""
    # Two draws of a layer of `compared` are so far apart: mean of a chi with 4 degrees of freedom.
    noise = np.sqrt(2 * 1.5) * np.sqrt(np.pi / 2) * 1.5
    margin = 2.0
    rules = replace(Rules(), margin=margin if unit == "noise" else margin * noise, margin_unit=unit)
    shifts = np.full(layers, share * margin * noise)
    found = compared(rng, shifts, measures=("wasserstein",), rules=rules)
    return bool(found.layers["equivalent"].any())


for _layers in (9, 56):
    for _unit in ("noise", "absolute"):
        add(
            f"comparison.equivalent_{_layers}_{_unit}",
            partial(equivalent_at_the_margin, layers=_layers, share=1.0, unit=_unit),
            "any layer is equivalent within the margin",
            world=f"all {_layers} layers, H0 and H1, exactly the margin apart ({_unit}), 8 pairs",
            simulations={9: 400, 56: 100}[_layers],
            at_most=0.05,
        )
add(
    "comparison.equivalent_inside",
    partial(equivalent_at_the_margin, layers=9, share=0.3, unit="absolute"),
    "any layer is equivalent within the margin",
    world="all 9 layers 0.3 margins apart, 8 pairs (true)",
    simulations=200,
)


# The whole way: clouds, diagrams, distances.


def clouds(
    rng: np.random.Generator, layers: int, *, stretched: dict[int, float] | None = None
) -> tuple[ts.ActivationSet, ts.ActivationSet]:
    """Two networks whose layers are noisy images of the same samples."""
    n, width = 8 * 16, 5
    latent = rng.normal(size=(n, 3))
    images = {f"l{p}": np.tanh(latent @ rng.normal(size=(3, width))) for p in range(layers)}
    pair = [
        {name: image + 0.1 * rng.normal(size=image.shape) for name, image in images.items()}
        for _ in range(2)
    ]
    for p, factor in (stretched or {}).items():
        pair[1][f"l{p}"][:, :2] *= factor
    one, other = (ts.from_arrays(named, name=f"net{k}") for k, named in enumerate(pair))
    return one, other


def clouds_null(rng: np.random.Generator) -> bool:
    pair = clouds(rng, 9)
    found = ts.compare(*pair, points=16, replicates=8, jobs=0)
    return says_some_differ(found)


def clouds_one_layer(rng: np.random.Generator) -> bool:
    pair = clouds(rng, 9, stretched={6: 6.0})
    found = ts.compare(*pair, points=16, replicates=8, jobs=0, homology_dimensions=(0,))
    return "1 of 9 layers differs" in text_of(found) and ": l6." in text_of(found)


add(
    "comparison.clouds_null",
    clouds_null,
    "any layer, or the networks, differ",
    world="`ts.compare` on clouds, default measures (H0, H1, CKA), nothing differs, 9 layers",
    simulations=120,
    at_most=0.05,
)
add(
    "comparison.clouds_one_layer",
    clouds_one_layer,
    "1 of 9 layers differs, and it is named",
    world="`ts.compare` on clouds, H0 and CKA, one layer stretched sixfold in 2 of 5 directions",
    simulations=60,
    at_least=0.8,
)
