"""`python -m bench [NAME …] [--json]` (what `make bench` runs): measures, and prints one table of all figures."""

import argparse
import asyncio
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from adapters.process import end
from bench import closing, histories, ingest, population, portal, restart, webhooks
from bench.figures import Figure, as_json, table

BENCHMARKS: Final[dict[str, Callable[[], Awaitable[list[Figure]]]]] = {
    "closing": closing.measured,
    "histories": histories.measured,
    "portal": portal.measured,
    "webhooks": webhooks.measured,
    "population": population.measured,
    "restart": restart.measured,
    "ingest": ingest.measured,
}


async def main(names: Sequence[str], *, json: bool) -> int:
    """Run these in turn; one that cannot be measured does not keep the others from it. The exit status."""
    task = asyncio.current_task()
    assert task is not None
    # Told to stop we stop our servers, too.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    figures: list[Figure] = []
    failed = 0
    for name in names:
        begun = time.monotonic()
        try:
            figures += await BENCHMARKS[name]()
        except Exception:
            failed = 1
            traceback.print_exc()
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print(as_json(figures) if json else table(figures))
    return failed


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without one")
    parser.add_argument("--json", action="store_true", help="the figures for programs")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    return given


if __name__ == "__main__":
    chosen = arguments()
    end(asyncio.run(main(chosen.names or list(BENCHMARKS), json=chosen.json)))
