"""Validity verdicts: how often each says "holds" or "fails" where that is false, and where true.

The cheap form is replayed in memory: the draws, the ruler, the clouds and `cheap_checks` of
`analyze`, then `judge`. Rows called "at the margin" simulate the numbers of a check, one of
them exactly where its claim begins to be false, and judge those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.calibration.claims import add
from toposcope import dimension, homology
from toposcope.analysis.validity_checks import (
    CHECKS,
    DIRECTIONS,
    LOF,
    STATISTICS,
    Measured,
    at_size,
    cheap_checks,
    control,
    halved,
)
from toposcope.findings.validity.judge import judge
from toposcope.findings.validity.observations import Observations
from toposcope.findings.validity.verdict import Decision, Part, Verdict
from toposcope.pointclouds.cloudset import all_draws
from toposcope.pointclouds.rulers import layer_ruler
from toposcope.words.validity import told

Array = NDArray[np.float64]
World = Callable[[np.random.Generator, int], dict[str, Array]]


# Worlds: (n, d) activations by layer.


def gaussians(rng: np.random.Generator, n: int, *, dims: Sequence[int]) -> dict[str, Array]:
    """Round Gaussians."""
    return {f"b{i}": rng.normal(size=(n, d)) for i, d in enumerate(dims)}


def cubes(rng: np.random.Generator, n: int, *, dims: Sequence[int]) -> dict[str, Array]:
    """Uniform in cubes: no tails, no outliers."""
    return {f"b{i}": rng.random((n, d)) for i, d in enumerate(dims)}


def squares(rng: np.random.Generator, n: int, *, layers: int = 3) -> dict[str, Array]:
    """Uniform in squares."""
    return cubes(rng, n, dims=[2] * layers)


def many_clusters(rng: np.random.Generator, n: int, *, layers: int = 3) -> dict[str, Array]:
    """Forty tight clusters, which a quarter of 64 points cannot see."""
    out = {}
    for i in range(layers):
        centers = rng.normal(size=(40, 3))
        out[f"b{i}"] = centers[rng.integers(40, size=n)] + 0.01 * rng.normal(size=(n, 3))
    return out


def strayed(
    rng: np.random.Generator, n: int, *, every: int, far: float, layers: int = 3
) -> dict[str, Array]:
    """Cubes of five dimensions; one point in so many lies far away, in every layer."""
    out = {}
    for i in range(layers):
        X = rng.random((n, 5)) - 0.5
        X[::every] *= far
        out[f"b{i}"] = X
    return out


def circles(
    rng: np.random.Generator, n: int, *, d: int, noise: float, tail: float, layers: int = 3
) -> dict[str, Array]:
    """A circle in noise whose radius is that of a t distribution; `tail` are its degrees."""
    out = {}
    for i in range(layers):
        angle = 2 * np.pi * rng.random(n)
        X = noise * rng.normal(size=(n, d))
        if np.isfinite(tail):
            X /= np.sqrt(rng.chisquare(tail, size=(n, 1)) / tail)
        X[:, 0] += np.cos(angle)
        X[:, 1] += np.sin(angle)
        out[f"b{i}"] = X
    return out


def scaled(rng: np.random.Generator, n: int, *, factor: float) -> dict[str, Array]:
    """Dimension falls over five layers; every layer is so many times larger than the one before."""
    return {f"b{i}": factor**i * rng.normal(size=(n, 6 - i)) for i in range(5)}


def turned(rng: np.random.Generator, n: int) -> dict[str, Array]:
    """Directions fill more and more dimensions, while radii get heavier and heavier tails."""
    out = {}
    for i in range(5):
        X = rng.normal(size=(n, 3 + 2 * i))
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        out[f"b{i}"] = X * np.exp(0.45 * i * rng.normal(size=(n, 1)))
    return out


def opposed(rng: np.random.Generator, n: int) -> dict[str, Array]:
    """Far from the origin: cosine distances see 3 to 14 directions, Euclidean ones a line grow.

    Along the line to the origin, which angles do not see, points spread more and more, so that the
    Euclidean cloud falls from 4 dimensions to 1 while that of angles rises.
    """
    out = {}
    for i, (d, along) in enumerate(zip((3, 4, 6, 9, 14), (0.7, 1.6, 3.0, 6.0, 18.0), strict=True)):
        across = rng.normal(size=(n, d)) / np.sqrt(d)
        out[f"b{i}"] = np.column_stack([300 + along * rng.normal(size=n), across])
    return out


WORLDS: dict[str, tuple[str, World]] = {
    "d128": ("3 round layers of 128 dimensions", partial(gaussians, dims=(128,) * 3)),
    "d10": ("3 round layers of 10 dimensions", partial(gaussians, dims=(10,) * 3)),
    "five_alike": ("5 round layers of 10 dimensions", partial(gaussians, dims=(10,) * 5)),
    "flat": ("3 round layers of 2 dimensions", partial(gaussians, dims=(2,) * 3)),
    "growing": (
        "5 round layers of 2 to 12 dimensions",
        partial(gaussians, dims=(2, 3, 5, 8, 12)),
    ),
    "squares": ("3 uniform squares", squares),
    "clusters": ("3 layers of 40 tight clusters", many_clusters),
    "cubes": ("3 uniform cubes of 5 dimensions", partial(cubes, dims=(5,) * 3)),
    "five_percent": (
        "the same, 5 % of the points 10 times as far",
        partial(strayed, every=20, far=10.0),
    ),
    "one_far": (
        "the same, one point in 64 20 times as far",
        partial(strayed, every=64, far=20.0),
    ),
    "drowned": (
        "3 circles drowned in noise with heavy-tailed norms (t, 3 degrees), d = 100",
        partial(circles, d=100, noise=0.3, tail=3.0),
    ),
    "seen": ("3 clear circles, d = 10", partial(circles, d=10, noise=0.05, tail=np.inf)),
    "same_scale": ("dimension falls over 5 layers", partial(scaled, factor=1.0)),
    "flips": ("the same, and the scale grows 9 times a layer", partial(scaled, factor=9.0)),
    "turned": (
        "5 layers that cosine distances order the other way by entropy, alike by the other two",
        turned,
    ),
    "opposed": ("5 layers that cosine distances order the other way by all statistics", opposed),
}


def cheap(
    layers: Mapping[str, Array],
    *,
    points: int,
    replicates: int = 8,
    degrees: Sequence[int] = (0,),
    checks: Sequence[str] = tuple(CHECKS),
    rng: np.random.Generator,
) -> list[Verdict]:
    """Verdicts of the cheap form, as `analyze` followed by `validity_verdicts` gives them."""
    rows = []
    for number, (layer, X) in enumerate(layers.items()):
        draws = all_draws(
            len(X),
            None,
            drawn=points,
            replicates=replicates,
            per_class=False,
            overlapping=False,
            seed=int(rng.integers(2**31)),
        )
        ruler = layer_ruler(
            lambda _, rows, X=X: X[rows],
            layer,
            draws,
            method="mean_distance",
            points_are="samples",
            width=X.shape[1],
            seed=0,
        ).normalizer
        for draw in draws:
            raw = X[draw.rows]
            cloud = ruler(raw)
            D = homology.distances(cloud)
            diagrams: dict[int, Array] = {}
            if "sample_size" in checks and 1 in degrees:
                found = homology.rips_from_distances(
                    D, homology_dimensions=(0, 1), max_edge_length=np.inf, coeff=2
                )
                diagrams = dict(enumerate(found))
            ratio = dimension.participation_ratio(cloud)
            depth = number / max(len(layers) - 1, 1)
            place = (layer, depth, draw.replicate)
            found_here = cheap_checks(
                raw,
                homology.distances(raw),
                cloud,
                D,
                diagrams=diagrams,
                euclidean=True,
                participation_ratio=ratio,
                costly=True,
                rng=rng,
                checks=checks,
            )
            rows += [(*place, one) for one in found_here]
    return judge(Observations(frame(rows)), checks=checks)


def frame(rows: Sequence[tuple[str, float, int, Measured]]) -> pd.DataFrame:
    """Measurements as `Analysis.validity` holds them."""
    table = pd.DataFrame(
        {
            "layer": layer,
            "depth": depth,
            "replicate": replicate,
            "check": one.check,
            "condition": one.condition,
            "statistic": one.statistic,
            "homology_dimension": one.homology_dimension,
            "value": one.value,
            "points": one.points,
            "status": one.status,
            "reason": one.reason,
        }
        for layer, depth, replicate, one in rows
    )
    return table.astype({"homology_dimension": "Int64"})


def says(
    rng: np.random.Generator,
    *,
    world: str,
    check: str,
    word: Decision,
    degree: int | None = None,
    **design: object,
) -> bool:
    """Whether a verdict is so, and told so; with `degree`, its part of that degree."""
    # Rows about the same clouds come with the same generator, and judge them once.
    key = (world, check, str(design), rng.bit_generator.state["state"]["state"])
    if key not in SEEN:
        points = int(design.pop("points", 64))  # type: ignore[call-overload]
        layers = WORLDS[world][1](rng, 8 * points)
        (verdict,) = cheap(layers, points=points, checks=(check,), rng=rng, **design)  # type: ignore[arg-type]
        assert told(verdict).claim and told(verdict).text
        SEEN[key] = verdict.decision, verdict.parts
    decision, parts = SEEN[key]
    if degree is None:
        return decision == word
    return any(part.degree == degree and part.decision == word for part in parts)


SEEN: dict[tuple[str, str, str, int], tuple[Decision, Sequence[Part]]] = {}


# At the margin: numbers instead of clouds.


def at_the_margin(rng: np.random.Generator, *, check: str, word: Decision) -> bool:
    """Whether a claim that is just false "holds", or one that is just true "fails".

    Of 27 numbers of nine layers two may be otherwise, and three lie on the margin (of the nine of
    the concentration one). There both words are false alarms.
    """
    (verdict,) = judge(Observations(frame(list(MARGINS[check](rng)))), checks=(check,))
    return verdict.decision == word


def _sample_size_at_margin(rng: np.random.Generator, draws: int = 8):  # type: ignore[no-untyped-def]
    for i in range(9):
        for r in range(draws):
            level = 1.0 + 0.05 * rng.normal()
            for m, above in zip(
                halved(64), (0.0, 0.0, np.log(1.05) if i in (3, 4, 5) else 0.0), strict=True
            ):
                total = level * m**0.7 * np.exp(above + 0.01 * rng.normal())
                entropy = 0.9 * np.exp(0.002 * rng.normal())
                for name, value in (("lifespan_sum", total), ("normalized_entropy", entropy)):
                    yield f"b{i}", i / 8, r, Measured("sample_size", at_size(m), name, 0, value, m)


def _outliers_at_margin(rng: np.random.Generator, draws: int = 8):  # type: ignore[no-untyped-def]
    for i in range(9):
        for r in range(draws):
            for name in STATISTICS:
                clean = 10.0 + rng.normal()
                moved = np.sqrt(2.0) if i == 4 else 0.0
                thinned = clean + moved + 0.2 * rng.normal()
                for condition, value in ((LOF, clean), (control(LOF), thinned)):
                    yield f"b{i}", i / 8, r, Measured("outliers", condition, name, 0, value, 64)


def _concentration_at_margin(rng: np.random.Generator, draws: int = 8):  # type: ignore[no-untyped-def]
    from toposcope.findings.validity.concentration import CLEAR_CV

    for i in range(9):
        for r in range(draws):
            cv = (CLEAR_CV if i == 4 else 2 * CLEAR_CV) + 0.01 * rng.normal()
            one = Measured("concentration", DIRECTIONS, "distance_cv", None, cv, 64)
            yield f"b{i}", i / 8, r, one


def _blind_at_margin(rng: np.random.Generator, draws: int = 8):  # type: ignore[no-untyped-def]
    from toposcope.findings.validity.concentration import BLIND_CV

    for i in range(9):
        for r in range(draws):
            cv = BLIND_CV + 0.01 * rng.normal()
            one = Measured("concentration", DIRECTIONS, "distance_cv", None, cv, 64)
            yield f"b{i}", i / 8, r, one


MARGINS = {
    "sample_size": _sample_size_at_margin,
    "outliers": _outliers_at_margin,
    "concentration": _concentration_at_margin,
}


def blind_at_the_margin(rng: np.random.Generator) -> bool:
    """Whether layers exactly at the lower threshold are called concentrated."""
    rows = list(_blind_at_margin(rng))
    (verdict,) = judge(Observations(frame(rows)), checks=("concentration",))
    return verdict.decision == Decision.FAILS


HOLDS, FAILS = Decision.HOLDS, Decision.FAILS
TITLES = {
    "sample_size": "half of the points tell the same",
    "outliers": "outliers do not decide the numbers",
    "normalization": "trends keep their direction",
    "concentration": "directions differ enough",
    "metric": "the order does not depend on the metric",
}
FALSE = {"at_most": 0.05}
for _check, _world, _word, _bound, _more in (
    # False alarms.
    ("sample_size", "d128", HOLDS, FALSE, {"degrees": (0, 1)}),
    ("sample_size", "d10", HOLDS, FALSE, {"degrees": (0, 1)}),
    ("sample_size", "clusters", HOLDS, FALSE, {}),
    ("sample_size", "squares", FAILS, FALSE, {"points": 128}),
    ("outliers", "five_percent", HOLDS, FALSE, {}),
    ("outliers", "one_far", HOLDS, FALSE, {}),
    ("outliers", "cubes", FAILS, FALSE, {}),
    ("normalization", "flips", HOLDS, FALSE, {}),
    ("normalization", "five_alike", HOLDS, FALSE, {}),
    ("normalization", "five_alike", FAILS, FALSE, {}),
    ("normalization", "same_scale", FAILS, FALSE, {}),
    ("concentration", "drowned", HOLDS, FALSE, {}),
    ("concentration", "seen", FAILS, FALSE, {}),
    ("metric", "five_alike", HOLDS, FALSE, {}),
    ("metric", "five_alike", FAILS, FALSE, {}),
    ("metric", "growing", FAILS, FALSE, {}),
    ("metric", "opposed", HOLDS, FALSE, {}),
    # Power.
    ("sample_size", "squares", HOLDS, {}, {"points": 128}),
    ("sample_size", "squares", HOLDS, {}, {"points": 512}),
    ("sample_size", "clusters", FAILS, {}, {}),
    ("outliers", "cubes", HOLDS, {}, {}),
    ("outliers", "five_percent", FAILS, {}, {}),
    ("outliers", "one_far", FAILS, {}, {}),
    ("normalization", "same_scale", HOLDS, {}, {}),
    ("normalization", "flips", FAILS, {}, {}),
    ("concentration", "flat", HOLDS, {}, {}),
    ("concentration", "d128", FAILS, {}, {}),
    ("metric", "growing", HOLDS, {}, {}),
    ("metric", "opposed", FAILS, {}, {}),
    ("metric", "turned", FAILS, {}, {}),
    # Said where entropy is not shown to repeat, and then of the other two alone, which do agree.
    ("metric", "turned", HOLDS, {}, {}),
):
    _points = _more.get("points", 64)
    _true = _bound is not FALSE
    add(
        f"validity.{_check}_{_world}_{_word}_{_points}",
        partial(says, world=_world, check=_check, word=_word, **_more),
        f"{TITLES[_check]}: {_word}",
        world=f"{WORLDS[_world][0]}, 8 draws of {_points} points"
        + ("" if not _true else " (true)"),
        simulations=50 if _points > 128 else 200,
        stream=f"validity.{_check}_{_world}_{_points}",
        **_bound,
    )
add(
    "validity.sample_size_h1_grows",
    partial(
        says, world="d10", check="sample_size", word=FAILS, degree=1, degrees=(0, 1), points=128
    ),
    f"{TITLES['sample_size']}: fails in H1",
    world=f"{WORLDS['d10'][0]}, 8 draws of 128 points (true)",
    simulations=100,
)
for _check in MARGINS:
    for _word in (HOLDS, FAILS):
        add(
            f"validity.margin_{_check}_{_word}",
            partial(at_the_margin, check=_check, word=_word),
            f"{TITLES[_check]}: {_word}",
            world="numbers of 9 layers, just so many at the margin that it is false, 8 draws",
            simulations=1000,
            at_most=0.05,
            stream=f"validity.margin_{_check}",
        )
add(
    "validity.margin_blind",
    blind_at_the_margin,
    f"{TITLES['concentration']}: fails",
    world="numbers of 9 layers, all exactly at the lower threshold, 8 draws",
    simulations=1000,
    at_most=0.05,
)
