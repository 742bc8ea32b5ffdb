"""All scores of one candidate on one draw of target samples: the body of a ranking's task.

Workers do not import torch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.activations.candidates import EVAL, CapturedCandidate
from toposcope.diagrams.summaries import lifespan_sum
from toposcope.dimension.spanning_trees import ph_dimension_from_distances
from toposcope.errors import (
    DegenerateCloudError,
    TooFewSamplesError,
    ToposcopeError,
    UsageError,
)
from toposcope.homology import betti_numbers, rips
from toposcope.homology.metrics import distances
from toposcope.pointclouds.draws import draw_rows
from toposcope.pointclouds.normalize import estimate_normalizer
from toposcope.store.ledger import Noted
from toposcope.store.runs import Run
from toposcope.store.tables import OK
from toposcope.transfer.scores.betti_decay import lifetime_score, theta
from toposcope.transfer.scores.registry import SCORES
from toposcope.transfer.scores.source_heads import source_probabilities
from toposcope.types import LOGITS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DrawJob:
    """All scores of one candidate on one draw.

    Parameters
    ----------
    code
        Hash of the sources that decide a number.
    model
        Name of the candidate.
    layer, clouds
        Layer of the features, and layers whose clouds count as the network's depth.
    content
        (layer, hash) of every layer that is read; (mode, hash, ...) of every set of volumes.
    labels
        Hash of the target labels, of samples and of images.
    rows, index, replicates
        Samples of the draw, its number, and how many there are; images are divided alike.
    scores
        Names of the scores.
    thresholds, threshold
        Where Betti numbers are taken, and the one that theta uses.
    seed
        Of all draws.
    """

    code: str
    model: str
    layer: str
    clouds: tuple[str, ...]
    content: tuple[tuple[str, ...], ...]
    labels: str
    rows: tuple[int, ...]
    index: int
    replicates: int
    scores: tuple[str, ...]
    thresholds: tuple[float, ...]
    threshold: float
    seed: int


@dataclass(frozen=True)
class Material:
    """What a worker reads.

    Parameters
    ----------
    candidates
        Captured candidates by name.
    """

    candidates: Mapping[str, CapturedCandidate]


def measure_draw(job: DrawJob, material: Material) -> Noted:
    """Every score of one draw, as JSON: {"scores", "betti", "bars"}; noted is what each took."""
    candidate = material.candidates[job.model]
    draw = _Draw(job, candidate)
    scores: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    absent = {
        "model",
        *([] if candidate.volumes else ["volumes"]),
        *([] if draw.head else ["head"]),
    }
    for name in job.scores:
        if SCORES[name].needs not in absent:
            began = time.process_time()
            scores[name] = score = _valued(partial(draw.score, name))
            if score["status"] == OK:
                of_volumes = draw.betti_seconds if SCORES[name].needs == "volumes" else 0.0
                seconds[name] = time.process_time() - began + of_volumes
    measured: dict[str, Any] = {"scores": scores, "betti": draw.betti}
    if "tau" in job.scores:
        measured["bars"] = draw.bars
    # Apart from the part: the same scores have the same bytes however long they took.
    return Noted(json.dumps(measured, sort_keys=True).encode(), seconds)


def _valued(compute: Callable[[], float]) -> dict[str, Any]:
    """The value, or why there is none."""
    try:
        value = float(compute())
    except TooFewSamplesError as error:
        return {"status": "too_few", "reason": str(error)}
    except ToposcopeError as error:
        return {"status": "undefined", "reason": str(error)}
    except np.linalg.LinAlgError as error:
        return {"status": "undefined", "reason": f"the linear algebra did not converge: {error}"}
    if not np.isfinite(value):
        return {"status": "undefined", "reason": f"the score is {value}"}
    return {"status": OK, "value": value}


class _Draw:
    """What one draw of samples gives to the scores, each part computed when first asked for."""

    def __init__(self, job: DrawJob, candidate: CapturedCandidate) -> None:
        self._job, self._candidate = job, candidate
        self._run = Run.open(candidate.features)
        self._rows = np.asarray(job.rows, dtype=np.intp)
        began = time.process_time()
        self.betti = self._all_betti()
        self.betti_seconds = time.process_time() - began

    def score(self, name: str) -> float:
        """One score by name."""
        score = SCORES[name]
        if score.needs == "volumes":
            return score(*_main_betti(self.betti, self._job.threshold))
        if score.needs == "clouds":
            return float(getattr(self, f"_{name}")())
        data = self._probabilities if score.needs == "head" else self._features
        return score(data, self._labels)

    @property
    def head(self) -> bool:
        """Whether there are source predictions."""
        return LOGITS in self._run.layers

    @cached_property
    def _labels(self) -> NDArray[np.int64]:
        labels = self._run.samples.labels
        if labels is None:
            msg = "the target has no labels; this score needs them."
            raise UsageError(msg)
        unlabelled = int((labels < 0).sum())
        if unlabelled:
            msg = (
                f"{unlabelled} of {len(labels)} samples of the target have no label (-1); this "
                "score needs one of every sample. Leave those samples out of the target."
            )
            raise UsageError(msg)
        return np.asarray(labels[self._rows])

    @cached_property
    def _features(self) -> Array:
        return self._layer(self._job.layer)

    @cached_property
    def _probabilities(self) -> Array:
        return source_probabilities(self._run.read(LOGITS, self._rows))

    def _layer(self, layer: str) -> Array:
        values = self._run.read(layer, self._rows)
        return values.reshape(len(values), -1).astype(np.float64)

    @cached_property
    def _cloud(self) -> Array:
        return _normalized(self._features)

    @cached_property
    def bars(self) -> list[dict[str, float]]:
        """Per layer: total length and number of bars of H0 and H1, and the scale divided out."""
        layers = []
        for layer in self._job.clouds:
            values = self._layer(layer)
            normalizer = estimate_normalizer(values, "mean_distance")
            bars = {"scale": normalizer.scale}
            for k, pairs in enumerate(rips(normalizer(values), homology_dimensions=(0, 1))):
                finite = pairs[np.isfinite(pairs[:, 1])]
                bars[f"length{k}"] = float((finite[:, 1] - finite[:, 0]).sum())
                bars[f"count{k}"] = len(pairs)
            layers.append(bars)
        return layers

    def _tau(self) -> float:
        return _lifetime(self.bars, (0, 1), normalized=True)

    def _total_persistence(self) -> float:
        return _tree_sum(self._cloud)

    def _ph_dimension(self) -> float:
        seed = np.random.default_rng([self._job.seed, self._job.index])
        return ph_dimension_from_distances(distances(self._cloud), seed=seed)[0]

    def _class_persistence(self) -> float:
        """Mean over classes of the tree inside a class over that of as many pooled samples."""
        rng = np.random.default_rng([self._job.seed, self._job.index])
        ratios = []
        for label in np.unique(self._labels):
            inside = self._cloud[self._labels == label]
            if len(inside) < 2:
                msg = (
                    f"class {label} has {len(inside)} of {len(self._cloud)} samples; 2 are needed."
                )
                raise TooFewSamplesError(msg)
            pooled = _tree_sum(
                self._cloud[rng.choice(len(self._cloud), len(inside), replace=False)]
            )
            if pooled == 0.0:
                msg = f"{len(inside)} pooled samples, as many as class {label} has, are all equal."
                raise DegenerateCloudError(msg)
            ratios.append(_tree_sum(inside) / pooled)
        return float(np.mean(ratios))

    def _all_betti(self) -> dict[str, Any]:
        """Mean Betti numbers over this draw's images: mode -> thresholds x blocks x dims."""
        job, by_mode = self._job, {}
        for mode, path in self._candidate.volumes.items():
            run = Run.open(path)
            images = draw_rows(
                run.n,
                points=run.n // job.replicates,
                replicates=job.replicates,
                seed=job.seed,
                labels=run.samples.labels,
                call="rank()",
            )[job.index]
            means, voxels = [], []
            for layer in run.addresses:
                volumes = run.read(layer, images)
                numbers = [betti_numbers(v, job.thresholds) for v in volumes]
                means.append(np.mean(numbers, axis=0))
                voxels.append(int(np.prod(volumes.shape[1:])))
            by_mode[mode] = {
                "thresholds": list(job.thresholds),
                "betti": np.stack(means, axis=1).tolist(),
                "voxels": voxels,
                "images": len(images),
            }
        return by_mode


