"""Convolutional networks trained on scikit-learn's digits, as subjects of studies.

    nets(NetRecipe(kind="residual", blocks=4, width=8, members=(Member(0), Member(1))))

trains them (or finds them in the cache folder) and gives one `DigitNet` per network and moment. The
activations of all images, convolutions averaged over places, are kept beside the weights: a study
opens them without torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.execution.progress import Progress
from toposcope.execution.source_hash import source_hash
from toposcope.execution.tasks import spec_hash
from toposcope.store.arrays import from_arrays
from toposcope.store.objects import LocalObjects, put_json, read_json
from toposcope.studies.materials import materials_folder, put_arrays
from toposcope.training.digit_recipes import NetRecipe
from toposcope.types import ActivationSet

SOURCES = (
    "studies/materials_digit_nets.py",
    "training/digit_nets.py",
    "training/digit_recipes.py",
    "activations/data/arrays.py",
)
"""Sources that decide the activations."""


@dataclass(frozen=True)
class DigitNet:
    """One network at one moment of its training.

    Parameters
    ----------
    folder, member
        Where its activations are.
    network, identity, moment, covariates
        See `Subject`. Covariates: kind, blocks, width, activation, parameters, seed, weight_decay,
        label_noise, configuration (all but the seed), step, loss, train, test, norm.
    """

    folder: Path
    member: int
    network: str
    identity: str
    moment: int = 0
    covariates: Mapping[str, Any] = field(default_factory=dict)

    def open(self) -> ActivationSet:
        """Activations of the held-out images, with their classes."""
        return self._part("held")

    def open_train(self) -> ActivationSet:
        """Activations of the training images, with the labels the network was trained on."""
        return self._part("train")

    @property
    def weights_file(self) -> Path:
        """Where the weights of its family are, for `training.digit_nets.read_weights`."""
        return self.folder / f"weights-{self.moment}.npz"

    def _part(self, part: str) -> ActivationSet:
        with np.load(self.folder / _file(self.member, self.moment)) as file:
            prefix = f"{part}/"
            layers = {
                name.removeprefix(prefix): file[name]
                for name in file.files
                if name.startswith(prefix)
            }
            labels, ids = file[f"{part}-labels"], file[f"{part}-ids"]
        return from_arrays(layers, labels=labels, sample_ids=ids.astype(str), name=self.network)


def nets(
    recipe: NetRecipe, *, layers: Sequence[str] = (), progress: Progress | None = None
) -> list[DigitNet]:
    """Train the networks of a recipe, or find them; one subject per network and moment.

    Parameters
    ----------
    recipe
        Their shape, members and moments; the end of the training is the last moment.
    layers
        Layers whose activations are kept; none named: all.
    progress
        Where to tell how far it is.
    """
    spec = {**asdict(recipe), "layers": list(layers), "code": source_hash(*SOURCES)}
    folder = materials_folder() / f"digits-{spec_hash(spec)[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "record.json"
    with LocalObjects(folder).lock():
        if not record.exists():
            _make(recipe, layers, folder, record, spec, progress)
    known = read_json(record)
    return [
        DigitNet(
            folder,
            member,
            row["network"],
            spec_hash([known["content"], member, moment]),
            moment,
            row,
        )
        for moment, rows in enumerate(known["moments"])
        for member, row in enumerate(rows)
    ]


def _make(
    recipe: NetRecipe,
    layers: Sequence[str],
    folder: Path,
    record: Path,
    spec: Mapping[str, Any],
    progress: Progress | None,
) -> None:
    from toposcope.training.digit_nets import activations_of, digits_split, train_nets
    from toposcope.training.digit_recipes import trained_labels

    data = digits_split(recipe.train)
    content, rows = [], []
    for k, moment in enumerate(train_nets(recipe, progress=progress)):
        weights = {name: value.numpy() for name, value in moment.weights.items()}
        content.append(put_arrays(folder, f"weights-{k}.npz", **weights))
        rows.append([_covariates(recipe, moment, i) for i in range(len(recipe.members))])
        for i, member in enumerate(recipe.members):
            arrays: dict[str, NDArray[Any]] = {
                "train-labels": trained_labels(member, data.y),
                "train-ids": data.ids,
                "held-labels": data.y_test,
                "held-ids": data.ids_test,
            }
            for part, x in (("train", data.x), ("held", data.x_test)):
                for name, values in activations_of(recipe, moment, i, x).items():
                    if not layers or name in layers:
                        arrays[f"{part}/{name}"] = values
            put_arrays(folder, _file(i, k), **arrays)
    put_json(record, {"recipe": dict(spec), "content": content, "moments": rows})


def _covariates(recipe: NetRecipe, moment: Any, i: int) -> dict[str, Any]:
    member = recipe.members[i]
    configuration = (
        f"{recipe.kind} {recipe.activation} {recipe.blocks}x{recipe.width} "
        f"decay {member.weight_decay:g} noise {member.label_noise:g}"
    )
    return {
        "network": f"{configuration} seed {member.seed}",
        "configuration": configuration,
        "kind": recipe.kind,
        "activation": recipe.activation,
        "blocks": recipe.blocks,
        "width": recipe.width,
        "parameters": recipe.parameters,
        **asdict(member),
        "step": moment.step,
        "loss": float(moment.loss[i]),
        "train": float(moment.train[i]),
        "test": float(moment.test[i]),
        "norm": float(moment.norm[i]),
    }


def _file(member: int, moment: int) -> str:
    return f"activations-{moment}-{member}.npz"
