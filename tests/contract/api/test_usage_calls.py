"""Calls and corrections coming in: one verdict per call, and what the call engine asks before a call."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.calls import CALLS, call, send, served, used
from support.http import Json, fresh, refused
from support.tenant import PAYS, Tenant, subscription_of

CORRECTIONS = "/v1/usage/corrections"
NOTIFICATIONS = "/v1/agency/notifications"


async def test_calls_are_taken_once_and_rounded_up(tenant: Tenant) -> None:
    client = await served(tenant)
    calls = [call(client, duration_seconds=seconds) for seconds in (61, 60, 1, 0, 3599)]
    failed = call(client, outcome="failed", duration_seconds=600)
    first = await send(tenant, *calls, failed)
    assert first == {"accepted": 6, "duplicates": 0, "unbilled": 0, "rejected": [], "blocked": []}
    assert await used(tenant, client) == 64 * 60
    again = await send(tenant, *calls, calls[0], failed)
    assert (again["accepted"], again["duplicates"]) == (0, 7)
    assert await used(tenant, client) == 64 * 60


async def test_the_agency_reads_at_once_that_included_minutes_run_out(tenant: Tenant) -> None:
    client = await served(tenant)
    calls = [call(client, duration_seconds=60 * minutes) for minutes in (399, 102)]
    for one in (calls[0], calls[1], calls[1]):
        await send(tenant, one)
    told = [one for one in (await tenant.api.get(NOTIFICATIONS))["data"] if one["client_id"] == client]
    assert [one["kind"] for one in told].count("usage_alert") == 2
    details = {one["detail"] for one in told if one["kind"] == "usage_alert"}
    assert {detail.partition(" in the period")[0] for detail in details} == {
        f"{level} % reached: 501.0 of 500 included minutes are used" for level in (80, 100)
    }


async def test_a_call_in_another_offset_is_the_same_call(tenant: Tenant) -> None:
    client = await served(tenant)
    known = call(client)
    await send(tenant, known)
    at = datetime.fromisoformat(known["started_at"]).astimezone(tz=None)
    other = {**known, "started_at": at.astimezone(UTC).isoformat().replace("+00:00", "Z")}
    assert (await send(tenant, other))["duplicates"] == 1


async def test_a_long_answer_is_remembered_like_a_short_one(tenant: Tenant) -> None:
    client = await served(tenant)
    batch = [call(client), *(call("nobody", call_id="\x01" * 400) for _ in range(600))]
    key = {"Idempotency-Key": fresh("key")}
    first = await tenant.engine.send("POST", CALLS, json={"calls": batch}, headers=key)
    assert (first.status_code, first.json()["accepted"]) == (200, 1)
    assert len(first.content) > 1024 * 1024
    again = await tenant.engine.send("POST", CALLS, json={"calls": batch}, headers=key)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")


async def test_other_content_under_a_known_id_is_refused_with_both_named(tenant: Tenant) -> None:
    client = await served(tenant)
    known = call(client)
    await send(tenant, known)
    answer = await send(tenant, call(client), {**known, "duration_seconds": 999}, {**known, "outcome": "failed"})
    assert (answer["accepted"], [one["index"] for one in answer["rejected"]]) == (1, [1, 2])
    conflict = answer["rejected"][0]
    assert (conflict["call_id"], conflict["code"]) == (known["call_id"], "conflict")
    assert " 61 s " in conflict["detail"]
    assert " 999 s " in conflict["detail"]
    twice = call(client)
    within = await send(tenant, twice, {**twice, "duration_seconds": 5})
    assert (within["accepted"], within["rejected"][0]["code"]) == (1, "conflict")


async def test_what_can_not_be_read_is_rejected_alone_and_by_its_field(tenant: Tenant) -> None:
    client = await served(tenant)
    wrong: list[tuple[Any, str]] = [
        ({**call(client), "duration_seconds": -1}, "duration_seconds"),
        ({**call(client), "duration_seconds": 1.5}, "duration_seconds"),
        ({**call(client), "duration_seconds": "61"}, "duration_seconds"),
        ({**call(client), "started_at": "2026-11-23T14:02:11"}, "started_at"),
        ({**call(client), "outcome": "busy"}, "outcome"),
        ({**call(client), "call_id": ""}, "call_id"),
        ({**call(client), "call_id": "two words"}, "call_id"),
        ({**call(client), "price": 3}, "price"),
        ({name: value for name, value in call(client).items() if name != "outcome"}, "outcome"),
        ("call", "call"),
        (None, "call"),
    ]
    answer = await send(tenant, call(client), *(one for one, _ in wrong), call(client))
    assert answer["accepted"] == 2
    assert [one["index"] for one in answer["rejected"]] == list(range(1, len(wrong) + 1))
    assert {one["code"] for one in answer["rejected"]} == {"invalid"}
    for one, (_, field) in zip(answer["rejected"], wrong, strict=True):
        assert one["detail"].startswith(f"{field}: "), one


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000, "1" + "0" * 30])
async def test_a_number_beyond_all_bounds_is_of_one_call_alone(tenant: Tenant, number: str) -> None:
    client = await served(tenant)
    good, endless = call(client), json.dumps({**call(client), "duration_seconds": 0})
    body = '{"calls":[' + endless.replace(": 0", f": {number}") + "," + json.dumps(good) + "]}"
    answer = await tenant.engine.send("POST", CALLS, content=body, headers={"Content-Type": "application/json"})
    said = answer.json()
    assert (answer.status_code, said["accepted"]) == (200, 1), said
    assert [(one["index"], one["code"]) for one in said["rejected"]] == [(0, "invalid")]


async def test_a_client_that_is_not_the_agencys_is_unknown(tenant: Tenant, other: Tenant) -> None:
    theirs = await other.client()
    answer = await send(tenant, call(theirs), call("cli_none"))
    assert [one["code"] for one in answer["rejected"]] == ["unknown_client"] * 2
    assert await tenant.site.pool.fetchval("SELECT count(*) FROM calls WHERE client_id = $1", theirs) == 0


async def test_calls_of_the_future_and_of_long_ago_are_refused(tenant: Tenant) -> None:
    client = await served(tenant)
    now = datetime.now(UTC)
    answer = await send(
        tenant,
        call(client, started_at=(now + timedelta(minutes=4)).isoformat()),
        call(client, started_at=(now + timedelta(minutes=6)).isoformat()),
        call(client, started_at=(now - timedelta(days=33)).isoformat()),
        call(client, started_at=(now - timedelta(days=35)).isoformat()),
        # By UTC these have no date at all.
        call(client, started_at="9999-12-31T23:59:59-14:00"),
        call(client, started_at="0001-01-01T00:00:00+14:00"),
    )
    assert (answer["accepted"], answer["unbilled"]) == (1, 1)
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [
        *((1, "too_far_ahead"), (3, "too_old"), (4, "too_far_ahead"), (5, "too_old"))
    ]


async def test_calls_of_no_period_are_kept_with_the_reason_and_billed_to_nobody(tenant: Tenant) -> None:
    nobody, gone = await tenant.client(), await served(tenant)
    await tenant.running(gone)
    await tenant.api.post(f"{subscription_of(gone)}/cancel", {"at": "now"})
    late = call(gone, started_at=datetime.now(UTC).isoformat())
    answer = await send(tenant, call(nobody), late, call(nobody, outcome="failed"))
    assert (answer["accepted"], answer["unbilled"], answer["blocked"]) == (0, 3, [gone])
    rows = await tenant.site.pool.fetch("SELECT unbilled FROM calls WHERE client_id = $1", nobody)
    assert {row["unbilled"] for row in rows} == {"no_subscription"}
    ended = await tenant.site.pool.fetchval("SELECT unbilled FROM calls WHERE call_id = $1", late["call_id"])
    assert ended == "ended"


async def test_a_client_who_is_gone_is_blocked_and_one_who_owes_is_not(tenant: Tenant) -> None:
    client = await served(tenant)
    path = f"/v1/usage/clients/{client}"
    await send(tenant, call(client, duration_seconds=90))
    assert await tenant.engine.get(path) == {"blocked": False, "reason": None, "minutes_remaining": "498.0"}
    await send(tenant, call(client, duration_seconds=600 * 60))
    assert (await tenant.engine.get(path))["minutes_remaining"] == "0.0"
    await tenant.running(client)
    await tenant.api.post(f"{subscription_of(client)}/cancel", {"at": "now"})
    assert await tenant.engine.get(path) == {"blocked": True, "reason": "ended", "minutes_remaining": None}
    unserved = await tenant.client()
    assert await tenant.engine.get(f"/v1/usage/clients/{unserved}") == {
        "blocked": False,
        "reason": None,
        "minutes_remaining": None,
    }


async def test_one_to_five_thousand_calls_are_a_report(tenant: Tenant) -> None:
    client = await served(tenant)
    most = [call(client) for _ in range(5000)]
    assert (await send(tenant, *most))["accepted"] == 5000
    assert (await send(tenant, *most))["duplicates"] == 5000
    for calls in ([], [*most, call(client)]):
        with refused(422, "invalid_fields"):
            await tenant.engine.post(CALLS, {"calls": calls})


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 422, "body"),
        (b"calls", 400, None),
        (b'{"calls":[NaN]}', 400, None),
        (b'{"calls":["\\ud800"]}', 400, None),
        (b'{"calls":[{"call_id":"\xff"}]}', 400, None),
        (b'{"calls":[' + b"[" * 100_000, 400, None),
        (b"[]", 422, "body"),
        (b"{}", 422, "calls"),
        (b'{"calls":7}', 422, "calls"),
        (b'{"calls":[1],"more":2}', 422, "more"),
        (b'{"calls":[' + b"1," * 1_100_000 + b"1]}", 413, None),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else str(value),
)
async def test_what_is_no_batch_is_refused_as_a_whole(
    tenant: Tenant, body: bytes, status: int, field: str | None
) -> None:
    answer = await tenant.engine.send("POST", CALLS, content=body, headers={"Content-Type": "application/json"})
    said = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), said
    assert [error["field"] for error in said.get("errors", [])] == ([field] if field else [])


@given(st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), st.lists), max_size=9))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_stands_in_a_batch_has_its_verdict(tenant: Tenant, calls: list[Any]) -> None:
    body = json.dumps({"calls": calls}).encode()
    answer = await tenant.engine.send("POST", CALLS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code < 500
    if answer.status_code == 200:
        assert [one["index"] for one in answer.json()["rejected"]] == list(range(len(calls)))


@given(st.binary(max_size=200))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_bytes_have_verdicts_or_a_reason(tenant: Tenant, sent: bytes) -> None:
    for body in (sent, b'{"calls":[' + sent + b"]}", b'{"calls":["' + sent + b'"]}'):
        answer = await tenant.engine.send("POST", CALLS, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (200, 400, 422), answer.text


async def test_a_correction_moves_the_open_period_once(tenant: Tenant) -> None:
    client = await served(tenant)
    known = call(client, duration_seconds=600)
    await send(tenant, known)
    correction = {"correction_id": fresh("cor"), "call_id": known["call_id"], "seconds": -240, "reason": "line dropped"}
    assert await tenant.engine.post(CORRECTIONS, correction) == {"result": "accepted", "reason": None}
    assert await tenant.engine.post(CORRECTIONS, correction) == {"result": "duplicate", "reason": None}
    assert await used(tenant, client) == 360
    with refused(409, "correction_conflict"):
        await tenant.engine.post(CORRECTIONS, {**correction, "seconds": -241})
    with refused(422, "invalid_fields"):
        await tenant.engine.post(CORRECTIONS, {**correction, "correction_id": fresh("cor"), "seconds": -361})
    assert await used(tenant, client) == 360


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("call_id", {"call_id": "call-unheard-of"}),
        ("seconds", {"seconds": 0}),
        ("seconds", {"seconds": 1.5}),
        ("reason", {"reason": " "}),
        ("correction_id", {"correction_id": "a b"}),
    ],
)
async def test_a_wrong_correction_is_refused_by_its_field(tenant: Tenant, field: str, changes: Json) -> None:
    whole = {"correction_id": fresh("cor"), "call_id": fresh("call"), "seconds": -60, "reason": "x"}
    answer = await tenant.engine.send("POST", CORRECTIONS, json={**whole, **changes})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields"), answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_another_agencys_call_can_not_be_corrected(tenant: Tenant, other: Tenant) -> None:
    client = await served(tenant)
    known = call(client)
    await send(tenant, known)
    with refused(422, "invalid_fields"):
        await other.engine.post(
            CORRECTIONS, {"correction_id": "c-1", "call_id": known["call_id"], "seconds": -60, "reason": "x"}
        )
    assert await used(tenant, client) == 120


async def test_a_correction_of_an_unbilled_call_stays_unbilled(tenant: Tenant) -> None:
    nobody = await tenant.client()
    known = call(nobody)
    await send(tenant, known)
    correction = {"correction_id": fresh("cor"), "call_id": known["call_id"], "seconds": -60, "reason": "x"}
    assert await tenant.engine.post(CORRECTIONS, correction) == {"result": "unbilled", "reason": "no_subscription"}


async def test_late_calls_of_a_closed_subscription_are_billed_to_nobody(own: Tenant) -> None:
    await own.api.patch("/v1/agency/settings", {"usage_grace_minutes": 0})
    client = await own.subscribed(PAYS)
    inside = datetime.now(UTC).isoformat()
    await own.api.post(f"{subscription_of(client)}/cancel", {"at": "now"})
    await own.ended(client)
    answer = await send(own, call(client, started_at=inside))
    assert (answer["unbilled"], answer["blocked"]) == (1, [client])
