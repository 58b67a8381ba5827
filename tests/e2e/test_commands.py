"""`python -m sandbox timeline|schedule|forecast` on a running sandbox, and what they say when they cannot."""

from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path

import pytest
from support.stage import Stage

from sandbox.home import Home
from sandbox.outlook import print_forecast, print_schedule, print_timeline
from sandbox.reading import CannotTell


async def test_a_clients_past_and_future_are_printed(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    client, data = await stage.subscribe(), stage.sandbox.home.folder
    await stage.cancel(client)

    await print_timeline(data, client.id)
    told = capsys.readouterr().out.splitlines()
    assert any("visa 4242 attempt 1 paid" in line and " UTC " in line and "49.00 USD" in line for line in told)
    assert "cancelled, at period end" in told[-1]

    await print_schedule(data, client.id)
    title, _, first, *_ = capsys.readouterr().out.splitlines()
    assert " · Voice 4900 · active · " in title
    assert first.endswith(" the subscription ends with its period (billing-rules 7)")

    await stage.undo_cancel(client)
    await print_forecast(data, client.id, months=4, minutes=612, card="works")
    told = capsys.readouterr().out.splitlines()
    assert told[1] == "If 612 minutes a month are used, and the card works:"
    # 49.00, and 112 minutes over at 12.5 cents: 63.00, three times before four months are over.
    assert [line.split()[-3:] for line in told[3:-1]] == [["63.00", "USD", "paid"]] * 3
    assert told[-1].endswith("  189.00 USD of 189.00 USD paid")

    day = f"{stage.now() + timedelta(days=1):%Y-%m-%d}"
    await print_forecast(data, client.id, months=2, minutes=0, card=f"fails_on:{day}")
    told = capsys.readouterr().out.splitlines()
    assert told[3].endswith(" 49.00 USD  open, declined 4 times")
    assert told[-1].endswith("  past due")


async def test_a_client_is_found_by_name_and_external_id(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    made = await stage.agency.post(
        "/v1/agency/clients", {"name": "Otter Books", "email": "a@b.example", "external_id": "otter"}
    )
    for named in (made["id"], "OTTER", "otter books"):
        await print_timeline(stage.sandbox.home.folder, named)
        assert "client created" in capsys.readouterr().out

    await stage.agency.post("/v1/agency/clients", {"name": "Otter", "email": "c@d.example"})
    assert "'otter' is more than one client" in await _said(print_timeline(stage.sandbox.home.folder, "otter"))


async def test_what_cannot_be_told_is_a_sentence(stage: Stage, tmp_path: Path) -> None:
    running, nowhere, ended = stage.sandbox.home.folder, tmp_path / "nowhere", Home(tmp_path / "ended")
    idle, client = (await stage.client()).id, (await stage.subscribe()).id
    ended.assign_ports(ended.open(), api=0)
    too_far = print_forecast(running, client, months=40, minutes=None, card="works")

    assert (await _said(print_schedule(running, "nobody"))).startswith("There is no client 'nobody'.")
    assert await _said(print_schedule(running, idle)) == "The client has no subscription."
    assert (await _said(too_far)).endswith("months: Input should be less than or equal to 36")
    assert (await _said(print_schedule(ended.folder, client))).startswith(
        f"The sandbox in {ended.folder} is not running. "
    )
    assert (await _said(print_schedule(nowhere, client))).startswith(f"There is no sandbox in {nowhere}. ")
    assert not nowhere.exists(), "who only looks makes no folder"


async def _said(asked: Awaitable[None]) -> str:
    with pytest.raises(CannotTell) as caught:
        await asked
    return str(caught.value)
