"""What a ranking needs to see of one candidate: features, source predictions, feature volumes.

Each is a RUN of its own in the ranking's folder, so that an interrupted ranking captures nothing
twice.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from toposcope.activations.candidates import Candidate
from toposcope.activations.capture import capture
from toposcope.activations.data.load import load_data
from toposcope.activations.models.load import load_model
from toposcope.activations.models.model import LoadedModel
from toposcope.errors import LayerNotFoundError, UsageError
from toposcope.execution.progress import Progress
from toposcope.store.runs import Run
from toposcope.types import LOGITS

EVAL, BATCH = "eval", "batch"
"""Modes of batch norm: stored statistics, or those of each image, as the authors of theta ran."""


@dataclass(frozen=True)
class Audition:
    """Where one candidate's material lies.

    Parameters
    ----------
    features
        RUN of pooled layers and, where there is a source head, its logits.
    layer
        Layer that serves as penultimate features.
    clouds
        Layers in network order whose clouds count as the network's depth.
    volumes
        RUNs of feature volumes by mode of batch norm ("eval", "batch"); empty when there are none.
    no_volumes
        Why there are no volumes.
    head
        Whether there are source predictions.
    parameters
        Number of parameters of the model.
    """

    features: Path
    layer: str
    clouds: tuple[str, ...]
    volumes: Mapping[str, Path]
    no_volumes: str
    head: bool
    parameters: int


def audition(
    candidate: Candidate,
    target: Any,
    folder: Path,
    *,
    n: int,
    images: int,
    device: str = "cpu",
    seed: int = 0,
    progress: Progress | None = None,
) -> Audition:
    """Capture one candidate on the target.

    Parameters
    ----------
    candidate
        The model.
    target
        DATA argument.
    folder
        Where its RUNs go; finished ones are used again.
    n, images
        Samples for features, and images for feature volumes (0: none).
    device, seed, progress
        As in `capture`.

    Raises
    ------
    UsageError, WeightsError ...
        As `capture` does; a model without spatial volumes is no error but has `no_volumes`.
    """
    loaded = load_model(candidate.model, candidate.weights, seed=seed)
    loaded = replace(loaded, name=candidate.name)
    data = load_data(target)
    blocks = [candidate.layers] if isinstance(candidate.layers, str) else list(candidate.layers)
    extra = [candidate.features] if candidate.features else []
    acts = capture(
        loaded,
        data,
        layers=[*blocks, *extra],
        pool=candidate.pool,
        n=n,
        store=folder / "features",
        batch_size=candidate.batch_size,
        device=device,
        seed=seed,
        logits=True,
        thumbnails=False,
        progress=progress,
        name=candidate.name,
    )
    layer = candidate.features or acts.layers[-1]
    if layer not in acts.layers:
        msg = f"features={layer!r} is a pattern; name one layer of {', '.join(acts.layers)}."
        raise LayerNotFoundError(msg)
    volumes: dict[str, Path] = {}
    reason = "feature volumes were not asked for"
    if images:
        keep = partial(
            capture,
            data=data,
            layers=blocks,
            pool="volume",
            n=images,
            device=device,
            seed=seed,
            thumbnails=False,
            progress=progress,
            name=candidate.name,
        )
        try:
            keep(loaded, store=folder / "volumes", batch_size=candidate.batch_size)
            volumes[EVAL] = folder / "volumes"
        except UsageError as error:
            reason = f"no spatial feature volumes: {error}"
        own = batch_statistics(loaded)
        if volumes and own is not None:
            keep(own, store=folder / "volumes-batch", batch_size=1)
            volumes[BATCH] = folder / "volumes-batch"
    return Audition(
        features=folder / "features",
        layer=layer,
        clouds=tuple(name for name in acts.layers if name != candidate.features),
        volumes=volumes,
        no_volumes=reason,
        head=LOGITS in Run.open(folder / "features").layers,
        parameters=sum(p.numel() for p in loaded.model.parameters()),
    )


def batch_statistics(loaded: LoadedModel) -> LoadedModel | None:
    """A copy of the model whose batch norms use the statistics of each batch; None without any.

    The authors of theta never call `eval()` and feed one image at a time: every image is then
    normalized by itself. Unlike theirs, the stored statistics of this copy do not drift.
    """
    model = copy.deepcopy(loaded.model)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not any(norm.track_running_stats for norm in norms):
        return None
    for norm in norms:
        norm.track_running_stats = False
        norm.running_mean = norm.running_var = norm.num_batches_tracked = None
    provenance = {**loaded.provenance, "batch_norm": "statistics of each batch"}
    return LoadedModel(model, loaded.preprocess, loaded.name, provenance, loaded.classes)
