"""`python -m sandbox.run worker|api`: production's process with one difference, a client that stamps starts.

Temporal starts a workflow at the wall clock's time; the stamp moves it to the sandbox's.
"""

import logging
import os
import sys
from pathlib import Path

import uvicorn

from adapters.logging import configure_logging
from adapters.settings import load_settings
from sandbox.home import read_offset
from sandbox.runs import StampStarts

GRACE_SECONDS = 5


def main(process: str) -> None:
    if process == "worker":
        from worker.process import main as work

        work(client_interceptors=[stamp()])
    else:
        _serve()


def stamp() -> StampStarts:
    """Of this process's sandbox."""
    clock_file = Path(os.environ["SANDBOX_CLOCK_FILE"])
    return StampStarts(lambda: read_offset(clock_file))


def _serve() -> None:
    from api.app import create_app

    settings = load_settings()
    configure_logging(settings.log_level)
    uvicorn.run(
        create_app(settings, [stamp()]),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    main(sys.argv[1])
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # An interpreter whose Temporal server went away may abort at its end, whatever it has done.
    os._exit(0)
