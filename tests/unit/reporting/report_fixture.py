"""Analyses made of random clouds, with everything a report draws: no network, no RUN folder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from ripser import ripser

from toposcope.analysis.result import Analysis, intervals
from toposcope.types import ActivationSet, DiagramKey, DiagramSet

LAYERS = tuple(f"features.block{i}" for i in range(1, 7))
CLASSES = tuple(str(i) for i in range(10))
N, REPLICATES = 400, 4


def _cloud(layer: int, trained: float, rng: np.random.Generator, points: int) -> np.ndarray:
    """Ten clusters on a circle that tighten with depth and training: H0 falls, one loop stays."""
    angle = 2 * np.pi * rng.integers(0, 10, points) / 10
    center = np.column_stack([np.cos(angle), np.sin(angle)])
    spread = 1.0 / (1.0 + trained * (layer + 1))
    X = np.concatenate([center, np.zeros((points, 2))], axis=1)
    X += spread * rng.normal(size=X.shape) * 0.5
    return X


def _diagrams(X: np.ndarray) -> list[np.ndarray]:
    distances = np.linalg.norm(X[:, None] - X[None], axis=2)
    scale = distances[np.triu_indices(len(X), 1)].mean()
    return [np.asarray(d, dtype=float) for d in ripser(X / scale, maxdim=1)["dgms"]]


def _statistics(pairs: np.ndarray) -> dict[str, float]:
    life = (pairs[:, 1] - pairs[:, 0])[np.isfinite(pairs[:, 1])]
    total = life.sum()
    share = life / total if total else life
    return {
        "n_pairs": len(life),
        "lifespan_sum": total,
        "max_persistence": life.max(initial=0.0),
        "persistence_entropy": -(share * np.log(share)).sum() if total else np.nan,
    }


@dataclass(frozen=True)
class PictureAnalysis(Analysis):
    """An analysis whose pictures are held in memory instead of in a RUN."""

    pictures: np.ndarray | None = field(default=None, repr=False)

    def thumbnails(self, rows):
        """Pictures of some samples."""
        return None if self.pictures is None else self.pictures[np.asarray(rows, dtype=int)]


def analysis(
    name: str = "small_cnn",
    *,
    step: int | None = None,
    trained: float = 1.0,
    layers: tuple[str, ...] = LAYERS,
    class_names: tuple[str, ...] = CLASSES,
    pictures: bool = True,
    points: int = 60,
    replicates: int = REPLICATES,
    failures: bool = False,
    model: str | None = None,
    seed: int = 0,
) -> Analysis:
    """One network measured layer by layer."""
    rng = np.random.default_rng(seed)
    keys, pairs_list, rows, loops = [], [], [], []
    for index, layer in enumerate(layers):
        depth = (index + 1) / len(layers)
        place = {"layer": layer, "depth": depth, "label": ""}
        broken = failures and index == 2
        for cloud in ("data", "gaussian"):
            for replicate in range(replicates):
                X = _cloud(index, trained, rng, points)
                if cloud == "gaussian":
                    X = rng.multivariate_normal(X.mean(0), np.cov(X.T), size=points)
                common = place | {"cloud": cloud, "replicate": replicate, "points": points}
                for k, pairs in enumerate(_diagrams(X)):
                    if broken:
                        continue
                    keys.append(DiagramKey(layer, depth, replicate, k, "", cloud, points))
                    pairs_list.append(pairs)
                    for statistic, value in _statistics(pairs).items():
                        rows.append(
                            common
                            | {"homology_dimension": k, "statistic": statistic, "value": value}
                        )
                for statistic, value in {
                    "two_nn": 3.0 + rng.normal() / 5,
                    "effective_rank": 3.5 - index / 4 + rng.normal() / 9,
                    "activation_norm": float(np.linalg.norm(X, axis=1).mean()) * (index + 1),
                }.items():
                    rows.append(
                        common
                        | {"homology_dimension": None, "statistic": statistic, "value": value}
                    )
        for j in range(3):
            samples = [int(i) for i in rng.choice(N, 7 + 2 * j, replace=False)]
            loops.append(
                place | {"replicate": 0, "birth": 0.4, "death": 0.9 - 0.1 * j, "samples": samples}
            )
    table = pd.DataFrame(rows)
    table["status"] = np.where(table["value"].isna(), "undefined", "ok")
    table["reason"] = np.where(table["value"].isna(), "the diagram has no pairs", "")
    table["homology_dimension"] = table["homology_dimension"].astype("Int64")
    labels = np.arange(N) % len(class_names)
    attrs = {
        "model": model or name,
        "step": step,
        "top1": 0.1 + 0.88 * (1 - np.exp(-2 * trained)),
        "n": N,
        "points": points,
        "replicates": replicates,
        "overlapping": False,
        "complex": "rips",
        "filtration": {},
        "normalize": "mean_distance",
        "per_class": False,
        "metric": "euclidean",
        "homology_dimensions": [0, 1],
        "level": 0.95,
        "seed": 0,
        "data": "sklearn:digits",
        "pool": "gap",
        "coeff": 2,
        "commands": [
            f"toposcope capture py:nets:{name} sklearn:digits --layers blocks -o runs/{name}",
            f"toposcope analyze runs/{name} --homology 0,1 --points {points}",
        ],
        "versions": {"toposcope": "0.1.0", "numpy": np.__version__},
        "conventions": {"coefficients": "Z/2", "filtration": "Vietoris-Rips, diameter scale"},
        "warnings": ["gap pooled away the positions of features"],
        "class_names": list(class_names),
    }
    ids = np.array([str(i) for i in range(N)])
    values = {one: _cloud(i, trained, np.random.default_rng(i), N) for i, one in enumerate(layers)}

    def read(layer: str, rows: np.ndarray | None) -> np.ndarray:
        return values[layer] if rows is None else values[layer][rows]

    acts = ActivationSet(layers, ids, read, labels, class_names)
    failed = [
        {
            "task": "ab12",
            "layer": layers[2],
            "replicate": 0,
            "reason": "17 of 400 activations are not finite",
            "traceback": "",
        }
    ]
    images = np.random.default_rng(1).integers(0, 255, (N, 8, 8), dtype=np.uint8)
    return PictureAnalysis(
        name=name,
        table=table,
        intervals=intervals(table),
        diagrams=DiagramSet(tuple(keys), tuple(pairs_list)),
        loops=pd.DataFrame(loops),
        failures=failed if failures else [],
        attrs=attrs,
        activations=acts,
        pictures=images if pictures else None,
    )


def checkpoints() -> list[Analysis]:
    """Two models, three checkpoints each."""
    out = []
    for seed, model in enumerate(("small_cnn", "small_vit")):
        for step, trained in ((0, 0.0), (40, 0.4), (400, 1.5)):
            out.append(
                analysis(
                    f"{model} step {step}",
                    model=model,
                    step=step,
                    trained=trained,
                    seed=10 * seed + step,
                    layers=LAYERS if seed == 0 else tuple(f"encoder.{i}" for i in range(4)),
                )
            )
    return out


def per_class(names: tuple[str, ...] = ("cat", "dog")) -> Analysis:
    """One network whose clouds hold one class each."""
    parts = [analysis(points=30, seed=seed) for seed in range(len(names))]

    def joined(attribute: str) -> pd.DataFrame:
        frames = [getattr(p, attribute).assign(label=n) for p, n in zip(parts, names, strict=True)]
        return pd.concat(frames, ignore_index=True)

    keys = [
        replace(key, label=name)
        for part, name in zip(parts, names, strict=True)
        for key in part.diagrams.keys
    ]
    pairs = [pairs for part in parts for pairs in part.diagrams.pairs_list]
    return replace(
        parts[0],
        table=joined("table"),
        intervals=joined("intervals"),
        loops=joined("loops"),
        diagrams=DiagramSet(tuple(keys), tuple(pairs)),
        attrs=parts[0].attrs | {"per_class": True},
    )
