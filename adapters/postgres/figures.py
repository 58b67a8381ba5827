"""A client's usage as people see it now (billing-rules 4): from rollups, priced by the rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal

from adapters.postgres.codec import decode_state
from adapters.postgres.pool import Connection, Pool
from adapters.postgres.subscriptions import current_subscription
from billing.metering import Blocked, Meter
from billing.plans import CapAction, SpendCap
from billing.prorating import terms_in
from billing.state import Period, State, Status
from billing.usage import projected_seconds
from billing.view import current_period, view


@dataclass(frozen=True)
class Usage:
    """The current period's usage, or that of a trial, which costs nothing. Amounts are minor units of `currency`;
    `percent` is none when nothing is included.

    `projected_…` is the period's end if it goes on as so far.
    """

    client: str
    subscription: str
    period: Period
    currency: str
    seconds_used: int
    seconds_included: int
    percent: Decimal | None
    overage_so_far: int
    cap: SpendCap | None
    cap_reached: bool
    projected_seconds: int
    projected_overage: int

    @property
    def seconds_remaining(self) -> int:
        return max(0, self.seconds_included - self.seconds_used)

    @property
    def overage_seconds(self) -> int:
        return max(0, self.seconds_used - self.seconds_included)


@dataclass(frozen=True)
class Day:
    """A day in the subscription's time zone, and the billed seconds of the calls that started on it."""

    day: date
    seconds: int


async def client_usage(connection: Connection | Pool, agency: str, client: str, now: datetime) -> Usage | None:
    """The client's usage in the period that holds `now`; none without one."""
    return (await usage_of(connection, agency, [client], now)).get(client)


async def usage_of(
    connection: Connection | Pool, agency: str, clients: Sequence[str], now: datetime
) -> dict[str, Usage]:
    """The usage of those of the clients who have a period that holds `now`."""
    return {usage.client: usage for usage in await _usages(connection, agency, clients, now)}


async def agency_usage(connection: Connection | Pool, agency: str, now: datetime) -> list[Usage]:
    """Every client's usage, by percent of what is included; those with nothing included stand last."""
    usages = await _usages(connection, agency, None, now)
    return sorted(usages, key=lambda usage: (-(usage.percent if usage.percent is not None else -1), usage.client))


async def blocked(source: Connection | Pool, agency: str, client: str, now: datetime) -> Blocked | None:
    """Why the caller serves no calls to the client now. None: it does, or there never was service."""
    known = await current_subscription(source, agency, client)
    if known is None:
        return None
    status = view(known.state, now).status
    reason = {Status.PAUSED: Blocked.PAUSED, Status.CANCELLED: Blocked.ENDED}.get(status)
    if reason or known.state.spend_cap is None:
        return reason
    usage = await client_usage(source, agency, client, now)
    stopped = usage is not None and usage.cap_reached and known.state.spend_cap.action is CapAction.BLOCK
    return Blocked.CAP_REACHED if stopped else None


async def daily_usage(connection: Connection | Pool, agency: str, client: str, now: datetime) -> list[Day]:
    """Billed seconds a day in the period that holds `now`, days with calls only, in order."""
    found = next(iter(await _current(connection, agency, [client], now)), None)
    if found is None:
        return []
    state, period = found
    rows = await connection.fetch(
        "SELECT day, seconds FROM usage_days WHERE (subscription_id, period) = ($1, $2) AND calls > 0 ORDER BY day",
        state.id,
        period.number,
    )
    return [Day(*row) for row in rows]


async def overage_to_bill(connection: Connection | Pool, state: State) -> int:
    """What the oldest period that is not closed has come to so far, in minor units: the next invoice bills it."""
    return (await overages_to_bill(connection, [state]))[state.id]


async def overages_to_bill(connection: Connection | Pool, states: Sequence[State]) -> dict[str, int]:
    """`overage_to_bill` of several subscriptions, by their ids."""
    open_periods = [(state, state.period) for state in states if state.period]
    seconds = await _seconds(connection, open_periods)
    billed = {
        state.id: terms_in(state, period).overage(spent)
        for (state, period), spent in zip(open_periods, seconds, strict=True)
    }
    return {state.id: billed.get(state.id, 0) for state in states}


async def _usages(
    connection: Connection | Pool, agency: str, clients: Sequence[str] | None, now: datetime
) -> list[Usage]:
    current = list(await _current(connection, agency, clients, now))
    seconds = await _seconds(connection, current)
    return [_usage(state, period, spent, now) for (state, period), spent in zip(current, seconds, strict=True)]


async def _seconds(connection: Connection | Pool, periods: Sequence[tuple[State, Period]]) -> list[int]:
    """The billed seconds of each of the periods."""
    rows = await connection.fetch(
        """
        SELECT subscription_id, period, seconds FROM usage_rollups WHERE (subscription_id, period) IN (
            SELECT * FROM unnest($1::text[], $2::integer[])
        )
        """,
        [state.id for state, _ in periods],
        [period.number for _, period in periods],
    )
    known = {(row["subscription_id"], row["period"]): row["seconds"] for row in rows}
    return [known.get((state.id, period.number), 0) for state, period in periods]


async def _current(
    connection: Connection | Pool, agency: str, clients: Sequence[str] | None, now: datetime
) -> Iterable[tuple[State, Period]]:
    rows = await connection.fetch(
        "SELECT state FROM subscriptions WHERE agency_id = $1 AND ($2::text[] IS NULL OR client_id = ANY ($2)) "
        "AND coalesce(trial_start, period_start) <= $3 ORDER BY id",
        agency,
        clients,
        now,
    )
    states = [decode_state(row["state"]) for row in rows]
    return [(state, period) for state in states if (period := current_period(state, now))]


def _usage(state: State, period: Period, seconds: int, now: datetime) -> Usage:
    own = terms_in(state, period)
    included, currency = own.included_seconds, own.terms.currency
    billed = period.number > 0
    meter = Meter(period.number, period.end, seconds, included, own.rate, currency, state.spend_cap if billed else None)
    projected = projected_seconds(seconds, period.start, period.end, now)
    tenth = Decimal("0.1")
    percent = (Decimal(100 * seconds) / included).quantize(tenth, ROUND_DOWN) if included else None
    return Usage(
        client=state.client,
        subscription=state.id,
        period=period,
        currency=currency,
        seconds_used=seconds,
        seconds_included=included,
        percent=percent,
        overage_so_far=meter.overage if billed else 0,
        cap=meter.cap,
        cap_reached=meter.cap_reached,
        projected_seconds=projected,
        projected_overage=own.overage(projected) if billed else 0,
    )
