"""How far scores can be trusted, in words: agreements, what a perfect score would reach, constants.

Pure functions of what `transfer.ranking.accuracies.judge` returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toposcope.words.formats import all_of, columns, few, lower, plus

Part = Mapping[str, Any]


def judgement_text(judged: Mapping[str, Any], *, statistic: str = "kendall") -> str:
    """The judgement as text: what was read, and for each part a table and its sentences."""
    lines = reading_sentences(judged["reading"])
    for part in judged["parts"]:
        lines += ["", f"{part_title(part, statistic)}:", part_table(part, statistic)]
        lines += part_sentences(part, float(judged["level"]), statistic)
    between = [between_sentence(one) for one in judged["between"]]
    lines += ["", *between] if between else []
    return "\n".join(lines + left_out_sentences(judged["left_out"]))


def reading_sentences(reading: Mapping[str, Any]) -> list[str]:
    """What the columns of the file were taken for, and what was left out."""
    targets = reading["targets"]
    sentence = f"read {_count(reading['rows'], 'row')}: {_count(len(reading['models']), 'model')}"
    sentence += f", {_count(len(targets), 'target')}" if targets else ""
    sentence += f"; accuracy: {', '.join(reading['accuracies'])}"
    if reading["scores"]:
        sentence += f"; scores: {', '.join(reading['scores'])}"
    if reading["repeats"]:
        sentence += f"; repeats numbered by {reading['repeats']}"
    if reading["kept_apart"]:
        sentence += f"; rows kept apart by {all_of(reading['kept_apart'])}"
    lines = [f"{sentence}."]
    if reading["without_accuracy"] or reading["without_score"]:
        lines.append(
            f"empty: {_count(reading['without_accuracy'], 'cell')} of accuracies, "
            f"{reading['without_score']} of scores."
        )
    lines += [f"column {name} was left out: {why}." for name, why in reading["ignored"].items()]
    return lines


def part_title(part: Part, statistic: str = "kendall") -> str:
    """What a part is about."""
    what = f"{statistic} with {part['accuracy']}"
    if part["protocol"]:
        what += f" ({', '.join(f'{k} {v}' for k, v in part['protocol'].items())})"
    if part["kind"] == "targets":
        return (
            f"mean {what} over {_count(len(part['targets']), 'target')}, "
            f"{_count(len(part['models']), 'model')}{_holes(part)}"
        )
    what += f" on {part['target']}" if part["target"] else ""
    some = f" ({', '.join(part['models'])})" if part["subset"] else ""
    repeats = part["ceilings"][0]["repeats"] if part["ceilings"] else [1, 1]
    each = f"{repeats[0]}" if repeats[0] == repeats[1] else f"{repeats[0]} to {repeats[1]}"
    tunes = "fine-tune" if repeats[1] == 1 else "fine-tunes"
    return f"{what}, {_count(len(part['models']), 'model')}{some}, {each} {tunes} each"


def _holes(part: Part) -> str:
    if not part["holes"]:
        return ""
    cells = len(part["targets"]) * len(part["models"])
    return f" ({part['holes']} of {cells} not measured, each target judged on those that are)"


def part_table(part: Part, statistic: str = "kendall") -> str:
    """Scores by agreement, the best first; then those without."""
    rows = [row for row in part["rows"] if row["statistic"] == statistic]
    valued = sorted((r for r in rows if r["status"] == "ok"), key=lambda r: -r["value"])
    if part["kind"] == "targets":
        lines = [["score", "mean", "interval", "targets"]]
        lines += [
            [r["score"], plus(r["value"]), ends(r["low"], r["high"]), f"{r['targets']}"]
            for r in valued
        ]
    else:
        lines = [["score", "value", "interval", "p", "q", "regret"]]
        lines += [
            [
                r["score"],
                plus(r["value"]),
                ends(r["low"], r["high"]),
                f"{r['pvalue']:.2g}",
                f"{r['qvalue']:.2g}",
                f"{r['regret']:.3g} (chance {r['chance_regret']:.3g})",
            ]
            for r in valued
        ]
    table = columns([["  " + line[0], *line[1:]] for line in lines]) if valued else ""
    without = [f"  {r['score']}: {r['reason']}" for r in rows if r["status"] != "ok"]
    return "\n".join(([table] if table else []) + without)


def ends(low: float, high: float) -> str:
    """The ends of an interval of agreements.

    >>> ends(-0.5, 1.0)
    '[-0.50, +1.00]'
    """
    return f"[{plus(low)}, {plus(high)}]"


def part_sentences(part: Part, level: float, statistic: str = "kendall") -> list[str]:
    """What a perfect score would reach, and which scores are better or worse than the constants."""
    sentences = ceiling_sentences(part["ceilings"], level)
    above = above_sentence(part, statistic)
    sentences += [above] if above else []
    for baseline in dict.fromkeys(one["baseline"] for one in part["contests"]):
        own = [one for one in part["contests"] if one["baseline"] == baseline]
        sentences.append(contest_sentence(baseline, own, level))
    return sentences


def ceiling_sentences(ceilings: Sequence[Mapping[str, Any]], level: float) -> list[str]:
    """What a perfect score would reach, by both kinds of spread."""
    valued = [one for one in ceilings if not one["reason"]]
    if not valued:
        return list(dict.fromkeys(f"No ceiling: {one['reason']}" for one in ceilings))
    few_, many = valued[0]["repeats"]
    each = f"{many}" if few_ == many else f"{few_} to {many}"
    low, high = valued[0]["sds"]
    how = {
        "pooled": "if all models vary alike",
        "own": f"if each varies as its own repeats do (sd {low:.2g} to {high:.2g})",
    }
    reached = [
        f"{one['value']:.2f} [{one['low']:.2f}, {one['high']:.2f}] {how[one['spread']]}"
        for one in valued
    ]
    what = "range" if len(valued) == 1 else "ranges"
    text = (
        f"A perfect score would agree with means of {each} fine-tunes by {', by '.join(reached)}; "
        f"{what} of {100 * level:g} % of the truths that the fine-tunes leave open."
    )
    return [
        text,
        *(f"No ceiling from {o['spread']} spreads: {o['reason']}" for o in ceilings if o["reason"]),
    ]


def above_sentence(part: Part, statistic: str = "kendall") -> str | None:
    """Scores that agree better than a perfect one is expected to."""
    tops = [one["high"] for one in part["ceilings"] if not one["reason"]]
    if not tops:
        return None
    rows = [r for r in part["rows"] if r["statistic"] == statistic and r["status"] == "ok"]
    above = [row["score"] for row in rows if row["value"] > max(tops) + 1e-9]
    if not above:
        return None
    agree = "agrees" if len(above) == 1 else "agree"
    return (
        f"{all_of(above)} {agree} better than that range: better than the noise of the fine-tunes "
        "lets a perfect score do, so partly by chance."
    )


def contest_sentence(
    baseline: str, contests: Sequence[Mapping[str, Any]], level: float = 0.95
) -> str:
    """Which scores agree better or worse than a constant."""
    made = [one for one in contests if not one["reason"]]
    if not made:
        reasons = few(dict.fromkeys(one["reason"] for one in contests), shown=1)
        return f"Nothing could be compared with {baseline}: {reasons}"
    best = max(made, key=lambda one: one["difference"])
    shown = (
        f"{plus(best['difference'])} {ends(best['low'], best['high'])}, p {best['pvalue']:.2g}, "
    )
    shown += f"q {best['qvalue']:.2g}"
    unit, numbers = made[0]["unit"], sorted(one["n"] for one in made)
    over = f"{numbers[0]} to " if numbers[0] < numbers[-1] else ""
    over += _count(numbers[-1], unit)
    # Swapping two scores in every unit, or in none, leaves the difference: 2 of 2^n arrangements.
    least = 2 / 2 ** numbers[-1]
    if least > 1 - level:
        return (
            f"{over} cannot tell any score from {baseline}: p is never below "
            f"{lower(least, 2)}. The largest difference is that of {best['score']}, {shown}."
        )
    better = [one["score"] for one in made if _apart(one, level) and one["difference"] > 0]
    worse = [one["score"] for one in made if _apart(one, level) and one["difference"] < 0]
    if better or worse:
        found = [
            f"{all_of(names)} {'agrees' if len(names) == 1 else 'agree'} {how} than {baseline}"
            for names, how in ((better, "better"), (worse, "worse"))
            if names
        ]
        rest = len(made) - len(better) - len(worse)
        left = f"; of the other {rest} this cannot be said" if rest else ""
        return (
            f"{' and '.join(found)} (q at most {1 - level:.2g}, over {over}){left}. The "
            f"largest difference is that of {best['score']}, {shown}."
        )
    if len(made) == 1:
        return f"{best['score']} cannot be told from {baseline}: {shown}."
    return (
        f"None of {len(made)} scores can be told from {baseline}; the largest difference is that "
        f"of {best['score']}, {shown}."
    )


def _apart(one: Mapping[str, Any], level: float) -> bool:
    """Both the test, corrected, and the interval: they differ for few units."""
    return bool((one["low"] > 0 or one["high"] < 0) and one["qvalue"] <= 1 - level)


def between_sentence(one: Mapping[str, Any]) -> str:
    """How two accuracy columns agree."""
    where = "".join(f", {k} {v}" for k, v in one["protocol"].items())
    where += f", {one['target']}" if one["target"] else ""
    return (
        f"the accuracies {one['a']} and {one['b']} agree by kendall {plus(one['kendall'])} "
        f"({one['models']} models{where})"
    )


def left_out_sentences(left_out: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was not judged: a line per reason."""
    reasons: dict[str, list[str]] = {}
    for one in left_out:
        where = [f"{k} {v}" for k, v in one["protocol"].items()]
        where += [one["target"]] if one["target"] else []
        reason = one["reason"] + (f" ({', '.join(where)})" if where else "")
        reasons.setdefault(reason, []).append(one["score"])
    return [
        f"not judged: {', '.join(dict.fromkeys(scores))}: {reason}"
        for reason, scores in reasons.items()
    ]


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
