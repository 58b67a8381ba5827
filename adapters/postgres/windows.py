"""A client's periods and trials as calls see them (billing-rules 4): by its start alone a call finds the one that holds
it, or why none does."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from adapters.postgres.pool import Connection
from adapters.postgres.rollups import METER, Metered, as_metered
from billing.days import local_day
from billing.usage import Unbilled

UNBILLED_INCREMENT: Final = 1
"""A call that belongs to no period is counted as long as it was: nothing is rounded where nothing is billed."""


class Window(NamedTuple):
    """A period of a client, or its trial, as calls see it. Frozen: what comes now is late."""

    subscription: str
    number: int
    start: datetime
    end: datetime
    frozen: bool
    increment: int
    cancelled: bool
    last: bool
    """The newest period of its subscription."""
    metered: Metered
    zone: str

    def day(self, at: datetime) -> date:
        """The day of the subscription's time zone on which a call that starts then counts."""
        return local_day(self.zone, at)

    @property
    def trial(self) -> bool:
        """Whether it is no period, but the trial before the first one, which bills nothing."""
        return self.number == 0


def window_of(windows: Sequence[Window], at: datetime) -> Window | None:
    """The client's period that holds the instant; the older one, should two subscriptions claim it."""
    return next((w for w in windows if w.start <= at < w.end and not w.trial), None)


def trial_of(windows: Sequence[Window], at: datetime) -> Window | None:
    """The client's trial that holds the instant."""
    return next((w for w in windows if w.trial and w.start <= at < w.end), None)


def unbilled_at(windows: Sequence[Window], at: datetime) -> Unbilled:
    """Why a call at an instant that no period holds is not billed (billing-rules 4)."""
    if trial_of(windows, at):
        return Unbilled.TRIAL
    before = [w for w in windows if w.end <= at]
    if not before:
        return Unbilled.NO_SUBSCRIPTION
    latest = max(before, key=lambda w: w.end)
    return Unbilled.ENDED if latest.cancelled and latest.last else Unbilled.PAUSED


async def windows_of(connection: Connection, clients: Sequence[str], since: datetime) -> dict[str, list[Window]]:
    """The trials of each client, its periods that end after `since`, and the one before them, oldest first. Only where
    there is a cap does the meter know the usage so far."""
    rows = await connection.fetch(
        f"""
        SELECT p.client_id, p.starts_at, p.frozen_at IS NOT NULL AS frozen, p.call_increment_seconds,
               s.status = 'cancelled' AS cancelled,
               p.number = max(p.number) OVER (PARTITION BY p.subscription_id) AS last, s.zone,
               {METER}, coalesce(r.seconds, 0)
        FROM periods p JOIN subscriptions s ON s.id = p.subscription_id JOIN agencies a ON a.id = p.agency_id
        LEFT JOIN usage_rollups r ON s.cap_amount IS NOT NULL
            AND (r.subscription_id, r.period) = (p.subscription_id, p.number)
        WHERE p.client_id = ANY ($1::text[]) AND (p.ends_at > $2 OR p.ends_at = (
            SELECT max(older.ends_at) FROM periods older
            WHERE older.client_id = p.client_id AND older.ends_at <= $2
        ))
        UNION ALL
        SELECT s.client_id, s.trial_start, false, 1, s.status = 'cancelled',
               NOT EXISTS (SELECT FROM periods p WHERE p.subscription_id = s.id), s.zone,
               s.id, '{{}}', 0, s.trial_end, 0, 0, v.currency, NULL, NULL, 0
        FROM subscriptions s JOIN plan_versions v ON (v.plan_id, v.version) = (s.plan_id, s.plan_version)
        WHERE s.client_id = ANY ($1::text[]) AND s.trial_start < s.trial_end
        ORDER BY starts_at, subscription_id
        """,
        clients,
        since,
    )
    windows: dict[str, list[Window]] = {client: [] for client in clients}
    for client, start, frozen, increment, cancelled, last, zone, *reading in rows:
        known = as_metered(*reading)
        number, end = known.meter.number, known.meter.end
        windows[client].append(
            Window(known.subscription, number, start, end, frozen, increment, cancelled, last, known, zone)
        )
    return windows
