"""Small target tasks for networks trained on the digits, and pairs of network and target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from toposcope.execution.tasks import spec_hash
from toposcope.store.arrays import from_arrays
from toposcope.studies.materials import RunSubject
from toposcope.studies.materials_digit_inputs import (
    INPUT_SOURCES,
    Images,
    held_out,
    strokes,
)
from toposcope.studies.materials_digits import network_at
from toposcope.types import ActivationSet

if TYPE_CHECKING:
    from toposcope.training.digit_networks import DigitNet

Labels = NDArray[np.int64]
TARGET_SOURCES = (
    "studies/materials_digit_targets.py",
    *INPUT_SOURCES,
)
"""Sources that decide the accuracies."""


def _noisy(images: Images) -> Images:
    """Grey noise over the digits, the same for all networks."""
    noise = np.random.default_rng(11).normal(size=images.shape)
    return np.clip(images + 110 * noise, 0, 255).astype(np.uint8)


OF_DIGITS: Mapping[str, Callable[[Images, Labels], tuple[Images, Labels]]] = {
    "inverted": lambda images, labels: (255 - images, labels),
    "rotated": lambda images, labels: (np.rot90(images, axes=(1, 2)).copy(), labels),
    "mirrored": lambda images, labels: (images[:, :, ::-1].copy(), labels),
    "noisy": lambda images, labels: (_noisy(images), labels),
    "parity": lambda images, labels: (images, labels % 2),
    "large": lambda images, labels: (images, (labels >= 5).astype(np.int64)),
}
"""Tasks on the digits: other images, or other classes (odd or even, five and above or not)."""
TARGETS = (*OF_DIGITS, *(f"strokes {k}" for k in range(1, 9)))


def target_data(name: str, n_train: int, n_test: int) -> tuple[tuple[Images, Labels], ...]:
    """Training and test images of one of `TARGETS`; digits are those that no network trained on."""
    if name.startswith("strokes "):
        images, labels = strokes(n_train + n_test, int(name.split()[1]))
    else:
        images, labels, rows = held_out()
        rows = np.random.default_rng(5).permutation(rows)[: n_train + n_test]
        images, labels = OF_DIGITS[name](images[rows], labels[rows])
    return (images[:n_train], labels[:n_train]), (images[n_train:], labels[n_train:])


@dataclass(frozen=True)
class Pair:
    """A trained network and a target that it is to be fine-tuned on.

    Parameters
    ----------
    trained, recipe
        The network.
    target, n_train, n_test
        One of `TARGETS`, and its images.
    steps, seeds
        Of the fine-tuning, and how often it is repeated.
    network, identity, moment, covariates
        See `Subject`.
    """

    trained: RunSubject
    recipe: DigitNet
    target: str
    n_train: int
    n_test: int
    steps: int
    seeds: int
    network: str
    identity: str
    moment: int = 0
    covariates: Mapping[str, Any] = field(default_factory=dict)

    def open(self) -> ActivationSet:
        """What the network as it is makes of the target's training images: blocks and logits."""
        from toposcope.training.digit_networks import block_names
        from toposcope.training.digit_tuning import volumes_and_logits

        (images, labels), _ = target_data(self.target, self.n_train, self.n_test)
        model, blocks = network_at(self.recipe, self.trained), block_names(self.recipe)
        volumes, logits = volumes_and_logits(model, blocks, images)
        return from_arrays({**volumes, "logits": logits}, labels=labels, name=self.network)

    def accuracy(self) -> float:
        """After fine-tuning, mean over seeds."""
        from toposcope.training.digit_tuning import Tuning, tuned_accuracy

        train, test = target_data(self.target, self.n_train, self.n_test)
        how = Tuning(steps=self.steps)
        return float(
            np.mean(
                [
                    tuned_accuracy(
                        network_at(self.recipe, self.trained), train, test, replace(how, seed=seed)
                    )
                    for seed in range(self.seeds)
                ]
            )
        )


def pair(
    trained: RunSubject,
    recipe: DigitNet,
    target: str,
    *,
    n_train: int,
    n_test: int,
    steps: int,
    seeds: int,
) -> Pair:
    """A network and a target, as a subject; data is the target."""
    identity = spec_hash([trained.identity, target, n_train, n_test, steps, seeds])
    known = {**trained.covariates, "data": target}
    return Pair(
        trained,
        recipe,
        target,
        n_train,
        n_test,
        steps,
        seeds,
        trained.network,
        identity,
        covariates=known,
    )
