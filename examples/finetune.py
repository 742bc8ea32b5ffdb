"""The truth a ranking is judged by: fine-tune every candidate, and probe its frozen features.

    python -m examples.finetune examples/transfer.toml npz:train.npz npz:test.npz -o accuracies.csv

One protocol for all: a linear head on the pooled penultimate features, first fitted to the frozen
features (logistic regression), then every layer trained: AdamW, learning rate 5e-4, weight decay
0.01, warmed up over a tenth of the steps, then cosine to 0; no augmentation. A seed decides the
training samples and their order. Each (model, seed) is appended to the file when it is done and
skipped when it is there: an interrupted call goes on where it was.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from toposcope.activations.candidates import Candidate, read_candidates
from toposcope.activations.data.load import load_data
from toposcope.activations.data.sample import sample
from toposcope.activations.data.source import DataSource
from toposcope.activations.models.load import load_model
from toposcope.activations.models.model import LoadedModel
from toposcope.activations.pools.plan import plan_pool

RATE = 5e-4
COLUMNS = ("model", "seed", "train", "test", "accuracy", "accuracy_probe")


@dataclass(frozen=True)
class Set:
    """Raw samples and their classes."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]

    def batches(self, size: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Stretches of `size` samples."""
        for start in range(0, len(self.y), size):
            yield self.x[start : start + size], self.y[start : start + size]


def draw(source: DataSource, n: int, seed: int) -> Set:
    """Samples, stratified by class."""
    chosen = sample(source, n, seed=seed)
    assert chosen.labels is not None, "fine-tuning needs labels"
    return Set(source.read(chosen.indices), chosen.labels)


class Tuned(nn.Module):
    """The network up to its penultimate layer, pooled as a capture pools it, and a new head."""

    def __init__(self, loaded: LoadedModel, layer: str, classes: int, example: Tensor) -> None:
        super().__init__()
        self.body = loaded.model
        self._kept: list[Tensor] = []
        self.body.get_submodule(layer).register_forward_hook(
            lambda module, inputs, output: self._kept.append(output)
        )
        with torch.no_grad():
            self.body.eval()(example)
        kept = self._kept.pop()
        has_cls = any(name.endswith("cls_token") for name, _ in self.body.named_parameters())
        self._pool = plan_pool("auto", tuple(kept.shape[1:]), address=layer, has_cls=has_cls)
        self.head = nn.Linear(math.prod(self._pool.shape), classes)

    def features(self, x: Tensor) -> Tensor:
        """Pooled penultimate features, (n, D)."""
        self.body(x)
        return self._pool.apply(self._kept.pop(), None)

    def forward(self, x: Tensor) -> Tensor:
        """Logits over the classes of the target, (n, classes)."""
        return self.head(self.features(x))


def penultimate(candidate: Candidate, loaded: LoadedModel, example: Tensor) -> str:
    """The layer a ranking takes as features: the one named, or the last block."""
    from toposcope.activations.layers import list_layers, select_layers

    if candidate.features:
        return candidate.features
    rows = list_layers(loaded.model, example)
    wanted = candidate.layers if isinstance(candidate.layers, str) else list(candidate.layers)
    return select_layers(loaded.model, rows, wanted)[-1].address


def fine_tune(
    candidate: Candidate, train: Set, test: Set, *, seed: int, epochs: int, batch_size: int = 32
) -> tuple[float, float]:
    """Test accuracy after fine-tuning, and of logistic regression on the frozen features."""
    torch.manual_seed(seed)
    loaded = load_model(candidate.model, candidate.weights, seed=seed)
    example = loaded.preprocess(train.x[:2])
    net = Tuned(loaded, penultimate(candidate, loaded, example), int(train.y.max()) + 1, example)
    probe = fit_head(net, loaded, train, test)
    optimizer = torch.optim.AdamW(
        [*net.body.parameters(), *net.head.parameters()], lr=RATE, weight_decay=0.01
    )
    steps = epochs * math.ceil(len(train.y) / batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: (
            min(1.0, 10 * (step + 1) / steps) * 0.5 * (1 + math.cos(math.pi * step / steps))
        ),
    )
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        net.train()
        order = rng.permutation(len(train.y))
        for x, y in Set(train.x[order], train.y[order]).batches(batch_size):
            loss = F.cross_entropy(net(loaded.preprocess(x)), torch.from_numpy(y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        right = sum(
            int((net(loaded.preprocess(x)).argmax(1).numpy() == y).sum())
            for x, y in test.batches(100)
        )
    return right / len(test.y), probe


def fit_head(net: Tuned, loaded: LoadedModel, train: Set, test: Set) -> float:
    """Fit the head to the frozen features; its test accuracy."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    net.eval()
    with torch.no_grad():
        sides = [
            torch.cat([net.features(loaded.preprocess(x)) for x, _ in side.batches(100)]).numpy()
            for side in (train, test)
        ]
    scaler = StandardScaler().fit(sides[0])
    fitted = LogisticRegression(C=0.1, max_iter=1000).fit(scaler.transform(sides[0]), train.y)
    weight = fitted.coef_ / scaler.scale_
    bias = fitted.intercept_ - weight @ scaler.mean_
    with torch.no_grad():
        net.head.weight.copy_(torch.from_numpy(weight))
        net.head.bias.copy_(torch.from_numpy(bias))
    return float(fitted.score(scaler.transform(sides[1]), test.y))


def done(out: Path) -> set[tuple[str, int]]:
    if not out.exists():
        return set()
    with out.open(newline="") as stream:
        return {(row["model"], int(row["seed"])) for row in csv.DictReader(stream)}


def append(out: Path, row: dict[str, object]) -> None:
    new = not out.exists()
    with out.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)


@click.command()
@click.argument("models", type=click.Path(path_type=Path))
@click.argument("train")
@click.argument("test")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("accuracies.csv"))
@click.option("-n", default=500, show_default=True, help="Training samples.")
@click.option("--test-samples", default=1000, show_default=True)
@click.option("--epochs", default=4, show_default=True)
@click.option("--seeds", default="0,1,2", show_default=True)
def main(
    models: Path,
    train: str,
    test: str,
    out: Path,
    n: int,
    test_samples: int,
    epochs: int,
    seeds: str,
) -> None:
    """Fine-tune every candidate of MODELS on TRAIN and write its accuracy on TEST."""
    source, held_out = load_data(train), load_data(test)
    judge = draw(held_out, test_samples, seed=0)
    finished = done(out)
    for seed in map(int, seeds.split(",")):
        for candidate in read_candidates(models):
            if (candidate.name, seed) in finished:
                continue
            accuracy, probe = fine_tune(
                candidate, draw(source, n, seed), judge, seed=seed, epochs=epochs
            )
            append(
                out,
                {
                    "model": candidate.name,
                    "seed": seed,
                    "train": n,
                    "test": test_samples,
                    "accuracy": accuracy,
                    "accuracy_probe": probe,
                },
            )
            click.echo(f"{candidate.name} seed {seed}: {accuracy:.3f}, probe {probe:.3f}", err=True)


if __name__ == "__main__":
    main()
