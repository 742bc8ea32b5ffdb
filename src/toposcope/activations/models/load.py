"""From a MODEL argument to a network, its preprocessing and its provenance.

`py:package.module:factory` is the user's own code; `hf:`, `timm:NAME` and `torchvision:NAME` need
those packages (Hugging Face models: hub.py). Weights are checked key by key in weights.py.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from toposcope.activations.data.source import COLORS
from toposcope.activations.models.model import LoadedModel, Preprocess
from toposcope.activations.models.raw_batches import DEFAULT_TEXT, channels_last, default_for
from toposcope.activations.models.weights import load_weights, refuse_valueless
from toposcope.activations.spelling import meant_model
from toposcope.activations.user_code import resolve
from toposcope.errors import MissingExtraError, SpecError, UsageError, WeightsError
from toposcope.types import near_matches

PREFIXES = ("py:", "hf:", "timm:", "torchvision:")


def load_model(
    spec: str | nn.Module | LoadedModel,
    weights: Path | str | None = None,
    *,
    seed: int = 0,
    max_tokens: int | None = None,
) -> LoadedModel:
    """Load a network from a MODEL argument.

    Parameters
    ----------
    spec
        `py:package.module:factory`, `hf:ID-or-folder[@REVISION]`, `timm:NAME`,
        `torchvision:NAME`, or an `nn.Module`. `py:` names resolve from the current directory too;
        the factory takes no arguments. Its preprocessing is the attribute `preprocess` of the
        model or of the factory, or the function `preprocess` beside the factory.
    weights
        `.safetensors`, or `.pt`/`.pth`/`.th`/`.ckpt`/`.pth.tar` (loaded with weights_only), an
        index of shards or their folder; `FILE#ENTRY` where several entries fit: see
        `load_weights`. For an `nn.Module` they are loaded into that very module.
    seed
        Seed of torch while the factory runs, so that an untrained network is the same each time.
    max_tokens
        For `hf:` models of text: most tokens of a text; None takes the model's own limit.

    Returns
    -------
    The model with its preprocessing and provenance.

    Raises
    ------
    SpecError
        When the argument cannot be understood or found.
    WeightsError
        When weights and model do not fit; lists the keys both ways.
    MissingExtraError
        When transformers, timm or torchvision is needed and absent.

    Examples
    --------
    >>> load_model(nn.Linear(4, 2)).name
    'Linear'
    """
    if max_tokens is not None and not (isinstance(spec, str) and spec.startswith("hf:")):
        msg = (
            f"max_tokens={max_tokens} is for hf: models. Elsewhere the tokenizer is yours: let the "
            "preprocess cut texts."
        )
        raise UsageError(msg)
    if isinstance(spec, LoadedModel):
        if weights is None:
            return spec
        spec_model, loaded = spec.model, spec
    elif isinstance(spec, nn.Module):
        spec_model = spec
        text, preprocess = _find_preprocess(spec_model)
        loaded = LoadedModel(spec_model, preprocess, type(spec).__name__, {"preprocess": text})
    elif not isinstance(spec, str):
        msg = (
            f"MODEL is {_kind_of(spec)}; needed is an nn.Module, or text such as "
            "py:package.module:factory. Weights alone have no layers to run: load them into their "
            "network, or pass both: MODEL and weights=FILE (--weights FILE)."
        )
        raise SpecError(msg)
    else:
        loaded = _from_spec(spec, pretrained=weights is None, seed=seed, max_tokens=max_tokens)
        spec_model = loaded.model
    provenance = dict(loaded.provenance)
    provenance.setdefault("model", loaded.name)
    provenance["weights"] = None if weights is None else load_weights(spec_model, weights)
    refuse_valueless(spec_model, loaded.name)
    provenance["state"] = state_hash(spec_model)
    return replace(loaded, provenance=provenance)


def loaded_module(
    model: nn.Module, preprocess: Preprocess | None = None, *, name: str | None = None
) -> LoadedModel:
    """A network in memory as it is now, with a preprocessing of the caller's.

    Parameters
    ----------
    model
        The network.
    preprocess
        Function from a raw batch to what the model takes; None for the model's own attribute
        `preprocess`, or the default.
    name
        Name for tables and reports; default: the class.
    """
    text, function = _find_preprocess(model)
    if preprocess is not None:
        text = f"{getattr(preprocess, '__name__', 'preprocess')} of the caller"
        function = preprocess
    called = name or type(model).__name__
    refuse_valueless(model, called)
    provenance = {
        "preprocess": text,
        "model": called,
        "weights": None,
        "state": state_hash(model),
    }
    return LoadedModel(model, function, called, provenance)


def device_of(model: nn.Module) -> str:
    """Where a network's first parameter or buffer is; "cpu" when it has none."""
    first = next(model.parameters(), next(model.buffers(), None))
    return "cpu" if first is None else str(first.device)


