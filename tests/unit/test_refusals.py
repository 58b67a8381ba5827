"""Commands for a subscription that is over: each is refused with its own word, and none is forgotten."""

from typing import get_args

import pytest
from support.world import TERMS, a_world

from billing.credit_notes import CreditOrder
from billing.state import Decision, Forgive, Reissue
from workflows.messages import (
    Cancel,
    ChangePlan,
    Command,
    Credit,
    Extend,
    Mark,
    OrderReissue,
    Pause,
    PayNow,
    Resume,
    Retry,
    Review,
    Send,
    SetCollection,
    SetSpendCap,
    UndoCancel,
    UndoPause,
    UndoPlanChange,
    Void,
)
from workflows.refusals import refusal_of

PAID = "inv_demo_p1"
REFUSED: tuple[tuple[Command, str], ...] = (
    (Cancel("now", Forgive.NONE, "agency"), "already_cancelled"),
    (Cancel("period_end", Forgive.NONE, "agency"), "already_cancelled"),
    (UndoCancel("agency"), "no_pending_cancel"),
    (Pause("agency"), "already_cancelled"),
    (UndoPause("agency"), "no_pending_pause"),
    (Resume("agency"), "already_cancelled"),
    (Extend(3, "agency"), "nothing_to_extend"),
    (ChangePlan("chg_1", TERMS, None, "agency"), "already_cancelled"),
    (UndoPlanChange("agency"), "no_pending_change"),
    (PayNow(PAID, "client"), "invoice_not_open"),
    (Retry("agency"), "nothing_to_collect"),
    (Void(PAID, "agency"), "invoice_not_open"),
    (Mark(PAID, "paid", "agency"), "invoice_not_open"),
    (Credit(PAID, CreditOrder("cn_1", 100, ""), "agency"), "invoice_not_open"),
    (OrderReissue(PAID, Reissue("p1", 4900, ()), "agency"), "invoice_not_open"),
    (Send(PAID, "agency"), "invoice_not_open"),
    (Review(Decision.APPROVE, "agency"), "nothing_to_review"),
    (SetSpendCap(None, "agency"), "already_cancelled"),
    (SetCollection(True, "agency"), "already_cancelled"),
)


@pytest.mark.parametrize(("command", "code"), REFUSED, ids=lambda value: getattr(value, "kind", value))
def test_what_is_over_refuses_every_command_with_its_own_word(command: Command, code: str) -> None:
    world = a_world().run(days=10)
    world.cancel(now=True).run(days=1)
    assert world.finished
    assert refusal_of(world.state, world.state.clock, command) == code


def test_every_command_is_shown() -> None:
    assert {type(command) for command, _ in REFUSED} == set(get_args(Command))
