"""Świder 2024: similar architectures have similar topology, and more layers change it smoothly.

Networks of several families and depths learn scikit-learn's digits, all of one width. Diagrams of
the same images are compared between networks at the same relative depth, and between the layers of
a network. Configurations, a family at a depth with all its seeds, are the units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from toposcope.errors import UsageError
from toposcope.execution.progress import Progress
from toposcope.execution.tasks import Task
from toposcope.stats import Interval, partial_correlation
from toposcope.stats.arrangements import tail_share
from toposcope.studies.claims import Claim, Direction, Rule, Unit
from toposcope.studies.figures import Curve, Figure, Panel, curve_of_means
from toposcope.studies.materials import Subject, at_the_end
from toposcope.studies.materials_digits import DIGIT_SOURCES, digit_networks
from toposcope.studies.populations import shuffled_correlations
from toposcope.studies.study import Definition, Needs, code_of
from toposcope.studies.swider_families_measure import Job, blocks_of, family_of, measure
from toposcope.studies.swider_statistics import (
    DEGREES,
    shuffled_within,
    silhouettes,
    together,
)
from toposcope.studies.verdicts import Evidence, evidence_of_mean

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
PAPER = "Świder 2024 (arXiv 2407.06286)"

# ---------------------------------------------------------------------------------------- claims

MAIN = "Wasserstein distance of order 1, H0 and H1 together, distances over the mean of the layer"
OTHERS = ("H0", "H1", "landscape", "distances as they are")

S5 = Claim(
    "S5",
    PAPER,
    "Similar architectures have similar topology.",
    Unit.CONFIGURATION,
    "silhouette of families at the same relative depth: nearest other family less the own one, "
    "over the larger; networks of one depth are not compared",
    # papers.md has networks as units; seeds of one configuration are alike, and would be a family.
    Rule(threshold=0.0),
    "families shuffled among configurations of one depth",
    (*OTHERS, "one spectrum", "first block", "last block"),
    MAIN,
)
S6 = Claim(
    "S6",
    PAPER,
    "Networks with more layers change their topology more smoothly.",
    Unit.CONFIGURATION,
    "Spearman correlation, given the family, of the number of blocks and the largest distance "
    "between a block and the next, over that from the first to the last",
    Rule(Direction.BELOW, threshold=0.0, least=-0.3),
    "numbers of blocks shuffled over configurations",
    (*OTHERS, "mean distance"),
    MAIN,
)
S6S = Claim(
    "S6-stops",
    PAPER,
    "They do so for another reason than being looked at in more places.",
    Unit.CONFIGURATION,
    "the same of three blocks of every network: the first, the middle and the last",
    # Cutting one path into more pieces makes pieces smaller, whatever the network.
    Rule(Direction.BELOW, threshold=0.0, least=-0.3),
    "numbers of blocks shuffled over configurations",
    OTHERS,
    MAIN,
)
CLAIMS = (S5, S6, S6S)

# ---------------------------------------------------------------------------------------- design


@dataclass(frozen=True)
class Design:
    """What is trained and measured.

    Parameters
    ----------
    families, steps
        Kinds of networks and the steps of their training.
    depths, seeds
        Numbers of blocks; networks of each family and depth.
    width
        Of all networks: channels, units or the width of a token.
    points
        Images of a cloud, the same for all networks.
    places
        Relative depths at which families are compared.
    seed
        Of the first network and of the images.
    """

    families: tuple[str, ...] = ("cnn", "resnet", "mlp", "vit")
    steps: tuple[int, ...] = (150, 150, 300, 500)
    depths: tuple[int, ...] = (3, 4, 5, 6, 8)
    seeds: int = 4
    width: int = 16
    points: int = 200
    places: tuple[float, ...] = (0.0, 0.5, 1.0)
    seed: int = 0


FULL = Design()
QUICK = replace(FULL, families=FULL.families[:3], steps=FULL.steps[:3], seeds=3, points=150)
SCALES = ("mean_distance", "spectrum", "none")
"""One spectrum: all networks get the same eigenvalues of their covariance, and mean distance 1."""
CONFIGURATIONS, DEPTHS = 8, 5
"""Fewest configurations of S5, and depths of S6."""


def materials(design: Design, *, progress: Progress | None = None) -> Sequence[Subject]:
    """The trained networks."""
    from toposcope.training.digit_networks import DigitNet

    recipes = [
        DigitNet(kind=kind, depth=depth, width=design.width, steps=steps, seed=design.seed + k)
        for kind, steps in zip(design.families, design.steps, strict=True)
        for depth in design.depths
        for k in range(design.seeds)
    ]
    return digit_networks(recipes, progress=progress)


def design_for(design: Design, subjects: Sequence[Subject]) -> Design:
    """Images that there are; a population that can decide neither claim is refused."""
    known = {(family_of(one), blocks_of(one)) for one in at_the_end(subjects)}
    families = sorted({family for family, _ in known})
    depths = sorted({depth for _, depth in known})
    compared = len(families) > 1 and len(known) >= CONFIGURATIONS
    if not compared and len(depths) < DEPTHS:
        msg = (
            f"study swider-families: {len(families)} families ({', '.join(families)}) at "
            f"{len(depths)} depths ({', '.join(map(str, depths))}). Needed are two families in "
            f"{CONFIGURATIONS} configurations (a family at a depth), or {DEPTHS} depths. Bring a "
            "population folder whose population.csv has the columns run, family, depth and seed "
            "(docs/howto/population.md)."
        )
        raise UsageError(msg)
    points = min(design.points, subjects[0].open().n)
    # The forecast counts networks: so many of each family and depth, on average.
    seeds = -(-len(at_the_end(subjects)) // (len(families) * len(depths)))
    return replace(
        design, families=tuple(families), depths=tuple(depths), seeds=seeds, steps=(), points=points
    )


def forecast(design: Design) -> tuple[float, float]:
    """CPU seconds: a step by kind and depth; pairs of networks, and of the layers of a network."""
    step = {"cnn": 0.004, "resnet": 0.005, "mlp": 0.0006, "vit": 0.006}
    depths = sum(design.depths)
    train = design.seeds * sum(
        depths * steps * step.get(kind, 0.0)
        for kind, steps in zip(design.families, design.steps, strict=False)
    )
    count = len(design.families) * len(design.depths) * design.seeds
    each = 0.006 * (design.points / 200) ** 1.5  # a distance in H0 and H1, with its diagrams
    pairs = len(design.places) * count * (count - 1) / 2
    steps_of = count * np.mean([depth * (depth + 3) / 2 for depth in design.depths])
    return train, 4 * each * (pairs + 0.75 * steps_of)


def tasks(design: Design, subjects: Sequence[Subject]) -> list[Task[Job]]:
    """One task per relative depth, and one per network."""
    code, ends = code_of(*SOURCES), at_the_end(subjects)
    plain = (design.points, design.seed)
    everyone = tuple(one.identity for one in ends)
    between = [
        Task(Job(code, everyone, *plain, place), f"networks at depth {place:g}")
        for place in design.places
    ]
    return between + [Task(Job(code, (one.identity,), *plain), one.network) for one in ends]


# -------------------------------------------------------------------------------------- decision


@dataclass(frozen=True)
class Variant:
    """Which numbers a claim is decided on."""

    by: str = "wasserstein"
    degrees: tuple[int, ...] = DEGREES
    scale: str = "mean_distance"
    place: float = -1.0
    mean: bool = False


VARIANTS = {
    "": Variant(),
    "H0": Variant(degrees=(0,)),
    "H1": Variant(degrees=(1,)),
    "landscape": Variant(by="landscape"),
    "distances as they are": Variant(scale="none"),
    "one spectrum": Variant(scale="spectrum"),
    "first block": Variant(place=0.0),
    "last block": Variant(place=1.0),
    "mean distance": Variant(mean=True),
}
ARRANGEMENTS = 499


def evidence(claim: Claim, table: pd.DataFrame, design: Design, choice: str) -> Evidence | None:
    """What the table says of a claim under one of its choices."""
    variant = VARIANTS[choice]
    if claim is S5:
        return _families(table, variant)
    return _smoothness(table, variant, claim)


def chosen(table: pd.DataFrame, variant: Variant, what: str) -> pd.DataFrame:
    """One number per pair: the degrees together."""
    rows = table[(table["what"] == what) & (table["scale"] == variant.scale)]
    rows = rows[(rows["by"] == variant.by) & rows["degree"].isin(variant.degrees)]
    if variant.place >= 0:
        rows = rows[rows["place"] == variant.place]
    keys = ["network", "other", "place", "from", "to"]
    wide = rows.pivot_table(index=keys, columns="degree", values="value", sort=True)
    values = together(wide.to_numpy(dtype=np.float64), variant.by)
    return wide.index.to_frame(index=False).assign(value=values)


def networks_of(table: pd.DataFrame) -> pd.DataFrame:
    """Family and blocks of every network, by name."""
    return table.groupby("network", sort=True)[["family", "blocks"]].first()


def matrix_of(table: pd.DataFrame, variant: Variant) -> tuple[Array, pd.DataFrame]:
    """(networks, networks) mean distance over places, and the networks."""
    about = networks_of(table[table["what"] == "layers"])
    pairs = chosen(table, variant, "networks")
    where = {name: k for k, name in enumerate(about.index)}
    # A network whose own task failed is among the failures, and in no comparison.
    pairs = pairs[pairs["network"].isin(where) & pairs["other"].isin(where)]
    D, places = np.zeros((len(where), len(where))), pairs["place"].nunique()
    i, j = (pairs[name].map(where).to_numpy(dtype=np.intp) for name in ("network", "other"))
    np.add.at(D, (i, j), pairs["value"].to_numpy(dtype=np.float64) / max(places, 1))
    return D + D.T, about


def _families(table: pd.DataFrame, variant: Variant) -> Evidence | None:
    """S5: mean silhouette of each configuration; families change places at one depth."""
    D, about = matrix_of(table, variant)
    family, blocks = (np.unique(about[c], return_inverse=True)[1] for c in ("family", "blocks"))
    configuration = np.unique(family * (blocks.max() + 1) + blocks, return_inverse=True)[1]
    if family.max() == 0 or configuration.max() + 1 < CONFIGURATIONS:
        return None
    first = [int(np.flatnonzero(configuration == c)[0]) for c in range(configuration.max() + 1)]
    own = silhouettes(D, family, blocks)
    values = [own[configuration == c].mean() for c in range(len(first))]
    moved = shuffled_within(family[first], blocks[first], ARRANGEMENTS)[:, configuration]
    null = silhouettes(D, moved, blocks).mean(axis=1)
    return evidence_of_mean(
        values, S5.rule, arrangements=null, comparisons=len(CLAIMS), unit="configuration"
    )


def roughness(table: pd.DataFrame, variant: Variant, *, stops: bool) -> tuple[Array, pd.DataFrame]:
    """(networks,) largest step over the distance of the ends, and the networks.

    With `stops` of three layers: the first, the middle and the last.
    """
    about = networks_of(table[table["what"] == "layers"])
    values = []
    pairs = chosen(table, replace(variant, place=-1.0), "layers")
    for _, own in pairs.groupby("network", sort=True):
        steps = {(a, b): v for a, b, v in zip(own["from"], own["to"], own["value"], strict=True)}
        last = int(own["to"].max())
        # Of an even number of blocks two are in the middle: one alone would favor odd numbers.
        ways = [(0, m, last) for m in {last // 2, (last + 1) // 2}] if stops else [range(last + 1)]
        lengths = np.mean([[steps[pair] for pair in pairwise(way)] for way in ways], axis=0)
        whole = steps[0, last]
        values.append((np.mean if variant.mean else np.max)(lengths) / whole if whole else 0.0)
    return np.array(values), about


def _smoothness(table: pd.DataFrame, variant: Variant, claim: Claim) -> Evidence | None:
    """S6: partial Spearman correlation over configurations."""
    values, about = roughness(table, variant, stops=claim is S6S)
    if about["blocks"].nunique() < DEPTHS or not np.ptp(values) > 0:
        return None
    blocks = about["blocks"].to_numpy(dtype=np.float64)
    configurations = [f"{f} {b}" for f, b in zip(about["family"], about["blocks"], strict=True)]
    several = about["family"].nunique() > 1
    given = {"family": about["family"].tolist()} if several else {}
    level = 1 - (1 - claim.rule.level) / len(CLAIMS)
    found = partial_correlation(
        values,
        blocks,
        given["family"] if several else None,
        method="spearman",
        configurations=configurations,
        level=level,
    )
    null = shuffled_correlations(
        values, blocks, given, configurations, ARRANGEMENTS, ranks=True, seed=0
    )
    p = tail_share(-found.value, -null, exact=False, tolerance=1e-12)
    interval = Interval(
        found.value, found.low, found.high, level, len(set(configurations)), "configuration"
    )
    return Evidence(interval, min(1.0, p * len(CLAIMS)))


# ---------------------------------------------------------------------------------------- figure


def figure(table: pd.DataFrame, design: Design) -> Figure:
    """Distances between families, and steps against the number of blocks."""
    D, about = matrix_of(table, Variant())
    families = sorted(about["family"].unique())
    panels = []
    if len(families) > 1:
        blocks = about["blocks"].to_numpy()
        apart_in_depth = blocks[:, None] != blocks
        own = about["family"].to_numpy()
        matrix = [
            [
                float(
                    D[np.ix_(own == a, own == b)][apart_in_depth[np.ix_(own == a, own == b)]].mean()
                )
                for b in families
            ]
            for a in families
        ]
        curves = [Curve(a, families, row) for a, row in zip(families, matrix, strict=True)]
        panels.append(
            Panel("distance of networks, other depths", "family", "family", curves, kind="matrix")
        )
    for stops, title in ((False, "all blocks"), (True, "first, middle and last block")):
        values, about = roughness(table, Variant(), stops=stops)
        curves = []
        for family in families:
            rows = about["family"].to_numpy() == family
            depths = sorted(about["blocks"][rows].unique().tolist())
            some = [values[rows & (about["blocks"].to_numpy() == d)] for d in depths]
            few = min(len(one) for one in some)
            curves.append(
                curve_of_means(family, depths, np.stack([one[:few] for one in some], axis=1))
            )
        panels.append(Panel(title, "blocks", "largest step, ends apart = 1", curves))
    caption = (
        "Wasserstein distances of H0 and H1 between networks of other depths by family, and the "
        "largest step between looked-at blocks against the number of blocks; means over seeds with "
        "95 % t-intervals."
    )
    return Figure(caption, panels)


SOURCES = (
    "studies/swider_families.py",
    "studies/swider_families_measure.py",
    "studies/swider_statistics.py",
    *DIGIT_SOURCES,
)
STUDY = Definition(
    name="swider-families",
    question="Do similar architectures have similar topology, and are deeper ones smoother?",
    claims=CLAIMS,
    quick=QUICK,
    full=FULL,
    materials=materials,
    tasks=tasks,
    measure=measure,
    evidence=evidence,
    figure=figure,
    forecast=forecast,
    needs=Needs(networks=8, samples=50, layers=3),
    design_for=design_for,
    sources=SOURCES,
    lacking={
        "S5": f"two families or more in {CONFIGURATIONS} configurations (a family at a depth)",
        "S6": f"networks of {DEPTHS} depths or more whose steps differ",
        "S6-stops": f"networks of {DEPTHS} depths or more whose steps differ",
    },
)
