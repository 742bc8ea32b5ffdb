"""Let the C library keep memory that a forward pass frees, for the next batch to use.

glibc returns every large block to the kernel at once and faults it in anew for the next activation
of the same size: for a ResNet-56 on CIFAR images a third of the time of the forward pass. The
command line, whose process does nothing else, tells it not to; a library must not decide that for
the process it is called in.
"""

from __future__ import annotations

import ctypes
import logging
import platform

log = logging.getLogger("toposcope")

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT_BYTES = 1 << 30


def keep_freed_memory() -> bool:
    """Raise glibc's thresholds for giving memory back; False where there is no glibc.

    Peak memory stays what it was; up to 1 GiB of it is given back only when the process ends.
    """
    if platform.libc_ver()[0] != "glibc":
        log.info("no glibc: freed memory goes back to the system as usual")
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_THRESHOLD, KEPT_BYTES) and mallopt(M_TRIM_THRESHOLD, KEPT_BYTES))
