"""A simulated world around the pure state machine: a clock, cards, outages and people; no server, no database.

It does what the workflow and its activities do: ask `next_step`, `begin` the step, let the pretend Stripe decide, and
`apply` what comes of it. Every fact is applied twice, every message is checked to be told once, and after each fact
the invariants of billing-rules 10 that a state can show are checked.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from billing import facts, orders
from billing.agenda import begin, next_step
from billing.changes import Effective, takes_effect_now
from billing.credit_notes import CreditOrder, InvoiceCredited
from billing.declines import DeclineClass
from billing.money import ceiling
from billing.notices import Notice, notices
from billing.plans import Dunning, Terms
from billing.prorating import terms_in
from billing.review import Past, explained, held, implausible
from billing.service import invoice_id
from billing.state import RULES, Answer, Asked, Card, Decision, Forgive, FreezeCause, Issue, State, Status, Trouble
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
from billing.subscription import apply, opened
from billing.trialing import TrialEnded, TrialEnding
from support.books import Behaviour, Books
from support.invariants import check_state, check_step

T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
TERMS = Terms("pln_pro", 1, "Voice Pro", "pro", "usd", 4900, 500, "12")
Line = tuple[object, ...]
OVER = 612 * 60
"""Seconds of 612 minutes: 112 over the included 500, 13.44."""
REASON = "Your card has insufficient funds."
MOST_STEPS_AT_ONCE = 300


def card(name: str = "visa") -> Card:
    return Card(f"pm_{name}", f"fp_{name}", 12, 2030, name, "4242")


@dataclass(frozen=True)
class Entry:
    """One step: when it was taken, from the start, what it was, and its key."""

    offset: timedelta
    step: str
    key: str

    def __str__(self) -> str:
        return f"{clock_text(self.offset)}  {self.step:<19}  {self.key}"


def clock_text(offset: timedelta) -> str:
    hours, rest = divmod(offset.seconds, 3600)
    return f"{offset.days:4d}d {hours:02d}:{rest // 60:02d}:{rest % 60:02d}"


@dataclass(frozen=True)
class Turn:
    """What moved the state: a step that began, or a fact that was learned; and the state before and after it."""

    at: datetime
    what: Step | facts.Fact
    before: State
    after: State


@dataclass
class World:
    """One subscription and all around it. `cards` says what charging a card (by its brand) brings, in turn; the last
    behaviour stays."""

    state: State
    now: datetime = T0
    start: datetime = T0
    books: Books = field(default_factory=Books)
    cards: dict[str, list[Behaviour]] = field(default_factory=lambda: defaultdict(lambda: ["pays"]))
    seconds: dict[int, int] = field(default_factory=dict)
    dunning: Dunning = field(default_factory=Dunning)
    away_until: datetime | None = None
    """Stripe does not answer before."""
    inbox: list[facts.Fact] = field(default_factory=list)
    """What reading the inbox will bring."""
    log: list[Entry] = field(default_factory=list)
    history: list[facts.Fact] = field(default_factory=list)
    trail: list[Turn] = field(default_factory=list)
    """Steps and facts in the order in which they came."""
    told: list[Notice] = field(default_factory=list)
    story: list[Line] = field(default_factory=list)
    """What happened in a forecast's words: instant, event, invoice, amount, result."""
    closed: list[ClosePeriod] = field(default_factory=list)
    past: dict[int, Past] = field(default_factory=dict)
    """What the closed periods came to."""
    review_over: int | None = None
    paused_after: set[int] = field(default_factory=set)
    """The periods that a pause followed: only after them there may be a gap."""
    meanwhile: tuple[str, Callable[["World"], object]] | None = None
    credited: list[str] = field(default_factory=list)
    """Every credit note that was made."""
    statements: dict[str, int] = field(default_factory=dict)
    """What was kept in the books alone, and what it came to."""
    freezes: dict[int, datetime] = field(default_factory=dict)
    """The open freezes of the account, by their ids: nothing is begun at Stripe while there is one."""
    finished: bool = False

    # What the workflow does

    def run(self, *, days: float = 0, until: datetime | None = None) -> "World":
        """Do all that is due until that time, and stand there."""
        until = until or self.now + timedelta(days=days)
        at_once = 0
        while True:
            step = next_step(self.state, self.now)
            at_once = 0 if isinstance(step, Wait) else at_once + 1
            assert at_once < MOST_STEPS_AT_ONCE, f"never comes to rest: {self.log[-3:]}"
            match step:
                case Finish():
                    self.finished, self.now = True, max(self.now, until)
                    return self
                case Wait(until=at) if at is None or at > until:
                    self.now = max(self.now, until)  # a step may have taken longer
                    return self
                case Wait(until=datetime() as at):
                    assert at > self.now, f"waits for the past: {step}"
                    self.now = at
                case Wait():
                    raise AssertionError(step)
                case _:
                    self.do(step)

    def do(self, step: Step) -> None:
        check_step(self.state, step)
        in_the_books = isinstance(step, ReadNews | ClosePeriod | RepeatParking) or step.key == "trial:ended"
        statement = isinstance(step, IssueInvoice) and step.issue.statement
        harmless = in_the_books or statement or self.state.attempt is not None
        assert harmless or not self.freezes, f"{step.key} while the account is frozen"
        self.log.append(Entry(self.now - self.start, type(step).__name__, step.key))
        before, self.state = self.state, begin(self.state, step, self.now)
        assert self.state == before or self.state.version > before.version
        self.trail.append(Turn(self.now, step, before, self.state))
        assert begin(self.state, step, self.now) == self.state, f"beginning {step.key} twice is not once"
        if self.meanwhile and type(step).__name__.startswith(self.meanwhile[0]):
            (_, happens), self.meanwhile = self.meanwhile, None
            happens(self)
        for fact in self.outcome(step):
            self.learn(fact)

    def learn(self, *learned: facts.Fact) -> "World":
        for fact in learned:
            before = self.state
            self.state = after = apply(before, fact)
            assert apply(after, fact) == after, f"applied twice is not once: {fact}"
            assert after == before or after.version > before.version
            self.story += _lines(before, fact, after)
            for notice in notices(before, fact, after):
                if notice.read_by_people:
                    self.story.append((notice.at, "message", notice.invoice, None, None))
                known = {(told.audience, told.key) for told in self.told}
                assert (notice.audience, notice.key) not in known, f"told twice: {notice}"
                self.told.append(notice)
            if after.status is not before.status:
                self.story.append((fact.at, "status", None, None, None))
            if after.status is Status.PAUSED is not before.status:
                self.paused_after.add(before.period.number if before.period else 0)
            self.history.append(fact)
            self.trail.append(Turn(self.now, fact, before, after))
            check_state(after, self.books)
        return self

    def outcome(self, step: Step) -> Iterator[facts.Fact]:  # noqa: C901  one case per step
        """What comes of a step, as the pretend Stripe and calls have it."""
        needs_stripe = isinstance(
            step, ReadNews | IssueInvoice | ChargeInvoice | VoidInvoice | MarkInvoice | CreditInvoice | SendInvoice
        )
        if needs_stripe and self.away_until and self.now < self.away_until:
            yield facts.StepFailed(self.now, step.key, "Stripe does not answer")
            return
        match step:
            case ReadNews():
                brought, self.inbox = self.inbox, []
                yield from brought
                yield facts.NewsRead(self.now, ())
            case ClosePeriod():
                yield self._close(step)
            case IssueInvoice(issue=issue):
                yield self._issue(issue)
            case ChargeInvoice():
                yield from self._charge(step)
            case VoidInvoice(invoice=invoice):
                yield self._give_up(invoice, "void")
            case MarkInvoice(invoice=invoice, mark=mark):
                yield self._give_up(invoice, mark)
            case CreditInvoice(invoice=invoice, order=order):
                yield self._credit(invoice, order)
            case Remind(invoice=invoice, obstacle=obstacle, step=number):
                yield facts.Reminded(self.now, invoice, obstacle, self.dunning, number)
            case SendInvoice(invoice=invoice, request=request):
                yield facts.InvoiceSent(self.now, invoice, request)
            case RemindDue(invoice=invoice, number=number):
                yield facts.DueReminded(self.now, invoice, number)
            case TellExpiry(card=card, period=period):
                yield facts.CardExpiryTold(self.now, card, period)
            case MarkTrial(what=what):
                yield TrialEnding(self.now) if what == "ending" else TrialEnded(self.now)
            case TakeFinalAction(action=action):
                yield facts.FinalActionTaken(self.now, action)
            case RepeatParking(invoice=invoice, since=since, number=number, at=at):
                yield facts.ParkingRepeated(at, invoice, since, number)

    def _credit(self, invoice: str, order: CreditOrder) -> facts.Fact:
        bill = self.books.bills[invoice]
        if bill.status == "open" and order.note not in self.credited:
            self.books.credit(invoice, order.amount)
            self.credited.append(order.note)
        if bill.status != "open" and (bill.paid or bill.status != "paid"):
            return self._give_up(invoice, "paid")
        return InvoiceCredited(self.now, invoice, bill.amount, tuple(self.credited))

    def _give_up(self, invoice: str, how: Literal["void", "paid", "uncollectible"]) -> facts.Fact:
        if invoice not in self.books.bills:
            return facts.InvoiceVoided(self.now, invoice)
        bill = self.books.bills[invoice]
        if bill.status == "open" or (bill.status == "uncollectible" and how != "uncollectible"):
            self.books.close(invoice, how)
        learned = {"paid": facts.PaidElsewhere, "void": facts.InvoiceVoided, "uncollectible": facts.WrittenOff}
        return learned[bill.status](self.now, invoice)

    def _close(self, step: ClosePeriod) -> facts.PeriodClosed:
        assert step.number == len(self.closed) + 1, "periods are closed in order, each once"
        if self.closed:
            gap = step.start - self.closed[-1].end
            assert gap == timedelta() or (gap > timedelta() and len(self.closed) in self.paused_after), gap
        assert step.start <= step.end <= self.now
        self.closed.append(step)
        assert self.state.period
        seconds = self.seconds.get(step.number, 0)
        cost = terms_in(self.state, self.state.period).overage(seconds)
        self.past[step.number] = Past(cost, self.now)
        return facts.PeriodClosed(self.now, step.number, step.end, seconds, cost)

    def _issue(self, issue: Issue) -> facts.Fact:
        before = range(issue.closed.number - 1 if issue.closed else 0, 0, -1)
        past = [self.past[number] for number in before if number in self.past]
        if issue.statement:
            self.statements[issue.invoice] = issue.amount
            return facts.InvoiceIssued(self.now, issue.invoice, 0)
        review = implausible(self.state, issue, past, self.review_over)
        if review:
            cause = explained(review, self.state.terms.currency)
            return facts.InvoiceParked(self.now, issue.invoice, cause, trouble=Trouble.IMPLAUSIBLE, review=review)
        if issue.amount > ceiling(self.state.terms.currency):
            return facts.InvoiceParked(self.now, issue.invoice, "too large", trouble=Trouble.TOO_LARGE)
        self.books.issue(issue.invoice, issue.amount)
        days = self.state.custom.days_until_due if self.state.custom else None
        due_at = None if days is None else self.now + timedelta(days=days)
        return facts.InvoiceIssued(self.now, issue.invoice, issue.amount, due_at)

    def _charge(self, step: ChargeInvoice) -> Iterator[facts.Fact]:
        attempt = step.attempt
        invoice, number = attempt.invoice, attempt.number
        known = self.books.charges.get((invoice, number), "processing") != "processing"
        if not known and self.books.bills[invoice].status != "open":
            # Paid or voided elsewhere since the attempt began: Stripe refuses, and the reading says so.
            yield facts.AttemptNotMade(self.now, invoice, number)
            return
        card = attempt.card.identity
        begun = (invoice, number) in self.books.charges
        if not begun and (tried := self.books.used_up(card, attempt.attempted_at)) is not None:
            yield facts.AttemptNotMade(self.now, invoice, number)
            yield facts.CardUsed(attempt.attempted_at, card, tuple(tried), card in self.books.lost_to_others)
            return
        script = self.cards[attempt.card.brand]
        behaviour = script[0] if known or len(script) == 1 else script.pop(0)
        outcome = self.books.charge(attempt, behaviour)
        if outcome == "lost" and not known:
            yield facts.StepFailed(self.now, step.key, "no answer")
            return
        yield self._answer_to(invoice, number, outcome)

    def _answer_to(self, invoice: str, number: int, outcome: Behaviour) -> facts.Fact:
        match outcome:
            case "pays":
                return facts.PaymentSucceeded(self.now, invoice, number)
            case "processing":
                return facts.PaymentProcessing(self.now, invoice, number)
            case "not_made":
                return facts.AttemptNotMade(self.now, invoice, number)
            case "parks":
                return facts.InvoiceParked(self.now, invoice, "impossible")
            case _:
                decline = {"hard": DeclineClass.HARD, "must_act": DeclineClass.CUSTOMER_MUST_ACT}
                kind = decline.get(outcome, DeclineClass.SOFT)
                return facts.PaymentDeclined(self.now, invoice, number, kind, REASON, self.dunning)

    # What people do

    def while_in_flight(self, happens: Callable[["World"], object], kind: str = "ChargeInvoice") -> "World":
        """Let something happen once, while the next step of that kind is in flight."""
        self.meanwhile = kind, happens
        return self

    def take(self, span: timedelta) -> None:
        """The step in flight takes that long."""
        self.now += span

    def invoice(self, short: str) -> str:
        """ "p2" is the invoice of period 2, "f2" the final one of period 2."""
        return f"{invoice_id(self.state.id, 'period', 0)[:-2]}{short}"

    def save_card(self, name: str = "visa", *behaviours: Behaviour) -> "World":
        if behaviours:
            self.cards[name] = list(behaviours)
        return self.learn(facts.CardSaved(self.now, card(name)))

    def remove_card(self) -> "World":
        return self.learn(facts.CardRemoved(self.now))

    def ask(self, what: str, short: str | None = None, *, id: str | None = None, **more: Any) -> str:
        """A person's request, as the workflow's update would pass it on; its answer is `answer(id)`."""
        invoice = self.invoice(short) if short else None
        asked = Asked(id or f"ask{len(self.history)}", what, self.now, invoice, **more)  # type: ignore[arg-type]
        self.learn(facts.Requested(self.now, asked))
        return asked.id

    def answer(self, request: str) -> Answer | None:
        return next((a for a in self.state.answers if a.id == request), None)

    def cancel(self, *, now: bool = False, forgive: Forgive = Forgive.NONE) -> "World":
        request = f"cancel{len(self.history)}"
        return self.learn(orders.CancelRequested(self.now, now, forgive, "agency", request))

    def review(self, decision: Decision, reason: str = "", *, id: str | None = None) -> "World":
        """The agency's word on what is held, as the workflow's update would pass it on."""
        parked = held(self.state)
        assert parked is not None, "nothing is held"
        request = id or f"review{len(self.history)}"
        return self.learn(orders.ReviewDecided(self.now, parked.invoice, decision, "agency", reason, request))

    def undo_cancel(self) -> "World":
        return self.learn(orders.CancelUndone(self.now, "agency", f"undo{len(self.history)}"))

    def pause(self) -> "World":
        return self.learn(orders.PauseRequested(self.now, "agency", f"pause{len(self.history)}"))

    def undo_pause(self) -> "World":
        return self.learn(orders.PauseUndone(self.now, "agency", f"unpause{len(self.history)}"))

    def resume(self) -> str:
        return self.ask("resume")

    def extend(self, days: int) -> "World":
        return self.learn(orders.LadderExtended(self.now, days, "agency", f"extend{len(self.history)}"))

    def change_plan(self, terms: Terms, effective: Effective | None = None) -> "World":
        """The change's id is "chg_c<n>", and its invoice's short name "c<n>"."""
        number = sum(isinstance(fact, orders.PlanChangeRequested) for fact in self.history) + 1
        now = takes_effect_now(self.state, terms, effective, self.now)
        return self.learn(orders.PlanChangeRequested(self.now, f"chg_c{number}", terms, now, "agency", f"chg{number}"))

    def undo_change(self) -> "World":
        return self.learn(orders.PlanChangeUndone(self.now, "agency", f"unchg{len(self.history)}"))

    def pay_elsewhere(self, short: str) -> "World":
        self.books.close(self.invoice(short), "paid")
        return self.learn(facts.PaidElsewhere(self.now, self.invoice(short)))

    def void_elsewhere(self, short: str) -> "World":
        self.books.close(self.invoice(short), "void")
        return self.learn(facts.InvoiceVoided(self.now, self.invoice(short)))

    def credit_elsewhere(self, short: str, amount: int) -> "World":
        """The agency's credit note in the dashboard; below zero it voids one."""
        self.take(timedelta(seconds=1))
        left = self.books.credit(self.invoice(short), amount)
        self.credited.append(f"cn_{len(self.credited) + 1}")
        return self.learn(InvoiceCredited(self.now, self.invoice(short), left, tuple(self.credited)))

    def write_off(self, short: str) -> "World":
        self.books.close(self.invoice(short), "uncollectible")
        return self.learn(facts.WrittenOff(self.now, self.invoice(short)))

    def fail_elsewhere(self, short: str, name: str = "visa") -> "World":
        self.books.tried_elsewhere(card(name).identity, self.now)
        return self.learn(facts.FailedElsewhere(self.now, self.invoice(short), card(name).identity))

    def use_by_another(self, times: int, name: str = "visa", *, lost: bool = False) -> "World":
        """Another subscription of the client tries the card; only the books know."""
        self.books.by_others += [(card(name).identity, self.now - timedelta(seconds=n)) for n in range(times)]
        self.books.lost_to_others |= {card(name).identity} if lost else set()
        return self

    # What the agency's account does

    def freeze(self, number: int = 1, cause: FreezeCause = "restricted") -> "World":
        if cause != "tier":
            self.freezes.setdefault(number, self.now)
        return self.learn(facts.AccountFrozen(self.now, number, cause))

    def thaw(self, number: int = 1) -> "World":
        self.freezes.pop(number, None)
        return self.learn(facts.AccountThawed(self.now, number))

    # What a test looks at

    def charges(self) -> list[tuple[timedelta, str]]:
        """Every attempt begun: when, and on which invoice under which number, "p1#2"."""
        found = dict.fromkeys((e.key, e.offset) for e in self.log if e.step == "ChargeInvoice")
        first: dict[str, timedelta] = {}
        for key, offset in found:
            first.setdefault(key, offset)
        return [(offset, _short(key)) for key, offset in first.items()]

    def steps(self, *kinds: str) -> list[tuple[timedelta, str]]:
        return [(e.offset, e.key) for e in self.log if e.step in kinds]

    def messages(self, audience: str = "client") -> list[str]:
        return [n.kind.value for n in self.told if n.audience == audience and n.read_by_people]

    def amounts(self) -> dict[str, int]:
        """What was ever issued, by short name."""
        return {_last(invoice): bill.amount for invoice, bill in self.books.bills.items()}

    def open(self) -> list[str]:
        return [_last(i.id) for i in self.state.debt]


