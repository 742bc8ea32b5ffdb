"""What a statistic counts, for somebody who never heard of homology, and how that changes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plain:
    """What a statistic counts, as the subject of a sentence.

    Parameters
    ----------
    subject
        With `{points}` for what a point is: images, texts, samples.
    grow, shrink
        What it does when the number rises and falls; verbs of a plural subject or of one thing.
    """

    subject: str
    grow: str = "grow"
    shrink: str = "shrink"

    def verb(self, rises: bool) -> str:
        """Its verb."""
        return self.grow if rises else self.shrink


GAPS = "the gaps between neighboring {points}"
LOOPS = "the loops that {points} form"
DIRECTIONS = "the directions in which {points} vary locally"

PLAIN: dict[tuple[str, int | None], Plain] = {
    ("lifespan_sum", 0): Plain(GAPS),
    ("mean_persistence", 0): Plain(GAPS),
    ("lifespan_sum", 1): Plain(LOOPS),
    ("max_persistence", 1): Plain("the largest loop that {points} form", "grows", "shrinks"),
    ("persistence_entropy", 0): Plain(GAPS, "become more alike", "become less alike"),
    ("ph_dimension", None): Plain(DIRECTIONS, "become more", "become fewer"),
    ("two_nn", None): Plain(DIRECTIONS, "become more", "become fewer"),
    ("effective_rank", None): Plain(
        "the directions in which {points} vary overall", "become more", "become fewer"
    ),
    ("betti_total", None): Plain(
        "the pieces, loops and voids inside single images’ feature maps",
        "become more",
        "become fewer",
    ),
    ("total_per_voxel", None): Plain(
        "the pieces, loops and voids per value of single images’ feature maps",
        "become more",
        "become fewer",
    ),
}
"""Of the statistics that reports lead with; others go by their own names."""


def plain(statistic: str, homology_dimension: int | None) -> Plain | None:
    """A statistic for newcomers; None where it has a name only.

    >>> plain("lifespan_sum", 0).verb(False), plain("scale", None)
    ('shrink', None)
    """
    return PLAIN.get((statistic.partition("@")[0], homology_dimension))
