"""Watch the layers of a small network while it learns handwritten digits.

    python -m examples.live_training --out runs/live
    toposcope report runs/live -o live.html
    tensorboard --logdir runs/live          # where TensorBoard is installed

A plain PyTorch loop with two lines added. For Lightning pass `callbacks=[monitor.lightning()]` to
its Trainer, for Hugging Face `callbacks=[monitor.transformers()]`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

import toposcope as ts

PROBE = 480
"""Digits that are looked at, none of them trained on: 4 draws of 120."""


def network(channels: int = 32) -> nn.Sequential:
    """Four convolutions and a linear classifier for 8 x 8 images."""
    layers: list[nn.Module] = []
    before = 1
    for width in (channels, channels, 2 * channels, 2 * channels):
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


def train(out: Path, *, steps: int = 2000, every: int = 100, share: float = 0.05) -> ts.Monitor:
    """Train on 1,317 digits and look at 480 others; returns the monitor."""
    digits = load_digits()
    images = torch.from_numpy(digits.images).float()[:, None] / 16
    labels = torch.from_numpy(digits.target)
    torch.manual_seed(0)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    probe = (images[:PROBE].numpy(), labels[:PROBE].numpy())
    with ts.Monitor(model, probe, store=out, every=every, share=share, pool="gap") as monitor:
        for step in range(1, steps + 1):
            rows = torch.randint(PROBE, len(images), (64,))
            optimizer.zero_grad()
            F.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()
            monitor.step(step)
    return monitor


def main() -> None:
    """Train and tell what was seen."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/live"))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.05)
    options = parser.parse_args()
    monitor = train(options.out, steps=options.steps, every=options.every, share=options.share)
    for look in monitor.looks:
        values = {k.removeprefix("toposcope_"): v for k, v in look["values"].items()}
        shown = [f"{v:.3f}" for k, v in values.items() if k.startswith("lifespan_sum_H0/")]
        top1 = values["top1/probe"]
        print(f"step {look['step']:5}: accuracy {top1:.3f}, H0 lifespan sums {' '.join(shown)}")
    print(
        f"{len(monitor.looks)} looks; those between the first and the last step took "
        f"{100 * monitor.used:.1f} % of {monitor.elapsed:.1f} s of training"
    )
    print(f"next: toposcope report {options.out} -o live.html")


if __name__ == "__main__":
    main()
