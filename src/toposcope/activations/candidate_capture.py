"""What a ranking needs to see of one candidate: features, source predictions, feature volumes.

Each is a RUN of its own in the ranking's folder, so that an interrupted ranking captures nothing
twice.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from toposcope.activations.candidates import BATCH, EVAL, Candidate, CapturedCandidate
from toposcope.activations.capture import capture
from toposcope.activations.data.load import load_data
from toposcope.activations.models.load import load_model
from toposcope.activations.models.model import LoadedModel
from toposcope.errors import DoesNotFitError, LayerNotFoundError, UsageError
from toposcope.execution.progress import Progress
from toposcope.store.runs import Run
from toposcope.types import LOGITS


def capture_candidate(
    candidate: Candidate,
    target: Any,
    folder: Path,
    *,
    n: int,
    images: int,
    device: str = "cpu",
    seed: int = 0,
    progress: Progress | None = None,
) -> CapturedCandidate:
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
        except DoesNotFitError:
            raise  # that says nothing of the network
        except UsageError as error:
            reason = f"no spatial feature volumes: {error}"
        own = batch_statistics(loaded)
        if volumes and own is not None:
            keep(own, store=folder / "volumes-batch", batch_size=1)
            volumes[BATCH] = folder / "volumes-batch"
    return CapturedCandidate(
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
