"""Freezes in the books: begun and ended with the account's health, each told once (billing-rules 8)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from support.house import ACCOUNT, AGENCY, CARD, DAY, HOUR, START, House, answered, attempt

from activities.charging import Charging
from activities.issuing import Issuing
from activities.messages import Work
from adapters.postgres import freezes
from adapters.postgres.accounts import mirror_account
from adapters.postgres.agencies import begin_account, name_account
from adapters.postgres.invariants import examined
from adapters.postgres.pool import transaction
from adapters.stripe.readings import disconnected
from billing.agenda import begin, next_step
from billing.facts import AccountFrozen, AccountReplaced
from billing.freezing import OpenFreeze, Standing
from billing.payments import AccountReading, PayAnswer, Refused
from billing.state import Freeze, Origin, State

WELL = AccountReading(ACCOUNT, True, True, True, "active")
RESTRICTED = replace(WELL, charges_enabled=False, card_payments="inactive", requirements=("external_account",))
GONE = disconnected(ACCOUNT)


async def _becomes(house: House, *readings: AccountReading) -> None:
    for hours, reading in enumerate(readings):
        async with transaction(house.pool) as connection:
            await mirror_account(connection, reading, START + hours * HOUR)


async def _told(house: House) -> list[str]:
    rows = await house.fetch("SELECT kind, client_id FROM notifications ORDER BY at, id")
    assert all(row["client_id"] is None for row in rows)
    return [row["kind"] for row in rows]


async def _freezes(house: House) -> list[tuple[str, bool]]:
    rows = await house.fetch("SELECT cause, thawed_at FROM account_freezes ORDER BY id")
    return [(row["cause"], row["thawed_at"] is not None) for row in rows]


async def _wakes(house: House) -> int:
    return int(await house.value("SELECT count(*) FROM inbox WHERE type = 'retainer.account'"))


async def test_one_freeze_from_the_restriction_to_the_thaw_whatever_is_reported_in_between(house: House) -> None:
    await _becomes(house, WELL, RESTRICTED, RESTRICTED, GONE, RESTRICTED, WELL, WELL)

    assert await _freezes(house) == [("restricted", True)]
    assert await _told(house) == ["account_frozen", "account_frozen", "account_frozen", "account_restored"]
    assert await _wakes(house) == 4


async def test_a_second_restriction_is_another_freeze(house: House) -> None:
    await _becomes(house, RESTRICTED, WELL, RESTRICTED)

    assert await _freezes(house) == [("restricted", True), ("restricted", False)]


async def test_an_account_that_never_could_charge_freezes_nothing(house: House) -> None:
    await house.pool.execute("UPDATE connected_accounts SET state = 'onboarding'")
    await _becomes(house, RESTRICTED, replace(RESTRICTED, details_submitted=False), WELL)

    assert await _freezes(house) == []
    assert await _told(house) == []


async def test_two_reports_at_once_freeze_once(house: House) -> None:
    await asyncio.gather(*(_becomes(house, RESTRICTED) for _ in range(4)))

    assert await _freezes(house) == [("restricted", False)]
    assert await _told(house) == ["account_frozen"]
    assert await _wakes(house) == 1


@pytest.mark.parametrize(("was", "tier", "told"), [("growth", "scale", []), ("scale", "starter", ["tier_lowered"])])
async def test_only_a_tier_without_billing_freezes(house: House, was: str, tier: str, told: list[str]) -> None:
    async with transaction(house.pool) as connection:
        await freezes.tier_moved(connection, AGENCY, was, tier, START)
    assert await _told(house) == told


async def test_a_subscription_reads_what_holds_and_what_of_what_it_knows_has_ended(house: House) -> None:
    state = await house.subscribed("anna")
    await _becomes(house, RESTRICTED)
    (first,) = [row["id"] for row in await house.fetch("SELECT id FROM account_freezes")]
    knowing = replace(state, freezes=(Freeze(first, "restricted", START),))

    async with house.store.transaction() as books:
        assert await books.standing(state) == Standing((OpenFreeze(first, "restricted", START),))
    await _becomes(house, RESTRICTED, WELL)
    async with house.store.transaction() as books:
        assert await books.standing(state) == Standing()
        assert await books.standing(knowing) == Standing((), ((first, START + HOUR),))


async def test_another_account_that_can_charge_ends_what_was_left_and_forgets_its_cards(house: House) -> None:
    state = await house.subscribed("anna", card=CARD)
    async with house.store.transaction() as books:
        await books.set_card("cli_anna", CARD, START)
    await _becomes(house, GONE)
    async with transaction(house.pool) as connection:
        await begin_account(connection, AGENCY, START + HOUR)
    await name_account(house.pool, AGENCY, 2, "acct_new", START + HOUR)
    await _becomes(house, replace(RESTRICTED, account="acct_new"))
    async with house.store.transaction() as books:
        assert [freeze.replaced_at for freeze in (await books.standing(state)).open] == [None]
    async with transaction(house.pool) as connection:
        await mirror_account(connection, replace(WELL, account="acct_new"), START + DAY)

    async with house.store.transaction() as books:
        assert [freeze.replaced_at for freeze in (await books.standing(state)).open] == [START + DAY]
    assert await house.value("SELECT card FROM clients WHERE id = 'cli_anna'") is None
    assert (await _told(house))[-1] == "account_replaced"
    invoice = await house.issue(replace(state, freezes=()), START)
    async with house.store.transaction() as books:
        await books.record(invoice, [AccountReplaced(START + DAY)])
    async with transaction(house.pool) as connection:
        (owned,) = [one for one in await examined(connection) if one.id == "I6"]
    assert owned.wrong == (), "what was issued there is nobody's here"


class _Stripe:
    """A Stripe that refuses everything and shows the account as it is told to; what is asked of it is counted."""

    def __init__(self, account: AccountReading = RESTRICTED) -> None:
        self.account = account
        self.asked: list[str] = []

    async def pay(self, account: str, provider_invoice: str, attempt: object) -> PayAnswer:
        self.asked.append("pay")
        raise Refused("Your account cannot currently make live charges.", status=400)

    async def issue(self, account: str, order: object, now: object) -> None:
        self.asked.append("issue")
        raise Refused("Your account cannot currently make live charges.", status=400)

    async def read_account(self, account: str) -> AccountReading:
        self.asked.append("read_account")
        return self.account


class _At:
    def __init__(self, now: object) -> None:
        self._now = now

    def now(self) -> object:
        return self._now


async def _owing(house: House, at: timedelta = timedelta()) -> State:
    """A subscription by rules 2 whose first invoice is issued and about to be tried."""
    state = replace(await house.subscribed("anna", card=CARD), rules=2)
    return await house.issue(state, START + at)


async def test_the_guard_stands_in_the_attempts_own_transaction_though_nobody_was_woken(house: House) -> None:
    state = await _owing(house)
    await _becomes(house, RESTRICTED)
    stripe = _Stripe()
    step = next_step(state, START + HOUR)
    outcome = await Charging(house.store, stripe, _At(START + HOUR)).charge_invoice(  # type: ignore[arg-type]
        Work(begin(state, step, START + HOUR), step)  # type: ignore[arg-type]
    )

    assert [fact.kind for fact in outcome.facts] == ["AccountFrozen", "AttemptNotMade"]
    assert stripe.asked == []
    assert await house.fetch("SELECT * FROM payment_attempts") == []


async def test_what_stripe_refuses_before_any_event_came_freezes_at_once(house: House) -> None:
    state = replace(await house.subscribed("anna", card=CARD), rules=2)
    stripe = _Stripe()
    issuing = Issuing(house.store, stripe, _At(START + HOUR))  # type: ignore[arg-type]
    step = next_step(state, START + HOUR)
    outcome = await issuing.issue_invoice(Work(begin(state, step, START + HOUR), step))  # type: ignore[arg-type]

    (frozen,) = outcome.facts
    assert isinstance(frozen, AccountFrozen)
    assert await _told(house) == ["account_frozen"]
    assert stripe.asked == ["issue", "read_account"]
    again = await issuing.issue_invoice(Work(begin(state, step, START + HOUR), step))  # type: ignore[arg-type]
    assert again.facts == outcome.facts
    assert stripe.asked == ["issue", "read_account"], "once frozen, nothing more is asked of Stripe"


async def test_an_attempt_that_was_begun_is_known_again_while_frozen_and_a_new_one_is_refused(house: House) -> None:
    state = await _owing(house)
    invoice = state.debt[0].id
    async with house.store.transaction() as books:
        await books.begin_attempt(state.id, attempt(invoice), Origin.ISSUE, START)
    await _becomes(house, RESTRICTED)
    async with house.store.transaction() as books:
        known = await books.begin_attempt(state.id, attempt(invoice), Origin.ISSUE, START + DAY, frozen=True)
        await books.settle_attempt(attempt(invoice), answered(attempt(invoice), 4900, START), START)
    assert (known.number, known.first_sent_at) == (1, START)
