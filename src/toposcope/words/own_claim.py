"""What the units of an own claim could show, said before a value is read."""

from __future__ import annotations

from toposcope.studies.claims import Direction, Unit
from toposcope.studies.own_claim_run import Frozen
from toposcope.words.formats import all_of, number


def ahead_text(ready: Frozen) -> str:
    """Units, what they speak about, and the power of their number."""
    own, ahead = ready.own, ready.ahead
    unit = own.unit.value
    count = " and ".join(map(str, ahead.n)) if isinstance(ahead.n, tuple) else str(ahead.n)
    about = (
        "disjoint draws through one network: whatever comes out is about this network only"
        if own.unit == Unit.DRAW
        else "the answer is about networks trained like these"
    )
    lines = [f"{own.id}: {own.sentence}", f"  n: {count} {unit}s ({about})", f"  {_power(ready)}"]
    if ready.ahead.chance is not None:
        lines.append(f"  {_chance(ready)}")
    return "\n".join(lines)


def _power(ready: Frozen) -> str:
    own, ahead = ready.own, ready.ahead
    unit, level = own.unit.value, f"{100 * own.level:g} % interval"
    within = own.direction == Direction.WITHIN
    if ahead.kind == "correlation":
        size = f"a correlation of {number(ahead.detectable)}"
        if within:
            return f"power 0.8 ({level}) for a margin of {number(ahead.detectable)}, if it is 0"
        return f"power 0.8 ({level}) for {size} or stronger"
    size = f"{number(ahead.detectable)} standard deviations between {unit}s"
    if ahead.in_units is not None:
        size += f" = {number(ahead.in_units)}, if that deviation is {number(own.spread or 0.0)}"
    else:
        size += " (write spread = the deviation you expect to have it in units of the effect)"
    if within:
        return f"power 0.8 ({level}) for a margin of {size}, where the true effect is 0"
    side = "beyond" if own.threshold or own.direction == Direction.ABOVE else "below"
    return f"power 0.8 ({level}) for an effect {side} {number(own.threshold)} by {size}"


def _chance(ready: Frozen) -> str:
    own, chance = ready.own, f"{100 * (ready.ahead.chance or 0.0):.0f} %"
    if own.direction == Direction.WITHIN:
        return (
            f"a true effect of 0 is confirmed within {number(own.threshold)} in {chance} of cases"
        )
    return f"an effect of {number(own.expected or 0.0)}, as expected, is confirmed in {chance}"


def freeze_text(ready: Frozen) -> str:
    """When the claim was frozen, and what that does not say."""
    plan = ready.plan
    told = (
        f"  frozen {plan.written}, hash {plan.hash[:12]}, before its values are read; the analyses "
        "exist already, so this shows only that the claim was not changed since"
    )
    if ready.others:
        told += (
            f"\n  {len(ready.others)} other claims about these networks are kept beside it "
            f"({all_of(list(ready.others))}): its level is that of this claim alone"
        )
    return told
