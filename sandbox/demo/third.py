"""The third act: what an agency does all day, and that each of it is told once to whom it concerns."""

from typing import Final

from standardwebhooks import Webhook

from billing.money import show
from billing.periods import boundary
from sandbox.bodies import rfc3339
from sandbox.demo.cast import ALPEN, DAY, HOUR, RHEIN, RHEIN_MAX
from sandbox.demo.stage import GRACE, PROMPT, Stage, amounts, days
from sandbox.demo.year import VISA
from sandbox.receiver import Receiver, receiving
from sandbox.story import Colour
from worker.reconcile import reconcile

CAP: Final = 950
"""Cents of overage."""
USED_MINUTES: Final = (850, 300)
OVERAGE: Final = 1425
"""Cents: 150 minutes at 9.5."""
EXTRA: Final = 12000
"""Cents of a custom invoice."""
GAPS: Final = (2, 2)
DAYS_UNTIL_DUE: Final = 14
PAUSED_DAYS: Final = 10


async def play(stage: Stage) -> None:
    """A cap, a custom invoice, another ladder, a lost webhook, a dispute, a pause; then what was told of it."""
    stage.story.line("\nThird act\n", Colour.STRONG)
    async with receiving() as program:
        secret = await _listens(stage, program)
        for title, beat in (
            ("Alpen Hotel reaches its cap", reaches_its_cap),
            ("Rhein Voice tries again sooner", is_tried_sooner),
            ("a webhook of Stripe's is lost", pays_unheard),
            ("a payment is disputed", is_disputed),
            ("Alpen Hotel pauses", pauses),
        ):
            stage.progress.doing(title)
            await beat(stage)
        await _was_told_once(stage, program, secret)


async def _listens(stage: Stage, program: Receiver) -> str:
    """A program of the agency's takes its webhooks from now on; the secret that proves them."""
    made = await stage.offices[RHEIN].agency.post("/v1/agency/webhook-endpoints", {"url": program.url})
    await stage.note(RHEIN, f"{RHEIN.name} has webhooks sent to a program of its own")
    return str(made["secret"])


async def reaches_its_cap(stage: Stage) -> None:
    """Two levels of the included minutes, then the cap: the call engine hears at once to serve no more."""
    path, cap = f"{stage.path(ALPEN)}/subscription", {"amount": CAP, "currency": RHEIN.currency}
    await stage.ask(ALPEN).patch(path, {"spend_cap": {"amount": cap, "action": "block"}})
    await stage.note(
        ALPEN, f"may use {show(CAP, RHEIN.currency)} over its {RHEIN_MAX.included_minutes} minutes, no more"
    )
    blocked = []
    for number, minutes in enumerate(USED_MINUTES):
        call = {
            "call_id": f"alpen-hotel-{number}",
            "client_id": stage.ids[ALPEN],
            "started_at": rfc3339(stage.now - HOUR),
            "duration_seconds": minutes * 60,
            "outcome": "completed",
        }
        said = await stage.offices[RHEIN].service.post("/v1/usage/calls", {"calls": [call]})
        blocked.append(said["blocked"])
        await stage.note(ALPEN, f"used {minutes} minutes: {'serve no more' if said['blocked'] else 'go on'}")
        await stage.to(stage.now + PROMPT)
    await stage.claim(blocked == [[], [stage.ids[ALPEN]]], "the call that reaches the cap is answered with a block")


async def is_tried_sooner(stage: Stage) -> None:
    """A custom invoice is declined; the agency asks for shorter gaps, sees what moves, and applies them."""
    since, agency = stage.mark(), stage.offices[RHEIN].agency
    await stage.behave(ALPEN, "insufficient_funds", "the card on file runs dry again")
    await _invoice(stage, "Set-up of a second number", collection="charge")
    await stage.to(stage.now + PROMPT)
    await agency.patch("/v1/agency/settings", {"dunning": {"gaps_days": GAPS, "final_action": "past_due"}})
    moves = await agency.post("/v1/agency/settings/dunning/preview", {})
    await stage.claim(moves["total"] == 1, "the dry run lists the one ladder that runs")
    applied = await agency.post("/v1/agency/settings/dunning/apply", {})
    await stage.claim(applied["moved"] == 1, "that ladder is moved")
    await stage.behave(ALPEN, "pays", "there is money again")
    await stage.to(stage.now + GAPS[0] * DAY + PROMPT)
    tried = stage.told_of(ALPEN, since, "payment_declined", "payment_succeeded")
    await stage.claim(days(tried) == [GAPS[0]], "it is tried again after 2 days instead of 3")
    await stage.claim(amounts(tried) == [EXTRA] * 2, "and paid then, once")


