"""All scores of one candidate on one draw of target samples: the body of a ranking's task."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toposcope.diagrams.summaries import lifespan_sum
from toposcope.dimension.intrinsic import ph_dimension_from_distances
from toposcope.errors import TooFewSamplesError, ToposcopeError, UsageError
from toposcope.execution.legacy import Ledger
from toposcope.homology import betti_numbers, rips
from toposcope.homology.metrics import distances
from toposcope.pointclouds.draws import draw_rows
from toposcope.pointclouds.normalize import estimate_normalizer
from toposcope.store.objects import put_json
from toposcope.store.runs import Run
from toposcope.transfer.scores.betti_decay import lifetime_score, theta
from toposcope.transfer.scores.registry import SCORES
from toposcope.types import LOGITS

Array = NDArray[np.float64]
EVAL = "eval"


def measure_draw(payload: Mapping[str, Any]) -> None:
    """Compute every score of one draw and put it beside the ledger, data first, tick last."""
    folder = Path(payload["folder"])
    draw = _Draw(payload)
    found: dict[str, Any] = {"scores": {}, "betti": draw.betti}
    absent = {
        "model",
        *([] if payload["volumes"] else ["volumes"]),
        *([] if draw.head else ["head"]),
    }
    for name in payload["scores"]:
        if SCORES[name].needs not in absent:
            found["scores"][name] = one = _timed(lambda name=name: draw.score(name))  # type: ignore[misc]
            if SCORES[name].needs == "volumes" and one["status"] == "ok":
                one["seconds"] += draw.betti_seconds
    if "tau" in payload["scores"]:
        found["bars"] = draw.bars
    put_json(folder / "scores" / f"{payload['key']}.json", found)
    Ledger(folder / "ledger").tick(payload["key"])


def _timed(compute: Callable[[], float]) -> dict[str, Any]:
    """The value and its processor seconds, or why there is none."""
    began = time.process_time()
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
    return {"status": "ok", "value": value, "seconds": time.process_time() - began}


class _Draw:
    """What one draw of samples gives to the scores, each part computed when first asked for."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self._payload = payload
        self._run = Run.open(payload["run"])
        self._rows = np.asarray(payload["rows"], dtype=np.intp)
        began = time.process_time()
        self.betti = self._all_betti() if payload["volumes"] else {}
        self.betti_seconds = time.process_time() - began

    def score(self, name: str) -> float:
        """One score by name."""
        score = SCORES[name]
        if score.needs == "volumes":
            return score(*_main_betti(self.betti, self._payload["threshold"]))
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
        return np.asarray(labels[self._rows])

    @cached_property
    def _features(self) -> Array:
        return self._layer(self._payload["layer"])

    @cached_property
    def _probabilities(self) -> Array:
        logits = self._run.read(LOGITS, self._rows).astype(np.float64)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def _layer(self, layer: str) -> Array:
        values = self._run.read(layer, self._rows)
        return values.reshape(len(values), -1).astype(np.float64)

    @cached_property
    def _cloud(self) -> Array:
        return _normalized(self._features)

    @cached_property
    def bars(self) -> list[dict[str, float]]:
        """Per layer: total length and number of bars of H0 and H1, and the scale divided out."""
        found = []
        for layer in self._payload["clouds"]:
            values = self._layer(layer)
            normalizer = estimate_normalizer(values, "mean_distance")
            one = {"scale": normalizer.scale}
            for k, pairs in enumerate(rips(normalizer(values), homology_dimensions=(0, 1))):
                finite = pairs[np.isfinite(pairs[:, 1])]
                one[f"length{k}"] = float((finite[:, 1] - finite[:, 0]).sum())
                one[f"count{k}"] = len(pairs)
            found.append(one)
        return found

    def _tau(self) -> float:
        return _lifetime(self.bars, (0, 1), normalized=True)

    def _total_persistence(self) -> float:
        return _tree_sum(self._cloud)

    def _ph_dimension(self) -> float:
        seed = np.random.default_rng([self._payload["seed"], self._payload["index"]])
        return ph_dimension_from_distances(distances(self._cloud), seed=seed)[0]

    def _class_persistence(self) -> float:
        """Mean over classes of the tree inside a class over that of as many pooled samples."""
        rng = np.random.default_rng([self._payload["seed"], self._payload["index"]])
        ratios = []
        for label in np.unique(self._labels):
            inside = self._cloud[self._labels == label]
            if len(inside) < 2:
                msg = (
                    f"class {label} has {len(inside)} of {len(self._cloud)} samples; 2 are needed."
                )
                raise TooFewSamplesError(msg)
            pooled = self._cloud[rng.choice(len(self._cloud), len(inside), replace=False)]
            ratios.append(_tree_sum(inside) / _tree_sum(pooled))
        return float(np.mean(ratios))

    def _all_betti(self) -> dict[str, Any]:
        """Mean Betti numbers over this draw's images: mode -> thresholds x blocks x dims."""
        payload, found = self._payload, {}
        for mode, path in payload["volumes"].items():
            run = Run.open(path)
            images = draw_rows(
                run.n,
                points=run.n // payload["replicates"],
                replicates=payload["replicates"],
                seed=payload["seed"],
                labels=run.samples.labels,
            )[payload["index"]]
            means, voxels = [], []
            for layer in run.addresses:
                volumes = run.read(layer, images)
                numbers = [betti_numbers(v, payload["thresholds"]) for v in volumes]
                means.append(np.mean(numbers, axis=0))
                voxels.append(int(np.prod(volumes.shape[1:])))
            found[mode] = {
                "thresholds": payload["thresholds"],
                "betti": np.stack(means, axis=1).tolist(),
                "voxels": voxels,
                "images": len(images),
            }
        return found


