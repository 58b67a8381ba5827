"""Calls as CSV: streamed, piece by piece, with a verdict for each row."""

import asyncio
import csv
import io
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.calls import CALLS, call, served, used
from support.http import Json, fresh
from support.tenant import Tenant

from api import usage
from api.tokens import Role

COLUMNS = ("call_id", "client_id", "started_at", "duration_seconds", "outcome")


def table(calls: Sequence[Json], columns: Sequence[str] = COLUMNS, **how: Any) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, **how)
    writer.writerows([columns, *([one[name] for name in columns] for one in calls)])
    return out.getvalue().encode()


async def sent(tenant: Tenant, body: bytes | AsyncIterator[bytes], **headers: str) -> Any:
    return await tenant.engine.send("POST", CALLS, content=body, headers={"Content-Type": "text/csv", **headers})


async def test_rows_have_the_verdicts_that_calls_in_a_batch_have(tenant: Tenant) -> None:
    client = await served(tenant)
    known = call(client)
    calls = [
        known,
        {**known, "duration_seconds": 5},
        known,
        call("cli_none"),
        {**call(client), "duration_seconds": "x"},
    ]
    answer = await sent(tenant, table(calls))
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert {name: said[name] for name in ("accepted", "duplicates", "unbilled", "blocked")} == {
        "accepted": 1,
        "duplicates": 1,
        "unbilled": 0,
        "blocked": [],
    }
    assert [(one["index"], one["code"]) for one in said["rejected"]] == [
        *((1, "conflict"), (3, "unknown_client"), (4, "invalid"))
    ]
    assert said["rejected"][2]["detail"].startswith("duration_seconds: ")
    assert await used(tenant, client) == 120


@pytest.mark.parametrize(
    "how",
    [
        {"lineterminator": "\n"},
        {"quoting": csv.QUOTE_ALL},
        {"columns": tuple(reversed(COLUMNS))},
    ],
    ids=["line feeds", "quotes", "another order"],
)
async def test_it_is_read_as_rfc_4180_has_it(tenant: Tenant, how: Json) -> None:
    client = await served(tenant)
    calls = [call(client), call(client)]
    body = b"\xef\xbb\xbf" + table(calls, **how) + b"\r\n"
    assert (await sent(tenant, body)).json()["accepted"] == 2
    assert (await sent(tenant, body.rstrip())).json()["duplicates"] == 2


async def test_a_row_that_is_no_call_is_rejected_alone(tenant: Tenant) -> None:
    client = await served(tenant)
    good = table([call(client)]).decode()
    bodies = ["too,few", f'"a\r\nb",{client},2026-11-23T14:02:11Z,61,completed', ",,,,", f"{good.splitlines()[1]},more"]
    said = (await sent(tenant, (good + "\r\n".join(bodies)).encode())).json()
    assert (said["accepted"], [one["index"] for one in said["rejected"]]) == (1, [1, 2, 3, 4])
    fields = [one["detail"].partition(":")[0] for one in said["rejected"]]
    assert fields == ["call", "call_id", "call_id", "call"]


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"", "is missing"),
        (b"call_id,client_id,started_at,outcome\n", "duration_seconds is missing"),
        (b"call_id,client_id,started_at,duration_seconds,outcome,price\n", "'price' is no column"),
        (b"call_id,client_id,started_at,duration_seconds,outcome,outcome\n", "a column is there twice"),
    ],
)
async def test_a_wrong_header_is_refused_by_its_column(tenant: Tenant, header: bytes, why: str) -> None:
    answer = await sent(tenant, header)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields")
    (error,) = answer.json()["errors"]
    assert error["field"] == "header"
    assert why in error["detail"]


@pytest.mark.parametrize(
    ("tail", "why", "taken"),
    [
        (b'"never closed,x,y,z,w\r\n', "row 1: breaks off inside quotes", 1),
        (b"caf\xe9,x,y,1,completed\r\n", "row 1: is not UTF-8", 0),
        (b'"a"b,x,y,1,completed\r\n', "row 1: is not CSV", 0),
    ],
    ids=["truncated", "not UTF-8", "text behind a quote"],
)
@pytest.mark.parametrize("piece", [1, 100_000], ids=["in many pieces", "in one"])
async def test_what_breaks_off_is_told_with_its_row_and_how_many_were_taken(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, tail: bytes, why: str, taken: int, piece: int
) -> None:
    monkeypatch.setattr(usage, "PIECE", piece)
    client = await served(tenant)
    whole = table([call(client)])

    async def streamed() -> AsyncIterator[bytes]:
        yield whole
        await asyncio.sleep(0)
        yield tail

    answer = await sent(tenant, streamed() if piece == 1 else whole + tail)
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")
    assert why in answer.json()["detail"]
    told = int(answer.json()["detail"].partition("The first ")[2].partition(" rows were taken")[0])
    assert await used(tenant, client) == 120 * told
    if piece > 1:
        assert told == taken


