"""The retry policy for ladders that run already: what applying it would move, and applying it (billing-rules 6)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import Query, Request

from adapters.postgres import agencies, ladders, trail
from adapters.postgres.pool import transaction
from api.agency.settings import DunningOut
from api.fields import Answer
from api.guard import Calling
from api.idempotency import seed
from api.openapi import example, refusals
from api.pagination import PageQuery, page
from api.problems import NotFound
from api.services import Used
from api.tenant import agency_router, own_agency
from billing.ladders import Move, move
from billing.plans import Dunning
from billing.state import State

router = agency_router("Settings", "/settings/dunning")
_POLICY: Final[dict[str, Any]] = {"gaps_days": [2, 4], "final_action": "past_due"}


class MoveOut(Answer):
    """One ladder that would move. No `new_next_attempt_at`: no attempt is left, and the final action follows at once.

    `final_action` is null where none follows, as after a cancellation. `subscription_id` is null of a custom invoice's.
    """

    client_id: str
    subscription_id: str | None
    next_attempt_at: datetime
    new_next_attempt_at: datetime | None
    attempts_left: int
    final_action: Literal["past_due", "pause", "cancel"] | None


class PreviewOut(
    Answer,
    json_schema_extra=example(
        dunning=_POLICY,
        total=1,
        data=[
            {
                "client_id": "cli_3f5m7kq2n4b6c8d0e2f4",
                "subscription_id": "sub_3f5m7kq2n4b6c8d0e2f4",
                "next_attempt_at": "2026-12-06T00:00:00Z",
                "new_next_attempt_at": "2026-12-05T00:00:00Z",
                "attempts_left": 1,
                "final_action": "past_due",
            }
        ],
        next_cursor=None,
    ),
):
    """`dunning` is the policy that would be applied: the agency's setting. `total` counts the ladders of all pages."""

    dunning: DunningOut
    total: int
    data: list[MoveOut]
    next_cursor: str | None


class AppliedOut(Answer, json_schema_extra=example(dunning=_POLICY, moved=1)):
    """`moved`: how many running ladders follow the policy from now on that did not before."""

    dunning: DunningOut
    moved: int


@router.post("/preview", summary="What applying the retry policy would move", responses=refusals(422, "invalid_fields"))
async def preview(services: Used, caller: Calling, query: Annotated[PageQuery, Query()]) -> PreviewOut:
    """A dry run of `apply`: every running ladder that the agency's setting would move, by subscription."""
    agency = await own_agency(services, caller)
    scope = f"dunning moves of {agency.id}"
    after = query.after(scope)
    states = await ladders.in_debt(services.database, agency.id)
    moves = _moves(states, agency.dunning, services.clock.now())
    rest = [one for one in moves if after is None or one.subscription > after[1]]
    shown = page(rest[: query.limit + 1], query.limit, scope, lambda one: ("", one.subscription), _move_out)
    return PreviewOut(
        dunning=_dunning_out(agency.dunning), total=len(moves), data=shown.data, next_cursor=shown.next_cursor
    )


@router.post("/apply", summary="Apply the retry policy to running ladders")
async def apply(services: Used, caller: Calling, request: Request) -> AppliedOut:
    """Stored at once, with what it moves; each ladder follows within seconds, whatever is away meanwhile."""
    now = services.clock.now()
    async with transaction(services.database) as connection:
        agency = await agencies.locked_agency(connection, caller.agency)
        if agency is None:
            raise NotFound
        states = await ladders.in_debt(connection, agency.id)
        await ladders.bring(connection, [state.id for state in states], agency.dunning, seed(request), now)
        moved = len(_moves(states, agency.dunning, now))
        detail = {**_dunning_out(agency.dunning).model_dump(mode="json"), "moved": moved}
        await trail.write(connection, agency.id, at=now, who=caller.name, what="dunning_applied", detail=detail)
    return AppliedOut(dunning=_dunning_out(agency.dunning), moved=moved)


def _moves(states: Sequence[State], dunning: Dunning, at: datetime) -> list[Move]:
    return [one for state in states if (one := move(state, dunning, at))]


def _move_out(one: Move) -> MoveOut:
    return MoveOut(
        client_id=one.client,
        subscription_id=None if one.custom else one.subscription,
        next_attempt_at=one.next_at,
        new_next_attempt_at=one.new_next_at,
        attempts_left=one.attempts_left,
        final_action=one.final_action.value if one.final_action else None,
    )


def _dunning_out(dunning: Dunning) -> DunningOut:
    return DunningOut(gaps_days=list(dunning.gaps_days), final_action=dunning.final_action)
