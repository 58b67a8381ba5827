"""The guard before everything that is begun at Stripe: how the agency's account stands now (billing-rules 8).

A subscription may not have been woken yet by a freeze. So each step asks the books, in the transaction in which it
enters what it is about to do, and learns the freeze from them instead of trying.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Final

from activities.ports import Ledger, Store
from billing.facts import Fact
from billing.freezing import is_frozen, learned
from billing.payments import AccountReading
from billing.state import State
from billing.subscription import apply

_RULES: Final = 2
"""Lives by older rules meet an account that can't charge as a step that fails and is tried again."""


@dataclass(frozen=True)
class Look:
    """`facts` are what the subscription does not know yet. `frozen`: with them nothing may be begun."""

    facts: tuple[Fact, ...] = ()
    frozen: bool = False


async def look_at_account(books: Ledger, state: State, now: datetime) -> Look:
    if state.rules < _RULES:
        return Look()
    facts = tuple(learned(state, await books.standing(state)))
    return Look(facts, is_frozen(reduce(apply, facts, state), now))


async def take_over(store: Store, state: State, reading: AccountReading, now: datetime) -> tuple[Fact, ...]:
    """What Stripe's refusal showed of the account, taken into the books before any event tells of it: what is new to
    the subscription; nothing by older rules, or when the books know of no freeze that it could be."""
    if state.rules < _RULES:
        return ()
    async with store.transaction() as books:
        await books.mirror_account(reading, now)
        return (await look_at_account(books, state, now)).facts
