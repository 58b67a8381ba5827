"""Mail, from the fact to a real mail server: nothing is lost, and what comes twice can be told (billing-rules 9)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.house import ACCOUNT, AGENCY, CARD, DAY, START, House
from support.http import site_settings
from support.servers import StripeServer
from support.smtp import MailServer, mail_server

from adapters.links import links_of
from adapters.mail.letter import Letterhead
from adapters.mail.smtp import SmtpMailer
from adapters.postgres import message_deliveries, messages
from adapters.postgres.freezes import account_moved
from adapters.postgres.pool import transaction
from billing.declines import Decline
from billing.facts import AccountReplaced, InvoiceVoided
from billing.notices import Channel, Notice, NoticeKind
from billing.state import State
from worker.mails import Mails
from worker.telling import PAUSES, Telling

EMPTY = Decline("insufficient_funds", None, None)
LEASE = timedelta(seconds=60)
MAIL_FROM = "billing@mail.retainer.test"


class StandingClock:
    def __init__(self, now: datetime) -> None:
        self.at = now

    def now(self) -> datetime:
        return self.at


class Post:
    """The agency's mail: a carrier, and the server that takes what it brings."""

    def __init__(self, house: House, server: MailServer, folder: Path) -> None:
        nowhere = StripeServer("http://127.0.0.1:1", "sk_test_nobody", folder / "clock")
        settings = site_settings(
            "postgresql://nobody@127.0.0.1:1/none",
            nowhere,
            1,
            smtp_host="127.0.0.1",
            smtp_port=server.port,
            smtp_tls="none",
            mail_from=MAIL_FROM,
        )
        self.house, self.server, self.clock = house, server, StandingClock(START)
        self.mails = Mails(house.pool, self.clock, SmtpMailer(settings), Letterhead(MAIL_FROM, links_of(settings)))
        self.carrier = Telling(house.pool, Channel.MAIL, LEASE, self.mails.hand_over, self.mails.given_up)

    async def carry(self) -> None:
        while await self.carrier.carry():
            pass

    async def statuses(self) -> list[tuple[str, str]]:
        rows = await self.house.fetch(
            "SELECT n.audience || ' ' || n.kind AS what, d.status FROM message_deliveries d "
            "JOIN notifications n ON n.id = d.notification_id ORDER BY n.at, n.kind, n.audience"
        )
        return [(row["what"], row["status"]) for row in rows]

    async def told(self) -> list[str]:
        """What the agency reads in the app of mails that did not reach a client."""
        rows = await self.house.fetch(
            "SELECT detail FROM notifications WHERE (kind, audience, client_id, in_app) = "
            "('client_not_mailed', 'agency', 'cli_anna', true) ORDER BY at, detail"
        )
        return [row["detail"] for row in rows]

    async def time_passes(self) -> None:
        """Every pause and every lease is over."""
        await self.house.pool.execute("UPDATE message_deliveries SET next_at = now(), leased_until = NULL")


@pytest.fixture
async def post(house: House, tmp_path: Path) -> AsyncIterator[Post]:
    async with mail_server() as server:
        yield Post(house, server, tmp_path)


async def _issued(house: House) -> State:
    return await house.issue(await house.subscribed("anna", card=CARD), START)


async def _declined(house: House) -> State:
    return await house.charge(await _issued(house), START, EMPTY)


async def test_a_fact_is_mailed_once_to_whom_the_table_names(post: Post) -> None:
    await post.house.pool.execute(
        "UPDATE agencies SET sender_name = 'Bright Billing', sender_email = 'office@bright.test'"
    )
    await _declined(post.house)
    await post.carry()
    await post.carry()
    assert await post.statuses() == [
        ("client invoice_issued", "delivered"),
        ("agency payment_failed", "delivered"),
        ("client payment_failed", "delivered"),
    ]
    sent = {(str(mail["To"]), str(mail["Subject"])): mail for mail in post.server.read()}
    assert set(sent) == {
        ("client@test.invalid", "Your invoice from Bright Billing"),
        ("client@test.invalid", "Your payment to Bright Billing failed"),
        ("office@bright.test", "Payment failed: anna"),
    }
    assert {mail_from for mail_from, _ in post.server.seen} == {MAIL_FROM}
    mail = sent["client@test.invalid", "Your payment to Bright Billing failed"]
    assert (str(mail["From"]), str(mail["Reply-To"])) == (f"Bright Billing <{MAIL_FROM}>", "office@bright.test")
    assert "insufficient funds" in mail.as_string()
    assert "/pay/" in mail.as_string()