async def pays_unheard(stage: Stage) -> None:
    """No webhook arrives while a sent invoice is paid: comparing the books with Stripe brings it to light."""
    invoice = await _invoice(stage, "A voice of its own", collection="send", days_until_due=DAYS_UNTIL_DUE)
    await stage.to(stage.now + PROMPT)
    await stage.control.post("/webhooks", {"mode": "hold"})
    await stage.note(ALPEN, "pays on Stripe's page; the webhook is lost")
    await stage.control.post("/hosted-invoices", {"invoice_id": invoice, "action": "pay", "number": VISA})
    await stage.claim(await _status(stage, invoice) == "open", "nobody knows of the payment yet")
    tally = await reconcile(stage.sandbox.temporal)
    await stage.to(stage.now + PROMPT)
    await stage.note(RHEIN, f"Stripe and the books are compared: {tally.events} events had not arrived")
    await stage.claim(await _status(stage, invoice) == "paid", "comparing brings what the webhook would have said")
    await stage.control.post("/webhooks", {"mode": "normal"})


async def is_disputed(stage: Stage) -> None:
    """The bank takes a payment of the card on file back for a day: that card rests, however it ends, until a retry."""
    since, invoice = stage.mark(), (await stage.newest_invoice(ALPEN, behind=1))["id"]
    await stage.control.post("/dashboard", {"invoice_id": invoice, "action": "dispute"})
    await stage.to(stage.now + DAY)
    await stage.control.post("/dashboard", {"invoice_id": invoice, "action": "dispute_won"})
    await stage.to(stage.now + PROMPT)
    told = [entry["what"] for entry in stage.told_of(ALPEN, since, "dispute_open", "dispute_won")]
    await stage.claim(told == ["dispute_open", "dispute_won"], "the dispute and its end are on record")


async def pauses(stage: Stage) -> None:
    """The closed period's overage is billed, then nothing until the agency resumes: a new period from that day."""
    since, agency, path = stage.mark(), stage.ask(ALPEN), f"{stage.path(ALPEN)}/subscription"
    await agency.post(f"{path}/pause", {})
    await stage.to(boundary(stage.anchors[ALPEN], RHEIN.zone, 2) + GRACE)
    await stage.claim(await stage.status(ALPEN) == "paused", "Alpen Hotel is paused at its period's end")
    await stage.claim(not stage.told_of(ALPEN, since, "payment_succeeded"), "the disputed card is not tried")
    await stage.note(RHEIN, f"{RHEIN.name} asks for a retry")
    await agency.post(f"{path}/retry", {})
    await stage.to(stage.now + PAUSED_DAYS * DAY)
    await stage.note(ALPEN, "is back")
    await agency.post(f"{path}/resume", {})
    await stage.to(stage.now + PROMPT)
    paid = amounts(stage.told_of(ALPEN, since, "payment_succeeded"))
    await stage.claim(paid == [OVERAGE, RHEIN_MAX.price], "it pays its overage, and the period that begins then")


async def _was_told_once(stage: Stage, program: Receiver, secret: str) -> None:
    """Every message was caught once, and every webhook is proved by the endpoint's secret."""
    mails = {told.id for told in stage.told.values() if told.channel == "mail"}
    caught = {mail["id"]: mail["received"] for mail in (await stage.control.get("/mail"))["data"]}
    await stage.claim(all(caught[id] == 1 for id in mails), "each mail came once")
    hooks = sorted((told.id, told.kind) for told in stage.told.values() if told.channel == "webhook")
    proved = [(headers["webhook-id"], Webhook(secret).verify(body, headers)) for headers, body in program.heard]
    heard = sorted((id, said["type"]) for id, said in proved)
    await stage.claim(heard == hooks, "each webhook came once, and is proved by the endpoint's secret")
    await stage.note(
        RHEIN, f"what {RHEIN.name} and its client were told: {len(mails)} mails, {len(hooks)} webhooks, each once"
    )


async def _invoice(stage: Stage, what: str, **how: object) -> str:
    line = {"description": what, "amount": {"amount": EXTRA, "currency": RHEIN.currency}}
    made = await stage.ask(ALPEN).post(f"{stage.path(ALPEN)}/invoices", {"lines": [line], **how})
    return str(made["id"])


async def _status(stage: Stage, invoice: str) -> str:
    return str((await stage.ask(ALPEN).get(f"/v1/agency/invoices/{invoice}"))["status"])
