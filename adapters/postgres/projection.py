"""A subscription's newest known state in the books, and what follows from each fact that moves it.

The state is moved by the rules' own functions. Facts come from two sides, the steps of the workflow and the commands
that run beside them, each with the state as it was when it began. So facts are applied to whichever is newer, that
state or the projection; they are idempotent in any order, and the projection never goes back. Written in another order
than they were learned they can come to something else: then the workflow gives its state once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import disputed, parkings, trail
from adapters.postgres.codec import Json, decode_state, encode_state
from adapters.postgres.locks import lock_client
from adapters.postgres.placing import align
from adapters.postgres.pool import Connection
from billing import trials
from billing.agenda import next_step
from billing.facts import Fact, NewsRead
from billing.notices import NoticeKind, notices
from billing.service import closing
from billing.state import State
from billing.steps import Finish, Wait
from billing.subscription import apply


@dataclass(frozen=True)
class Written:
    """A fact that the books learned for the first time, once the transaction is committed.

    `recovered`: it paid all of a debt of which an attempt had failed.
    """

    fact: Fact
    recovered: bool


async def open_subscription(connection: Connection, state: State, request: Json, at: datetime) -> None:
    """Enter a new subscription with its first period, or a custom invoice, which has no plan.

    Calls that the period holds already are taken into it. `request` is what was asked for, so that the same again can
    be told. Raises asyncpg.UniqueViolationError (constraint
    `subscriptions_one_live`) when the client has a subscription.
    """
    await lock_client(connection, state.client)
    await connection.execute(
        """
        INSERT INTO subscriptions (id, agency_id, client_id, account_id, customer_id, plan_id, plan_version, zone,
                                   rules, request, state, version, status, period_start, period_end, next_at, finished,
                                   cap_amount, cap_action, trial_start, trial_end, cap_since, created_at,
                                   updated_at)
        VALUES ($1, $2, $3, nullif($4, ''), nullif($5, ''), $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                $18, $19, $20, $21, CASE WHEN $18::bigint IS NOT NULL THEN $22::timestamptz END, $22, $22)
        """,
        state.id,
        state.agency,
        state.client,
        state.account,
        state.customer,
        state.terms.plan if state.custom is None else None,
        state.terms.version if state.custom is None else None,
        state.zone,
        state.rules,
        request,
        encode_state(state),
        state.version,
        state.status.value,
        *_shown(state),
        *_cap(state),
        *_trial(state),
        at,
    )
    await align(connection, None, state)


async def load(connection: Connection, subscription: str) -> State:
    """The state as the books have it. Raises LookupError."""
    stored = await connection.fetchval("SELECT state FROM subscriptions WHERE id = $1", subscription)
    if stored is None:
        raise LookupError(f"no subscription {subscription}")
    return decode_state(stored)


async def earlier_states(connection: Connection, client: str, account: str) -> list[State]:
    """The states of all subscriptions that the client has had in this connected account."""
    rows = await connection.fetch("SELECT state FROM subscriptions WHERE client_id = $1", client)
    return [state for row in rows if (state := decode_state(row["state"])).account == account]


async def record(
    connection: Connection, state: State, facts: Sequence[Fact], by: str
) -> tuple[State, tuple[Written, ...]]:
    """Apply the facts and write what follows: projection, messages, audit trail.

    Returns the state after them, and which of them were new.
    """
    await lock_client(connection, state.client)
    stored = await load(connection, state.id)
    current = newer(stored, state, facts)
    written: list[Written] = []
    for fact in facts:
        after = apply(current, fact)
        told = notices(current, fact, after)
        await trail.tell(connection, after, told)
        if await trail.write_fact(connection, after, fact, by):
            written.append(Written(fact, any(notice.kind is NoticeKind.RECOVERED for notice in told)))
        if isinstance(fact, NewsRead):
            await _mark_read(connection, state.id, fact)
        current = after
    if current != stored:
        await _replace(connection, stored, current)
    await parkings.follow(connection, stored, facts, current)
    await disputed.follow(connection, stored, current)
    return current, tuple(written)


def newer(stored: State, state: State, facts: Sequence[Fact]) -> State:
    """Which of both the facts are applied to. Without facts the workflow gives its own state: at the same version, in
    which the books may hold the same facts in another order, that is the truth."""
    return state if state.version > stored.version or (state.version == stored.version and not facts) else stored


async def _replace(connection: Connection, old: State, new: State) -> None:
    await connection.execute(
        """
        UPDATE subscriptions SET state = $2, version = $3, rules = $4, status = $5, period_start = $6, period_end = $7,
                                 next_at = $8, finished = $9, cap_amount = $10, cap_action = $11, updated_at = $12,
                                 account_id = nullif($13, ''), customer_id = nullif($14, ''),
                                 trial_start = $15, trial_end = $16,
                                 cap_since = CASE WHEN cap_amount = $10 THEN cap_since
                                                  WHEN $10::bigint IS NOT NULL THEN $12::timestamptz END
        WHERE id = $1
        """,
        new.id,
        encode_state(new),
        new.version,
        new.rules,
        new.status.value,
        *_shown(new),
        *_cap(new),
        new.clock,
        new.account,
        new.customer,
        *_trial(new),
    )
    await align(connection, old, new)


def _shown(state: State) -> tuple[datetime | None, datetime | None, datetime | None, bool]:
    """The oldest unclosed period, when something is next done, and whether nothing ever will be."""
    due, step = closing(state), next_step(state, state.clock)
    start, end = (state.period.start, due[0]) if state.period and due else (None, None)
    match step:
        case Finish():
            return start, end, None, True
        case Wait(until=until):
            return start, end, until, False
        case _:
            return start, end, state.clock, False


def _cap(state: State) -> tuple[int | None, str | None]:
    """The cap where reports of calls read it (adapters.postgres.rollups)."""
    return (state.spend_cap.amount, state.spend_cap.action.value) if state.spend_cap else (None, None)


def _trial(state: State) -> tuple[datetime | None, datetime | None]:
    """The trial where reports of calls read it (adapters.postgres.placing)."""
    trial = trials.span(state)
    return (trial.start, trial.end) if trial else (None, None)


async def _mark_read(connection: Connection, subscription: str, fact: NewsRead) -> None:
    await connection.execute(
        "UPDATE inbox_readers SET read_at = $3 WHERE subscription_id = $1 AND inbox_id = ANY ($2::bigint[]) "
        "AND read_at IS NULL",
        subscription,
        fact.rows,
        fact.at,
    )