def _normalized(X: Array) -> Array:
    return estimate_normalizer(X, "mean_distance")(X)


def _tree_sum(X: Array) -> float:
    (pairs,) = rips(X, homology_dimensions=(0,))
    return float(lifespan_sum(pairs[np.isfinite(pairs[:, 1])]))


def _main_betti(betti: Mapping[str, Any], threshold: float) -> tuple[Array, Array]:
    """(blocks, dims) mean Betti numbers at one threshold, and (blocks,) voxels."""
    counts = betti[EVAL]
    index = counts["thresholds"].index(threshold)
    return np.asarray(counts["betti"][index]), np.asarray(counts["voxels"], dtype=np.float64)


def _lifetime(
    bars: Sequence[Mapping[str, float]], dimensions: Sequence[int], *, normalized: bool
) -> float:
    """Score from stored lengths and counts of bars."""
    return lifetime_score(
        [
            sum(layer[f"length{k}"] for k in dimensions)
            * (1.0 if normalized else layer["scale"])
            / max(sum(layer[f"count{k}"] for k in dimensions), 1)  # no bars: length 0
            for layer in bars
        ]
    )


def sensitivity(
    draws: Mapping[str, Sequence[Mapping[str, Any]]], scores: Sequence[str], *, threshold: float
) -> list[dict[str, Any]]:
    """How theta and tau, and the ranks they give, move when one choice is changed at a time.

    Parameters
    ----------
    draws
        Candidate -> what the tasks of its draws stored.
    scores
        Names on the board; those of "theta" and "tau" among them are looked at.
    threshold
        The threshold of the board.

    Returns
    -------
    Records with score, knob, choice, model, value (mean over draws), rank (1: recommended) and
    reason (why a choice has no value).
    """
    records: list[dict[str, Any]] = []
    if "theta" in scores:
        betti = {m: [d["betti"] for d in several if d.get("betti")] for m, several in draws.items()}
        for knob, choice, options in _choices(betti, threshold):
            records += _vary("theta", knob, choice, betti, partial(_variant, options=options))
    if "tau" in scores:
        bars = {m: [d["bars"] for d in several if d.get("bars")] for m, several in draws.items()}
        for knob, choice, dimensions, normalized in (
            ("as on the board", "", (0, 1), True),
            ("homology dimension", "H0", (0,), True),
            ("homology dimension", "H1", (1,), True),
            ("normalization", "none", (0, 1), False),
        ):
            value = partial(_lifetime, dimensions=dimensions, normalized=normalized)
            records += _vary("tau", knob, choice, bars, value)
    return records


