"""`plan`: write down what a command will test before its results exist, or read what was."""

from __future__ import annotations

from pathlib import Path

import click

from toposcope.cli.common import command, exits, json_option, main, show
from toposcope.cli.places import Place

PLANNED = ("analyze", "compare")
"""Commands that a plan can be written for; both take --preregister and --plan."""


@command(
    "toposcope plan plan.json analyze runs/r20 --points 500\n"
    "toposcope plan plan.json compare runs/r20 runs/r56 --margin 1 --note 'they are alike'\n"
    "toposcope plan plan.json",
    # Options behind COMMAND are its own; those of plan stand before FILE.
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("plan", metavar="FILE", type=Place(dir_okay=False))
@click.argument("words", metavar="[COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@json_option
@click.pass_context
def plan(ctx: click.Context, plan: Path, words: tuple[str, ...], as_json: bool) -> None:
    """Write the plan of a command, its hypotheses, families, margins and nulls; or show FILE.

    COMMAND is analyze or compare with all its options; nothing is computed.
    """
    with exits(ctx):
        from toposcope.errors import UsageError
        from toposcope.store.preregistration import Preregistration
        from toposcope.words.plans import plan_lines

        if not words:
            read = Preregistration.read(plan)
            show(read.as_dict(), as_json, "\n".join(plan_lines(read)))
            return
        name, *rest = words
        if name not in PLANNED:
            msg = (
                f"plan: {name!r} has no plan; needed is one of {', '.join(PLANNED)}: toposcope "
                f"plan {plan} compare RUN RUN --margin 1"
            )
            raise UsageError(msg)
        if "--plan" in rest or "--preregister" in rest:
            msg = f"plan: {plan} is the plan of this command; leave --plan and --preregister away."
            raise UsageError(msg)
    chosen = main.commands[name]
    arguments = [*rest, "--preregister", str(plan), *(["--json"] if as_json else [])]
    with chosen.make_context(name, arguments, parent=ctx.parent) as inner:
        chosen.invoke(inner)
