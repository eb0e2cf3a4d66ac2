"""Which files a process of this machine has open, and removing those that none has.

Whoever maps a file holds a shared lock on it as long as the map lives (`snapshots.file`); whoever removes one
asks for the lock alone.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def in_use(path: Path) -> bool:
    """Whether a process of this machine has the file open; False where it is gone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def remove_unused(path: Path) -> bool:
    """Remove a file that no process has open; whether it is gone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        # whoever opens it now waits for the lock, and finds the file gone
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
