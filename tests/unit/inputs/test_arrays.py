"""Arrays of any library are read as what they are, or refused by name; never guessed."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import toposcope as ts
from toposcope.errors import ToposcopeError, UsageError
from toposcope.inputs.arrays import ROUNDING, read_cloud, read_distances
from toposcope.inputs.memory import available_memory, refuse_beyond_memory

X = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.5]])
D = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 1.5], [2.0, 1.5, 0.0]])


@pytest.mark.parametrize(
    "values",
    [
        torch.tensor(X).bfloat16(),
        torch.tensor(X, requires_grad=True) * 1,
        torch.nn.Parameter(torch.tensor(X)),
        torch.tensor(X).half(),
        torch.tensor(X).to_sparse(),
        [torch.tensor(row) for row in X],
        X.tolist(),
        pd.DataFrame(X),
        pd.DataFrame(X).astype("Float64"),
        sp.csr_array(X),
        np.ma.masked_array(X),
        X.astype(">f4"),
    ],
)
def test_what_is_read(values):
    assert np.array_equal(read_cloud(values, call="f()").astype(float), X)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.ma.masked_array(X, mask=X > 5), r"1 of 6 .*getmaskarray\(X\).any\(axis=1\).*filled"),
        ([np.ma.masked_array([1.0, 2.0], mask=[0, 1]), [1.0, 2.0]], "masked"),
        ([[1.0, np.ma.masked]], "masked"),
        (pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), r"missing \(NA\).*dropna"),
        (pd.DataFrame({"a": ["x", "y"]}), "without numbers"),
        (X + 1j, "complex128.*X.real"),
        (torch.tensor(X + 1j), "complex"),
        (X.astype(str), "dtype <U"),
        (X.astype(object), "object"),
        (np.array([["2020"]], "M8[D]"), "datetime64"),
        (np.zeros((2, 2), [("a", float)]), "'a'"),
        ([[1.0], [1.0, 2.0]], "no array of numbers"),
        (torch.empty(2, 2, device="meta"), "meta"),
        (None, "is None"),
        ({"a": X}, r"X\['a'\]"),
        ([[2**60, 1]], r"2\*\*53"),
    ],
)
def test_what_is_refused_and_how(values, match):
    with pytest.raises(UsageError, match=match):
        read_cloud(values, call="f()")


@pytest.mark.parametrize("kind", [sp.coo_matrix, sp.csr_matrix, sp.csc_array])
def test_sparse_distances_leave_inf_where_nothing_is_stored(kind):
    pairs = kind(([1.0, 2.0], ([0, 1], [1, 2])), shape=(3, 3))
    assert read_distances(pairs, call="f()").tolist() == [
        [0.0, 1.0, np.inf],
        [1.0, 0.0, 2.0],
        [np.inf, 2.0, 0.0],
    ]
    assert ts.homology.rips(pairs, metric="precomputed")[0][:, 1].tolist() == [1.0, 2.0, np.inf]


def test_stored_zeros_are_distances_and_entries_stored_twice_are_refused():
    zero = sp.coo_matrix(([0.0], ([0], [1])), shape=(2, 2))
    assert read_distances(zero, call="f()").tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(UsageError, match="stored twice"):
        read_distances(sp.coo_matrix(([1.0, 1.0], ([0, 0], [1, 1])), shape=(2, 2)), call="f()")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rounding_of_a_distance_matrix_is_made_exact(dtype):
    correlated = 1 - np.corrcoef(np.random.default_rng(0).normal(size=(40, 30)), dtype=dtype)
    given = correlated + np.triu(np.full((40, 40), 1e-3 * ROUNDING[dtype().itemsize], dtype))
    before = given.copy()
    found = read_distances(given, call="f()")
    assert (found == found.T).all()
    assert not found.diagonal().any()
    assert np.array_equal(given, before)
    assert len(ts.homology.rips(given, metric="precomputed")[0]) == 40
    assert 0 <= ts.stats.permanova(given, np.arange(40) % 2, n_resamples=99).r2 <= 1


@pytest.mark.parametrize(
    ("matrix", "match"),
    [
        (D + 1e-3 * np.eye(3), "max 0.001.*fill_diagonal"),
        (D + np.triu(np.full((3, 3), 1e-3), 1), r"np\.maximum\(D, D\.T\).*0\.001"),
        (-D, "negative.*1 - s"),
        (np.ma.masked_array(D, mask=D > 1.7), r"filled\(np.inf\)"),
        (np.where(D > 1.7, 1e12, D) - np.triu(D * 0.1, 1), "symmetric"),
    ],
)
def test_more_than_rounding_is_refused_with_the_amount(matrix, match):
    with pytest.raises(UsageError, match=match):
        read_distances(matrix, call="f()")


@pytest.mark.parametrize("size", [5.35754304e300, 1e308, 1.2e308, 1e-300, 5e-324])
def test_lattices_of_any_size_have_their_lengths(size):
    """Found by the fuzz below: the step of a lattice overflowed in its own limit."""
    grid = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    found = ts.homology.distances(grid * size)
    np.testing.assert_allclose(found[0], size * np.array([0, 1, 1, np.sqrt(2)]), rtol=1e-12)
    assert found[0, 1] == found[0, 2]


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from(
            [np.float64, np.float32, np.int64, np.uint8, np.complex64, bool, "U2", object]
        ),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
def test_any_array_is_a_cloud_or_a_typed_error(values):
    for read in (ts.homology.rips, ts.dimension.two_nn, ts.summaries.n_pairs):
        try:
            read(values)
        except ToposcopeError as error:
            assert str(error)


def test_memory_is_the_least_of_machine_container_and_process(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemAvailable: 8388608 kB\n")
    assert available_memory(tmp_path) <= 8 << 30
    group = tmp_path / "sys/fs/cgroup/box"
    group.mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/box\n")
    (group / "memory.max").write_text(f"{2 << 30}\n")
    (group / "memory.current").write_text(f"{1 << 30}\n")
    (group / "memory.stat").write_text(f"inactive_file {1 << 29}\n")
    assert available_memory(tmp_path) == (1 << 30) + (1 << 29)


def test_the_refusal_names_what_is_needed_and_its_advice_works():
    with pytest.raises(UsageError, match=r"need about .* available, enough for \d"):
        ts.homology.rips(np.zeros((3_000_000, 1)))
    most = []

    def needs(m):
        return 2.0**40 * m

    with pytest.raises(UsageError) as refusal:
        refuse_beyond_memory(10**6, needs, call="f()", advice="Pass {most}.")
    most.append(int(str(refusal.value).split("Pass ")[1].rstrip(".")))
    refuse_beyond_memory(most[0], needs, call="f()", advice="")


@pytest.mark.parametrize("n", [0, 1, 7, 25])
def test_advice_of_a_design_that_does_not_fit_is_not_refused(n):
    acts = ts.from_arrays({"l": np.arange(4.0 * n).reshape(n, 4)})
    with pytest.raises(UsageError) as refusal:
        ts.clouds(acts, points=20, replicates=3)
    text = str(refusal.value)
    if not n:
        assert "Pass" not in text
        return
    for way in text.split("Pass ")[1].rstrip(".").split(", or "):
        words = way.split(" (")[0].split(" and ")
        chosen = {k: eval(v) for k, v in (word.split("=") for word in words)}
        assert len(ts.clouds(acts, **({"points": 20, "replicates": 3} | chosen)))
