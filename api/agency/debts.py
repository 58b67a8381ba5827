"""What a client owes: its subscription's debt, what cancelled ones have left, and each custom invoice, with its ladder.

From the books alone, as the client's own page is told of its debt.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from adapters.postgres import invoices
from adapters.postgres.subscriptions import current_subscription, in_debt_before
from api.fields import Answer
from api.guard import Calling
from api.money import Money, money
from api.openapi import example
from api.services import Used
from api.subscription_out import LadderOut, ladder_out
from api.tenant import agency_router, own_client
from billing import debt, freezing
from billing.state import FreezeCause, Obstacle, PausedReason, State
from billing.view import BannerKind, view

router = agency_router("Clients", "/clients/{client_id}/debts")
_MONEY: Final[dict[str, Any]] = {"amount": 4900, "currency": "usd"}
_INVOICE: Final[dict[str, Any]] = {"id": "inv_3f5m7kq2n4b6c8d0e2f4_p2", "number": "BRIGHT-0002", "amount_due": _MONEY}
_DEBT: Final[dict[str, Any]] = {
    "subscription_id": "sub_3f5m7kq2n4b6c8d0e2f4",
    "plan_name": "Voice Pro",
    "status": "active",
    "paused_reason": None,
    "amount_due": _MONEY,
    "since": "2026-11-01T01:00:02Z",
    "invoices": [_INVOICE],
    "due_at": None,
    "reason": "Your card has insufficient funds.",
    "checking": False,
    "obstacle": None,
    "frozen": None,
    "ladder": {
        "started_at": "2026-11-01T01:00:03Z",
        "gaps_days": [3, 5, 7],
        "final_action": "past_due",
        "used": 0,
        "attempts_left": 3,
        "extended": False,
        "next_attempt_at": "2026-11-04T01:00:03Z",
    },
}


class OwedInvoiceOut(Answer, json_schema_extra=example(**_INVOICE)):
    id: str
    number: str | None
    amount_due: Money


class DebtOut(Answer, json_schema_extra=example(**_DEBT)):
    """Open invoices that are collected together. Without a `subscription_id` it is one custom invoice; `due_at` is set
    of one that was sent.

    `checking`: an attempt is under way whose outcome is not known. With an `obstacle` the card on file can't be tried,
    and the ladder's dates are reminders. `frozen` is what holds everything up. A ladder of a cancelled subscription, or
    of a custom invoice, has no final action to come.
    """

    subscription_id: str | None
    plan_name: str | None
    status: Literal["awaiting_card", "trialing", "active", "past_due", "paused", "cancelled"] | None
    paused_reason: PausedReason | None
    amount_due: Money
    since: datetime
    invoices: list[OwedInvoiceOut]
    due_at: datetime | None
    reason: str | None
    checking: bool
    obstacle: Obstacle | None
    frozen: FreezeCause | None
    ladder: LadderOut | None


class DebtsOut(Answer, json_schema_extra=example(as_of="2026-11-01T02:00:00Z", data=[_DEBT])):
    as_of: datetime
    data: list[DebtOut]


@router.get("", summary="What a client owes")
async def read(client_id: str, services: Used, caller: Calling) -> DebtsOut:
    """The oldest first, that of the subscription last."""
    await own_client(services, caller, client_id)
    known = await current_subscription(services.database, caller.agency, client_id)
    before = await in_debt_before(services.database, caller.agency, client_id)
    own = [known.state] if known else []
    owing = [state for state in (*_others(before, own), *own) if state.debt]
    ids = [invoice.id for state in owing for invoice in state.debt]
    numbers = await invoices.numbers(services.database, caller.agency, ids)
    now = services.clock.now()
    return DebtsOut(as_of=now, data=[_debt_out(state, now, numbers) for state in owing])


def _others(before: Sequence[State], own: Sequence[State]) -> list[State]:
    return [state for state in before if state.id not in {one.id for one in own}]


def _debt_out(state: State, now: datetime, numbers: Mapping[str, str | None]) -> DebtOut:
    shown, currency = view(state, now), state.terms.currency
    next_at = state.ladder.next_at if state.ladder else None
    return DebtOut(
        subscription_id=None if state.custom else state.id,
        plan_name=None if state.custom else state.terms.name,
        status=None if state.custom else shown.status.value,
        paused_reason=shown.paused_reason,
        amount_due=money(sum(invoice.amount for invoice in state.debt), currency),
        since=state.debt[0].issued_at,
        invoices=[
            OwedInvoiceOut(id=one.id, number=numbers.get(one.id), amount_due=money(one.amount, currency))
            for one in state.debt
        ],
        due_at=state.custom.due_at if state.custom else None,
        reason=next((one.reason for one in state.debt if one.reason), None),
        checking=shown.banner is not None and shown.banner.kind is BannerKind.CHECKING,
        obstacle=debt.obstacle(state, next_at or now),
        frozen=state.freezes[0].cause if freezing.is_frozen(state, now) else None,
        ladder=ladder_out(state.ladder),
    )