async def test_an_agency_without_an_address_is_mailed_nothing(post: Post) -> None:
    await _declined(post.house)
    assert [what for what, _ in await post.statuses()] == ["client invoice_issued", "client payment_failed"]


async def test_a_worker_that_dies_between_sending_and_marking_sends_the_same_mail_again(post: Post) -> None:
    await _issued(post.house)
    (claimed,) = await message_deliveries.claim(post.house.pool, Channel.MAIL, 10, LEASE)
    assert await post.mails.hand_over(claimed) == 250  # and here the worker is killed
    await post.carry()
    assert len(post.server.mails) == 1, "the lease holds"

    await post.time_passes()
    await post.carry()
    first, second = post.server.mails
    assert first == second
    assert post.server.read()[0]["Message-ID"] == f"<{claimed.id}@mail.retainer.test>"
    assert await post.statuses() == [("client invoice_issued", "delivered")]
    assert not await message_deliveries.delivered(post.house.pool, claimed, 250), "the dead one's mark comes too late"


async def test_a_lost_answer_brings_the_same_mail_again(post: Post) -> None:
    await _issued(post.house)
    post.server.mood = "drops_the_answer"
    await post.carry()
    assert await post.statuses() == [("client invoice_issued", "pending")]
    post.server.mood = "well"
    await post.time_passes()
    await post.carry()
    assert post.server.mails[0] == post.server.mails[1]
    assert await post.statuses() == [("client invoice_issued", "delivered")]


async def test_two_workers_do_not_send_one_mail_twice(post: Post) -> None:
    for name in ("anna", "bert", "carl", "dora"):
        await post.house.issue(await post.house.subscribed(name, card=CARD), START)
    other = Telling(post.house.pool, Channel.MAIL, LEASE, post.mails.hand_over)
    await asyncio.gather(*(carrier.carry() for carrier in (post.carrier, other) for _ in range(3)))
    assert len(post.server.mails) == 4


async def test_a_dead_mail_server_delays_a_mail_and_loses_none(house: House, tmp_path: Path) -> None:
    async with mail_server() as gone:
        pass
    post = Post(house, gone, tmp_path)
    await _issued(house)
    await post.carry()
    (row,) = await house.fetch(
        "SELECT status, attempts, detail, next_at - tried_at AS pause, leased_until FROM message_deliveries"
    )
    assert (row["status"], row["attempts"], row["leased_until"]) == ("pending", 1, None)
    assert row["detail"] == "the mail server can't be used (SMTPConnectError)"
    assert PAUSES[0] <= row["pause"] < PAUSES[0] + timedelta(seconds=30)

    await post.time_passes()
    async with mail_server(gone.port) as back:
        await post.carry()
        assert len(back.mails) == 1
    assert await post.statuses() == [("client invoice_issued", "delivered")]


@pytest.mark.parametrize(
    ("mood", "status", "answer"),
    [
        ("refuses_address", "failed", 550),
        ("refuses_mail", "failed", 554),
        ("refuses_sender", "pending", 550),
        ("busy", "pending", 451),
    ],
)
async def test_what_the_server_says_decides_whether_it_is_asked_again(
    post: Post, mood: str, status: str, answer: int
) -> None:
    await _issued(post.house)
    post.server.mood = mood  # type: ignore[assignment]
    await post.carry()
    (row,) = await post.house.fetch("SELECT status, answer FROM message_deliveries")
    assert (row["status"], row["answer"]) == (status, answer)


async def test_after_three_days_a_mail_is_given_up(post: Post) -> None:
    await _issued(post.house)
    post.server.mood = "busy"
    for _ in range(len(PAUSES)):
        await post.carry()
        assert await post.statuses() == [("client invoice_issued", "pending")]
        await post.time_passes()
    assert await post.told() == []
    await post.carry()
    assert await post.statuses() == [("client invoice_issued", "failed")]
    assert await post.told() == ["“Invoice issued” did not reach the client: it could not be delivered in three days."]
    assert timedelta(days=2.9) < sum(PAUSES, timedelta()) < timedelta(days=3.1)


