"""The twelve sentences that an outside audit rejected, and what is said now in those worlds.

python -m benchmarks.twelve_sentences    # half a minute; writes the table of docs/statistics.md

Every world is made here and told by the product's own functions; nothing is written by hand but the
sentences of before.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import toposcope as ts
from benchmarks.calibration.comparison import compared
from toposcope.findings import look
from toposcope.findings.validity.judge import validity_verdicts
from toposcope.transfer.ranking.accuracies import judge
from toposcope.transfer.ranking.tables import read_accuracies
from toposcope.words.comparison import summarize_comparison
from toposcope.words.dimensions import dimension_sentence
from toposcope.words.judgement import ceiling_sentences
from toposcope.words.validity import told

PAGE = Path(__file__).parents[1] / "docs" / "statistics.md"
BEGIN, END = "<!-- twelve sentences -->", "<!-- end of twelve sentences -->"
SMALL = {"points": 40, "replicates": 6, "jobs": 0, "homology_dimensions": (0,)}


def planted(shifts: list[float], *measures: str, seed: int = 2) -> str:
    """What a comparison says of H0 where one network is shifted by so many sd of noise."""
    found = compared(np.random.default_rng(seed), np.array(shifts), measures=measures)
    return summarize_comparison(found)[0]


def one_layer_of_twenty() -> str:
    """One layer 50 sd apart, 8 draws."""
    return planted([50.0 * (k == 7) for k in range(20)], "wasserstein")


def none_of_twenty() -> str:
    """Nothing differs; CKA is compared as well."""
    return planted([0.0] * 20, "wasserstein", "cka")


def first_layer_alone() -> str:
    """Only the first of 9 layers differs."""
    return planted([50.0] + [0.0] * 8, "wasserstein")


def equal_networks() -> str:
    """A pair without a difference whose squared gap came out below 0."""
    for seed in range(400):
        found = compared(np.random.default_rng(seed), np.zeros(4), measures=("wasserstein",))
        if found.models["gap_high"].iloc[0] <= 0:
            return summarize_comparison(found)[0]
    msg = "no such pair among 400"
    raise RuntimeError(msg)


def unordered_checkpoints() -> str:
    """Three checkpoints with fresh random weights."""
    rng, data = np.random.default_rng(0), np.random.default_rng(1).normal(size=(300, 8))
    found = []
    for step in range(3):
        layers = {f"l{k}": np.maximum(data @ rng.normal(size=(8, 8)), 0) for k in range(3)}
        acts = ts.from_arrays(layers, name=f"net step {step}")
        acts.attrs.update({"step": step, "name": f"net step {step}", "model": "net"})
        found.append(ts.analyze(acts, **SMALL, null="none"))
    return ts.describe(look(found)).split("\nOver ")[1].split("\n")[0].join(["Over ", ""])


def perfect_score() -> str:
    """Eight models, three fine-tunes each with sd 0.01; a score that is the true accuracy."""
    rng = np.random.default_rng(0)
    truth = np.linspace(0.7, 0.76, 8)
    rows = [
        f"m{i},{s},{t + 0.01 * rng.normal():.4f},{t:.4f}"
        for i, t in enumerate(truth)
        for s in range(3)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_text("model,seed,accuracy,score\n" + "\n".join(rows))
        (part,) = judge(read_accuracies(path))["parts"]
    return " ".join(ceiling_sentences(part["ceilings"], 0.95))


def verdict(name: str, layers: dict[str, np.ndarray]) -> str:
    """One verdict of the cheap checks of an analysis."""
    made = ts.analyze(ts.from_arrays(layers), points=64, replicates=4, jobs=0, null="none")
    one = next(one for one in validity_verdicts(made) if one.name == name)
    words = told(one)
    return f"{words.claim} {one.decision}: {words.text} {words.advice}"


def isotropic(*dimensions: int) -> dict[str, np.ndarray]:
    """Isotropic Gaussian layers."""
    rng = np.random.default_rng(0)
    return {f"b{k}": rng.normal(size=(256, d)) for k, d in enumerate(dimensions)}


def heavy_tails() -> dict[str, np.ndarray]:
    """100 features with one common radius that has heavy tails."""
    rng = np.random.default_rng(0)
    return {"a": rng.normal(size=(256, 100)) * rng.standard_t(3, size=(256, 1))}


def per_class() -> str:
    """Five classes, three draws of each; one class doubles its spread and one halves it."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), 60)
    factor = np.array([2.0, 0.5, 1.0, 1.0, 1.0])[labels][:, None]
    X = rng.normal(size=(300, 5))
    acts = ts.from_arrays({"early": X, "late": X * factor}, labels=labels)
    made = ts.analyze(
        acts, points=20, replicates=3, per_class=True, normalize="none", null="none", jobs=0,
        homology_dimensions=(0,),
    )  # fmt: skip
    return " ".join(ts.describe(made).splitlines()[:2])


def pooled_clusters() -> str:
    """Ten clusters in 16 dimensions."""
    rng = np.random.default_rng(0)
    X = 3 * rng.normal(size=(10, 16))[rng.integers(10, size=400)] + rng.normal(size=(400, 16))
    return dimension_sentence(ts.analyze(ts.from_arrays({"late": X}), **SMALL, null="none"))


SENTENCES: tuple[tuple[str, Callable[[], str]], ...] = (
    (
        '"l0 ... cannot be told apart; with 8 draws a gap of 0.64 would have been seen 8 times in '
        '10" where one layer of 20 was 50 sd apart and was not found',
        one_layer_of_twenty,
    ),
    ('"k of 20 layers differ (q <= 0.05)" where none does, beside CKA', none_of_twenty),
    (
        '"They differ from the first layer, depth 0.11 [0.11, 0.11], on" where only the first does',
        first_layer_alone,
    ),
    ('"36 trends stand ... at most 5 % false ones among those that stand"', unordered_checkpoints),
    ('"A perfect score would reach .80 ... luck on top of skill"', perfect_score),
    (
        '"The trend over depth does not depend on the normalization: holds" (H0 only)',
        lambda: verdict("normalization", isotropic(2, 4, 8, 16)),
    ),
    (
        '"There are enough points per cloud: holds" for 64 points in 128 dimensions',
        lambda: verdict("sample_size", isotropic(128)),
    ),
    (
        '"trust only what stands out from the Gaussian null there"',
        lambda: verdict("concentration", heavy_tails()),
    ),
    ('"they are at most 0 apart"', equal_networks),
    ('"15 replicates" of 5 classes with 3 draws', per_class),
    (
        '"0.9 [0.582, 1.22]" for a rank correlation',
        lambda: verdict("metric", isotropic(3, 3, 3, 9)),
    ),
    (
        '"PH-dimension: intrinsic dimension from the growth of lifespan sums", for pooled clusters',
        pooled_clusters,
    ),
)


def main() -> None:
    """Write the table."""
    lines = ["| rejected | said now in that world |", "|---|---|"]
    for k, (before, world) in enumerate(SENTENCES, start=1):
        now = " ".join(world().split()).replace("|", "/")
        lines.append(f"| {k}. {before} | {now} |")
        print(lines[-1], flush=True)
    text = PAGE.read_text("utf-8")
    table = "\n".join([BEGIN, "", *lines, "", END])
    PAGE.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: table, text, flags=re.S), "utf-8")


if __name__ == "__main__":
    main()