def _normalized(X: Array) -> Array:
    return estimate_normalizer(X, "mean_distance")(X)


def _tree_sum(X: Array) -> float:
    (pairs,) = rips(X, homology_dimensions=(0,))
    return float(lifespan_sum(pairs[np.isfinite(pairs[:, 1])]))


def _main_betti(betti: Mapping[str, Any], threshold: float) -> tuple[Array, Array]:
    """(blocks, dims) mean Betti numbers at one threshold, and (blocks,) voxels."""
    found = betti[EVAL]
    index = found["thresholds"].index(threshold)
    return np.asarray(found["betti"][index]), np.asarray(found["voxels"], dtype=np.float64)


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
    found: list[tuple[str, str, dict[str, Any]]] = [("as on the board", "", main)]
    found += [("degree", str(k), {**main, "degree": k}) for k in (1, 2, 4)]
    found += [("depth", "relative", {**main, "depth": "relative"})]
    found += [
        ("homology dimension", f"H{k}", {**main, "homology_dimensions": (k,)}) for k in (0, 1, 2)
    ]
    found += [("counts", "per voxel", {**main, "per_voxel": True})]
    draws = [draw for several in betti.values() for draw in several]
    if draws:
        others = [t for t in draws[0][EVAL]["thresholds"] if t != threshold]
        found += [("threshold", f"{t:g}", {**main, "threshold": t}) for t in others]
        if any("batch" in draw for draw in draws):
            found += [("batch norm", "of each image", {**main, "mode": "batch"})]
    return found


def _variant(draw: Mapping[str, Any], options: Mapping[str, Any]) -> float:
    choice = dict(options)
    mode = choice.pop("mode", EVAL)
    found = draw.get(mode, draw[EVAL])  # a model without batch norm is the same in both modes
    index = found["thresholds"].index(choice.pop("threshold"))
    voxels = found["voxels"] if choice.pop("per_voxel", False) else None
    return theta(np.asarray(found["betti"][index]), voxels=voxels, **choice)
