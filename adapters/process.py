"""What a program of ours is, and how it ends."""

import logging
import os
import sys
from importlib import metadata
from typing import NoReturn


def version() -> str:
    """The installed package's; a checkout is run in place, with nothing installed."""
    try:
        return metadata.version("retainer")
    except metadata.PackageNotFoundError:
        return "0+checkout"


def end(status: int) -> NoReturn:
    """End now, with everything said. An interpreter whose Temporal server went away may abort at its own end, whatever
    it has done (status 134 or 139)."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
