"""A life as a readable text: every step with its time and key, what each fact said, and what followed of it."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import assert_never

from billing.agenda import next_step
from billing.facts import Fact
from billing.money import show
from billing.plans import Terms
from billing.state import Asked, Card, Issue, State
from billing.steps import (
    ChargeInvoice,
    ClosePeriod,
    CreditInvoice,
    Finish,
    IssueInvoice,
    MarkInvoice,
    MarkTrial,
    ReadNews,
    Remind,
    RemindDue,
    RepeatParking,
    SendInvoice,
    Step,
    TakeFinalAction,
    TellExpiry,
    VoidInvoice,
    Wait,
)
from support.scenarios import SCENARIOS
from support.world import Entry, Turn, World, clock_text

_UNTOLD = {"at", "kind", "key", "reason", "dunning", "by", "why"}
"""Fields of facts that repeat what stands beside them, or are words for people and may change without a rule."""


def golden(name: str, rules: int) -> str:
    """The text that is kept of a scenario under the rules of that number."""
    scenario = SCENARIOS[name]
    return f"# {name}, rules {rules}\n# {scenario.__doc__}\n\n{trace(scenario(rules))}"


def trace(world: World) -> str:
    """One line for each step and, indented, for each fact; "→" is what a fact brought about. Amounts in minor units."""
    lines = (str(_entry(turn, world)).rstrip() for turn in world.trail)
    return "".join(f"{line}\n" for line in (*lines, _ahead(world)))


def _entry(turn: Turn, world: World) -> Entry:
    name, offset = type(turn.what).__name__, turn.at - world.start
    if isinstance(turn.what, Step):
        return Entry(offset, name, f"{turn.what.key:<26}  {_of_step(turn, turn.what, world)}")
    followed = (f"→ {word}" for word in _followed(turn, world))
    return Entry(offset, f"  {name}", "  ".join((" ".join(_of_fact(turn.what)), *followed)))


def _ahead(world: World) -> str:
    match next_step(world.state, world.now):
        case Finish():
            return f"{clock_text(world.now - world.start)}  it is over"
        case Wait(until=datetime() as until):
            return f"{clock_text(world.now - world.start)}  it waits until {_clock(until, world)}"
        case _:
            return f"{clock_text(world.now - world.start)}  it waits for a fact"


def _of_step(turn: Turn, step: Step, world: World) -> str:
    match step:
        case ReadNews() | MarkInvoice() | SendInvoice():
            return ""
        case CreditInvoice(order=order):
            return f"{order.amount}"
        case ClosePeriod(start=start, end=end, last=last):
            return f"{_instant(start)} – {_instant(end)}{', the last' if last else ''}"
        case IssueInvoice(issue=issue):
            return _of_issue(issue)
        case ChargeInvoice(attempt=attempt, origin=origin):
            session = ", on session" if attempt.on_session else ""
            return f"{origin}, {attempt.card.identity}{session}{_decided(attempt.attempted_at, turn, world)}"
        case VoidInvoice(request=request):
            return f"asked for by {request}" if request else ""
        case Remind(obstacle=obstacle, at=at):
            return f"{obstacle}{_decided(at, turn, world)}"
        case TakeFinalAction(action=action, at=at):
            return f"{action}{_decided(at, turn, world)}"
        case MarkTrial(what=what, at=at):
            return f"{what}{_decided(at, turn, world)}"
        case RepeatParking(at=at) | TellExpiry(at=at) | RemindDue(at=at):
            return _decided(at, turn, world).removeprefix(", ")
    assert_never(step)


def _decided(at: datetime, turn: Turn, world: World) -> str:
    """T, from which the ladder counts, where it is not this step's own time."""
    return "" if at == turn.at else f", decided at {_clock(at, world)}"


def _of_issue(issue: Issue) -> str:
    arrears = f"overage {issue.closed.overage} of period {issue.closed.number}" if issue.closed else ""
    advance = f"price {issue.price} of period {issue.opens.number}" if issue.opens else ""
    return ", ".join(part for part in (arrears, advance, "" if issue.attempt else "no attempt") if part)


def _of_fact(fact: Fact) -> Iterator[str]:
    """name=value of all that is set: a later field with its default leaves old traces as they are."""
    for field in fields(fact):
        value = getattr(fact, field.name)
        if field.name not in _UNTOLD and value != field.default:
            yield f"{field.name}={_word(value)}"


def _word(value: object) -> str:
    match value:
        case datetime():
            return _instant(value)
        case timedelta():
            return clock_text(value).strip()
        case (datetime(), *_):
            return f"{len(value)} instants"
        case Card():
            return value.identity
        case Terms():
            return f"{value.plan}:{value.version}"
        case Asked():
            return f"{value.id}:{value.what}" + (f":{value.invoice}" if value.invoice else "")
        case _:
            return str(value)


def _followed(turn: Turn, world: World) -> Iterator[str]:
    before, after = turn.before, turn.after
    if before == after:
        yield "nothing"
    if after.period != before.period:
        yield f"period {after.period.number} until {_instant(after.period.end)}" if after.period else "no period"
    if after.status is not before.status:
        yield after.status.value
    if after.ending != before.ending:
        yield f"ends at {_instant(after.ending.at)}" if after.ending else "does not end"
    if _owed(after) != _owed(before):
        yield f"owes {show(_owed(after), after.terms.currency)}"
    yield from _ladder(before, after, world)
    yield from (f"again at {_clock(b.until, world)}" for b in after.backoff if b not in before.backoff)
    for answer in (a for a in after.answers if a not in before.answers):
        yield f"answers {answer.id}: {answer.result}{f' ({answer.code})' if answer.code else ''}"


def _ladder(before: State, after: State, world: World) -> Iterator[str]:
    if after.ladder == before.ladder:
        return
    if after.ladder is None:
        yield "no ladder"
    elif after.ladder.next_at is None:
        yield "no retry left"
    else:
        yield f"retry {after.ladder.used + 1} at {_clock(after.ladder.next_at, world)}"


def _owed(s: State) -> int:
    return sum(invoice.amount for invoice in s.debt)


def _clock(at: datetime, world: World) -> str:
    return clock_text(at - world.start).strip()


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
