"""`python -m bench` (what `make bench` runs): every benchmark, each a ratio of two things measured in this one run."""

import asyncio
import os
import sys

from bench import ingest


async def main() -> None:
    print(await ingest.measured())


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)
