"""A card that expires before it is charged again: its holder is told in time, once (billing-rules 9)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.world import DAY, T0, World, a_world, card

from billing import facts
from billing.agenda import planned
from billing.expiry import EXPIRY_NOTICE
from billing.view import BannerKind, view

MARCH = 31 * DAY


def with_card(month: int, year: int = 2026, **how: object) -> World:
    """Service from 1 March 2026 on, and a card on file that is good until the end of that month."""
    world = a_world(**how)  # type: ignore[arg-type]
    world.state = replace(world.state, card=replace(card(), exp_month=month, exp_year=year))
    return world


def told(world: World) -> list[timedelta]:
    return [at for at, _ in world.steps("TellExpiry")]


def test_ten_days_before_a_card_expires_that_will_not_see_the_next_charge_its_holder_is_told() -> None:
    world = with_card(3).run(days=1)
    coming = [(item.at, item.detail) for item in planned(world.state) if item.action == "card_expiring"]
    assert coming == [(T0 + MARCH - EXPIRY_NOTICE, "the card expires before the next charge")]
    world.run(days=29)

    assert told(world) == [MARCH - EXPIRY_NOTICE]
    (notice,) = [notice for notice in world.told if notice.kind == "card_expiring"]
    assert notice.audience == "client"
    assert notice.detail == "The card on file (visa ···· 4242, 03/2026) is charged next on 2026-04-01."
    banner = view(world.state, world.now).banner
    assert banner
    assert banner.kind is BannerKind.CARD_EXPIRING


def test_a_card_that_sees_the_charge_is_not_on_the_agenda() -> None:
    world = with_card(4).run(days=30)
    assert [item for item in planned(world.state) if item.action == "card_expiring"] == []
    world.run(days=25)
    assert told(world) == [MARCH + 30 * DAY - EXPIRY_NOTICE], "but before the charge after it"


def test_it_is_told_once_for_each_charge_that_the_card_will_not_see() -> None:
    world = with_card(3).run(days=100)
    assert told(world) == [MARCH - EXPIRY_NOTICE, *(at for at, _ in world.steps("ClosePeriod"))]
    assert world.messages().count("card_expiring") == 4


def test_another_card_ends_it() -> None:
    world = with_card(3).run(days=10).save_card("mastercard").run(days=30)
    assert told(world) == []


def test_a_card_that_is_saved_late_is_told_of_at_once() -> None:
    world = a_world().run(days=25)
    world.learn(facts.CardSaved(world.now, replace(card("mastercard"), exp_month=3, exp_year=2026))).run()
    assert told(world) == [25 * DAY]


@pytest.mark.parametrize("rules", [1, 2])
def test_rules_1_do_not_tell(rules: int) -> None:
    assert told(with_card(3, rules=rules).run(days=30)) == ([] if rules == 1 else [MARCH - EXPIRY_NOTICE])


def test_nobody_is_told_of_a_charge_that_will_not_be() -> None:
    assert told(with_card(3).run(days=1).cancel().run(days=29)) == []
    assert told(with_card(3).run(days=1).pause().run(days=29)) == []
    world = with_card(3)
    world.cards["visa"] = ["hard"]
    assert told(world.run(days=29)) == [], "another card is needed anyway"


def test_a_fact_about_another_card_or_period_changes_nothing() -> None:
    world = with_card(3).run(days=1)
    before = world.state
    world.learn(facts.CardExpiryTold(world.now, "fp_other:2026-03", 1))
    world.learn(facts.CardExpiryTold(world.now, "fp_visa:2026-03", 2))
    assert world.state == before
