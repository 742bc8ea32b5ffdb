"""Networks of the Hugging Face hub, or of a folder: `hf:ID-or-folder[@REVISION]`.

Code from a repository is never run: a config that asks for it is refused, and so are weights that
are pickled code. A hub id is pinned to the commit it was resolved to. HF_HUB_OFFLINE is honored by
the hub's own library. The tokenizer or image processor of the repository is the preprocessing.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from toposcope.activations.data.files import expanded, file_hash
from toposcope.activations.models.model import LoadedModel, Preprocess
from toposcope.activations.models.raw_batches import channels_last, token_ids
from toposcope.activations.models.unpickling import name_of_refused, refused
from toposcope.activations.reasons import reason_of
from toposcope.errors import MissingExtraError, SpecError, UsageError, WeightsError
from toposcope.store.objects import content_hash

log = logging.getLogger("toposcope")

KEPT_HEADS = ("ForSequenceClassification", "ForImageClassification")
"""Heads whose output is one row of logits per sample. Other models are loaded without a head: the
logits of a language model are 128 x 64 x 50257 numbers per batch that nobody looks at."""
HEADS = ("pooler", "classifier", "score", "head", "lm_head", "pre_classifier")
"""Modules that a file without a head leaves with random weights."""
LONGEST = 1 << 20
"""Tokenizers that know no limit say 10^30."""
GENERIC = ("model", "checkpoint", "final", "best", "hf")


def from_hub(where: str, *, max_tokens: int | None = None, seed: int = 0) -> LoadedModel:
    """Load `ID-or-folder[@REVISION]`.

    Parameters
    ----------
    where
        An id of the hub, with a branch, tag or commit behind `@`; or a folder with config.json.
    max_tokens
        Most tokens of a text; longer ones are cut. None takes the tokenizer's and the model's own
        limit.
    seed
        Seed of torch for weights that the file does not hold.

    Raises
    ------
    SpecError
        When the id or folder cannot be found or read, asks for code of its own, or has no
        preprocessing of a kind that is known.
    WeightsError
        When weights are missing, do not fit, or hold code.
    MissingExtraError
        When transformers is absent.
    """
    try:
        import transformers
    except ImportError as error:
        msg = f"MODEL 'hf:{where}' needs the transformers package: pip install 'toposcope[hf]'"
        raise MissingExtraError(msg) from error
    place, revision = _locate(where)
    with _quiet():
        commit = None if revision is None else _commit(place, revision, where)
        config = _config(place, commit, where)
        source: dict[str, Any] = {"pretrained_model_name_or_path": place}
        source["trust_remote_code"] = False
        if commit is not None:
            source["revision"] = commit
        kind = _class_of(config)
        model, notes = _weights(kind, source, where, seed)
        model = _encoder_of(model, notes, where)
        preprocess, told = _preprocess_of(model, config, source, where, max_tokens)
    if getattr(model.config, "use_cache", False):
        model.config.use_cache = False  # keys and values of every layer, kept for nobody
    pinned = f"hf:{place}@{commit}" if commit else f"hf:{where}"
    provenance = {
        "model": pinned,
        "revision": commit,
        "folder": _folder_hash(Path(place)) if revision is None else None,
        "class": type(model).__name__,
        "precision": str(model.dtype).removeprefix("torch."),
        "preprocess": told,
        "loading": notes,
        "versions": {"transformers": transformers.__version__},
    }
    return LoadedModel(model, preprocess, _short(where), provenance, _classes(model))


def _locate(where: str) -> tuple[str, str | None]:
    """(folder, None), or (id, revision)."""
    folder = expanded(where)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            holds = ", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "nothing"
            msg = (
                f"MODEL 'hf:{where}': the folder has no config.json; it holds {holds}. Needed is "
                "what save_pretrained writes. For weights of a network of your own, write "
                "py:module:factory with --weights FILE."
            )
            raise SpecError(msg)
        return str(folder), None
    name, at, revision = where.partition("@")
    if not name or name.startswith((".", "/", "~")) or name.count("/") > 1 or (at and not revision):
        msg = (
            f"MODEL 'hf:{where}': there is no such folder. Write hf:FOLDER with the config.json of "
            "save_pretrained, or hf:owner/name[@revision] for a model of the hub."
        )
        raise SpecError(msg)
    return name, revision or "main"


def _commit(name: str, revision: str, where: str) -> str:
    """The commit that a branch, tag or commit of the hub stands for."""
    from transformers.utils import cached_file

    with _explained(where):
        path = Path(str(cached_file(name, "config.json", revision=revision)))
    # The cache keeps every commit in a folder of its own: snapshots/COMMIT/config.json.
    if path.parent.parent.name != "snapshots":
        msg = f"MODEL 'hf:{where}': the commit of {path} cannot be told."
        raise SpecError(msg)
    return path.parent.name


def _config(place: str, commit: str | None, where: str) -> Any:
    import transformers

    options = {} if commit is None else {"revision": commit}
    with _explained(where):
        raw, _ = transformers.PretrainedConfig.get_config_dict(place, **options)
    kind = raw.get("model_type")
    known = kind in transformers.CONFIG_MAPPING
    if "auto_map" in raw and not known:
        msg = (
            f"MODEL 'hf:{where}' asks to run code from its repository (auto_map in config.json), "
            "which is refused: it could do anything on this machine. If you have read that code "
            "and trust it, load the network in a factory of your own and pass py:module:factory."
        )
        raise SpecError(msg)
    if not known:
        msg = (
            f"MODEL 'hf:{where}': config.json says model_type {kind!r}, which transformers "
            f"{transformers.__version__} does not know. Update transformers, or load the network "
            "in a factory of your own and pass py:module:factory."
        )
        raise SpecError(msg)
    with _explained(where):
        return transformers.AutoConfig.from_pretrained(place, trust_remote_code=False, **options)


def _class_of(config: Any) -> Any:
    """The class of the architecture that was saved when it classifies, else the bare model.

    Of an encoder-decoder that is the encoder, where transformers has a class for it alone (T5):
    the decoder needs another text, which no data here has.
    """
    import transformers

    names = list(getattr(config, "architectures", None) or ())
    for name in names:
        kind = getattr(transformers, name, None)
        wanted = name.endswith((*KEPT_HEADS, "EncoderModel"))
        if wanted and isinstance(kind, type) and issubclass(kind, nn.Module):
            return kind
    if getattr(config, "is_encoder_decoder", False):
        family = type(config).__name__.removesuffix("Config")
        kind = getattr(transformers, f"{family}EncoderModel", None)
        if isinstance(kind, type) and issubclass(kind, nn.Module):
            return kind
    return transformers.AutoModel


def _encoder_of(model: Any, notes: list[str], where: str) -> Any:
    """The encoder of an encoder-decoder that gives no class scores; other models as they are."""
    config = model.config
    if not getattr(config, "is_encoder_decoder", False) or type(model).__name__.endswith(
        KEPT_HEADS
    ):
        return model
    encoder = model if type(model).__name__.endswith("EncoderModel") else model.get_encoder()
    notes.append("the encoder of an encoder-decoder; the decoder needs a text of its own")
    log.info("hf:%s: the encoder is captured; the decoder would need a text of its own", where)
    return encoder


def _weights(kind: Any, source: Mapping[str, Any], where: str, seed: int) -> tuple[Any, list[str]]:
    with torch.random.fork_rng(devices=[]), _explained(where):
        torch.manual_seed(seed)
        options = {} if kind.__name__ != "AutoModel" else {"trust_remote_code": False}
        plain = {key: value for key, value in source.items() if key != "trust_remote_code"}
        model, report = kind.from_pretrained(
            **plain, **options, dtype="auto", output_loading_info=True
        )
    missing = sorted(report["missing_keys"])
    other = sorted(str(key) for key in report["mismatched_keys"])
    essential = [key for key in missing if not set(key.split(".")) & set(HEADS)]
    if essential or other:
        msg = (
            f"MODEL 'hf:{where}': the weights do not fill the network: missing "
            f"{', '.join(essential[:6]) or 'none'} ({len(essential)}); of another shape "
            f"{', '.join(other[:6]) or 'none'} ({len(other)})."
        )
        raise WeightsError(msg)
    notes = []
    if missing:
        modules = ", ".join(sorted({key.rpartition(".")[0] for key in missing}))
        notes.append(f"not in the file, random from the seed: {modules}")
        log.warning("hf:%s: %s are not in the weights and stay random", where, modules)
    unused = sorted(report["unexpected_keys"])
    if "EncoderModel" in kind.__name__:
        unused = [key for key in unused if not key.startswith(("decoder.", "lm_head."))]
    if unused:
        places = ", ".join(sorted({key.partition(".")[0] for key in unused}))
        notes.append(f"in the file, not used: {places} ({len(unused)} tensors)")
    return model, notes


def _preprocess_of(
    model: Any, config: Any, source: Mapping[str, Any], where: str, max_tokens: int | None
) -> tuple[Preprocess, str]:
    takes = getattr(model, "main_input_name", "")
    if takes == "input_ids":
        return _text(config, source, where, max_tokens)
    if max_tokens is not None:
        msg = (
            f"capture(): max_tokens={max_tokens} is for models of text; 'hf:{where}' takes {takes}."
        )
        raise UsageError(msg)
    if takes == "pixel_values":
        return _images(source, where)
    msg = (
        f"MODEL 'hf:{where}' takes {takes or 'unknown inputs'}; text (input_ids) and images "
        "(pixel_values) are supported. Load it in a factory of your own with a preprocess."
    )
    raise SpecError(msg)


def _text(
    config: Any, source: Mapping[str, Any], where: str, max_tokens: int | None
) -> tuple[Preprocess, str]:
    import transformers

    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
    except Exception as error:  # every tokenizer class raises its own kinds
        msg = _no_tokenizer(where, reason_of(error))
        raise SpecError(msg) from error
    if len(tokenizer) <= len(tokenizer.all_special_tokens):
        # What transformers makes up when a folder has no tokenizer: every word is unknown to it.
        msg = _no_tokenizer(where, "it would know no words")
        raise SpecError(msg)
    told = [type(tokenizer).__name__, f"{len(tokenizer)} entries"]
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            msg = (
                f"MODEL 'hf:{where}': its tokenizer has no pad token and no end token to pad with."
            )
            raise SpecError(msg)
        tokenizer.pad_token = tokenizer.eos_token
        told.append("padded with the end token")
    own = getattr(config, "max_position_embeddings", None)
    limit = min(int(tokenizer.model_max_length), int(own or LONGEST), LONGEST)
    if max_tokens is not None and not 1 <= max_tokens <= limit:
        msg = f"capture(): max_tokens={max_tokens}; 'hf:{where}' takes 1 to {limit}."
        raise UsageError(msg)
    limit = max_tokens or limit
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    told.append(f"at most {limit} tokens, cut and padded on the right")
    multiple = _window(config)
    if multiple > 1:
        told.append(f"padded to a multiple of {multiple}")
    return TextPreprocess(tokenizer, limit, where, multiple=multiple), ", ".join(told)


def _window(config: Any) -> int:
    """Tokens that a model pads its input to a multiple of by itself (Longformer, BigBird).

    Padded beforehand, its layers see as many tokens as the mask tells.
    """
    window = getattr(config, "attention_window", None)
    if isinstance(window, (list, tuple)):
        window = max(window, default=None)
    if window is None and getattr(config, "attention_type", None) == "block_sparse":
        window = getattr(config, "block_size", None)
    return window if isinstance(window, int) and window > 0 else 1


def _no_tokenizer(where: str, reason: str) -> str:
    return (
        f"MODEL 'hf:{where}' takes text and has no tokenizer that can be read ({reason}). Put the "
        "tokenizer's files beside config.json (tokenizer.save_pretrained), or load both in a "
        "factory of your own with a preprocess that returns the tokenizer's dict."
    )


class TextPreprocess:
    """Texts to the keyword arguments of a model.

    Parameters
    ----------
    tokenizer
        A tokenizer of transformers.
    limit
        Most tokens of a text.
    where
        The model, for messages.
    multiple
        Batches are padded to a multiple of so many tokens.
    """

    def __init__(self, tokenizer: Any, limit: int, where: str, *, multiple: int = 1) -> None:
        # Padding to a window must not go beyond the positions there are.
        self.limit = limit - limit % multiple if limit > multiple else limit
        self._tokenizer, self._where, self._multiple = tokenizer, where, multiple
        self.filled = False  # whether a batch was as long as the limit, so that texts may be cut

    def __call__(self, batch: NDArray[Any]) -> dict[str, torch.Tensor]:
        """(n,) strings, or (n, tokens) token ids -> input_ids, attention_mask, … (n, tokens)."""
        if np.issubdtype(batch.dtype, np.integer) and batch.ndim == 2 and batch.dtype != np.uint8:
            return self._ids(batch)
        if batch.dtype != object and batch.dtype.kind != "U":
            msg = (
                f"'hf:{self._where}' takes text, or whole numbers (n, tokens) of at most "
                f"{self.limit} token ids; the data is {batch.dtype} {batch.shape}. Use "
                "jsonl:FILE, csv:FILE, parquet:FILE, hf:DATASET or a list of strings."
            )
            raise SpecError(msg)
        texts = [str(text) for text in batch]
        encoded = self._tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=self.limit,
            return_tensors="pt",
            pad_to_multiple_of=self._multiple if self._multiple > 1 else None,
        )
        self.filled |= encoded["input_ids"].shape[1] >= self.limit
        return dict(encoded)

    def _ids(self, batch: NDArray[Any]) -> dict[str, torch.Tensor]:
        """Token ids as they are; pads that end a row are none where the tokenizer has its own."""
        ids = torch.from_numpy(np.ascontiguousarray(batch, dtype=np.int64))
        most = int(ids.max()) if ids.numel() else 0
        if ids.shape[1] > self.limit or most >= len(self._tokenizer) or bool((ids < 0).any()):
            msg = (
                f"'hf:{self._where}' takes token ids from 0 to {len(self._tokenizer) - 1}, at most "
                f"{self.limit} of them; the data is {batch.dtype} {batch.shape} with values from "
                f"{int(ids.min()) if ids.numel() else 0} to {most}."
            )
            raise SpecError(msg)
        # Where a text ends as pads are written, a run of them tells nothing.
        pad, end = self._tokenizer.pad_token_id, self._tokenizer.eos_token_id
        return token_ids(batch, pad=None if pad == end else pad, mask=True)

    def cut(self, batch: NDArray[Any]) -> int:
        """Number of texts that have more tokens than the limit."""
        if np.issubdtype(batch.dtype, np.integer):
            return 0
        whole = self._tokenizer([str(text) for text in batch], truncation=False, verbose=False)
        return sum(len(ids) > self.limit for ids in whole["input_ids"])


def _images(source: Mapping[str, Any], where: str) -> tuple[Preprocess, str]:
    import transformers

    try:
        processor = transformers.AutoImageProcessor.from_pretrained(**source)
    except Exception as error:  # every processor class raises its own kinds
        msg = (
            f"MODEL 'hf:{where}' takes images and has no image processor that can be read "
            f"({reason_of(error)}). Put its preprocessor_config.json beside config.json, or load "
            "both in a factory of your own with a preprocess."
        )
        raise SpecError(msg) from error

    def preprocess(batch: NDArray[Any]) -> dict[str, torch.Tensor]:
        if batch.dtype != np.uint8 or batch.ndim not in (3, 4):
            msg = (
                f"'hf:{where}' takes uint8 images (n, height, width[, channels]); the data is "
                f"{'text' if batch.dtype == object else batch.dtype} {batch.shape}."
            )
            raise SpecError(msg)
        grey = channels_last(batch, 3)
        rgb = np.repeat(grey, 3, axis=-1) if grey.shape[-1] == 1 else grey[..., :3]
        return dict(processor(images=list(rgb), return_tensors="pt"))

    settings = {key: value for key, value in processor.to_dict().items() if value is not None}
    return preprocess, f"{type(processor).__name__} {settings}"


def _classes(model: Any) -> tuple[str, ...]:
    """Names of the classes in the order of the logits; () where the model names none."""
    names = getattr(model.config, "id2label", None)
    if not type(model).__name__.endswith(KEPT_HEADS) or not names:
        return ()
    ordered = tuple(str(names[key]) for key in sorted(names, key=int))
    return () if all(name.startswith("LABEL_") for name in ordered) else ordered


def _folder_hash(folder: Path) -> str:
    """Hash over names and bytes of the files of a model's folder."""
    files = sorted(entry for entry in folder.iterdir() if entry.is_file())
    return content_hash("\n".join(f"{f.name} {file_hash(f)}" for f in files).encode())


