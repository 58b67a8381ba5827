"""Lives in which people order something, or the agency's account goes: their golden traces are kept, too."""

from dataclasses import replace

from billing.caps import SpendCapSet
from billing.collection import CollectionSet
from billing.credit_notes import CreditOrder
from billing.custom import ordered, own_terms
from billing.disputed import CardDisputed
from billing.plans import CapAction, SpendCap
from billing.state import RULES, Corrected, Custom, Decision, Reissue
from support.books import Behaviour
from support.world import OVER, T0, TERMS, World, a_world, card

MAX = replace(TERMS, version=2, name="Voice Max", price=9900, included_minutes=1200)
LITE = replace(TERMS, version=3, name="Voice Lite", price=2900, included_minutes=200)
WILD = 300 * 3600
"""Seconds: more than ten times the usual, and five times the price."""


def plan_changed_now(rules: int) -> World:
    """After ten days to a larger plan, prorated and paid at once; the boundary bills the new price."""
    return a_world(rules=rules).run(days=10).change_plan(MAX).run(days=22)


def plan_changed_at_period_end(rules: int) -> World:
    """To a smaller plan, taken back, and agreed again: the boundary opens a period of it."""
    world = a_world(rules=rules).run(days=10).change_plan(LITE).run(days=1).undo_change()
    return world.change_plan(LITE).run(days=22)


def plan_changed_and_not_paid(rules: int) -> World:
    """The change's own invoice is declined: a ladder of the debt as any."""
    return a_world("pays", "soft", "soft", "pays", rules=rules).run(days=10).change_plan(MAX).run(days=10)


def frozen_mid_ladder(rules: int) -> World:
    """Four days without an account, from the second day of a ladder on: its date moves by them."""
    world = a_world("soft", "pays", rules=rules).run(days=2).freeze().run(days=4)
    return world.thaw().run(days=10)


def frozen_over_a_boundary(rules: int) -> World:
    """The period closes in the books, and its invoice waits for its place in the hour after the thaw."""
    return a_world(rules=rules).run(days=30).freeze().run(days=5).thaw().run(days=2)


def tier_fallen(rules: int) -> World:
    """The period that is open goes on to its end; what follows waits until the tier is raised."""
    return a_world(rules=rules).run(days=10).freeze(cause="tier").run(days=30).thaw().run(days=2)


def held_for_review(rules: int) -> World:
    """After three usual periods a wild one: it waits for the agency's word, which bills the price alone."""
    world = a_world(rules=rules)
    world.seconds = {1: OVER, 2: OVER, 3: OVER, 4: WILD}
    world.run(days=124)
    if rules >= 2:
        world.review(Decision.REJECT)
    return world.run(days=1)


def credited_mid_ladder(rules: int) -> World:
    """A credit note lowers what the next attempt is for."""
    world = a_world("soft", "pays", rules=rules).run(days=1)
    world.ask("credit", "p1", credit=CreditOrder("cnt_1", 1900))
    return world.run(days=3)


def reissued_mid_ladder(rules: int) -> World:
    """Voided, and its revision with a corrected line tried like any new invoice."""
    world = a_world("soft", "pays", rules=rules).run(days=1)
    world.ask("reissue", "p1", reissue=Reissue("1", 3900, (Corrected(1, 3900),)))
    return world.run(days=3)


def given_up_by_the_agency(rules: int) -> World:
    """One invoice written off, the next believed to be paid by bank transfer."""
    world = a_world("soft", rules=rules).run(days=1)
    world.ask("write_off", "p1")
    world.run(days=32)
    world.ask("mark_paid", "p2")
    return world.run(days=1)


def disputed_card(rules: int) -> World:
    """The card rests from the dispute on: the boundary's invoice is reminded of, until the agency asks for a retry."""
    world = a_world(rules=rules).run(days=5)
    world.learn(CardDisputed(world.now, "dsp_1", card().identity)).run(days=28)
    world.ask("retry")
    return world.run(days=1)


def manual_collection(rules: int) -> World:
    """From the next boundary on the agency collects by itself: statements, nothing tried; and back again."""
    world = a_world(rules=rules).run(days=10)
    world.learn(CollectionSet(world.now, True, "agency", request="manual")).run(days=40)
    world.learn(CollectionSet(world.now, False, "agency", request="automatic"))
    return world.run(days=20)


def spend_cap(rules: int) -> World:
    """A cap is news of the books: no step of the subscription waits for it."""
    world = a_world(rules=rules).run(days=1)
    cap = SpendCap(1000, CapAction.BLOCK)
    return world.learn(SpendCapSet(world.now, cap, "agency", request="cap")).run(days=32)


def custom_invoice(rules: int) -> World:
    """Charged, with a ladder of its own that ends without a final action."""
    return a_custom_invoice("soft", custom=Custom(15000), rules=rules).run(days=20)


def sent_invoice(rules: int) -> World:
    """Never tried: reminders around its day, until it is paid on its page."""
    world = a_custom_invoice(custom=Custom(15000, days_until_due=14), rules=rules).run(days=15)
    (debt,) = world.state.debt
    world.invoice = lambda _: debt.id  # type: ignore[method-assign]
    return world.pay_elsewhere("p1").run(days=1)


def a_custom_invoice(*behaviours: Behaviour, custom: Custom, with_card: bool = True, rules: int = RULES) -> World:
    """Ordered at T0 as cst_demo; the card on file, a visa, does `behaviours` in turn (default: pays)."""
    world = World(
        ordered(
            id="cst_demo",
            agency="agc_demo",
            client="cli_demo",
            account="acct_demo",
            customer="cus_demo",
            zone="UTC",
            terms=own_terms("usd"),
            rules=rules,
            at=T0,
            custom=custom,
            card=card() if with_card else None,
        )
    )
    if behaviours:
        world.cards["visa"] = list(behaviours)
    return world


ORDERED = (
    plan_changed_now,
    plan_changed_at_period_end,
    plan_changed_and_not_paid,
    frozen_mid_ladder,
    frozen_over_a_boundary,
    tier_fallen,
    held_for_review,
    credited_mid_ladder,
    reissued_mid_ladder,
    given_up_by_the_agency,
    disputed_card,
    manual_collection,
    spend_cap,
    custom_invoice,
    sent_invoice,
)
