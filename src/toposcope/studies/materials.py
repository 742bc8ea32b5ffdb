"""What a study looks at: networks at moments of their training, handed in or made here.

A `Subject` is one network at one moment; `open()` gives its activations as an `ActivationSet`,
whether it is a captured RUN or a small network that is run on the spot. What is made here is kept
in the cache folder ($TOPOSCOPE_CACHE, else the user's) under the hash of its recipe: a second
study, or the same one after a kill, finds it there.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from toposcope.execution.progress import Progress
from toposcope.execution.source_hash import source_hash
from toposcope.execution.tasks import spec_hash
from toposcope.pointclouds import datasets
from toposcope.store.arrays import from_arrays
from toposcope.store.folders import user_cache
from toposcope.store.objects import LocalObjects, content_hash, put_json, read_json
from toposcope.store.runs import Run, open_run
from toposcope.types import ActivationSet

Array = NDArray[np.float64]


class Subject(Protocol):
    """One network at one moment of its training."""

    @property
    def network(self) -> str:
        """Name of the network: the unit."""
        ...

    @property
    def moment(self) -> int:
        """Which moment of its training, from 0 (the first one there is)."""
        ...

    @property
    def covariates(self) -> Mapping[str, Any]:
        """What is known of it: accuracies, depth, width, seed, ..."""
        ...

    @property
    def identity(self) -> str:
        """Hash of all that decides its activations: part of every job."""
        ...

    def open(self) -> ActivationSet:
        """Its activations by layer, with labels."""
        ...


def at_the_end(subjects: Sequence[Subject]) -> list[Subject]:
    """Every network at the last moment that there is of it, in the order of first mention."""
    last = {one.network: one for one in sorted(subjects, key=lambda one: one.moment)}
    return [last[name] for name in dict.fromkeys(one.network for one in subjects)]


@dataclass(frozen=True)
class RunSubject:
    """A captured RUN.

    Parameters
    ----------
    path
        The folder.
    network, moment, covariates, identity
        See `Subject`.
    """

    path: Path
    network: str
    identity: str
    moment: int = 0
    covariates: Mapping[str, Any] = field(default_factory=dict)

    def open(self) -> ActivationSet:
        """The RUN."""
        return open_run(self.path)


def run_subject(
    path: Path | str, *, network: str, moment: int = 0, covariates: Mapping[str, Any] | None = None
) -> RunSubject:
    """A RUN as a subject; its identity is that of its stored layers and samples."""
    run = Run.open(Path(path))
    acts = open_run(path)
    labels = b"" if acts.labels is None else acts.labels.tobytes()
    hashes = [run.layer_hash(layer) for layer in acts.layers]
    identity = spec_hash([*acts.layers, *hashes, content_hash(labels)])
    return RunSubject(Path(path), network, identity, moment, dict(covariates or {}))


@dataclass(frozen=True)
class MlpSubject:
    """One of many small networks that were trained together; run in NumPy when opened.

    Parameters
    ----------
    folder, member, moment
        Where its weights are.
    network, covariates, identity
        See `Subject`.
    """

    folder: Path
    member: int
    network: str
    identity: str
    moment: int = 0
    covariates: Mapping[str, Any] = field(default_factory=dict)

    def open(self) -> ActivationSet:
        """Activations on the fresh samples: "input", "layer1", ..., "logits"."""
        x, y = _samples(self.folder)
        file = _weights(self.folder)
        act = _ACTIVATIONS[str(file["activation"])]
        depth = sum(name.startswith("w") for name in file)
        layers, h = {"input": x}, x
        for k in range(depth):
            h = h @ file[f"w{k}"][self.member, self.moment].astype(np.float64)
            h = h + file[f"b{k}"][self.member, self.moment]
            h = h if k == depth - 1 else act(h)
            layers["logits" if k == depth - 1 else f"layer{k + 1}"] = h
        return from_arrays(layers, labels=y, name=self.network)


_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
}


@lru_cache(maxsize=4)
def _weights(folder: Path) -> dict[str, NDArray[Any]]:
    with np.load(folder / "weights.npz") as file:
        return dict(file)


@lru_cache(maxsize=4)
def _samples(folder: Path) -> tuple[Array, NDArray[np.int64]]:
    with np.load(folder / "samples.npz") as file:
        return file["x"], file["y"]


def shapes(
    kind: str, n: int, seed: int = 0, *, gap: float = 0.06
) -> tuple[Array, NDArray[np.int64]]:
    """Two classes of known Betti numbers, as in Naitzat et al. and Wheeler et al.

    Parameters
    ----------
    kind
        "disks4", "disks6" or "disks9" (class 0: so many disks; class 1: the square around them,
        one component with as many holes), "annuli4" (class 0: rings; class 1: the square around
        them and the disks inside), "rings9" (pairs of linked solid rings, one of each class),
        "spheres9" (class 0: spheres of radius 1; class 1: of radius 2 and 0.5 around the same
        centers).
    n
        Samples, half of each class.
    seed
        Of the draw.
    gap
        Least distance between the classes of a plane, where a square has side 2.

    Returns
    -------
    (n, 2 or 3) points and (n,) classes.
    """
    rng = np.random.default_rng([seed, n])
    half = n // 2
    name, count = kind.rstrip("0123456789"), int(kind.lstrip("abcdefghijklmnopqrstuvwxyz") or 0)
    sides = {"disks": _disks, "annuli": _annuli, "rings": _rings, "spheres": _spheres}
    if name not in sides or not count:
        from toposcope.errors import UsageError

        msg = f"shapes(): kind={kind!r}; needed is one of {', '.join(sides)} with a number."
        raise UsageError(msg)
    a, b = sides[name](half, n - half, count, gap, rng)
    return np.concatenate([a, b]), np.repeat([0, 1], [len(a), len(b)])


KNOWN_BETTI = {
    "disks4": ((4, 0, 0), (1, 4, 0)),
    "disks6": ((6, 0, 0), (1, 6, 0)),
    "disks9": ((9, 0, 0), (1, 9, 0)),
    "annuli4": ((4, 4, 0), (5, 4, 0)),
    "rings9": ((9, 9, 0), (9, 9, 0)),
    "spheres9": ((9, 0, 9), (18, 0, 18)),
}
"""Betti numbers of both classes of what `shapes` draws from."""


def _disks(
    n_a: int, n_b: int, count: int, gap: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    inside = datasets.disks(n_a, count=count, seed=rng)
    outside = datasets.square_with_holes(n_b, count=count, seed=rng, gap=gap)
    return inside, outside


def _annuli(
    n_a: int, n_b: int, count: int, gap: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    ring = datasets.annuli(n_a, count=count, inner=0.6, seed=rng)
    outside = datasets.square_with_holes(n_b - n_b // 4, count=count, seed=rng, gap=gap)
    inner = datasets.disks(n_b // 4, count=count, shrink=0.4, seed=rng)
    return ring, np.concatenate([outside, inner])


def _centers(count: int) -> Array:
    """The corners of a cube around one in the middle, so many of them, 6 apart."""
    corners = np.array([[x, y, z] for x in (-3, 3) for y in (-3, 3) for z in (-3, 3)], dtype=float)
    return np.concatenate([np.zeros((1, 3)), corners])[:count]


def _rings(
    n_a: int, n_b: int, count: int, gap: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    centers = _centers(count)

    def solid(n: int, plane: tuple[int, int], shift: Array) -> Array:
        angle, tube = 2 * np.pi * rng.random((2, n))
        radius = 1.0 + 0.25 * np.sqrt(rng.random(n)) * np.cos(tube)
        points = np.zeros((n, 3))
        points[:, plane[0]], points[:, plane[1]] = radius * np.cos(angle), radius * np.sin(angle)
        points[:, 3 - sum(plane)] = 0.25 * np.sqrt(rng.random(n)) * np.sin(tube)
        return points + shift + centers[np.arange(n) % count]

    return solid(n_a, (0, 1), np.zeros(3)), solid(n_b, (0, 2), np.array([1.0, 0.0, 0.0]))


def _spheres(
    n_a: int, n_b: int, count: int, gap: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    centers = _centers(count)

    def shell(n: int, radii: Sequence[float]) -> Array:
        radius = np.asarray(radii)[rng.integers(0, len(radii), n)]
        unit = datasets.sphere(n, seed=rng)
        return radius[:, None] * unit + centers[np.arange(n) % count]

    return shell(n_a, [1.0]), shell(n_b, [2.0, 2.0, 2.0, 0.5])


@dataclass(frozen=True)
class Mlps:
    """Small fully connected networks trained on `shapes`: the recipe, and so the identity.

    Parameters
    ----------
    data
        A kind of `shapes`.
    networks, depth, width, activation
        How many; hidden layers, each of that width; "tanh", "relu" or "leaky_relu".
    train, fresh
        Samples that train, and others of the same distribution that are looked at.
    steps, learning_rate, batch, milestones, seed
        As in `training.mlps.MlpRecipe`.
    """

    data: str = "disks6"
    networks: int = 30
    depth: int = 10
    width: int = 15
    activation: str = "tanh"
    train: int = 2000
    fresh: int = 4000
    steps: int = 1500
    learning_rate: float = 3e-3
    batch: int = 128
    milestones: tuple[float, ...] = ()
    seed: int = 0

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        return (self.width,) * self.depth

    @property
    def shape(self) -> str:
        """What networks of these layers are called."""
        return f"{self.depth}x{self.width}"


@dataclass(frozen=True)
class Bottleneck(Mlps):
    """The same with a narrow layer in the middle.

    Parameters
    ----------
    narrow
        Its width.
    """

    narrow: int = 3

    @property
    def hidden(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        before = self.depth // 2
        after = self.depth - before - 1
        return (*[self.width] * before, self.narrow, *[self.width] * after)

    @property
    def shape(self) -> str:
        """What networks of these layers are called."""
        return f"{super().shape} with {self.narrow} in the middle"


MATERIAL_SOURCES = ("studies/materials.py", "training/mlps.py", "pointclouds/datasets.py")


def materials_folder() -> Path:
    """Where trained networks are kept: `studies` in the cache folder."""
    return user_cache() / "studies"


def mlps(recipe: Mlps, *, progress: Progress | None = None) -> list[MlpSubject]:
    """Train the networks of a recipe, or find them; one subject per network and moment.

    Moments count from 0 (untrained); milestones of training accuracy that a network did not reach
    are left out. Covariates: data, seed, step, train, test, milestone (0 untrained, 1 the end).
    """
    spec = {**asdict(recipe), "code": source_hash(*MATERIAL_SOURCES)}
    folder = materials_folder() / f"mlps-{spec_hash(spec)[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "record.json"
    with LocalObjects(folder).lock():
        if not record.exists():
            _train(recipe, folder, record, spec, progress)
    known = read_json(record)
    stages = (0.0, *recipe.milestones, 1.0)
    return [
        MlpSubject(
            folder,
            member,
            f"{recipe.data} {recipe.activation} {recipe.shape} seed {member}",
            spec_hash([known["content"], member, moment]),
            moment,
            {
                "data": recipe.data,
                "activation": recipe.activation,
                "depth": recipe.depth,
                "width": recipe.width,
                "shape": recipe.shape,
                "seed": member,
                "milestone": stages[moment],
                "step": step,
                "train": train,
                "test": test,
            },
        )
        for member, rows in enumerate(known["moments"])
        for moment, (step, train, test) in enumerate(rows)
        if step >= 0
    ]


def _train(
    recipe: Mlps, folder: Path, record: Path, spec: Mapping[str, Any], progress: Progress | None
) -> None:
    from toposcope.training.mlps import MlpRecipe, train_mlps

    x, y = shapes(recipe.data, recipe.train, recipe.seed)
    fresh, classes = shapes(recipe.data, recipe.fresh, recipe.seed + 1_000_003)
    widths = (x.shape[1], *recipe.hidden, int(y.max()) + 1)
    made = train_mlps(
        MlpRecipe(
            widths,
            recipe.activation,
            recipe.networks,
            recipe.steps,
            recipe.batch,
            recipe.learning_rate,
            milestones=recipe.milestones,
            seed=recipe.seed,
        ),
        x,
        y,
        fresh,
        classes,
        progress=progress,
    )
    arrays = {f"w{k}": w for k, w in enumerate(made.weights)}
    arrays |= {f"b{k}": b for k, b in enumerate(made.biases)}
    content = put_arrays(folder, "weights.npz", activation=np.array(recipe.activation), **arrays)
    content += put_arrays(folder, "samples.npz", x=fresh, y=classes)
    moments = [
        [
            [int(s), float(a) if s >= 0 else None, float(t) if s >= 0 else None]
            for s, a, t in zip(*rows, strict=True)
        ]
        for rows in zip(made.steps, made.train, made.test, strict=True)
    ]
    put_json(record, {"recipe": dict(spec), "content": content, "moments": moments})


def put_arrays(folder: Path, name: str, **arrays: NDArray[Any]) -> str:
    """Keep arrays in one npz; returns the hash of what they hold."""
    held = io.BytesIO()
    np.savez(held, allow_pickle=False, **arrays)
    LocalObjects(folder).put(name, held.getvalue())
    return spec_hash({key: content_hash(value.tobytes()) for key, value in arrays.items()})
