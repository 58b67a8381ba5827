"""Calls and corrections coming in, and what the call engine asks before a call (billing-rules 4)."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from adapters.postgres import clients, figures
from adapters.postgres.late import Correction, record_correction
from api import fields
from api.conflicts import conflict
from api.fields import Answer, LongText, Whole
from api.guard import BEARER, Calling, guarded, media_type_of, too_large
from api.openapi import conflicts, example
from api.problems import DATABASE_AWAY, BodyTooLarge, InvalidFields, NotFound, TemporarilyUnavailable, Unreadable
from api.reading_calls import LONGEST_SECONDS, CallsIn, Read, batch
from api.reading_csv import PIECE, CallRows, NotCsv, WrongHeader, reports
from api.services import Used
from api.tally import Tally
from api.tokens import Role
from billing.usage import minutes_text

BODY_LIMIT: Final = 2 * 1024 * 1024
CSV: Final = "text/csv"
CSV_LIMIT: Final = 200 * 1024 * 1024

CallId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
"""Up to 128 printable ASCII characters without spaces."""
_CALL: Final[dict[str, Any]] = {
    "call_id": "call-000184",
    "client_id": "cli_3f5m7kq2n4b6c8d0e2f4",
    "started_at": "2026-11-23T14:02:11Z",
    "duration_seconds": 61,
    "outcome": "completed",
}

router = APIRouter(
    prefix="/v1/usage",
    tags=["Usage"],
    route_class=guarded(Role.SERVICE, body_limit=BODY_LIMIT, streamed=CSV),
    dependencies=[BEARER],
)


class RejectedOut(Answer):
    """`index` counts from 0. Codes: invalid, conflict, unknown_client, too_far_ahead, too_old."""

    index: int
    call_id: str | None
    code: str
    detail: str


class CallsOut(
    Answer,
    json_schema_extra=example(
        accepted=41,
        duplicates=2,
        unbilled=1,
        rejected=[
            {
                "index": 7,
                "call_id": "call-000191",
                "code": "invalid",
                "detail": "duration_seconds: Input should be a valid integer",
            }
        ],
        blocked=["cli_3f5m7kq2n4b6c8d0e2f4"],
    ),
):
    """How many calls had which verdict: every call has one. `unbilled` calls are stored and belong to no period.

    `blocked` names the clients who have no service now, or whose cap is reached by these calls or was before, if that
    is to block: serve them no further calls. What is served all the same is counted and billed.
    """

    accepted: int
    duplicates: int
    unbilled: int
    rejected: list[RejectedOut]
    blocked: list[str]


class CorrectionIn(
    fields.Request,
    json_schema_extra=example(correction_id="cor-17", call_id="call-000184", seconds=-60, reason="Dropped line"),
):
    """`seconds` are signed billed seconds that are added to the call; it never goes below zero."""

    correction_id: CallId
    call_id: CallId
    seconds: Annotated[Whole, Field(ge=-LONGEST_SECONDS, le=LONGEST_SECONDS)]
    reason: LongText


class CorrectionOut(Answer, json_schema_extra=example(result="accepted", reason=None)):
    """`unbilled`: it is kept, and no invoice will bill it, for `reason`."""

    result: Literal["accepted", "duplicate", "unbilled"]
    reason: str | None


class ServiceOut(Answer, json_schema_extra=example(blocked=False, reason=None, minutes_remaining="38.5")):
    """Whether to serve a call. `minutes_remaining` are those included; null without a current period."""

    blocked: bool
    reason: Literal["paused", "ended", "cap_reached"] | None
    minutes_remaining: str | None


def _body() -> dict[str, Any]:
    """The OpenAPI description of the body, which `take_calls` reads itself."""
    _, parts = msgspec.json.schema_components([CallsIn])
    outcome = {name: value for name, value in parts["Outcome"].items() if name in ("enum", "type")}
    call = {**parts["CallIn"], "properties": {**parts["CallIn"]["properties"], "outcome": outcome}}
    calls = {**parts["CallsIn"]["properties"]["calls"], "items": call}
    whole = {**parts["CallsIn"], "properties": {"calls": calls}, "examples": [{"calls": [_CALL]}]}
    table = "\r\n".join(",".join(map(str, row)) for row in (_CALL, _CALL.values()))
    return {
        "required": True,
        "content": {
            "application/json": {"schema": whole},
            CSV: {"schema": {"type": "string"}, "example": f"{table}\r\n"},
        },
    }


@router.post("/calls", summary="Take in calls", response_model=CallsOut, openapi_extra={"requestBody": _body()})
async def take_calls(request: Request, services: Used, caller: Calling) -> Response:
    """Up to 5,000 calls as JSON, or a CSV of up to 200 MiB with the fields as its columns, which is taken in as it
    comes. Each call has a verdict that is committed before the answer. Safe to repeat, in part or whole: also when a
    stream broke off, for what came before was taken."""
    with Tally() as tally:
        if media_type_of(request) == CSV:
            async for first, read in _pieces(request):
                try:
                    await tally.take(services.database, caller.agency, read, first, services.clock.now())
                except DATABASE_AWAY as error:
                    away = f"The database does not answer just now. {_taken(first)}"
                    raise TemporarilyUnavailable(away) from error
            return tally.streamed()
        await tally.take(services.database, caller.agency, batch(await request.body()), 0, services.clock.now())
        return tally.answer()


async def _pieces(request: Request) -> AsyncIterator[tuple[int, Sequence[Read]]]:
    """Rows of calls as they arrive, each time with the number of the first; more is read only when these are done. An
    error that ends the stream early says how many rows were taken before it."""
    taken, rows = 0, CallRows()
    try:
        async for piece in _bytes(request):
            for first, read in reports(rows.feed(piece) if piece else rows.end(), rows.header, taken):
                yield first, read
            taken = rows.row
    except WrongHeader as error:
        raise InvalidFields(("header", error.why)) from error
    except NotCsv as error:
        raise Unreadable(f"The CSV can't be read: {error}. {_taken(taken)}") from error
    except ClientDisconnect as error:
        raise Unreadable(f"The body broke off. {_taken(taken)}") from error
    except BodyTooLarge as error:
        raise BodyTooLarge(f"{error.detail} {_taken(taken)}") from error


async def _bytes(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces, the last one empty. Raises BodyTooLarge as soon as it exceeds the limit."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > CSV_LIMIT:
        raise too_large(CSV_LIMIT)
    held, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > CSV_LIMIT:
            raise too_large(CSV_LIMIT)
        held += chunk
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
    yield b""


def _taken(rows: int) -> str:
    return f"The first {rows} rows were taken: sent again they are told as duplicates."


@router.post("/corrections", summary="Correct a call", responses=conflicts("correction_conflict"))
async def correct(body: CorrectionIn, services: Used, caller: Calling) -> CorrectionOut:
    """Of an open period at once; of a closed one as a line of the next invoice. Nothing is edited."""
    if body.seconds == 0:
        raise InvalidFields(("seconds", "is zero: nothing would be corrected"))
    correction = Correction(body.correction_id, body.call_id, body.seconds, body.reason)
    verdict = await record_correction(services.database, caller.agency, correction, services.clock.now())
    if verdict.result != "rejected":
        return CorrectionOut(result=verdict.result, reason=verdict.code)
    if verdict.code == "conflict":
        raise conflict("correction_conflict", verdict.detail)
    field = "call_id" if verdict.code == "unknown_call" else "seconds"
    raise InvalidFields((field, verdict.detail or "can't be accepted"))


@router.get("/clients/{client_id}", summary="Whether to serve a client's call")
async def service(client_id: str, services: Used, caller: Calling) -> ServiceOut:
    """A paused, cancelled or ended client is blocked, and one whose cap is reached, if that is to block; one that is
    past due is not."""
    if await clients.client(services.database, caller.agency, client_id) is None:
        raise NotFound
    now = services.clock.now()
    reason = await figures.blocked(services.database, caller.agency, client_id, now)
    usage = await figures.client_usage(services.database, caller.agency, client_id, now)
    return ServiceOut(
        blocked=reason is not None,
        reason=reason.value if reason else None,
        minutes_remaining=minutes_text(usage.seconds_remaining) if usage else None,
    )
