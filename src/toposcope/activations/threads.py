"""A network that other threads use: their passes are not ours, and two captures take turns.

Hooks sit on modules, and modules are shared: a hook runs in whichever thread runs the module.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

_LOCK = threading.Lock()
_LOCKS: WeakKeyDictionary[nn.Module, Any] = WeakKeyDictionary()


def of_this_thread(hook: Callable[..., Any]) -> Callable[..., Any]:
    """The hook, silent in every thread but the one that calls this.

    Examples
    --------
    >>> seen = []
    >>> hook = of_this_thread(seen.append)
    >>> other = threading.Thread(target=hook, args=("theirs",))
    >>> other.start(), other.join(), hook("ours")
    (None, None, None)
    >>> seen
    ['ours']
    """
    owner = threading.get_ident()

    @wraps(hook)
    def filtered(*args: Any, **kwargs: Any) -> Any:
        return hook(*args, **kwargs) if threading.get_ident() == owner else None

    return filtered


@contextmanager
def alone_with(model: nn.Module) -> Iterator[None]:
    """One capture at a time of a network: two would put back each other's mode and buffers."""
    with _LOCK:
        lock = _LOCKS.setdefault(model, threading.RLock())
    with lock:
        yield
