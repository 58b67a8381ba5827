"""`python -m bench` (what `make bench` runs): every benchmark, each a ratio of two things measured in this one run."""

import asyncio

from adapters.process import end
from bench import ingest


async def main() -> None:
    print(await ingest.measured())


if __name__ == "__main__":
    asyncio.run(main())
    end(0)