def _vary(
    score: str,
    knob: str,
    choice: str,
    material: Mapping[str, Sequence[Any]],
    compute: Callable[[Any], float],
) -> list[dict[str, Any]]:
    """Records of one choice: the mean over draws of each candidate, and its rank."""
    values: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for model, several in material.items():
        if not several:
            reasons[model] = "nothing was measured"
            continue
        try:
            values[model] = float(np.mean([compute(one) for one in several]))
        except ToposcopeError as error:
            reasons[model] = str(error)
    sign = -1.0 if SCORES[score].higher_is_better else 1.0
    records: list[dict[str, Any]] = []
    for model in material:
        value = values.get(model)
        rank = None if value is None else 1 + sum(sign * v < sign * value for v in values.values())
        records.append(
            {
                "score": score,
                "knob": knob,
                "choice": choice,
                "model": model,
                "value": value,
                "rank": rank,
                "reason": reasons.get(model, ""),
            }
        )
    return records


def _choices(
    betti: Mapping[str, Sequence[Mapping[str, Any]]], threshold: float
) -> list[tuple[str, str, dict[str, Any]]]:
    main: dict[str, Any] = {"threshold": threshold}
    choices: list[tuple[str, str, dict[str, Any]]] = [("as on the board", "", main)]
    choices += [("degree", str(k), {**main, "degree": k}) for k in (1, 2, 4)]
    choices += [("depth", "relative", {**main, "depth": "relative"})]
    choices += [
        ("homology dimension", f"H{k}", {**main, "homology_dimensions": (k,)}) for k in (0, 1, 2)
    ]
    choices += [("counts", "per voxel", {**main, "per_voxel": True})]
    draws = [draw for several in betti.values() for draw in several]
    if draws:
        others = [t for t in draws[0][EVAL]["thresholds"] if t != threshold]
        choices += [("threshold", f"{t:g}", {**main, "threshold": t}) for t in others]
        if any("batch" in draw for draw in draws):
            choices += [("batch norm", "of each image", {**main, "mode": "batch"})]
    return choices


def _variant(draw: Mapping[str, Any], options: Mapping[str, Any]) -> float:
    choice = dict(options)
    mode = choice.pop("mode", EVAL)
    counts = draw.get(mode, draw[EVAL])  # a model without batch norm is the same in both modes
    index = counts["thresholds"].index(choice.pop("threshold"))
    voxels = counts["voxels"] if choice.pop("per_voxel", False) else None
    return theta(np.asarray(counts["betti"][index]), voxels=voxels, **choice)
