"""What landmarks of a whole layer say about all of its samples."""

from __future__ import annotations

from toposcope.analysis.covering import Covering, LayerCover
from toposcope.words.formats import count, number, upper

HOW = {"farthest": "farthest-point", "random": "random"}


def cover_sentence(one: LayerCover, rule: str) -> str:
    """What the landmarks of one layer imply for all samples.

    >>> one = LayerCover("fc", 10**6, (0, 7), 0.5, 4.0, {0: 2.0, 1: 0.3})
    >>> print(cover_sentence(one, "random"))
    fc: 2 random landmarks stand for 1,000,000 samples. Every sample is within 0.5 of one (0.125 of
    their mean distance), so the diagram of all samples is within 1 of theirs (bottleneck distance).
    Their longest bar in H0, 2, is longer than 1, so it stands for one of all samples. Their longest
    bar in H1, 0.3, is not longer than 1: nothing says that all samples have one.
    """
    if one.radius is None or one.bound is None or one.spread is None:
        return f"{one.layer}: no landmarks, since some values are not finite."
    share = f" ({upper(one.radius / one.spread)} of their mean distance)" if one.spread > 0 else ""
    bound = upper(one.bound)
    parts = [
        f"{one.layer}: {count(len(one.rows))} {HOW[rule]} landmarks stand for "
        f"{count(one.samples)} samples.",
        f"Every sample is within {upper(one.radius)} of one{share}, so the diagram of all samples "
        f"is within {bound} of theirs (bottleneck distance).",
    ]
    for degree, longest in one.longest.items():
        if longest is None:
            parts.append(f"The landmarks have no bar in H{degree}.")
        elif one.certain(degree):
            parts.append(
                f"Their longest bar in H{degree}, {number(longest)}, is longer than {bound}, so it "
                "stands for one of all samples."
            )
        else:
            parts.append(
                f"Their longest bar in H{degree}, {number(longest)}, is not longer than {bound}: "
                "nothing says that all samples have one."
            )
    return " ".join(parts)


def cover_sentences(covering: Covering) -> list[str]:
    """One sentence for each layer."""
    return [cover_sentence(one, covering.rule) for one in covering.layers]
