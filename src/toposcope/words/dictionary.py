"""The dictionary: one word, one meaning, for pages and for docs/glossary.md alike.

`PLAIN_WORDS` are the terms that a newcomer meets on a page, told in everyday words; `SECTIONS` are
the terms of the code, the tables and the documents, with the names that they are preferred to.
`glossary()` is docs/glossary.md: `python -m toposcope.words.dictionary > docs/glossary.md`.
"""

from __future__ import annotations

# ruff: noqa: E501 - rows of a table read better whole

PLAIN_WORDS: dict[str, str] = {
    "H0": "clusters: how the points join into connected pieces as the distance that joins them grows",
    "H1": "loops: closed rings of points around an empty middle",
    "H2": "voids: closed shells of points around an empty inside",
    "lifespan sum": "all bars of a diagram laid end to end; in H0 the total length of the gaps that "
    "have to be bridged until all points are one piece, in H1 the total size of the loops",
    "longest persistence": "the length of the longest bar: the widest gap, or the largest loop",
    "persistence entropy": "how evenly that length is spread over the bars; high where all are alike",
    "bar": "one cluster, loop or void: it begins at one distance (birth) and ends at another (death)",
    "persistence": "the length of a bar, death less birth: short ones are often noise",
    "diagram": "all bars of a cloud as points, birth to the right and death upwards; far from the "
    "diagonal is long-lived",
    "Betti number": "how many clusters, loops or voids there are at one distance",
    "landscape": "a diagram as a curve that can be averaged",
    "PH-dimension": "in how many directions the points vary locally, from how the gaps shrink when "
    "there are more points",
    "TwoNN dimension": "in how many directions the points vary locally, from each point’s two nearest "
    "neighbors",
    "effective rank": "in how many directions the points vary overall",
    "cloud": "the points of one layer: one for each sample, at what the layer gives for it",
    "replicate": "one of several separate groups of samples; how they differ says how sure a number is",
    "draw": "the samples of one replicate",
    "interval": "where the number would lie on other samples, with the stated probability",
    "null": "a made-up cloud that keeps something of the layer and lacks its shape: what a finding has "
    "to beat",
    "Gaussian": "random points with the layer’s mean and covariance, and nothing else of it",
    "copula": "random points with the layer’s single features and their rank correlations, and nothing "
    "else of it",
    "twin": "the same network with nothing learned",
    "direction": "a direction in the space of activations; the widest is the one in which points differ "
    "most",
    "depth": "how far a layer is from the input, 0 to 1",
}
"""Terms of the pages, each in one sentence for somebody who never heard of homology."""

INTRODUCTION = """\
One word, one meaning: in code, tables, reports and documents. Where two names compete, this page
decides; where the field has a name, ours is that one. Spelling is American (`analyze`, `normalize`).
"""
ROOMS = """\
A room is a package or module right under `toposcope`; [architecture.md](architecture.md) says what
each is for and what it may import. The face of a package is its `__init__`.
"""

