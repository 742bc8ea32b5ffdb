"""Networks on scikit-learn's digits as RUNs in the cache: trained, captured, found again.

Every network is kept on its own under the hash of its recipe: populations of several studies share
their members, and a killed one continues with the next network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toposcope.execution.progress import Progress, ensure
from toposcope.execution.source_hash import source_hash
from toposcope.execution.tasks import spec_hash
from toposcope.store.objects import LocalObjects, put_json, read_json
from toposcope.studies.materials import RunSubject, materials_folder, run_subject

if TYPE_CHECKING:
    from toposcope.training.digit_networks import DigitNet

DIGIT_SOURCES = (
    "studies/materials_digits.py",
    "training/digit_networks.py",
    "training/digits.py",
    "training/networks.py",
)
"""Sources that decide the RUNs."""
RECORD = "record.json"


def digit_networks(
    recipes: Sequence[DigitNet],
    *,
    pool: str = "auto",
    n: int | None = None,
    split: str = "test",
    logits: bool = False,
    progress: Progress | None = None,
) -> list[RunSubject]:
    """Train and capture networks, or find them; one subject per network and moment.

    Parameters
    ----------
    recipes
        One per network.
    pool
        As in `capture`: "auto" (averages over the image, the class token, units), "volume".
    n
        How many images; None for all: 1200 held out, or those that trained.
    split
        "test": held-out images, the same for all networks; "train": the images of the training with
        their true classes. Of a fine-tuned network both are those of the task it is tuned on, at
        every moment.
    logits
        Whether logits are kept as a last layer.
    progress
        Where to tell how far it is.

    Returns
    -------
    Subjects in the order of recipes and moments. Covariates: all fields of the recipe, step, split,
    train, test, train_loss, test_loss, weight_norm.
    """
    found = []
    with ensure(progress).task(f"train networks ({split} images)", len(recipes)) as bar:
        for recipe in recipes:
            found += _one(recipe, pool, n, split, logits)
            bar.advance(1)
    return found


def _one(recipe: DigitNet, pool: str, n: int | None, split: str, logits: bool) -> list[RunSubject]:
    spec = {"recipe": asdict(recipe), "code": source_hash(*DIGIT_SOURCES)}
    folder = materials_folder() / f"digits-{spec_hash(spec)[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    view = spec_hash([pool, n, split, logits])[:8]
    with LocalObjects(folder).lock():
        if not (folder / RECORD).exists():
            _train(recipe, folder, spec)
        known = read_json(folder / RECORD)
        runs = [folder / f"{view}-step{moment['step']}" for moment in known["moments"]]
        for run, moment in zip(runs, known["moments"], strict=True):
            if not (run / RECORD).exists():
                _capture(recipe, folder, run, moment["step"], pool, n, split, logits)
    plain = {key: value for key, value in asdict(recipe).items() if key != "moments"}
    return [
        run_subject(
            run,
            network=name_of(recipe),
            moment=place,
            covariates={**plain, "split": split, **moment},
        )
        for place, (run, moment) in enumerate(zip(runs, known["moments"], strict=True))
    ]


def name_of(recipe: DigitNet) -> str:
    """What a network is called: its shape, its seed, and a sign for the rest of its recipe."""
    rest = spec_hash(asdict(replace(recipe, seed=0, moments=())))[:4]
    return f"{recipe.kind} {recipe.depth}x{recipe.width} {rest} seed {recipe.seed}"


def _train(recipe: DigitNet, folder: Path, spec: dict[str, Any]) -> None:
    from safetensors.torch import save

    from toposcope.training.digit_networks import train_digit_network

    moments = []
    for one in train_digit_network(recipe):
        state = {name: value.contiguous() for name, value in one.state.items()}
        LocalObjects(folder).put(f"step{one.step}.safetensors", save(state))
        moments.append({"step": one.step, **one.numbers})
    put_json(folder / RECORD, {**spec, "moments": moments})


def network_at(recipe: DigitNet, subject: RunSubject) -> Any:
    """The torch network of a subject, in evaluation mode: for gradients and other inputs."""
    from safetensors.torch import load_file

    from toposcope.training.digit_networks import with_state

    step = subject.covariates["step"]
    return with_state(recipe, load_file(subject.path.parent / f"step{step}.safetensors"))


def _capture(
    recipe: DigitNet,
    folder: Path,
    run: Path,
    step: int,
    pool: str,
    n: int | None,
    split: str,
    logits: bool,
) -> None:
    import shutil

    from safetensors.torch import load_file

    from toposcope.activations.capture import capture
    from toposcope.activations.data.arrays import digits_arrays
    from toposcope.activations.models.load import loaded_module
    from toposcope.training.digit_networks import TASKS, block_names, training_rows, with_state
    from toposcope.training.digits import preprocess
    from toposcope.training.digits import split as split_rows

    images, labels = digits_arrays()
    rows = training_rows(recipe)[0] if split == "train" else split_rows(labels)[1]
    inputs, classes = TASKS[recipe.task](images[rows], labels[rows].astype(np.int64))
    shutil.rmtree(run, ignore_errors=True)  # a capture that was killed: a second to do again
    name = f"{name_of(recipe)} step {step}"
    model = with_state(recipe, load_file(folder / f"step{step}.safetensors"))
    capture(
        loaded_module(model, preprocess, name=name),
        (inputs, classes),
        layers=block_names(recipe),
        pool=pool,
        n=n,
        store=run,
        thumbnails=False,
        logits=logits,
        name=name,
        step=step,
        command="toposcope study",
    )
    put_json(run / RECORD, {"network": name})