def _short(where: str) -> str:
    """Name for tables: the last part that says something."""
    parts = [part for part in where.partition("@")[0].split("/") if part not in ("", ".", "..")]
    named = len(parts) > 1 and (parts[-1].lower() in GENERIC or parts[-1].isdigit())
    return "/".join(parts[-2:]) if named else parts[-1] if parts else where


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Turn what transformers raises into our errors, with the reason kept."""
    from safetensors import SafetensorError

    try:
        yield
    except (SpecError, WeightsError):
        raise
    except pickle.UnpicklingError as error:
        msg = refused(f"MODEL 'hf:{where}': its file of weights", name_of_refused(error))
        raise WeightsError(msg) from error
    except SafetensorError as error:
        msg = f"MODEL 'hf:{where}': the safetensors file is damaged: {reason_of(error)}."
        raise WeightsError(msg) from error
    except (OSError, ValueError, ImportError, KeyError, RuntimeError) as error:
        if "weights_only" in str(error) or isinstance(error.__cause__, pickle.UnpicklingError):
            msg = refused(f"MODEL 'hf:{where}': its file of weights", name_of_refused(error))
            raise WeightsError(msg) from error
        msg = (
            f"MODEL 'hf:{where}' cannot be loaded: {reason_of(error)}. With HF_HUB_OFFLINE=1 only "
            "folders and what is in the local cache can be read."
        )
        raise SpecError(msg) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and tables of transformers: what they say is recorded or raised here."""
    from transformers.utils import logging as their

    level, bars = their.get_verbosity(), their.is_progress_bar_enabled()
    their.set_verbosity(their.CRITICAL)
    their.disable_progress_bar()
    try:
        yield
    finally:
        their.set_verbosity(level)
        if bars:
            their.enable_progress_bar()
