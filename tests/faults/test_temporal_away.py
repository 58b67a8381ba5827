"""Temporal hangs, then dies (-9), while money and orders come in: what is stored waits, what is not is refused."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator

import pytest
from support.servers import Eventually
from support.stage import FAILS, PAYS, Stage

from sandbox.caller import ApiRefused

PRICE = 4900
UNDELIVERED = """
    SELECT type AS kind, attempts FROM inbox WHERE delivered_at IS NULL
    UNION ALL SELECT kind, attempts FROM outbox WHERE done_at IS NULL
"""


async def test_what_came_in_while_temporal_was_away_takes_effect_once(stage: Stage, eventually: Eventually) -> None:
    await stage.plan()
    pays_elsewhere, pays_now = await asyncio.gather(stage.subscribe(card=FAILS), stage.subscribe(card=FAILS))
    awaits_card = await stage.assign(await stage.client(), start="first_card")
    assigned = await stage.client()
    await stage.behave(pays_now, "pays")

    async def given_back() -> bool:
        """Everything is stored, and delivery has tried all of it in vain."""
        rows = await stage.sandbox.pool.fetch(UNDELIVERED)
        tried = all(row["attempts"] > 1 for row in rows)
        return tried and {row["kind"] for row in rows} >= {"invoice.paid", "checkout.session.completed", "start"}

    with temporal_away(stage):
        await stage.on_hosted_page(pays_elsewhere, "p1", "pay", number=PAYS)
        typing = asyncio.create_task(stage.type_card(awaits_card, PAYS))
        with pytest.raises(ApiRefused, match="503 temporarily_unavailable"):
            await stage.pay_now(pays_now, "p1")
        assigned = await stage.assign(assigned)
        shown = await stage.shown(assigned)
        assert (shown["status"], shown["source"]) == ("active", "projection")
        await eventually(given_back, seconds=60)
    await typing
    await stage.rest()

    assert await stage.paid(pays_elsewhere) == [PRICE]
    assert (await stage.timeline(pays_elsewhere)).count("paid_elsewhere") == 1
    assert await stage.paid(awaits_card) == [PRICE]
    assert await stage.paid(pays_now) == []
    assert (await stage.pay_now(pays_now, "p1"))["status"] == "paid"
    assert await stage.paid(pays_now) == [PRICE]
    await stage.type_card(assigned, PAYS)
    await stage.rest()
    assert await stage.paid(assigned) == [PRICE]
    assert [await stage.statuses(client) for client in stage.clients] == [{"p1": "paid"}] * 4


@contextlib.contextmanager
def temporal_away(stage: Stage) -> Iterator[None]:
    """First it only hangs, so that it cannot be started again; in the end it is killed, and is."""
    os.kill(stage.sandbox.supervisor.pids()["temporal"], signal.SIGSTOP)
    try:
        yield
    finally:
        stage.sandbox.supervisor.kill("temporal")
