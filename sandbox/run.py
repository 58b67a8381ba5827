"""`python -m sandbox.run worker|api`: production's process with a client that stamps starts, and shorter waits; the API
with the bar under its pages.

Temporal starts a workflow at the wall clock's time; the stamp moves it to the sandbox's.
"""

import os
import sys
from pathlib import Path

from adapters.process import end
from sandbox.home import read_offset
from sandbox.pauses import ShortenPauses
from sandbox.runs import StampStarts

CONTROL_URL = "SANDBOX_CONTROL_URL"
"""The variable that tells the API where the control port is."""
GRACE_SECONDS = 5
"""How long worker and API may take to end what they are doing."""


def main(process: str) -> None:
    if process == "worker":
        from worker.process import main as work

        work(client_interceptors=[stamp(), ShortenPauses()])
    else:
        from api.serve import serve
        from sandbox.web.bar import extension

        serve([stamp()], extension(os.environ[CONTROL_URL]), grace_seconds=GRACE_SECONDS)


def stamp() -> StampStarts:
    """Of this process's sandbox."""
    clock_file = Path(os.environ["SANDBOX_CLOCK_FILE"])
    return StampStarts(lambda: read_offset(clock_file))


if __name__ == "__main__":
    main(sys.argv[1])
    end(0)
