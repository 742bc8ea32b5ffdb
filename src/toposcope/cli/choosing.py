"""`rank`: which pre-trained model to fine-tune for a target data set."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from toposcope.cli.common import (
    EXIT_FAILURES,
    command,
    exits,
    json_option,
    key_values,
    names_option,
    printable,
    show,
    this_command,
)
from toposcope.cli.places import Place
from toposcope.cli.workers_options import workers_options
from toposcope.inputs.urls import place_text

TOML_HELP = """\b
MODELS.toml, one table per candidate:
    [[model]]
    name = "ResNet-20"
    model = "py:examples.cifar_resnet:resnet20"
    weights = "resnet20.safetensors"    # optional, looked for beside the file
    layers = "blocks"                   # optional: what theta and tau call depth
    features = "layer3.2"               # optional: penultimate layer; default: the last of layers
    source_accuracy = 0.9178            # optional: the constant to beat
"""


@command(
    "toposcope rank models.toml --target npz:mnist.npz -o runs/ranking\n"
    "toposcope rank models.toml --target imagefolder:flowers --scores knn,logme --points 200\n"
    "toposcope rank --board runs/ranking --evaluate accuracies.csv\n"
    "toposcope rank --evaluate my_scores.csv --lower-is-better theta"
)
@click.argument("models", type=Place(), required=False)
@click.option(
    "--target",
    help="DATA with labels: what the model is wanted for. With --evaluate alone: the target of the "
    "file to judge; default: all.",
)
@click.option(
    "--evaluate",
    type=Place(),
    help="CSV of accuracies after fine-tuning: how far can each score be trusted?",
)
@names_option("--accuracy", help="Its accuracy columns; default: accuracy*.")
@names_option("--lower-is-better", help="Its score columns that want small values.")
@click.option(
    "--board", type=Place(urls=True), help="Folder or URL of a ranking that is done already."
)
@names_option("--scores", help="Names separated by commas; default: all.")
@click.option("--every-score", is_flag=True, help="Print all candidates by every score.")
@click.option(
    "-o",
    "--out",
    "store",
    type=Place(urls=True),
    default=Path("ranking"),
    show_default=True,
    help="Folder or URL of captures and scores; an interrupted call continues there.",
)
@click.option("-n", "n", type=click.IntRange(min=1), help="Samples; default: points x replicates.")
@click.option(
    "--points",
    type=click.IntRange(min=2),
    help="Samples of each draw.  [default: 500, or what n // replicates leaves]",
)
@click.option(
    "--replicates",
    type=click.IntRange(min=2),
    default=8,
    show_default=True,
    help="Disjoint draws: what the intervals are over.",
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    help="Images whose feature volumes theta looks at.  [default: 64, or all there are]",
)
@click.option("--threshold", type=float, default=0.0, show_default=True, help="Of theta.")
@click.option("--level", type=float, default=0.95, show_default=True, help="Coverage of intervals.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, mps or auto.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the draws and of every fit.",
)
@workers_options()
@click.option("--dry-run", is_flag=True, help="Predict time, memory and disk, rank nothing.")
@json_option
@click.pass_context
def rank(
    ctx: click.Context,
    /,
    models: Path | None,
    target: str | None,
    evaluate: Path | None,
    accuracy: tuple[str, ...],
    lower_is_better: tuple[str, ...],
    board: Path | None,
    scores: tuple[str, ...],
    every_score: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Score pre-trained models for a target data set, with intervals, ties and constants."""
    failures: list[dict[str, str]] = []
    with exits(ctx, resume=True):
        from toposcope.cli.forecasts import announced
        from toposcope.transfer.ranking import kept
        from toposcope.transfer.ranking import run as ranking
        from toposcope.transfer.ranking.accuracies import judge
        from toposcope.transfer.ranking.board import plain
        from toposcope.transfer.ranking.tables import read_accuracies
        from toposcope.words.judgement import judgement_text
        from toposcope.words.ranking import (
            board_text,
            choice_text,
            missing_text,
            ranking_answer,
            reading,
        )

        _check_combination(models, target, evaluate, board)
        if dry_run:
            _dry_run(models, target, list(scores) or None, options, as_json=as_json)
            return
        # Before any work: a table that cannot be read is not found after an hour of captures.
        measured = None if evaluate is None else read_accuracies(evaluate, accuracy)
        table, value, lines = None, {}, []
        if models is not None:
            names = list(scores) or None
            table = ranking.rank(
                models,
                target,
                scores=names,
                progress=announced(),
                command=this_command(),
                **options,
            )
            board = options["store"]
        elif board is not None:
            table = kept.load_board(board)
        if table is not None:
            failures = table.attrs["failures"]
            value = {"board": plain(table), **table.attrs}
            lines = [f"FAILED {one['model']}: {one['reason']}" for one in failures]
            known = table[~table["model"].isin([one["model"] for one in failures])]
            why = missing_text(known)
            choice = choice_text(table)
            value["choice"] = choice
            told = [
                *([choice, ""] if choice else []),
                *ranking_answer(table),
                "",
                board_text(table, every_score=every_score),
                "",
            ]
            told += [*([why] if why else []), reading(table)]
            # A board that is only judged has been read before.
            lines += told if models is not None or evaluate is None else []
        if measured is not None:
            judged = judge(
                measured,
                table,
                target=target if models is None else None,
                lower_is_better=lower_is_better,
                level=options["level"],
                seed=options["seed"],
            )
            value["evaluation"] = judged
            lines += [*([""] if lines else []), judgement_text(judged)]
            if board is not None:
                kept.put_judgement(board, judged)
        if board is not None:
            lines.append(f"next: toposcope report {shlex.quote(place_text(board))} -o ranking.html")
        show(value, as_json, "\n".join(lines))
        for one in failures:
            click.echo(printable(f"failed: {one['model']}: {one['reason']}"), err=True)
    if failures:
        sys.exit(EXIT_FAILURES)


def _dry_run(
    models: Path | None,
    target: str | None,
    scores: list[str] | None,
    options: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    """What a ranking would take, and which candidates would fail; refused where it cannot fit."""
    from toposcope.errors import UsageError
    from toposcope.transfer.ranking.whole_forecast import forecast_ranking
    from toposcope.words.forecasts import forecast_numbers

    if models is None:
        msg = "rank: --dry-run is for a board that is to be made: pass MODELS and --target DATA."
        raise UsageError(msg)
    expected, failures = forecast_ranking(models, target, scores=scores, **options)
    told = {"models": str(models), "work": "rank", **forecast_numbers(expected)}
    told["failures"] = [{"model": name, "reason": reason} for name, reason in failures.items()]
    show(told, as_json, key_values({key: value for key, value in told.items() if value != []}))


def _check_combination(
    models: Path | None, target: str | None, evaluate: Path | None, board: Path | None
) -> None:
    from toposcope.errors import UsageError

    if models is not None and target is None:
        msg = "rank: MODELS needs --target DATA, the data the model is wanted for."
        raise UsageError(msg)
    if models is not None and board is not None:
        msg = "rank: pass either MODELS to make a board, or --board FOLDER to read one."
        raise UsageError(msg)
    if models is None and evaluate is None and board is None:
        msg = "rank: pass MODELS.toml and --target DATA, or --evaluate FILE.csv, or --board FOLDER."
        raise UsageError(msg)


rank.help = f"{rank.help}\n\n{TOML_HELP}"
