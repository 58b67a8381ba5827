"""The cap as the subscription knows it: set, changed and taken away (billing-rules 9)."""

from support.world import DAY, HOUR, World, a_world

from billing.caps import SpendCapSet, cap_refusal
from billing.plans import CapAction, SpendCap

BLOCK = SpendCap(5000, CapAction.BLOCK)


def setting(world: World, cap: SpendCap | None, request: str = "req") -> SpendCapSet:
    return SpendCapSet(world.now, cap, "agency", request)


def test_it_is_set_changed_and_taken_away_and_stays_through_periods() -> None:
    world = a_world("pays").run(days=1)
    world.learn(setting(world, BLOCK, "r1")).run(days=70)
    assert world.state.period
    assert (world.state.period.number, world.state.spend_cap) == (3, BLOCK)
    notify = SpendCap(9000, CapAction.NOTIFY)
    assert world.learn(setting(world, notify, "r2")).state.spend_cap == notify
    assert world.learn(setting(world, None, "r3")).state.spend_cap is None


def test_the_same_request_again_does_not_bring_an_old_cap_back() -> None:
    world = a_world("pays").run(days=1)
    first = setting(world, BLOCK, "r1")
    world.learn(first).learn(setting(world, None, "r2")).learn(first)
    assert world.state.spend_cap is None


def test_it_moves_nothing_that_is_billed_or_collected() -> None:
    without, capped = a_world("soft", "pays").run(days=2), a_world("soft", "pays").run(days=1)
    capped.learn(setting(capped, BLOCK)).run(days=1)
    for world in (without, capped):
        world.run(days=60)
    assert (capped.amounts(), capped.charges()) == (without.amounts(), without.charges())


def test_once_service_has_ended_there_is_nothing_to_cap() -> None:
    world = a_world("pays").run(days=1)
    world.cancel()
    assert world.state.ending
    end = world.state.ending.at
    assert cap_refusal(world.state, end - HOUR) is None
    assert cap_refusal(world.state, end) == "already_cancelled"
    world.run(until=end + DAY)
    assert cap_refusal(world.state, world.now) == "already_cancelled"
    assert world.learn(setting(world, BLOCK)).state.spend_cap is None
