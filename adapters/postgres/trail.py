"""What stays of every fact: the audit trail, and the messages to people."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from adapters.postgres import messages
from adapters.postgres.codec import Json, encode_fact
from adapters.postgres.pool import Connection, Pool
from billing.credit_notes import InvoiceCredited
from billing.facts import (
    AttemptNotMade,
    CardExpiryTold,
    DueReminded,
    Fact,
    FinalActionTaken,
    InvoiceIssued,
    InvoiceParked,
    InvoiceVoided,
    NewsArrived,
    NewsRead,
    PaidElsewhere,
    ParkingRepeated,
    PaymentDeclined,
    PaymentProcessing,
    PaymentSucceeded,
    PeriodClosed,
    Reminded,
    Requested,
    StepFailed,
    WrittenOff,
)
from billing.notices import Notice
from billing.orders import (
    ReviewDecided,
)
from billing.state import State
from billing.trialing import TrialEnded, TrialEnding

_NOISE: Final = (NewsArrived, NewsRead, StepFailed)
"""How the machinery moves, not what happened to the subscription."""
_ONCE: Final = (
    PeriodClosed,
    InvoiceIssued,
    InvoiceVoided,
    InvoiceCredited,
    PaidElsewhere,
    WrittenOff,
    PaymentSucceeded,
    PaymentDeclined,
    PaymentProcessing,
    AttemptNotMade,
    TrialEnding,
    TrialEnded,
    InvoiceParked,
    ParkingRepeated,
    Reminded,
    DueReminded,
    CardExpiryTold,
    FinalActionTaken,
)
"""What happens to a trial, a period, an invoice, an attempt or a ladder but once. A step that is taken again, and
Stripe's event about it, bring it at another instant."""


@dataclass(frozen=True)
class Entry:
    """One line of the audit trail."""

    id: int
    at: datetime
    who: str
    what: str
    why: str | None
    client_id: str | None
    subscription_id: str | None
    detail: Json


async def write(
    connection: Connection,
    agency: str,
    *,
    at: datetime,
    who: str,
    what: str,
    why: str | None = None,
    client: str | None = None,
    subscription: str | None = None,
    detail: Json = None,
    dedupe_key: str | None = None,
) -> bool:
    """Append to the audit trail: who did what, when and why. With a `dedupe_key` once only; False for a repeat."""
    appended: str = await connection.execute(
        """
        INSERT INTO audit (agency_id, client_id, subscription_id, at, who, what, why, detail, dedupe_key)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (dedupe_key) DO NOTHING
        """,
        agency,
        client,
        subscription,
        at,
        who,
        what,
        why,
        detail if detail is not None else {},
        dedupe_key,
    )
    return appended == "INSERT 0 1"


async def write_fact(connection: Connection, state: State, fact: Fact, by: str) -> bool:
    """Append a fact; whether it is new. A repeat adds nothing: at the same instant or, of what happens but once, at
    any."""
    if isinstance(fact, _NOISE):
        return False
    detail = encode_fact(fact)
    identity = {name: value for name, value in detail.items() if name != "at" or not isinstance(fact, _ONCE)}
    identity |= _occurrence(state, fact)
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return await write(
        connection,
        state.agency,
        at=fact.at,
        who=by,
        what=fact.kind,
        why=_why(fact),
        client=state.client,
        subscription=state.id,
        detail={name: value for name, value in detail.items() if name not in ("kind", "at")},
        dedupe_key=f"{state.id}:{digest}",
    )


def _occurrence(state: State, fact: Fact) -> dict[str, Json]:
    """What tells one time from the next, where the fact itself does not."""
    match fact:
        case InvoiceParked():
            return {"let_go": state.let_go}
        case FinalActionTaken(at=at):
            return {"ladder": (state.ladder.started_at if state.ladder else at).isoformat()}
        case _:
            return {}


def _why(fact: Fact) -> str | None:
    """The reason that a person gave."""
    match fact:
        case Requested(asked=asked):
            return asked.reason or None
        case ReviewDecided(reason=reason):
            return reason or None
        case _:
            return None


async def entries(
    source: Connection | Pool, agency: str, client: str | None, limit: int, after: int | None
) -> list[Entry]:
    """At most `limit` lines of the agency's trail, or of one client's, the last written first, behind the id `after`.

    Not by `at`: Stripe dates what it reports to the whole second, by which a payment came before its invoice.
    """
    rows = await source.fetch(
        """
        SELECT id, at, who, what, why, client_id, subscription_id, detail FROM audit
        WHERE agency_id = $1 AND ($2::text IS NULL OR client_id = $2)
        AND ($3::bigint IS NULL OR id < $3)
        ORDER BY id DESC LIMIT $4
        """,
        agency,
        client,
        after,
        limit,
    )
    return [Entry(**row) for row in rows]


async def tell(connection: Connection, state: State, notices: Sequence[Notice]) -> None:
    """Write the messages, each once for its audience (billing-rules 9)."""
    for notice in notices:
        # Two subscriptions of one agency may come to the same final action at the same instant.
        named = replace(notice, key=f"{state.id}:{notice.key}")
        await messages.write(connection, state.agency, named, client=state.client, subscription=state.id)
