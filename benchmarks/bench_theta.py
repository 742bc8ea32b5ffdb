"""Theta of real networks over real images: our Betti numbers against CubicalRipser's persistence.

200 CIFAR-10 images through ResNet-20 at 32 x 32 and 50 ImageNet images through MobileNetV2 at
224 x 224. Both sides get the same feature volumes in memory; the peer computes full V-construction
persistence of each, as the authors of theta do, and counts the bars alive at the threshold. Betti
numbers must be equal before a time is printed. CPU seconds of one thread over all images; the peer
may see a share of them (--peer-images), whose time is scaled up.

    python -m benchmarks.bench_theta PACK --cripser /somewhere/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np

import toposcope as ts
from toposcope.homology import betti_numbers
from toposcope.transfer import theta

THRESHOLD = 0.0

PEER = """
import json, sys, time
import cripser, numpy as np
folder, threshold = sys.argv[1], float(sys.argv[2])
layers = sorted(np.load(f"{folder}/volumes.npz").files)
stored = np.load(f"{folder}/volumes.npz")
found, spent = {}, 0.0
for layer in layers:
    rows = []
    for volume in stored[layer].astype(np.float64):
        began = time.process_time()
        pairs = cripser.computePH(volume, maxdim=2)
        spent += time.process_time() - began
        alive = (pairs[:, 1] <= threshold) & (threshold < pairs[:, 2])
        rows.append([int((alive & (pairs[:, 0] == k)).sum()) for k in range(3)])
    found[layer] = rows
print(json.dumps({"betti": found, "seconds": spent}))
"""


def cases(pack: Path) -> list[tuple[str, str, Path, str, int]]:
    weights, data = pack / "weights", pack / "data"
    return [
        (
            "ResNet-20, CIFAR-10 32x32",
            "py:examples.cifar_resnet:resnet20",
            weights / "cifar_resnet20" / "model.safetensors",
            f"npz:{data / 'cifar10' / 'train_lossless_4000.npz'}",
            200,
        ),
        (
            "MobileNetV2, ImageNet 224x224",
            "py:examples.mobilenet_v2:mobilenet_v2",
            weights / "mobilenet_v2_imagenet" / "model.safetensors",
            f"npz:{data / 'imagenet_samples' / 'images_224_jpeg.npz'}#y=class_index",
            50,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pack", type=Path)
    parser.add_argument("--cripser", type=Path, help="an interpreter with cripser and numpy")
    parser.add_argument("--peer-images", type=int, default=10)
    args = parser.parse_args()
    betti_numbers(np.zeros((4, 4, 4), np.float32), [0.0])
    print("| network | images | blocks | theta | ours, CPU s | CubicalRipser, CPU s | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, model, weights, data, n in cases(args.pack):
        acts = ts.capture(model, data, weights=weights, pool="volume", n=n)
        volumes = {layer: acts[layer] for layer in acts.layers}
        began = time.process_time()
        betti = {
            layer: np.array([betti_numbers(v, [THRESHOLD])[0] for v in several])
            for layer, several in volumes.items()
        }
        value = theta([betti[layer].mean(axis=0) for layer in acts.layers])
        ours = time.process_time() - began
        peer, ratio = "", ""
        if args.cripser:
            few = {layer: several[: args.peer_images] for layer, several in volumes.items()}
            found = _peer(args.cripser, few)
            for layer, rows in found["betti"].items():
                if not np.array_equal(rows, betti[layer][: args.peer_images]):
                    msg = f"{name}, {layer}: Betti numbers differ"
                    raise SystemExit(msg)
            seconds = found["seconds"] * n / args.peer_images
            peer, ratio = f"{seconds:.1f}", f"{seconds / ours:.0f}"
        print(
            f"| {name} | {n} | {len(betti)} | {value:.4f} | {ours:.2f} | {peer} | {ratio} |",
            flush=True,
        )


def _peer(python: Path, volumes: dict[str, np.ndarray]) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "volumes.npz", **volumes)
        done = subprocess.run(
            [python, "-c", PEER, folder, str(THRESHOLD)], capture_output=True, text=True, check=True
        )
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
