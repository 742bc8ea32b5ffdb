"""`layers` and `capture`: from a network and data to a RUN."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from toposcope.cli.common import (
    columns,
    command,
    exits,
    json_option,
    names_option,
    printable,
    show,
    this_command,
)
from toposcope.cli.places import Place
from toposcope.cli.stepwise import capture_checkpoints, parse_steps
from toposcope.cli.workers_options import workers_options
from toposcope.errors import UsageError
from toposcope.inputs.urls import place_text

MODEL_HELP = """\b
MODEL  py:package.module:factory   a function of yours that returns a torch module
       hf:ID-or-folder[@REVISION]  a model of Hugging Face with its tokenizer or processor
       timm:NAME, torchvision:NAME when those packages are installed
DATA   npz:FILE[#x=KEY,y=KEY]      arrays or JPEG-packed images, npy:FILE, imagefolder:DIR,
       jsonl:FILE[.gz], csv:FILE, parquet:FILE [#x=KEY,y=KEY], hf:DATASET[#split=test,x=..,y=..],
       sklearn:digits, py:package.module:factory (a torch Dataset)
"""


@command(
    "toposcope layers py:examples.cifar_resnet:resnet20 --data npz:cifar10.npz\n"
    "toposcope layers py:mynets:net --data sklearn:digits --layers 'block*'"
)
@click.argument("model")
@click.option("--data", required=True, help="DATA to run one batch of, for shapes and order.")
@click.option("--layers", default="blocks", show_default=True, help="Selection to show.")
@click.option("--weights", help="Weights file, as for capture.")
@json_option
@click.pass_context
def layers(
    ctx: click.Context, model: str, data: str, layers: str, weights: str | None, as_json: bool
) -> None:
    """Modules of MODEL: what can be captured, what LAYERS would choose, and why."""
    with exits(ctx):
        from dataclasses import asdict

        from toposcope.activations.layer_table import describe_layers

        table = describe_layers(model, data, layers=layers, weights=weights)
        show({"layers": [asdict(row) for row in table]}, as_json, _layer_table(table))


def _layer_table(table: Sequence[Any]) -> str:
    rows = [("", "layer", "type", "output", "bytes/sample", "calls", "why")]
    rows += [
        (
            "*" if row.selected else "",
            row.address,
            row.type,
            "-" if row.shape is None else "x".join(map(str, row.shape)),
            f"{row.bytes_per_sample:,}",
            str(row.calls),
            row.why,
        )
        for row in table
    ]
    chosen = sum(row.selected for row in table)
    told = f"{columns(rows)}\n{chosen} of {len(table)} would be captured (*)"
    if not chosen:
        told += ": nothing repeats. Choose by name or glob with --layers, or --layers all"
    return told


@command(
    "toposcope capture py:examples.cifar_resnet:resnet20 npz:cifar10.npz \\\n"
    "    --weights resnet20.safetensors --layers blocks --pool gap -n 4000 -o runs/r20\n"
    "toposcope capture py:mynets:net sklearn:digits --layers 'encoder.*' --pool flatten -o runs/d\n"
    "toposcope capture py:mynets:net npz:x.npz --weights 'ckpt/epoch_*.pt' -o runs/training\n"
    "toposcope capture py:mynets:net npz:x.npz --weights ckpt -o runs/training --executor slurm\n"
    "toposcope capture py:mynets:net npz:x.npz --pool volume --dtype float16 -n 500 -o runs/maps"
)
@click.argument("model")
@click.argument("data")
@click.option(
    "-o", "--out", "run", type=Place(urls=True), required=True, help="RUN folder, or its URL."
)
@click.option(
    "--weights",
    multiple=True,
    help="A .safetensors file, a .pt/.pth/.th/.ckpt/.pth.tar state dict, or FILE#ENTRY where "
    "several entries fit. A quoted glob, a folder of checkpoints, or several --weights make a "
    "series: one RUN per checkpoint.",
)
@click.option("--steps", callback=parse_steps, help="Steps of a series, as 0,98,390.")
@names_option(
    "--layers",
    default=("blocks",),
    show_default=True,
    help="blocks, all, heads, type:NAME or globs over module names; several with commas or "
    "repeated.",
)
@click.option(
    "--pool",
    default="auto",
    show_default=True,
    help="auto, flatten, gap, volume, cls, mean_token, last_token, max_token, tokens, project:K.",
)
@click.option(
    "--channels",
    type=click.Choice(["auto", "first", "last"]),
    default="auto",
    show_default=True,
    help="Axis of the channels in maps; auto asks the modules of each layer.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="How activations are kept, whatever type the network computes in.",
)
@click.option(
    "--max-tokens", type=click.IntRange(min=1), help="hf: models of text: longer texts are cut."
)
@click.option("-n", "n", type=click.IntRange(min=1), help="Samples, stratified; default: all.")
@click.option(
    "--per-class", type=click.IntRange(min=1), help="Samples of each class, instead of -n."
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    help="Samples that pass through the network at once.",
)
@click.option(
    "--ids",
    help="What names a sample, so that two RUNs are compared row by row: position, stem (of image "
    "files) or the name of a column. Default: name of the data and position.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, mps or auto.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the choice of samples and of fresh weights.",
)
@click.option("--name", help="Name shown in tables and reports.")
@click.option(
    "--twin",
    type=click.IntRange(min=0),
    is_flag=False,
    flag_value=5,
    default=0,
    help="Capture so many twins with fresh weights too, as a null (without a number: 5).",
)
@click.option(
    "--step", type=float, help="Training step of these weights, for series of checkpoints."
)
@workers_options()
@json_option
@click.pass_context
def capture(
    ctx: click.Context,
    /,
    as_json: bool,
    run: Path,
    layers: tuple[str, ...],
    weights: tuple[str, ...],
    steps: tuple[float, ...] | None,
    **options: Any,
) -> None:
    """Run MODEL over DATA and keep the activations of its layers in a RUN folder."""
    with exits(ctx, resume=True):
        from toposcope.activations.allocator import keep_freed_memory
        from toposcope.activations.capture import capture as do_capture
        from toposcope.activations.models.checkpoints import is_single
        from toposcope.activations.models.weight_files import weights_file
        from toposcope.execution.progress import bars
        from toposcope.execution.steps import goes_elsewhere
        from toposcope.stats import proportion_interval

        keep_freed_memory()
        selection = layers[0] if len(layers) == 1 else list(layers)
        if weights and (steps is not None or not is_single(weights)):
            options.update(layers=selection, steps=steps)
            if options["jobs"] is not None and not goes_elsewhere(options["jobs"]):
                msg = (
                    "--jobs alone: a capture takes all cores of a machine, so that several at once "
                    "gain nothing here. Name other ones with --executor, or leave --jobs out."
                )
                raise UsageError(msg)
            sys.exit(capture_checkpoints(weights, run, as_json, options))
        jobs = options.pop("jobs")
        if jobs is not None:
            msg = (
                "one capture is one task, and takes all cores where it runs: --executor and --jobs "
                "are for a series of checkpoints (several --weights, a glob or a folder) and for "
                "many networks (toposcope zoo). Leave them out, or type this where it is to run."
            )
            raise UsageError(msg)
        if steps is not None:
            msg = "--steps needs --weights: the checkpoints they belong to."
            raise UsageError(msg)
        acts = do_capture(
            options.pop("model"),
            options.pop("data"),
            layers=selection,
            store=run,
            weights=weights_file(Path(weights[0])) if weights else None,
            progress=bars(),
            command=this_command(),
            **options,
        )
        top1 = acts.attrs.get("top1")
        bad = acts.attrs.get("nonfinite") or {}
        note = acts.attrs.get("top1_note", "")
        value = {
            "run": place_text(run),
            "layers": list(acts.layers),
            "n": acts.n,
            "top1": top1,
            "top1_note": note,
            "nonfinite": bad,
            "depends_on": acts.attrs.get("depends_on"),
        }
        accuracy = f"none, because {note}" if note else "none"
        if top1 is not None:
            labelled = acts.n - int(acts.attrs.get("unlabelled") or 0)
            interval = proportion_interval(top1, labelled)
            accuracy = (
                f"{top1:.4f} (95 % interval {interval.low:.4f} to {interval.high:.4f}, "
                f"n = {labelled:,})" + f"; {note}" * bool(note)
            )
        text = (
            f"captured {len(acts)} layers x {acts.n} samples into {place_text(run)}\n"
            f"top-1 accuracy on these samples: {accuracy}\n"
            f"next: toposcope analyze {shlex.quote(place_text(run))}"
        )
        show(value, as_json, text)
        for layer, count in bad.items():
            click.echo(printable(f"warning: {layer}: {count:,} values are not finite"), err=True)


capture.help = f"{capture.help}\n\n{MODEL_HELP}"
layers.help = f"{layers.help}\n\n{MODEL_HELP}"
