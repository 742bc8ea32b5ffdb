"""The figures of docs/results/comparisons.md, from the folder that compare_pack.py filled.

python -m examples.compare_figures comparisons docs/images
"""

from __future__ import annotations

from pathlib import Path

import click
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

import toposcope as ts
from toposcope.comparison.layer_embedding import layer_map

PAIRS = {
    "fine-tuned-jpeg": "fine-tuned to JPEG",
    "fine-tuned-mnist": "fine-tuned to MNIST",
    "untrained": "random initialization",
    "train-test": "train against test",
    "minilm-trec": "MiniLM fine-tuned to TREC",
}
PANELS = (("wasserstein", 0), ("wasserstein", 1), ("cka", None))
TITLES = ("W1 gap in H0", "W1 gap in H1", "1 - CKA")
LINEAR = (3.0, 1.0, None)
"""Where the logarithmic scale of each panel becomes linear: about the noise of draws."""
COLORS = ("#0072b2", "#d55e00", "#00805f", "#a8518a", "#4b5563")


def _curve(
    axes: Axes, found: ts.Comparison, measure: str, degree: int | None, name: str, color: str
) -> None:
    rows = found.layers[found.layers["measure"] == measure]
    if degree is not None:
        rows = rows[rows["homology_dimension"] == degree]
    if not len(rows):
        return
    depth = rows["depth_a"].to_numpy()
    low, mean, high = (rows[c].to_numpy() for c in ("gap_low", "gap", "gap_high"))
    axes.plot(depth, mean, marker="o", markersize=4, label=name, color=color)
    axes.fill_between(depth, low, high, alpha=0.2, color=color, linewidth=0)
    if rows["margin"].notna().any():  # where one was fixed beforehand
        axes.plot(depth, rows["margin"].to_numpy(), linestyle=":", linewidth=1.2, color=color)


@click.command()
@click.argument("comparisons", type=click.Path(path_type=Path, exists=True))
@click.argument("images", type=click.Path(path_type=Path))
def main(comparisons: Path, images: Path) -> None:
    """Draw gaps over depth, and the matrix and the map of four architectures."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    images.mkdir(parents=True, exist_ok=True)
    figure, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for axes, (measure, degree), title, linear in zip(panels, PANELS, TITLES, LINEAR, strict=True):
        for (folder, name), color in zip(PAIRS.items(), COLORS, strict=True):
            for kept in (comparisons / folder, comparisons / f"{folder}-cka"):
                if (kept / "done.json").exists():
                    _curve(axes, ts.Comparison.load(kept), measure, degree, name, color)
        axes.set(title=title, xlabel="relative depth", xlim=(0, 1.03))
        axes.axhline(0.0, color="gray", linewidth=0.8)
        if linear is not None:
            axes.set_yscale("symlog", linthresh=linear)
            axes.set_ylim(bottom=-0.8 * linear)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.savefig(images / "compare_depth.png", dpi=110)

    found = ts.Comparison.load(comparisons / "architectures")
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    gaps = found.matrix("wasserstein", 0, gap=True).to_numpy()
    left.imshow(np.maximum(gaps, 0.0), cmap="cividis")
    starts = [[p[0] for p in found.places].index(name) for name in found.networks]
    for start in starts[1:]:
        left.axvline(start - 0.5, color="white")
        left.axhline(start - 0.5, color="white")
    left.set_xticks(starts, found.networks, ha="left")
    left.set_yticks(starts, found.networks, va="top")
    left.set_title("W1 gap in H0 between all layers (dark: alike)")
    placed = layer_map(found.matrix("cka", gap=True).to_numpy())
    for name, color in zip(found.networks, COLORS, strict=False):
        rows = [k for k, place in enumerate(found.places) if place[0] == name]
        x, y = placed.points[rows].T
        right.plot(x, y, color=color, marker="o", markersize=4, linewidth=1, label=name)
        right.plot(x[0], y[0], color=color, marker="o", markersize=10, markerfacecolor="white")
    right.set_title(
        f"Map of all layers by 1 - CKA (stress {placed.stress:.2f}; rings: first layers)"
    )
    right.set_aspect("equal", "datalim")
    right.legend(frameon=False)
    figure.savefig(images / "compare_architectures.png", dpi=110)


if __name__ == "__main__":
    main()
