"""`python -m bench [NAME …] [--json]` (what `make bench` runs): measures, and prints one table of all figures.

Its exit status: 0 every bound is met, 1 one is not, 2 something could not be measured.
"""

import argparse
import asyncio
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from adapters.process import end
from bench import closing, histories, import_calls, ingest, ingest_http, population, portal, reads, restart, webhooks
from bench.figures import Figure, as_json, status, table, verdict

BENCHMARKS: Final[dict[str, Callable[[], Awaitable[list[Figure]]]]] = {
    "closing": closing.measured,
    "histories": histories.measured,
    "portal": portal.measured,
    "webhooks": webhooks.measured,
    "population": population.measured,
    "restart": restart.measured,
    "ingest": ingest.measured,
    "ingest-http": ingest_http.measured,
    "import-calls": import_calls.measured,
    "reads": reads.measured,
}


async def main(names: Sequence[str], *, json: bool) -> int:
    """Measure and print; the exit status."""
    task = asyncio.current_task()
    assert task is not None
    # Told to stop we stop our servers, too, and print what is measured by then.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    figures, unmeasured = await measured(names)
    print(as_json(figures) if json else table(figures))
    print(f"\n{verdict(figures, unmeasured)}", file=sys.stderr if json else sys.stdout)
    return status(figures, unmeasured)


async def measured(names: Sequence[str]) -> tuple[list[Figure], dict[str, str]]:
    """What these found, one after the other, and why any found nothing: that does not keep the others from it."""
    figures: list[Figure] = []
    unmeasured: dict[str, str] = {}
    for number, name in enumerate(names):
        begun = time.monotonic()
        try:
            figures += await BENCHMARKS[name]()
        except asyncio.CancelledError:
            unmeasured |= dict.fromkeys(names[number:], "stopped")
            break
        except Exception as error:
            unmeasured[name] = f"{type(error).__name__}: {error}"
            traceback.print_exc()
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return figures, unmeasured


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
