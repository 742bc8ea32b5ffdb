"""Networks on the digits looked at with other images: larger ones, changed ones, other glyphs.

The images of `IMAGES` are 8 x 8 like the digits, and of ten classes. `strokes` makes sets of glyphs
that no network has seen; sets of other seeds have other glyphs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.execution.tasks import spec_hash
from toposcope.store.arrays import from_arrays
from toposcope.studies.materials import RunSubject
from toposcope.studies.materials_digits import network_at
from toposcope.types import ActivationSet

if TYPE_CHECKING:
    from toposcope.training.digit_networks import DigitNet

Images = NDArray[np.uint8]
INPUT_SOURCES = (
    "studies/materials_digit_inputs.py",
    "training/digit_tuning.py",
    "activations/data/arrays.py",
)
"""Sources that decide the images."""
SIDE = 8


def strokes(n: int, seed: int, *, classes: int = 10) -> tuple[Images, NDArray[np.int64]]:
    """(n, 8, 8) glyphs of three strokes and their classes: ends are drawn once for a class.

    Every image moves the ends of its class by about a third of a pixel.
    """
    ends = np.random.default_rng([seed, 1]).uniform(0.5, 6.5, size=(classes, 3, 2, 2))
    rng = np.random.default_rng([seed, 2, n])
    labels = rng.permutation(np.arange(n) % classes)
    a, b = np.moveaxis(ends[labels] + 0.35 * rng.normal(size=(n, 3, 2, 2)), 2, 0)
    pixels = np.stack(np.meshgrid(*[np.arange(SIDE)] * 2, indexing="ij"), -1).reshape(-1, 1, 1, 2)
    along = b - a
    length = np.maximum((along**2).sum(-1), 1e-9)
    place = np.clip(((pixels - a) * along).sum(-1) / length, 0.0, 1.0)
    far = ((pixels - a - place[..., None] * along) ** 2).sum(-1).min(axis=-1)
    grey = 255 * np.exp(-far / 0.6)
    return grey.T.reshape(n, SIDE, SIDE).astype(np.uint8), labels.astype(np.int64)


def _moved(images: Images) -> Images:
    """One pixel down and to the right; what comes in is background."""
    out = np.zeros_like(images)
    out[:, 1:, 1:] = images[:, :-1, :-1]
    return out


CHANGES: Mapping[str, Callable[[Images], Images]] = {
    "digits": lambda images: images,
    "shifted": _moved,
    "thinned": lambda images: (images.astype(np.float64) ** 2 / 255).astype(np.uint8),
    "rotated": lambda images: np.rot90(images, axes=(1, 2)).copy(),
    "inverted": lambda images: 255 - images,
}
IMAGES = (*CHANGES, "strokes")
"""Kinds of images that `images_of` gives."""


@lru_cache(maxsize=1)
def held_out() -> tuple[Images, NDArray[np.int64], NDArray[np.intp]]:
    """All digits with their classes, and the rows that no network of the studies trains on."""
    from toposcope.activations.data.arrays import digits_arrays
    from toposcope.training.digits import split

    images, labels = digits_arrays()
    return images, labels.astype(np.int64), split(labels)[1]


def images_of(kind: str, n: int) -> tuple[Images, NDArray[np.int64]]:
    """(n, 8, 8) held-out images of a kind, as many of each class as can be, and their classes."""
    if kind == "strokes":
        return strokes(n, 0)
    images, labels, rows = held_out()
    # The first of every class, then the second of every class, ...
    nth = np.zeros(len(rows), dtype=np.intp)
    for label in np.unique(labels):
        among = labels[rows] == label
        nth[among] = np.arange(among.sum())
    rows = rows[np.argsort(nth, kind="stable")[:n]]
    return CHANGES[kind](images[rows]), labels[rows]


@dataclass(frozen=True)
class SeenInput:
    """A trained network and what it makes of n images of one kind, at one size.

    Parameters
    ----------
    trained, recipe
        The network.
    kind, size, n
        One of `IMAGES`, the side that images are brought to (bilinear), and how many.
    network, identity, moment, covariates
        See `Subject`. Covariates: those of the network, architecture, data, resolution.
    """

    trained: RunSubject
    recipe: DigitNet
    kind: str
    size: int
    n: int
    network: str
    identity: str
    moment: int = 0
    covariates: Mapping[str, Any] = field(default_factory=dict)

    def open(self) -> ActivationSet:
        """Volumes of every block."""
        from toposcope.training.digit_networks import block_names
        from toposcope.training.digit_tuning import volumes_and_logits

        images, labels = images_of(self.kind, self.n)
        model, blocks = network_at(self.recipe, self.trained), block_names(self.recipe)
        volumes, _ = volumes_and_logits(model, blocks, images, size=self.size)
        return from_arrays(volumes, labels=labels, name=self.network)


def seen(
    trained: RunSubject, recipe: DigitNet, kind: str = "digits", size: int = SIDE, n: int = 40
) -> SeenInput:
    """A trained network with images of a kind, as a subject."""
    architecture = f"{recipe.kind} {recipe.activation} {recipe.width}"
    known = {
        **trained.covariates,
        "architecture": architecture,
        "data": kind,
        "resolution": size,
    }
    identity = spec_hash([trained.identity, kind, size, n])
    return SeenInput(trained, recipe, kind, size, n, trained.network, identity, covariates=known)
