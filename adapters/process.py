"""What a program of ours is, and how it ends."""

import gc
import logging
import os
import sys
from importlib import metadata
from typing import Final, NoReturn

_YOUNG_OBJECTS: Final = 50_000


def version() -> str:
    """The installed package's; a checkout is run in place, with nothing installed."""
    try:
        return metadata.version("retainer")
    except metadata.PackageNotFoundError:
        return "0+checkout"


def collect_garbage_rarely() -> None:
    """Once everything is loaded, which stays. A report of calls makes thousands of objects that live for a moment:
    looking through them for cycles as often as Python does by itself is an eighth of the work."""
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)


def end(status: int) -> NoReturn:
    """End now, with everything said. An interpreter whose Temporal server went away may abort at its own end, whatever
    it has done (status 134 or 139)."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