SECTIONS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Data": (
        (
            "sample",
            "a data item with a stable id",
            "point",
        ),
        (
            "layer",
            "a module of the network, by its address (`layer3.0`, `relu@1` for its second call)",
            "",
        ),
        (
            "activation",
            "what a layer gives for samples",
            "feature (of a sample: one coordinate)",
        ),
        (
            "depth",
            "position of a layer among those captured, in [0, 1]",
            "stage",
        ),
        (
            "block",
            "a unit that the network repeats, told by structure (`--layers blocks`)",
            "task",
        ),
        (
            "head",
            "of attention: one of the parts that run side by side",
            "classifier (source head: always with `source`)",
        ),
        (
            "pool",
            "how a layer's output becomes one vector, volume or token sequence per sample: gap, flatten, cls, mean_token, project:K ...",
            "",
        ),
        (
            "volume",
            "the whole (channels, height, width) output for one sample",
            "image",
        ),
        (
            "RUN, SERIES",
            "the folder of one capture; of the checkpoints of one training",
            "",
        ),
        (
            "step",
            "a moment of a training: number of a checkpoint, in steps or epochs",
            "",
        ),
        (
            "source model, target",
            "the pre-trained network; the data it may be fine-tuned for",
            "",
        ),
        (
            "candidate",
            "a source model with what its models.toml says of it",
            "",
        ),
    ),
    "Clouds": (
        (
            "cloud, point",
            "(n, d) array of one layer and one draw, one of its rows; a point is a sample unless `points_are` says position, channel or token",
            "",
        ),
        (
            "draw",
            "the rows chosen for one cloud; two draws are disjoint unless marked overlapping",
            "",
        ),
        (
            "replicate",
            "number of a draw, the same samples in every layer",
            "repeat",
        ),
        (
            "population",
            "many networks analyzed alike, with covariates; `population.csv` in its folder",
            "",
        ),
        (
            "configuration",
            "what networks share that differ by their seed alone",
            "architecture",
        ),
        (
            "unit",
            "what is independent in a test: a draw, a trained network, or a configuration",
            "",
        ),
        (
            "target of inference",
            "what a result speaks about: this network over data (unit: draw), or the training procedure (unit: network)",
            "",
        ),
        (
            "normalization",
            "the rule by which a cloud is brought to a scale (`mean_distance`)",
            "",
        ),
        (
            "ruler",
            "the length that rule gives for a layer: estimated once, shared by all its draws",
            "calibration",
        ),
        (
            "null",
            "a cloud that has something of the layer and lacks something; it says what to beat",
            "control",
        ),
        (
            "Gaussian null",
            "a cloud with the layer's mean and covariance, nothing else",
            "twin",
        ),
        (
            "twin, random-init",
            "the same architecture with nothing learned, captured on the same samples (`RUN/twin`, `RUN/twin_2`, ...); their clouds are the null `random_init`",
            "Gaussian",
        ),
    ),
    "Homology": (
        (
            "filtration",
            "growing complexes of a cloud or volume, with its parameters: `Rips`, `Geodesic`, `Local`, `Cubical`",
            "",
        ),
        (
            "filtration value",
            "at which something enters; for Rips the diameter (`max_edge_length`), never the radius",
            "threshold (a value chosen to count Betti numbers at)",
        ),
        (
            "homology_dimensions",
            "degrees k of H_k: always a tuple",
            "dimension (of a cloud)",
        ),
        (
            "class",
            'of homology; where classes of samples are near, "class in H1" or "label"',
            "",
        ),
        (
            "pair",
            "(birth, death) of a class; persistence = death - birth",
            "bar, except in the name of a picture",
        ),
        (
            "birth, death",
            "filtration values at which a class begins and ends; in Rips H1 an edge begins a class, a triangle ends it",
            "",
        ),
        (
            "essential class",
            "death = inf",
            "",
        ),
        (
            "diagram",
            "all pairs of one degree of one cloud",
            "",
        ),
        (
            "lune",
            "of an edge uv: points nearer to both ends than these are to each other; an edge with an empty lune joins components or begins a class of H1",
            "",
        ),
        (
            "hub",
            "a point in the lunes of many edges: a few of them settle most edges and triangles",
            "",
        ),
        (
            "landmark",
            "a point that stands for others of the cloud",
            "hub",
        ),
        (
            "collapse",
            "fewer edges with the same persistence",
            "",
        ),
        (
            "kernel",
            "a function compiled by Numba; of CKA: linear or rbf, said with it",
            "",
        ),
        (
            "construction",
            "V: voxels are vertices; T: voxels are top cells",
            "",
        ),
    ),
    "Numbers": (
        (
            "statistic",
            "a number of a cloud or diagram, by the name it has in tables",
            "measure, metric",
        ),
        (
            "measure",
            "a number between two layers or two diagrams (`MEASURES`)",
            "statistic",
        ),
        (
            "metric",
            "distance between points (euclidean, cosine, correlation, precomputed)",
            "",
        ),
        (
            "score",
            "of a candidate on a target: what ranks it",
            "statistic",
        ),
        (
            "lifespan_sum(alpha)",
            "sum of persistence ** alpha",
            "total persistence, unless alpha >= 1 is an order",
        ),
        (
            "landscape level k",
            "k-th largest tent, in Bubenik's scale: a pair's tent peaks at half its persistence",
            "",
        ),
        (
            "persistence entropy",
            "natural logarithm; divided by log(number of pairs): `normalized_entropy`",
            "",
        ),
        (
            "ph_dimension",
            "from how lifespans grow with the number of points; `calibration` turns it into the dimension of the cube that reads the same",
            "",
        ),
        (
            "gap",
            "distance of two layers beyond the noise between draws (comparison/gaps.py); between layers of one network or of two",
            "difference",
        ),
        (
            "noise",
            "distance between draws of one layer",
            "",
        ),
        (
            "margin",
            "a difference that would not matter, fixed beforehand; equivalence is a gap shown to lie below it",
            "tolerance",
        ),
        (
            "change, trend",
            "of a statistic between two places; over the steps of a training",
            "",
        ),
        (
            "place",
            "where a finding is: run, layer, step, and what it is compared with (findings/places.py)",
            "",
        ),
        (
            "beyond",
            "a change less the null's own change",
            "",
        ),
        (
            "family",
            "p-values corrected together: those of one kind of hypothesis",
            "",
        ),
        (
            "agreement",
            "of a ranking with accuracies: a correlation",
            "equivalence",
        ),
        (
            "regret",
            "accuracy lost by taking the model a score puts first",
            "",
        ),
    ),
    "Work": (
        (
            "design",
            "all parameters of an analysis, each declared once",
            "plan",
        ),
        (
            "plan",
            "what a design comes to for this RUN: tasks, time, memory",
            "",
        ),
        (
            "job",
            "a frozen dataclass of everything that decides a task's answer",
            "",
        ),
        (
            "task",
            "a job with a title, done exactly once in effect; its key is the hash of the job",
            "block",
        ),
        (
            "part",
            "the bytes that a finished task published",
            "",
        ),
        (
            "tick",
            "the small file that says a part or a shard is whole: data first, tick last",
            "",
        ),
        (
            "workbook",
            "the folder of tasks and parts, and what runs them",
            "",
        ),
        (
            "shard, chunk",
            "rows of one layer in one file; the rows computed together for all layers",
            "",
        ),
        (
            "finding",
            "what stands out, as numbers",
            "sentence",
        ),
        (
            "verdict",
            "the decision of a rule fixed beforehand, on structured numbers",
            "finding",
        ),
        (
            "report",
            "the page, or the call that writes it",
            "analysis",
        ),
    ),
}
"""(word, meaning, what it is not called) by section."""


def glossary() -> str:
    """The text of docs/glossary.md."""
    lines = ["# Glossary", "", INTRODUCTION, "## On the pages", ""]
    lines += ["| word | in everyday words |", "|---|---|"]
    told = {one.strip() for rows in SECTIONS.values() for row in rows for one in row[0].split(",")}
    # A word has one meaning: those of the sections below stand there.
    everyday = ((word, meaning) for word, meaning in PLAIN_WORDS.items() if word not in told)
    lines += [f"| {word} | {meaning} |" for word, meaning in everyday]
    for title, rows in SECTIONS.items():
        lines += ["", f"## {title}", "", "| word | meaning | not |", "|---|---|---|"]
        lines += [
            f"| {word} | {meaning} | {other} |".replace("|  |", "| |")
            for word, meaning, other in rows
        ]
    return "\n".join([*lines, "", "## Rooms", "", ROOMS])


if __name__ == "__main__":
    import sys

    sys.stdout.write(glossary())
