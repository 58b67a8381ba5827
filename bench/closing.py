"""Closing periods beside the least that Temporal asks for it, and our worker's settings beside the SDK's own.

The three are measured in turn, each by a worker process of its own on the same servers.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Final

from bench import worker
from bench.estate import Agency, furnish_agencies
from bench.figures import Figure
from bench.house import House, house
from bench.periods import Closed, Open, bare_workflows, check_books, close, subscriptions
from bench.provider import furnish_accounts, furnish_holders

ROUNDS: Final = 3
COUNT: Final = 100
AGENCIES: Final = 25
EMULATED: Final = "emulated"
KINDS: Final = (worker.BARE, worker.PRODUCT, worker.DEFAULTS)


async def measured(rounds: int = ROUNDS, count: int = COUNT) -> list[Figure]:
    """Medians over the rounds of one run."""
    closed: dict[str, list[Closed]] = defaultdict(list)
    async with house(stripe=True) as servers:
        at = datetime.now(UTC) - timedelta(days=100)
        agencies = await furnish_agencies(servers.pool, await furnish_accounts(servers, AGENCIES), at)
        for number in range(rounds):
            for kind in KINDS:
                opening: Callable[[int], Open] = (
                    partial(bare_workflows, servers)
                    if kind == worker.BARE
                    else partial(subscriptions, servers, agencies)
                )
                async with servers.worker("bench.worker", kind) as process:
                    closed[kind].append(await close(servers, process, f"{kind}{number}x", count, opening))
        closed[EMULATED].append(await _with_the_emulator(servers, agencies, count))
        await check_books(servers)
    return _figures(closed, count)


async def _with_the_emulator(servers: House, agencies: Sequence[Agency], count: int) -> Closed:
    """The whole product: production's worker, Stripe asked over HTTP, and its webhooks taken in by the API."""
    opening = partial(subscriptions, servers, agencies, furnish=partial(furnish_holders, servers))
    secrets = servers.kept.secrets
    async with servers.api() as (base, _), servers.worker("worker") as process:
        assert servers.emulator is not None
        await servers.emulator.send_events_to(
            base, platform_secret=secrets.webhook, connect_secret=secrets.connect_webhook
        )
        return await close(servers, process, EMULATED, count, opening)


def _figures(closed: dict[str, list[Closed]], count: int) -> list[Figure]:
    bare, ours, theirs = (closed[kind] for kind in KINDS)
    rate = {kind: median(one.rate for one in all_of) for kind, all_of in closed.items()}
    made_of = f"{count} due at once: {_said(ours)} ÷ {_said(bare)}"
    whole = f"{_said(closed[EMULATED])}, its webhooks taken in"
    return [
        Figure("period close ÷ bare workflow", rate[worker.PRODUCT] / rate[worker.BARE], at_least=0.8, detail=made_of),
        Figure("the same with the Stripe emulator ÷ bare", rate[EMULATED] / rate[worker.BARE], detail=whole),
        Figure(
            "our worker settings ÷ the SDK's",
            rate[worker.PRODUCT] / rate[worker.DEFAULTS],
            at_least=1.3,
            detail=f"{_said(ours)} ÷ {_said(theirs)}",
        ),
        _cpu("worker", ours, bare, lambda one: one.worker_cpu_seconds),
        _cpu("Temporal server", ours, bare, lambda one: one.server_cpu_seconds),
    ]


def _said(rounds: Sequence[Closed]) -> str:
    return f"{median(one.rate for one in rounds):.1f}/s with {median(one.cpus for one in rounds):.1f} CPUs at work"


def _cpu(whose: str, ours: Sequence[Closed], bare: Sequence[Closed], used: Callable[[Closed], float]) -> Figure:
    mine, least = (1000 * median(used(one) / one.count for one in rounds) for rounds in (ours, bare))
    return Figure(f"CPU per close, {whose}", mine, "ms", detail=f"a bare workflow: {least:.1f} ms")
