"""The pictures of docs/engine.md.

Run: python -m benchmarks.plot_engine docs/images [times.json ...], with files of bench_rips.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Polygon

from benchmarks.clouds import KINDS
from toposcope.homology import distances
from toposcope.homology.spanning import tree_lengths
from toposcope.homology.vietoris_rips.births import last_birth
from toposcope.homology.vietoris_rips.growth import h1_diagram
from toposcope.homology.vietoris_rips.lunes import central_first
from toposcope.homology.vietoris_rips.ranks import enclosing_radius

BLUE, ORANGE, GRAY, GREEN = "#2b6cb0", "#dd6b20", "#a0aec0", "#2f855a"
LABELS = {
    "toposcope": ("toposcope", BLUE),
    "gudhi_dense": ("GUDHI _full, dense", ORANGE),
    "gudhi_radius": ("GUDHI _full, radius", "#b7791f"),
    "gudhi_sklearn": ("gudhi.sklearn", "#d69e2e"),
    "ripser": ("ripser.py", "#c53030"),
    "giotto": ("giotto-ph", "#6b46c1"),
}


def lune(folder: Path) -> None:
    """A lune with two components, and one triangle for each."""
    u, v = np.array([0.0, 0.0]), np.array([1.0, 0.0])
    upper = np.array([[0.42, 0.62], [0.60, 0.70], [0.52, 0.50]])
    lower = np.array([[0.47, -0.66], [0.55, -0.58]])
    figure, axes = plt.subplots(figsize=(5.2, 5.2))
    for center in (u, v):
        axes.add_patch(plt.Circle(center, 1.0, fill=False, color=GRAY, linestyle="--"))
    for members in (upper, lower):
        axes.add_patch(Polygon([u, v, members[0]], color=ORANGE, alpha=0.25))
        for a in range(len(members)):
            for b in range(a):
                axes.plot(*zip(members[a], members[b], strict=True), color=GREEN, lw=1.5)
        for point in members[1:]:
            for end in (u, v):
                axes.plot(*zip(point, end, strict=True), color=GRAY, lw=0.7)
        axes.plot(*zip(u, members[0], v, strict=True), color=ORANGE, lw=1.5)
    axes.plot([0, 1], [0, 0], color=BLUE, lw=3)
    points = np.vstack([u, v, upper, lower])
    axes.scatter(*points.T, color="black", zorder=3, s=28)
    axes.annotate("u", u, (-0.09, 0.02))
    axes.annotate("v", v, (1.05, 0.02))
    axes.annotate("two components:\none triangle each", (0.95, 0.72), color=ORANGE)
    axes.annotate("joined by an edge\nshorter than uv", (-0.42, 0.62), color=GREEN)
    axes.set(xlim=(-0.6, 1.75), ylim=(-1.1, 1.1), aspect="equal")
    axes.axis("off")
    figure.savefig(folder / "engine_lune.png", dpi=110, bbox_inches="tight")


def growth(folder: Path) -> None:
    """Which part of the filtration is scanned."""
    D = distances(KINDS["act"](1000, 0))
    radius = enclosing_radius(D)
    pairs = h1_diagram(D)
    born = last_birth(D, tree_lengths(D), central_first(D), low=0.0, limit=radius)
    lengths = D[np.triu_indices(len(D), 1)]
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(7, 4), sharex=True, height_ratios=(1, 1.6), layout="constrained"
    )
    top.hist(lengths, bins=120, color=GRAY)
    top.hist(lengths[lengths <= pairs[:, 1].max()], bins=60, color=BLUE)
    top.set(ylabel="edges", yticks=[])
    share = (lengths <= pairs[:, 1].max()).sum() / (lengths <= radius).sum()
    top.set_title(f"1,000 activations: all of H1 in the first {share:.0%} of the edges", loc="left")
    order = np.argsort(pairs[:, 0])
    bottom.hlines(np.arange(len(pairs)), pairs[order, 0], pairs[order, 1], color=BLUE, lw=0.6)
    for x, text, color in ((born, "last birth", GREEN), (radius, "enclosing radius", ORANGE)):
        bottom.axvline(x, color=color)
        top.axvline(x, color=color)
        bottom.annotate(text, (x, 0.1 * len(pairs)), color=color, rotation=90, ha="right")
    bottom.set(xlabel="length", ylabel="classes of H1", yticks=[])
    figure.savefig(folder / "engine_growth.png", dpi=110)


def times(folder: Path, rows: list[dict]) -> None:
    """CPU time against n, one panel per kind of cloud."""
    kinds = [k for k in KINDS if len({r["n"] for r in rows if r["kind"] == k}) > 1][:6]
    columns = -(-len(kinds) // 2)
    figure, panels = plt.subplots(
        2, columns, figsize=(3.4 * columns, 6), sharex=True, sharey=True, layout="constrained"
    )
    for axes, kind in zip(panels.flat, kinds, strict=False):
        for prefix, (label, color) in LABELS.items():
            points = sorted(
                (row["n"], result["cpu"])
                for row in rows
                for name, result in row["engines"].items()
                if row["kind"] == kind and result and name.startswith(prefix)
            )
            if points:
                width = 2.5 if prefix == "toposcope" else 1.2
                axes.loglog(
                    *zip(*points, strict=True), "o-", label=label, color=color, lw=width, ms=3
                )
        axes.set_title(kind, loc="left")
        ticks = sorted({r["n"] for r in rows})
        axes.set_xticks(ticks, [str(n) for n in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels.flat[0].legend(fontsize=7)
    figure.supxlabel("points")
    figure.supylabel("CPU seconds, H0 and H1 from a distance matrix, one thread")
    figure.savefig(folder / "engine_times.png", dpi=110)


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("times", nargs="*", type=Path)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    lune(args.folder)
    growth(args.folder)
    if args.times:
        times(args.folder, [row for path in args.times for row in json.loads(path.read_text())])


if __name__ == "__main__":
    main()
