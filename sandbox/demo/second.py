"""The second act: a new agency brings a price of its own, and its account fails it in the middle of a ladder."""

from typing import Final

from billing.money import show
from billing.periods import boundary, days_later
from sandbox.demo.cast import ALPEN, DAY, HOUR, RHEIN, RHEIN_MAX, RHEIN_PRO
from sandbox.demo.stage import GRACE, PROMPT, Json, Stage, amounts, days
from sandbox.demo.year import MASTERCARD, SOON
from sandbox.story import Colour

TRIAL_DAYS: Final = 5
FROZEN_DAYS: Final = 4
REFUNDED: Final = 2000
"""Cents of the renewal that are given back."""


async def play(stage: Stage) -> None:
    """From an agency that nobody knew to a client whose every cent can be explained."""
    stage.story.line("\nSecond act\n", Colour.STRONG)
    stage.story.line(f"{RHEIN}\n")
    for title, beat in (
        ("an agency comes in", comes_in),
        ("Rhein Voice imports its price", imports_its_price),
        ("Alpen Hotel begins", begins),
        ("Alpen Hotel is upgraded in mid period", is_upgraded),
        ("Rhein Voice is restricted in the middle of a ladder", is_restricted_and_restored),
        ("Rhein Voice gives some of it back", is_refunded),
    ):
        stage.progress.doing(title)
        await beat(stage)


async def comes_in(stage: Stage) -> None:
    await stage.open(RHEIN)
    stage.followed = RHEIN
    sender = {"name": RHEIN.name, "email": "rechnung@rhein-voice.example"}
    await stage.offices[RHEIN].agency.patch("/v1/agency/settings", {"sender": sender})
    account = await stage.offices[RHEIN].agency.get("/v1/agency/stripe")
    await stage.note(RHEIN, f"{RHEIN.name} onboards on Stripe's page: its account is {account['state']}")
    await stage.claim(account["state"] == "active", "Rhein Voice can charge")


async def imports_its_price(stage: Stage) -> None:
    """A product with a price that the agency has sold by hand before, in its own Stripe account."""
    agency = stage.offices[RHEIN].agency
    price = await stage.own_price(RHEIN_PRO)
    offered = await agency.get("/v1/agency/stripe/prices")
    await stage.claim([one["id"] for one in offered["data"]] == [price], "its own price is offered for import")
    terms = {name: RHEIN_PRO.details[name] for name in ("included_minutes", "overage_rate")}
    plan = await agency.post("/v1/agency/plans/import", {"stripe_price_id": price, **terms})
    stage.offices[RHEIN].plans[RHEIN_PRO.name] = plan["id"]
    await stage.claim(plan["price"] == {"amount": RHEIN_PRO.price, "currency": "eur"}, "the price is the plan's")
    await stage.note(RHEIN, f"{RHEIN.name} imports its price: {RHEIN_PRO}")


async def begins(stage: Stage) -> None:
    """A trial first: announced, and nothing billed before it is over."""
    since, starts_at = stage.mark(), stage.now + SOON
    words = f"{RHEIN_PRO.name} from today on, {TRIAL_DAYS} days of it a trial"
    await stage.subscribe(ALPEN, starts_at, words, trial_days=TRIAL_DAYS)
    await stage.type_card(ALPEN, MASTERCARD)
    stage.anchors[ALPEN] = days_later(starts_at, RHEIN.zone, TRIAL_DAYS)
    await stage.to(stage.anchors[ALPEN] - HOUR)
    await stage.claim(await stage.status(ALPEN) == "trialing", "Alpen Hotel is served before it is billed")
    await stage.to(stage.anchors[ALPEN] + PROMPT)
    paid = stage.told_of(ALPEN, since, "payment_succeeded")
    await stage.claim(amounts(paid) == [RHEIN_PRO.price], "Alpen Hotel pays the imported price")


async def is_upgraded(stage: Stage) -> None:
    """Ten days in: what the preview says, to the cent, is what is billed and paid."""
    await stage.to(stage.now + 10 * DAY)
    await stage.sell(RHEIN_MAX)
    since, agency = stage.mark(), stage.ask(ALPEN)
    path, order = (
        f"{stage.path(ALPEN)}/subscription/plan-changes",
        {"plan_id": stage.offices[RHEIN].plans[RHEIN_MAX.name]},
    )
    asked_at = stage.now
    preview = await agency.post(path, {**order, "preview": True})
    await stage.note(ALPEN, f"would pay {_shown(preview['total'])} for {RHEIN_MAX.name} until the period's end")
    await agency.post(path, order)
    await stage.to(stage.now + PROMPT)
    paid = stage.told_of(ALPEN, since, "payment_succeeded")
    # A second or two lie between the two, each worth less than a cent of this price.
    drift = abs(amounts(paid)[0] - preview["total"]["amount"]) if paid else None
    await stage.claim(drift is not None and drift <= 1, f"Alpen Hotel pays what the preview of {asked_at:%b %d} said")


async def is_restricted_and_restored(stage: Stage) -> None:
    """The account can't charge for four days: the ladder's date of the third day is met on the seventh."""
    since, due = stage.mark(), boundary(stage.anchors[ALPEN], RHEIN.zone, 1)
    await stage.behave(ALPEN, "insufficient_funds", "the card on file runs dry")
    await stage.to(due + GRACE + DAY)
    await stage.account(RHEIN, "restrict", "Stripe restricts the account: nothing can be charged")
    await stage.to(due + GRACE + (1 + FROZEN_DAYS) * DAY)
    await stage.account(RHEIN, "restore", "the account is restored")
    await stage.behave(ALPEN, "pays", "there is money again")
    await stage.to(due + GRACE + 8 * DAY)
    tried = stage.told_of(ALPEN, since, "payment_declined", "payment_succeeded")
    await stage.claim(days(tried) == [3 + FROZEN_DAYS], "the retry of day 3 is made on day 7, once")
    await stage.claim(amounts(tried) == [RHEIN_MAX.price] * 2, "Alpen Hotel pays the new price by that retry")
    told = [entry["what"] for entry in stage.told_of(ALPEN, since, "account_frozen", "account_thawed")]
    await stage.claim(told == ["account_frozen", "account_thawed"], "its timeline shows the freeze")


async def is_refunded(stage: Stage) -> None:
    invoice = await stage.newest_invoice(ALPEN)
    body = {"amount": {"amount": REFUNDED, "currency": "eur"}, "reason": "requested_by_customer"}
    body["note"] = "Four days without service"
    await stage.ask(ALPEN).post(f"/v1/agency/invoices/{invoice['id']}/refunds", body)
    await stage.to(stage.now + PROMPT)
    known = await stage.ask(ALPEN).get(f"/v1/agency/invoices/{invoice['id']}")
    back = [refund["amount"]["amount"] for refund in known["refunds"] if refund["status"] == "succeeded"]
    await stage.claim(back == [REFUNDED], "a part of the renewal is given back, once")
    await stage.note(ALPEN, f"is given {show(REFUNDED, 'eur')} back of invoice {invoice['number']}")


def _shown(money: Json) -> str:
    return show(money["amount"], money["currency"])