async def test_the_agency_reads_once_in_the_app_that_a_client_cannot_be_mailed(post: Post) -> None:
    await post.house.pool.execute("UPDATE agencies SET support_email = 'help@bright.test'")
    await _declined(post.house)
    post.server.mood = "refuses_address"
    await post.carry()
    refused = "did not reach the client: the address was refused. Look at its mail address."
    assert [one.endswith(refused) for one in await post.told()] == [True], "two mails, one message"

    emails = ("client@test.invalid", "anna@test.invalid", "<anna@test.invalid>", "<anna@test.invalid>")
    for number, email in enumerate(emails):
        await post.house.pool.execute("UPDATE clients SET email = $1", email)
        due = Notice(NoticeKind.INVOICE_DUE, "client", f"due:{number}", START + number * DAY, "49.00 USD")
        async with transaction(post.house.pool) as connection:
            await messages.write(connection, AGENCY, due, client="cli_anna", subscription="sub_anna")
        await post.carry()
    unmailable = refused.replace("was refused", "is none that mail can go to")
    told = sorted(one.partition("” ")[2] for one in await post.told())
    assert told == [unmailable, refused, refused], "one for each address and cause"
    assert "client_not_mailed" not in " ".join(what for what, _ in await post.statuses())


async def test_no_client_is_mailed_while_the_agencys_account_cannot_charge(post: Post) -> None:
    await post.house.pool.execute("UPDATE agencies SET support_email = 'help@bright.test'")
    await _declined(post.house)
    await post.house.pool.execute(
        "INSERT INTO account_freezes (agency_id, account_id, cause, frozen_at) VALUES ($1, $2, 'restricted', $3)",
        AGENCY,
        ACCOUNT,
        START,
    )
    await post.carry()
    assert [str(mail["To"]) for mail in post.server.read()] == ["help@bright.test"]
    await post.house.pool.execute("UPDATE account_freezes SET thawed_at = $1", START + DAY)
    await post.carry()
    assert [str(mail["To"]) for mail in post.server.read()[1:]] == ["client@test.invalid"] * 2


async def test_of_an_account_that_was_left_only_what_came_after_it_is_told(post: Post) -> None:
    owing = await _declined(post.house)
    async with transaction(post.house.pool) as connection:
        await connection.execute(
            "INSERT INTO account_freezes (agency_id, account_id, cause, frozen_at) VALUES ($1, $2, 'disconnected', $3)",
            AGENCY,
            ACCOUNT,
            START,
        )
        await account_moved(connection, AGENCY, "acct_new", "onboarding", "active", START + DAY)
    await post.house.record(owing, AccountReplaced(START + DAY), by="system")
    await post.carry()
    assert await post.statuses() == [
        ("client invoice_issued", "dropped"),
        ("client payment_failed", "dropped"),
        ("client card_needed", "delivered"),
    ]
    assert len(post.server.read()) == 1


async def test_a_mail_that_comes_late_asks_nobody_for_what_is_settled(post: Post) -> None:
    owing = await _declined(post.house)
    await post.house.pool.execute("UPDATE invoices SET status = 'void', settled_at = $1", START + DAY)
    await post.house.record(owing, InvoiceVoided(START + DAY, owing.debt[0].id), by="agency")
    post.clock.at = START + 2 * DAY
    await post.carry()
    assert await post.statuses() == [
        ("client invoice_issued", "delivered"),
        ("client payment_failed", "dropped"),
    ]


async def test_without_a_mail_server_messages_stay_in_the_app(house: House) -> None:
    await _issued(house)
    off = Telling(house.pool, Channel.MAIL, LEASE, Mails(house.pool, StandingClock(START), None, None).hand_over)
    await off.carry()
    (row,) = await house.fetch("SELECT status, detail FROM message_deliveries")
    assert (row["status"], row["detail"]) == ("dropped", "mail is off")


async def test_a_message_about_the_agency_itself_is_mailed_to_it(post: Post) -> None:
    await post.house.pool.execute("UPDATE agencies SET support_email = 'help@bright.test'")
    notice = Notice(NoticeKind.ACCOUNT_FROZEN, "agency", "frozen:1", START, "Stripe asks for an identity document")
    async with transaction(post.house.pool) as connection:
        assert await messages.write(connection, AGENCY, notice)
        assert not await messages.write(connection, AGENCY, notice)
    await post.carry()
    (mail,) = post.server.read()
    assert str(mail["Subject"]) == "The Stripe account can't charge: billing is frozen"
