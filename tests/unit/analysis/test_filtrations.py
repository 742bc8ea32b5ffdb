"""The filtration decides what is filtered, and is named in every result."""

import numpy as np
import pytest

import toposcope as ts

RNG = np.random.default_rng(0)
ANGLE = np.sort(RNG.uniform(0, 2 * np.pi, 200))
CIRCLE = np.column_stack([np.cos(ANGLE), np.sin(ANGLE)])
ACTS = ts.from_arrays({"circle": CIRCLE + RNG.normal(0, 0.01, CIRCLE.shape)})


LINE = ts.from_arrays({"line": np.outer(RNG.uniform(-1, 1, 200), [3.0, 4.0])})


def longest(acts=ACTS, **options):
    found = ts.analyze(acts, points=100, replicates=2, null="none", jobs=0, **options)
    pairs = found.diagrams.pairs(acts.layers[0], 1)
    return found, pairs[np.argmax(pairs[:, 1] - pairs[:, 0])] if len(pairs) else None


def test_geodesic_counts_hops():
    found, pair = longest(filtration=ts.Geodesic(4))
    assert pair == pytest.approx(np.round(pair)) and pair[0] == 1 and pair[1] >= 5
    assert "4 nearest neighbors" in found.attrs["conventions"]["filtration"]
    assert "--complex geodesic --neighbors 4" in found.attrs["commands"][-1]


def test_weighted_geodesic_is_the_length_of_the_arc():
    _, pair = longest(filtration=ts.Geodesic(4, weighted=True))
    # Circumference 2 pi in units of the mean distance 4 / pi: a loop of length L dies at L / 3.
    assert pair[1] == pytest.approx(2 * np.pi / (4 / np.pi) / 3, rel=0.1)


def test_a_line_with_its_ends_collapsed_is_a_loop():
    _, pair = longest(LINE, filtration=ts.Local(0.8))
    _, none = longest(LINE)
    assert none is None or none[1] - none[0] < 1e-9
    # Both ends are one point now; the middle is first joined to both at one radius.
    assert pair[0] < 0.3 and pair[1] == pytest.approx(1.0, abs=0.05)


def test_dimensions_do_not_depend_on_the_filtration():
    a, b = longest()[0], longest(filtration=ts.Geodesic())[0]
    values = [
        t.table.query("statistic in ['ph_dimension', 'two_nn']")["value"].tolist() for t in (a, b)
    ]
    assert values[0] == values[1]