def state_hash(model: nn.Module) -> str:
    """SHA-256 over names, types, shapes and bytes of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        for part, tensor in _tensors(name, value):
            plain = tensor.detach().cpu().contiguous()
            digest.update(f"{part}:{plain.dtype}:{tuple(plain.shape)};".encode())
            if plain.numel():
                digest.update(memoryview(plain.flatten().view(torch.uint8).numpy()))
    return digest.hexdigest()


def _tensors(name: str, value: object) -> Iterator[tuple[str, Tensor]]:
    """Plain tensors of an entry of a state dict: quantized layers pack theirs into tuples."""
    if isinstance(value, tuple):
        for index, one in enumerate(value):
            yield from _tensors(f"{name}.{index}", one)
    elif isinstance(value, Tensor) and value.is_quantized:
        yield name, value.int_repr()
        if value.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric):
            yield f"{name}.scale", value.q_per_channel_scales()
            yield f"{name}.zero_point", value.q_per_channel_zero_points()
        else:
            yield f"{name}.scale", torch.tensor([value.q_scale(), float(value.q_zero_point())])
    elif isinstance(value, Tensor):
        yield name, value


def _find_preprocess(*places: object) -> tuple[str, Preprocess]:
    """The first callable attribute `preprocess` among some objects, and its description."""
    for place in places:
        function = getattr(place, "preprocess", None)
        if callable(function):
            owner = getattr(place, "__name__", type(place).__name__)
            summary = (inspect.getdoc(function) or "").strip().splitlines()
            told = f": {summary[0]}" if summary else ""
            return f"{owner}.{getattr(function, '__name__', 'preprocess')}{told}", function
    return DEFAULT_TEXT, default_for(places[0])


def _kind_of(value: object) -> str:
    """What somebody passed for a network, without its contents."""
    if callable(value):
        return f"the function {getattr(value, '__name__', type(value).__name__)}: call it first"
    return f"of type {type(value).__name__}"


def _from_spec(spec: str, *, pretrained: bool, seed: int, max_tokens: int | None) -> LoadedModel:
    kind, colon, rest = spec.partition(":")
    meant = meant_model(spec, ("py", "hf", "timm", "torchvision"))
    if not colon or not rest:
        msg = (
            f"MODEL {spec!r} cannot be understood. {meant}Write py:package.module:factory for "
            "your own code, hf:ID-or-folder, timm:NAME or torchvision:NAME."
        )
        raise SpecError(msg)
    if kind == "py":
        return _from_python(spec, seed)
    if kind == "hf":
        from toposcope.activations.models.hub import from_hub

        return from_hub(rest, max_tokens=max_tokens, seed=seed)
    if kind == "timm":
        return _from_timm(rest, pretrained=pretrained, seed=seed)
    if kind == "torchvision":
        return _from_torchvision(rest, pretrained=pretrained, seed=seed)
    msg = (
        f"MODEL {spec!r} begins with {kind + ':'!r}; accepted are {', '.join(PREFIXES)}. {meant}"
        + ("Load the network in a factory of your own and pass py:module:factory.")
    )
    raise SpecError(msg)


def _from_python(spec: str, seed: int) -> LoadedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # A module may build layers while it is imported, which happens once: seed again after.
        factory = resolve(spec, "MODEL")
        torch.manual_seed(seed)
        model = factory.call()
    if not isinstance(model, nn.Module):
        msg = f"{spec}: the factory must return a torch.nn.Module; got {type(model).__name__}."
        raise SpecError(msg)
    text, preprocess = _find_preprocess(model, factory.value, factory.module)
    provenance = {"model": spec, "preprocess": text, "code": factory.code_hash()}
    return LoadedModel(model, preprocess, spec.rpartition(":")[2], provenance)


def _require(package: str) -> Any:
    """Import an optional package."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        msg = f"{package}: models need the {package} package: pip install {package}"
        raise MissingExtraError(msg) from error


def _from_timm(name: str, *, pretrained: bool, seed: int) -> LoadedModel:
    timm = _require("timm")
    known = timm.list_models()
    if name.partition(".")[0] not in known:
        msg = f"timm has no model {name!r}. " + near_matches(name, known)
        raise SpecError(msg)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = timm.create_model(name, pretrained=pretrained)
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    provenance = {
        "model": f"timm:{name}",
        "preprocess": f"timm {transform}",
        "versions": {"timm": timm.__version__},
    }
    return LoadedModel(model, _per_image(transform), name, provenance)


def _from_torchvision(name: str, *, pretrained: bool, seed: int) -> LoadedModel:
    torchvision = _require("torchvision")
    known = torchvision.models.list_models()
    if name not in known:
        msg = f"torchvision has no model {name!r}. " + near_matches(name, known)
        raise SpecError(msg)
    default = torchvision.models.get_model_weights(name).DEFAULT
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model = torchvision.models.get_model(name, weights=default if pretrained else None)
        except OSError as error:  # urllib's errors of a download are of this kind
            msg = (
                f"MODEL 'torchvision:{name}': its weights could not be downloaded ({error}). Put "
                f"{default.url} into {torch.hub.get_dir()}/checkpoints where there is a network, "
                "or pass a file of weights (--weights FILE)."
            )
            raise WeightsError(msg) from error
    transform = default.transforms()
    provenance = {
        "model": f"torchvision:{name}",
        "preprocess": f"torchvision {transform}",
        "versions": {"torchvision": torchvision.__version__},
    }
    return LoadedModel(model, _per_image(transform), name, provenance)


def _per_image(transform: Callable[[Any], Tensor]) -> Preprocess:
    """Apply a transform of PIL images to each image of a batch."""

    def preprocess(batch: NDArray[Any]) -> Tensor:
        from PIL import Image

        if batch.dtype != np.uint8:
            got = "text" if batch.dtype == object else batch.dtype
            msg = f"this model takes uint8 images (n, height, width, 3); the data is {got}."
            raise SpecError(msg)
        images = channels_last(batch, 3) if batch.ndim in (3, 4) else batch
        if images.ndim != 4 or images.shape[-1] not in COLORS:
            msg = f"this model takes uint8 images (n, height, width, 3); the data is {batch.shape}."
            raise SpecError(msg)
        images = images[..., 0] if images.shape[-1] == 1 else images
        pictures = (Image.fromarray(image).convert("RGB") for image in images)
        return torch.stack([transform(picture) for picture in pictures])

    return preprocess
