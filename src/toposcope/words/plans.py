"""Whether a plan was followed, in a sentence."""

from __future__ import annotations

from typing import Any

from toposcope.analysis.preregister import Followed


def plan_text(followed: Followed | None) -> str:
    """What to say of the plan behind some results."""
    if followed is None:
        return "none was written before the results (--preregister FILE)"
    plan = followed.plan
    about = f"written {plan.written}, SHA-256 {plan.hash[:16]}"
    if plan.earlier:
        count = len(plan.earlier)
        about += f", when {count} {'analysis' if count == 1 else 'analyses'} of it existed"
    if followed.kept:
        return f"followed ({about}), before any of these numbers existed"
    said = []
    if followed.deviations:
        said.append(
            "; ".join(
                f"{one.parameter} {_value(one.used)} where {_value(one.planned)} was planned"
                for one in followed.deviations
            )
        )
    if followed.before:
        said.append(f"{followed.before} tasks were done before the plan was taken up")
    if plan.written > followed.begun:
        said.append(f"the results were begun {followed.begun}, before the plan")
    return f"not followed ({about}): {'; '.join(said)}"


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
