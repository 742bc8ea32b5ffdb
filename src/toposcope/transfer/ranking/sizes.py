"""Whether a target is large enough for a ranking, said before any model is loaded."""

from __future__ import annotations

from toposcope.errors import TooFewSamplesError, UsageError

FEWEST = {"points": 2, "replicates": 2}
FEWEST_ADVISED = 20
"""Smaller draws are advised only where nothing else fits: most scores need several samples of every
class."""
IMAGES = 64
MOST_POINTS = 500
"""Samples of a draw where no number is asked for and there are enough."""


def points_that_fit(have: int, replicates: int) -> int:
    """Size of the draws where none is asked for.

    Draws too small for most scores are not chosen: then `check_sizes` refuses and says what fits.

    >>> points_that_fit(10_000, 8), points_that_fit(1_000, 8), points_that_fit(40, 8)
    (500, 125, 500)
    """
    fits = have // replicates
    return min(MOST_POINTS, fits) if fits >= FEWEST_ADVISED else MOST_POINTS


def check_sizes(
    there: int, *, name: str, n: int | None, points: int, replicates: int, images: int | None
) -> None:
    """Refuse a ranking that its target is too small for; every advice given passes this check.

    Parameters
    ----------
    there, name
        Number of samples of the target, and what it is called.
    n, points, replicates
        As in `rank`.
    images
        Images for theta; None when no score needs any.

    Examples
    --------
    >>> try:
    ...     check_sizes(10_000, name="mnist", n=2062, points=500, replicates=8, images=64)
    ... except UsageError as error:
    ...     for sentence in str(error).split(". "):
    ...         print(sentence)
    rank(): 8 disjoint draws of 500 points need 4000 samples; n=2062 asks for fewer
    Pass n=4000 (-n 4000), points=257 (--points 257), or replicates=4 (--replicates 4).
    """
    for what, value in (("points", points), ("replicates", replicates)):
        if value < FEWEST[what]:
            least = FEWEST[what]
            msg = f"rank(): {what}={value}; {least} or more are needed. "
            msg += f"Pass {what}={least} (--{what} {least}) or more."
            raise UsageError(msg)
    needed = points * replicates
    if n is not None and n > there:
        msg = f"rank(): n={n} samples were asked for and {name} has {there}. "
        enough = there >= needed
        msg += (
            f"Pass n={there} (-n {there}) or less, down to {needed}."
            if enough
            else _what_fits(there, points, replicates, "Leave out n (-n), and pass")
        )
        raise TooFewSamplesError(msg)
    have = there if n is None else n
    if have < needed:
        msg = f"rank(): {replicates} disjoint draws of {points} points need {needed} samples; "
        msg += f"{name} has {there}. " if n is None else f"n={n} asks for fewer. "
        more = f"n={needed} (-n {needed})" if n is not None and there >= needed else ""
        raise TooFewSamplesError(msg + _what_fits(have, points, replicates, "Pass", more))
    if images is not None and not replicates <= images <= there:
        fits = min(there, max(IMAGES, replicates))
        msg = (
            f"rank(): images={images} for theta; needed are {replicates}, one per draw, to "
            f"{there}, all that {name} has. Pass images={fits} (--images {fits})."
        )
        raise UsageError(msg)


def _what_fits(have: int, points: int, replicates: int, first: str, more: str = "") -> str:
    """Designs for which `have` samples are enough."""
    ways = [more] if more else []
    fewer = have // replicates
    if fewer >= FEWEST_ADVISED:
        ways.append(f"points={fewer} (--points {fewer})")
    if have // points >= FEWEST["replicates"]:
        ways.append(f"replicates={have // points} (--replicates {have // points})")
    if not ways and have // 2 >= FEWEST["points"]:
        ways.append(f"points={have // 2} and replicates=2 (--points {have // 2} --replicates 2)")
    if not ways:
        return "Two draws of two points are the least; bring more samples."
    return f"{first} {', '.join(ways[:-1])}{', or ' if len(ways) > 1 else ''}{ways[-1]}."