async def test_pieces_are_taken_as_they_come_and_stay_when_the_sender_goes_away(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "PIECE", 1)
    client = await served(tenant)
    calls = [call(client) for _ in range(3)]
    whole = table(calls)
    second = whole.index(calls[1]["call_id"].encode())
    _, writer = await asyncio.open_connection("127.0.0.1", int(tenant.site.base.rpartition(":")[2]))
    token = tenant.site.token(Role.SERVICE, tenant.id)
    head = f"POST {CALLS} HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: {len(whole)}\r\n"
    writer.write(f"{head}Authorization: Bearer {token}\r\n\r\n".encode() + whole[:second])
    while await used(tenant, client) == 0:
        await writer.drain()
    writer.close()
    said = (await sent(tenant, whole)).json()
    assert (said["accepted"], said["duplicates"]) == (2, 1)
    assert await used(tenant, client) == 360


async def test_a_database_that_goes_away_within_a_stream_is_told_with_what_was_taken(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await served(tenant)
    first, last = table([call(client)]), table([call(client)]).split(b"\r\n", 1)[1]
    take = usage.Tally.take

    async def once(tally: usage.Tally, pool: Any, agency: str, read: Any, row: int, now: datetime) -> None:
        if row:
            raise ConnectionResetError
        await take(tally, pool, agency, read, row, now)

    async def streamed() -> AsyncIterator[bytes]:
        yield first
        while await used(tenant, client) == 0:
            yield b""
        yield last

    monkeypatch.setattr(usage, "PIECE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(usage.Tally, "take", once)
        answer = await sent(tenant, streamed())
    assert (answer.status_code, answer.json()["code"]) == (503, "temporarily_unavailable")
    assert "The first 1 rows were taken" in answer.json()["detail"]
    said = (await sent(tenant, first + last)).json()
    assert (said["accepted"], said["duplicates"]) == (1, 1)


async def test_a_file_that_is_too_large_is_refused(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await served(tenant)
    body = table([call(client)])
    monkeypatch.setattr(usage, "CSV_LIMIT", len(body))
    assert (await sent(tenant, body)).status_code == 200

    async def streamed() -> AsyncIterator[bytes]:
        yield body
        yield b"\r\n"

    for larger in (body + b"\r\n", streamed()):
        answer = await sent(tenant, larger)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert answer.json()["detail"].endswith("rows were taken: sent again they are told as duplicates.")


@given(st.binary(max_size=300))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_sent_has_verdicts_or_a_reason(tenant: Tenant, tail: bytes) -> None:
    for body in (tail, table([]) + tail):
        answer = await sent(tenant, body)
        assert answer.status_code in (200, 400, 422), answer.text
        if answer.status_code == 200:
            text = body.decode("utf-8-sig")
            rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row][1:]
            assert [one["index"] for one in answer.json()["rejected"]] == list(range(len(rows)))


async def test_memory_does_not_grow_with_the_file(tenant: Tenant) -> None:
    piece = table([call(await served(tenant))]).splitlines(keepends=True)[1] * 2_000

    async def streamed(pieces: int) -> AsyncIterator[bytes]:
        yield table([])
        for _ in range(pieces):
            yield piece

    async def most(pieces: int) -> int:
        tracemalloc.start()
        try:
            said = (await sent(tenant, streamed(pieces))).json()
            assert said["accepted"] + said["duplicates"] == 2_000 * pieces
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few = await most(3)
    assert await most(15) < 1.5 * few


async def test_no_key_goes_with_a_stream(tenant: Tenant) -> None:
    answer = await sent(tenant, table([]), **{"Idempotency-Key": fresh("key")})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


async def test_all_that_is_rejected_is_told_however_much_it_is(tenant: Tenant) -> None:
    rows = 20_000
    body = table([]) + b"".join(b"%d,,,,\r\n" % number for number in range(rows))
    answer = await sent(tenant, body)
    said = answer.json()
    assert [one["index"] for one in said["rejected"]] == list(range(rows))
    assert "content-length" not in answer.headers, "it was streamed"
