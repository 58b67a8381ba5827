"""What the forecast says beside what then happens, in the same words."""

import copy

from billing import facts
from billing.forecast import forecast
from billing.periods import boundary
from billing.state import Card
from support.world import Line, World


def foretold(world: World, months: int, *, pays: bool) -> list[Line]:
    entries = forecast(
        world.state,
        world.now,
        months=months,
        seconds_per_month=world.seconds.get(1, 0),
        card_works=lambda _: pays,
        dunning=world.dunning,
    )
    return [(e.at, e.event, e.invoice, e.amount, e.result) for e in entries]


def happened(world: World, months: int) -> list[Line]:
    """The same from a world that lives through it; without a card it is given the one that the forecast assumes."""
    world = copy.deepcopy(world)
    if world.state.card is None:
        assumed = Card("forecast", "forecast", 12, world.now.year + 20, "card", "0000")
        world.learn(facts.CardSaved(world.now, assumed))
    known = len(world.story)
    world.run(until=boundary(world.now, world.state.zone, months))
    return world.story[known:]
