"""Any network under targeted attacks: its layers on moved inputs, and on noise of the same norm.

Inputs are moved where the network is fed: after its preprocessing. A strength of 1 is one standard
deviation of all its inputs. As many samples at once as its batch holds are in memory.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from toposcope.activations.batches import Feed, find_device
from toposcope.activations.candidates import Candidate
from toposcope.activations.capture_plan import Plan, logits_of, make_plan
from toposcope.activations.data.load import load_data
from toposcope.activations.data.sample import sample
from toposcope.activations.forward_passes import pool_of
from toposcope.activations.hooks import Recorder, record, undisturbed
from toposcope.activations.model_inputs import call as run
from toposcope.activations.model_inputs import told
from toposcope.activations.models.load import load_model
from toposcope.activations.reasons import reason_of
from toposcope.errors import UsageError
from toposcope.execution.tasks import spec_hash
from toposcope.training.attacks import Layers, attacked, noisy

LAST = "logits"
"""What the scores are called among layers, as those of our own networks are."""
PROBE = 32
"""Samples that are timed."""


@dataclass(frozen=True)
class Attackable:
    """A network that was asked for a gradient and gave one.

    Parameters
    ----------
    n, classes, layers
        Samples, numbers that it gives per sample, and layers, logits among them.
    scale
        Standard deviation of its inputs.
    seconds
        CPU seconds of a pass forward and back with all samples.
    identity
        Hash of its weights, of what it is fed and of what is kept.
    """

    n: int
    classes: int
    layers: int
    scale: float
    seconds: float
    identity: str


def attackable(candidate: Candidate, data: str, *, n: int, seed: int, call: str) -> Attackable:
    """Load a network and ask it for a gradient.

    Parameters
    ----------
    candidate, data
        What it is and what it is fed.
    n, seed
        Most samples, drawn by class where there are labels, and the seed of the draw.
    call
        Of the caller, for messages.

    Raises
    ------
    UsageError
        For inputs that are no real numbers, and without class scores or a gradient.
    """
    feed = _feed(candidate, data, n, seed)
    told_as = f"{call}: {candidate.name!r}"
    _, first = feed.batch(0, min(PROBE, feed.n))
    if not isinstance(first, Tensor) or not first.is_floating_point():
        msg = (
            f"{told_as} is fed {told(first)}; an attack moves real numbers along a gradient. "
            "Needed are networks of images or other real numbers, as one tensor."
        )
        raise UsageError(msg)
    plan = _plan(feed, candidate, seed)
    classes = plan.scores or 0
    if classes < 2:
        msg = (
            f"{told_as} gives no (n, classes) scores; needed are networks that tell classes apart."
        )
        raise UsageError(msg)
    digest, total, squares, count = hashlib.sha256(), 0.0, 0.0, 0
    for start in range(0, feed.n, feed.batch_size):
        x = _inputs(feed, start)
        digest.update(x.numpy().tobytes())
        total, squares = total + float(x.double().sum()), squares + float((x.double() ** 2).sum())
        count += x.numel()
    scale = float(np.sqrt(max(squares / count - (total / count) ** 2, 0.0)))
    if not scale > 0:
        msg = f"{told_as} is fed the same number everywhere; there is no scale to move inputs by."
        raise UsageError(msg)
    seconds = [_pass(feed, first, told_as) for _ in range(2)][-1] * feed.n / len(first)
    kept = [_hidden(plan), candidate.pool, feed.loaded.provenance["state"]]
    identity = spec_hash([digest.hexdigest(), *kept])
    return Attackable(feed.n, classes, len(_hidden(plan)) + 1, scale, seconds, identity)


def attacked_model(
    candidate: Candidate,
    data: str,
    aim: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    *,
    n: int,
    scale: float,
    attack: str,
    strengths: Sequence[float],
    seed: int = 0,
    draw: int = 0,
) -> list[tuple[Layers, Layers]]:
    """Layers of a network after attacks, and after noise of the same norm; "logits" are the last.

    Parameters
    ----------
    candidate, data, n, draw
        What is asked and what it is fed: samples and the seed of their draw.
    aim
        From the classes that samples are taken for, (n,), to those that they are moved towards.
    scale
        Of a strength of 1.
    attack, strengths
        As in `attacked`; one pair of layers for each. Strength 0 is no change.
    seed
        Of the noise.
    """
    feed = _feed(candidate, data, n, draw)
    plan = _plan(feed, candidate, draw)
    model = feed.loaded.model
    noises = [torch.Generator().manual_seed(seed + k) for k in range(len(strengths))]
    pieces: list[tuple[list[Layers], list[Layers]]] = [([], []) for _ in strengths]
    with record(model, plan.addresses, pool_of(feed, plan)) as recorder:

        def scores(x: Tensor) -> Tensor:
            found = _scores(feed, x)
            recorder.take()  # or the next pass would count as a second call of its layers
            return found

        for start in range(0, feed.n, feed.batch_size):
            x = _inputs(feed, start)
            taken = scores(x).argmax(dim=1).numpy().astype(np.int64)
            targets = torch.from_numpy(aim(taken))
            for (own, other), strength, noise in zip(pieces, strengths, noises, strict=True):
                with torch.enable_grad():
                    moved = attacked(
                        scores, x, targets, attack=attack, strength=strength * scale
                    ).detach()
                own.append(_layers(feed, plan, recorder, moved))
                other.append(_layers(feed, plan, recorder, noisy(x, moved, noise).to(x.dtype)))
    return [(_joined(own), _joined(other)) for own, other in pieces]


def _feed(candidate: Candidate, data: str, n: int, seed: int) -> Feed:
    loaded = load_model(candidate.model, candidate.weights, seed=seed)
    source = load_data(data)
    samples = sample(source, min(n, source.n), seed=seed)
    loaded = replace(loaded, name=candidate.name)
    return Feed(loaded, source, samples, candidate.batch_size, find_device("cpu"))


def _plan(feed: Feed, candidate: Candidate, seed: int) -> Plan:
    layers = [candidate.layers] if isinstance(candidate.layers, str) else list(candidate.layers)
    return make_plan(
        feed, layers, candidate.pool, seed=seed, dtype="float32", pictures=False, keep_logits=True
    )


def _inputs(feed: Feed, start: int) -> Tensor:
    _, x = feed.batch(start, min(start + feed.batch_size, feed.n))
    assert isinstance(x, Tensor)  # `attackable` refused others
    return x


def _scores(feed: Feed, x: Tensor) -> Tensor:
    found = logits_of(run(feed.loaded.model, x))
    assert found is not None  # likewise
    return found


def _pass(feed: Feed, x: Tensor, told_as: str) -> float:
    """CPU seconds of a pass forward and back."""
    began = time.process_time()
    with undisturbed(feed.loaded.model), torch.enable_grad():
        moved = x.clone().requires_grad_()
        try:
            (slope,) = torch.autograd.grad(_scores(feed, moved).logsumexp(dim=1).sum(), moved)
        except RuntimeError as error:
            msg = (
                f"{told_as} has no gradient with respect to its inputs ({reason_of(error)}): "
                "needed are networks without torch.no_grad(), detach() or rounding on the way."
            )
            raise UsageError(msg) from error
    if not bool(slope.any()):
        msg = f"{told_as} has a gradient of 0 at every input; an attack cannot move anything."
        raise UsageError(msg)
    return time.process_time() - began


def _layers(feed: Feed, plan: Plan, recorder: Recorder, x: Tensor) -> Layers:
    scores = _scores(feed, x)
    kept = recorder.take()
    found = {address: kept[address].numpy() for address in _hidden(plan)}
    return found | {LAST: scores.detach().float().numpy()}


def _hidden(plan: Plan) -> list[str]:
    """The layers before the scores."""
    return [address for address in plan.addresses if address != LAST]


def _joined(pieces: Sequence[Layers]) -> Layers:
    return {name: np.concatenate([one[name] for one in pieces]) for name in pieces[0]}
