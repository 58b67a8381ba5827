"""The composition root: which adapter fits which port. The type checker proves the fit here and nowhere else."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from activities.charging import Charging
from activities.closing import Closing
from activities.collecting import GivingUp, Reminding, Sending
from activities.issuing import Issuing
from activities.news import NewsReader, Reading
from activities.parking import Parking
from activities.ports import CallRetention, Clock, Comparison, Disputes, Payments, Records, Refunds, Store
from activities.reconciling import PAUSES_SECONDS, Reconciling
from activities.recording import Recording
from activities.refunding import Refunding
from activities.retiring import Retiring
from adapters.clock import clock_of
from adapters.links import links_of
from adapters.mail.letter import Letterhead
from adapters.mail.smtp import SmtpMailer
from adapters.outbound import webhook_sender
from adapters.postgres.ledger import PostgresStore
from adapters.postgres.pool import Pool, open_pool
from adapters.postgres.reconciling import PostgresComparison
from adapters.postgres.refunds import PostgresRefunds
from adapters.postgres.retention import PostgresRetention
from adapters.sealing import seal_of
from adapters.settings import Settings
from adapters.stripe.connection import connect
from adapters.stripe.disputing import StripeDisputes
from adapters.stripe.payments import StripePayments
from adapters.stripe.records import StripeRecords
from adapters.stripe.refunding import StripeRefunds
from adapters.telemetry.facts import count_facts
from billing.notices import Channel
from worker.hooks import Hooks, Sender
from worker.mails import Mailer, Mails
from worker.telling import Telling

Activity = Callable[..., Any]


@dataclass(frozen=True)
class Parts:
    """What the worker works with. Tests replace single parts, with `dataclasses.replace`."""

    pool: Pool
    store: Store
    payments: Payments
    refunds: Refunds
    disputes: Disputes
    clock: Clock
    sender: Sender
    mailer: Mailer | None
    """None where no mail server is set up."""
    records: Records
    comparison: Comparison
    retention: CallRetention
    calls_kept: timedelta
    pauses_seconds: Sequence[float] = PAUSES_SECONDS
    """Between the looks at what differs."""


@dataclass(frozen=True)
class Activities:
    """The activities of each task queue."""

    billing: tuple[Activity, ...]
    stripe: tuple[Activity, ...]


@asynccontextmanager
async def real_parts(settings: Settings) -> AsyncIterator[Parts]:
    """The parts that the settings name, closed after the block. Nothing is connected before it is needed."""
    stripe = connect(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
    try:
        async with (
            webhook_sender(anywhere=settings.sandbox) as sender,
            open_pool(settings.database_url.get_secret_value(), settings.database_pool_size) as pool,
        ):
            yield Parts(
                pool=pool,
                store=PostgresStore(pool, count_facts),
                payments=StripePayments(stripe),
                refunds=StripeRefunds(stripe),
                disputes=StripeDisputes(stripe),
                clock=clock_of(settings),
                sender=sender,
                mailer=SmtpMailer(settings) if settings.mail_is_on else None,
                records=StripeRecords(stripe),
                comparison=PostgresComparison(pool),
                retention=PostgresRetention(pool),
                calls_kept=settings.calls_kept,
            )
    finally:
        await stripe.close()


def activities_of(parts: Parts) -> Activities:
    """Every activity over these parts, on the queue where its limits are set."""
    store, payments, clock = parts.store, parts.payments, parts.clock
    reminding = Reminding(store)
    giving_up = GivingUp(store, payments, clock)
    reconciling = Reconciling(parts.comparison, parts.records, payments, parts.refunds, clock, parts.pauses_seconds)
    return Activities(
        billing=(
            Closing(store, clock).close_period,
            reminding.remind,
            reminding.remind_due,
            reminding.tell_expiry,
            reminding.mark_trial,
            reminding.take_final_action,
            Parking(store).repeat_parking,
            Recording(store).record,
            reconciling.list_accounts,
            reconciling.finish_reconciliation,
            Retiring(parts.retention, clock, parts.calls_kept).retire_calls,
        ),
        stripe=(
            Issuing(store, payments, clock).issue_invoice,
            Charging(store, payments, clock).charge_invoice,
            giving_up.void_invoice,
            giving_up.mark_invoice,
            giving_up.credit_invoice,
            Sending(store, payments, clock).send_invoice,
            Reading(NewsReader(store, payments, clock)).read_news,
            Refunding(PostgresRefunds(parts.pool), parts.refunds, payments, clock).make_refund,
            reconciling.reconcile_account,
        ),
    )


def messengers(settings: Settings, parts: Parts) -> tuple[Telling, ...]:
    """Who carries messages out of the house, one for each channel."""
    head = Letterhead(settings.mail_from, links_of(settings)) if settings.mail_from else None
    mails = Mails(parts.pool, parts.clock, parts.mailer, head)
    hooks = Hooks(parts.pool, parts.clock, parts.sender, seal_of(settings))
    return (
        Telling(parts.pool, Channel.MAIL, settings.message_lease, mails.hand_over, mails.given_up),
        Telling(parts.pool, Channel.WEBHOOK, settings.message_lease, hooks.hand_over, hooks.given_up),
    )
