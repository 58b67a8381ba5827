"""Calls and corrections coming in, and what the call engine asks before a call (billing-rules 4)."""

from collections import Counter
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from pydantic import Field, TypeAdapter, ValidationError

from adapters.postgres import clients, figures
from adapters.postgres.calls import Call
from adapters.postgres.late import Correction, record_correction
from adapters.postgres.usage import Verdict, record_calls
from adapters.telemetry import metrics
from api import fields
from api.conflicts import conflict
from api.fields import Answer, Instant, LongText, Whole
from api.guard import BEARER, Calling, guarded
from api.openapi import conflicts, example, refusals
from api.problems import InvalidFields, NotFound
from api.services import Used
from api.tokens import Role
from billing.usage import Outcome, minutes_text

BODY_LIMIT: Final = 2 * 1024 * 1024
MOST_CALLS: Final = 5_000
_LONGEST_SECONDS: Final = 30 * 24 * 3600
"""No call lasts a month: what does is a mistake of who sent it."""

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
    route_class=guarded(Role.SERVICE, body_limit=BODY_LIMIT, later_media_types=("text/csv",)),
    dependencies=[BEARER],
)


class CallIn(fields.Request, json_schema_extra=example(**_CALL)):
    """One call. The same `call_id` with the same content is counted once; with other content it is refused."""

    call_id: CallId
    client_id: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    started_at: Instant
    duration_seconds: Annotated[Whole, Field(ge=0, le=_LONGEST_SECONDS)]
    outcome: Literal["completed", "failed"]


class CallsIn(fields.Request, json_schema_extra=example(calls=[_CALL])):
    """Each call is judged by itself: one that can't be read is rejected, the others are taken."""

    calls: Annotated[
        list[Any],
        Field(min_length=1, max_length=MOST_CALLS, json_schema_extra={"items": CallIn.model_json_schema()}),
    ]


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
    """How many calls had which verdict: every call has one. `unbilled` are stored, and belong to no period.

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
    seconds: Annotated[Whole, Field(ge=-_LONGEST_SECONDS, le=_LONGEST_SECONDS)]
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


_CALL_IN: Final = TypeAdapter(CallIn)


@router.post("/calls", summary="Take in calls", responses=refusals(422, "not_available"))
async def take_calls(body: CallsIn, services: Used, caller: Calling) -> CallsOut:
    """Up to 5,000 calls, each with a verdict that is committed before the answer. Safe to repeat, in part or whole."""
    rejected: list[RejectedOut] = []
    calls: list[tuple[int, Call]] = []
    for index, given in enumerate(body.calls):
        read = _read_call(index, given)
        if isinstance(read, RejectedOut):
            rejected.append(read)
        else:
            calls.append((index, read))
    receipt = await record_calls(services.database, caller.agency, [call for _, call in calls], services.clock.now())
    results = [verdict.result for verdict in receipt.verdicts]
    judged = zip(calls, receipt.verdicts, strict=True)
    rejected += [_rejected(*call, verdict) for call, verdict in judged if verdict.result == "rejected"]
    for verdict, count in (*Counter(results).items(), ("unreadable", len(body.calls) - len(calls))):
        metrics.USAGE_CALLS.labels(verdict).inc(count)
    return CallsOut(
        accepted=results.count("accepted"),
        duplicates=results.count("duplicate"),
        unbilled=results.count("unbilled"),
        rejected=sorted(rejected, key=lambda one: one.index),
        blocked=list(receipt.blocked),
    )


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


def _read_call(index: int, given: object) -> Call | RejectedOut:
    try:
        call = _CALL_IN.validate_python(given)
    except ValidationError as error:
        said = [f"{'.'.join(map(str, one['loc'])) or 'call'}: {one['msg']}" for one in error.errors()]
        call_id = given.get("call_id") if isinstance(given, dict) else None
        return RejectedOut(
            index=index,
            call_id=call_id if isinstance(call_id, str) else None,
            code="invalid",
            detail="; ".join(said),
        )
    return Call(call.call_id, call.client_id, call.started_at, call.duration_seconds, Outcome(call.outcome))


def _rejected(index: int, call: Call, verdict: Verdict) -> RejectedOut:
    return RejectedOut(index=index, call_id=call.call_id, code=verdict.code or "invalid", detail=verdict.detail or "")
