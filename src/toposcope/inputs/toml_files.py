"""The one reader of TOML files, of any origin."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from toposcope.errors import ToposcopeError, UsageError
from toposcope.inputs.limits import refuse_larger


def read_toml(
    path: Path, *, where: str, error: type[ToposcopeError] = UsageError
) -> dict[str, Any]:
    """The tables of a TOML file.

    Parameters
    ----------
    path
        The file.
    where
        Begins the messages: the call and the file.
    error
        What is raised.

    Raises
    ------
    ToposcopeError
        Of that kind, where it is missing, too large, no UTF-8 or no TOML; nesting deeper than
        Python's stack and numbers of thousands of digits are no TOML either.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.toml"
    >>> _ = file.write_text("n = 3")
    >>> read_toml(file, where="config a.toml")
    {'n': 3}
    """
    try:
        refuse_larger(path.stat().st_size, "TOML", what=where)
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UsageError:  # too large
        raise
    except OSError as caught:
        msg = f"{where}: there is no readable file ({caught.strerror})."
        raise error(msg) from caught
    except UnicodeDecodeError as caught:
        msg = f"{where}: it is not UTF-8, which TOML is ({caught.reason} at byte {caught.start})."
        raise error(msg) from caught
    except (ValueError, RecursionError) as caught:
        what = "nested too deeply" if isinstance(caught, RecursionError) else str(caught)[:200]
        msg = f"{where}: it is not TOML: {what}."
        raise error(msg) from caught