def _lines(before: State, fact: facts.Fact, after: State) -> Iterator[Line]:
    amounts = {i.id: i.amount for i in before.debt}
    match fact:
        case facts.InvoiceIssued(at=at, invoice=invoice, amount_due=amount) if amount and after != before:
            yield at, "invoice", invoice, amount, None
        case facts.PaymentSucceeded(at=at, invoice=invoice) if after != before:
            yield at, "attempt", invoice, amounts.get(invoice), "paid"
        case facts.PaymentDeclined(at=at, invoice=invoice) if after != before:
            yield at, "attempt", invoice, amounts.get(invoice), "declined"


def _short(key: str) -> str:
    _, invoice, number = key.split(":")
    return f"{_last(invoice)}#{number}"


def _last(invoice: str) -> str:
    base, _, last = invoice.rpartition("_")
    return f"{_last(base)}_{last}" if last.startswith("r") else last


def a_world(
    *behaviours: Behaviour,
    starts_at: datetime | None = T0,
    first_free: bool = False,
    with_card: bool = True,
    dunning: Dunning | None = None,
    grace: timedelta = HOUR,
    terms: Terms = TERMS,
    zone: str = "UTC",
    rules: int = RULES,
    trial_days: int = 0,
) -> World:
    """A subscription asked for at T0; its card, a visa, does `behaviours` in turn (default: pays)."""
    state = opened(
        id="sub_demo",
        agency="agc_demo",
        client="cli_demo",
        account="acct_demo",
        customer="cus_demo",
        zone=zone,
        terms=terms,
        rules=rules,
        at=T0,
        starts_at=starts_at,
        first_free=first_free,
        card=card() if with_card else None,
        grace=grace,
        trial_days=trial_days,
    )
    world = World(replace(state))
    world.dunning = dunning or Dunning()
    if behaviours:
        world.cards["visa"] = list(behaviours)
    return world
