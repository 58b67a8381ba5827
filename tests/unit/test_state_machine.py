"""The subscription state machine under any order, repetition and interleaving of facts and time (billing-rules 10).

The world checks after every fact: applied twice is once (for every kind of fact), nothing is charged that must not be,
every open invoice has an owner, periods are contiguous but for a pause, no message is told twice, and no more than a
bounded number of steps between two waits.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from support.books import Behaviour
from support.forecasts import foretold, happened
from support.world import DAY, HOUR, MINUTE, REASON, T0, TERMS, World, a_world

from billing import facts, orders
from billing.caps import SpendCapSet
from billing.collection import CollectionSet
from billing.credit_notes import CreditOrder, InvoiceCredited
from billing.declines import DeclineClass
from billing.orders import Order
from billing.plans import CapAction, Dunning, FinalAction, SpendCap
from billing.requests import ANSWERS_KEPT
from billing.review import held
from billing.state import Decision, Forgive, FreezeCause, Obstacle, Status
from billing.steps import ReadNews

Happening = Callable[[World], object]

NAMES = st.sampled_from(["visa", "mastercard", "amex"])
ANY: list[Behaviour] = ["pays", "soft", "hard", "must_act", "processing", "not_made", "lost", "parks"]
# A life in which most charges fail shows more of the rules than one in which all is paid.
SCRIPTS = st.lists(st.sampled_from([*ANY, "soft", "soft"]), min_size=1, max_size=4).filter(
    lambda script: script[-1] not in ("processing", "not_made", "parks", "lost")
)
ASKED_FOR = facts.Requested | Order
WHICH = st.integers(0, 3)
SPANS = st.sampled_from([MINUTE, 31 * MINUTE, HOUR, 23 * HOUR, DAY, 3 * DAY, 5 * DAY, 7 * DAY, 16 * DAY, 35 * DAY])
GRACES = st.sampled_from([timedelta(), HOUR, 3 * DAY])
LADDERS = st.builds(
    Dunning,
    st.sampled_from([(3, 5, 7), (3, 5, 7), (1,), (30, 30, 30, 30), (1, 2, 3, 1, 2, 3, 1, 2)]),
    st.sampled_from(list(FinalAction)),
)


def chosen(world: World, which: int) -> str | None:
    """One of the open invoices, by its short name."""
    names = world.open()
    return names[which % len(names)] if names else None


def elsewhere(how: str, which: int, name: str) -> Happening:
    """Something that is done to an open invoice at Stripe, by the client or in the agency's dashboard; or to a card, by
    another subscription of the client."""

    def happens(world: World) -> None:
        invoice = chosen(world, which)
        match how, invoice:
            case "pay", str():
                world.pay_elsewhere(invoice)
            case "void", str():
                world.void_elsewhere(invoice)
            case "write_off", str():
                world.write_off(invoice)
            case "credit", str():
                world.credit_elsewhere(invoice, 700)
            case "credit all", str():
                world.credit_elsewhere(invoice, world.books.bills[world.invoice(invoice)].amount)
            case "fail", str():
                world.fail_elsewhere(invoice, name)
            case "use", _:
                world.use_by_another(1 + which % 9, name)
            case "lose", _:
                world.use_by_another(1, name, lost=True)

    return happens


def asked(what: str, which: int) -> Happening:
    def happens(world: World) -> str:
        note = CreditOrder(f"cnt_{len(world.history)}", 700) if what == "credit" else None
        return world.ask(what, None if what == "retry" else chosen(world, which) or "p99", credit=note)

    return happens


ELSEWHERE = st.builds(
    elsewhere,
    st.sampled_from(["pay", "void", "write_off", "credit", "credit all", "fail", "use", "lose"]),
    WHICH,
    NAMES,
)
ASKED = st.builds(
    asked, st.sampled_from(["pay_now", "pay_now", "retry", "void", "write_off", "mark_paid", "credit"]), WHICH
)
CARDS = st.one_of(
    NAMES.map(lambda name: lambda world: world.save_card(name)),
    st.just(lambda world: world.remove_card()),
)
CANCELS = st.builds(
    lambda now, forgive: lambda world: world.cancel(now=now, forgive=forgive),
    st.booleans(),
    st.sampled_from(list(Forgive)),
)


CHANGES = st.builds(
    lambda terms, effective: lambda world: world.change_plan(terms, effective),
    st.sampled_from([TERMS, replace(TERMS, version=2, price=9900), replace(TERMS, version=3, price=0)]),
    st.sampled_from([None, "now", "period_end"]),
)
PAUSES = st.sampled_from(["pause", "undo_pause", "resume"]).map(
    lambda what: lambda world: {"pause": world.pause, "undo_pause": world.undo_pause, "resume": world.resume}[what]()
)


class Subscription(RuleBasedStateMachine):
    world: World

    @initialize(
        start=st.sampled_from([T0, T0 - 31 * DAY, T0 + 5 * DAY, None]),
        free=st.booleans(),
        with_card=st.booleans(),
        dunning=LADDERS,
        grace=GRACES,
        script=SCRIPTS,
        trial=st.sampled_from([0, 0, 1, 14]),
    )
    def begin(self, start, free, with_card, dunning, grace, script, trial) -> None:  # type: ignore[no-untyped-def]
        self.world = a_world(
            *script,
            starts_at=start,
            first_free=free,
            with_card=with_card,
            dunning=dunning,
            grace=grace,
            trial_days=trial,
        )
        self.world.run()

    # Time and trouble

    @rule(span=SPANS)
    def time_passes(self, span: timedelta) -> None:
        self.world.run(until=self.world.now + span)

    @rule(span=SPANS)
    def a_worker_is_away(self, span: timedelta) -> None:
        self.world.now += span

    @rule(span=SPANS)
    def stripe_is_away(self, span: timedelta) -> None:
        self.world.away_until = self.world.now + span

    @rule(name=NAMES, script=SCRIPTS)
    def a_card_behaves(self, name: str, script: list[Behaviour]) -> None:
        self.world.cards[name] = script

    @rule(seconds=st.sampled_from([0, 30_000, 60_000, 3_000_000]))
    def calls_are_made(self, seconds: int) -> None:
        self.world.seconds[len(self.world.closed) + 1] = seconds

    # People

    @rule(happens=CARDS)
    def a_card_is_saved_or_removed(self, happens: Happening) -> None:
        happens(self.world)
        self.world.run()

    @rule(happens=ASKED)
    def somebody_asks(self, happens: Happening) -> None:
        request = happens(self.world)
        self.world.run()
        waits = self.world.state.backoff or self.world.state.attempt
        assert self.world.answer(str(request)) or waits, "neither answered nor waiting for Stripe"

    @precondition(lambda self: len(self.world.history) > 20)
    @rule(happens=CANCELS)
    def the_agency_cancels(self, happens: Happening) -> None:
        happens(self.world)

    @precondition(lambda self: held(self.world.state))
    @rule(decision=st.sampled_from(list(Decision)))
    def the_agency_decides_on_what_is_held(self, decision: Decision) -> None:
        self.world.review(decision)

    @rule()
    def the_agency_undoes_a_cancellation(self) -> None:
        self.world.undo_cancel()

    @rule(happens=PAUSES)
    def the_agency_pauses_takes_it_back_or_resumes(self, happens: Happening) -> None:
        happens(self.world)

    @rule(days=st.integers(1, 14))
    def a_promise_to_pay_is_given(self, days: int) -> None:
        self.world.extend(days)

    @rule(dunning=LADDERS)
    def the_policy_is_applied_to_the_running_ladder(self, dunning: Dunning) -> None:
        self.world.dunning = dunning
        self.world.learn(facts.DunningApplied(self.world.now, dunning))

    @rule(happens=CHANGES)
    def the_agency_changes_the_plan(self, happens: Happening) -> None:
        happens(self.world)

    @rule()
    def the_agency_takes_a_change_back(self) -> None:
        self.world.undo_change()

    @rule(cap=st.sampled_from([None, SpendCap(0, CapAction.BLOCK), SpendCap(5000, CapAction.NOTIFY)]))
    def a_spend_cap_is_set_or_taken_away(self, cap: SpendCap | None) -> None:
        request = f"cap{len(self.world.history)}"
        self.world.learn(SpendCapSet(self.world.now, cap, "agency", request))

    @rule(manual=st.booleans())
    def collection_is_switched(self, manual: bool) -> None:
        request = f"collection{len(self.world.history)}"
        self.world.learn(CollectionSet(self.world.now, manual, "agency", request=request))

    @rule(happens=ELSEWHERE)
    def something_happens_elsewhere(self, happens: Happening) -> None:
        happens(self.world)

    @rule(grace=GRACES)
    def the_grace_is_set(self, grace: timedelta) -> None:
        self.world.learn(facts.GraceSet(self.world.now, grace))

    @rule(cause=st.sampled_from(["restricted", "disconnected", "tier"]))
    def the_account_is_frozen(self, cause: FreezeCause) -> None:
        if not self.world.state.freezes or (cause == "tier") is (self.world.state.freezes[0].cause != "tier"):
            self.world.freeze(len(self.world.history), cause)

    @precondition(lambda self: self.world.state.freezes)
    @rule(which=st.integers(0, 1))
    def the_account_is_restored(self, which: int) -> None:
        freezes = self.world.state.freezes
        self.world.thaw(freezes[which % len(freezes)].id)

    @rule(dunning=LADDERS)
    def the_ladder_is_set(self, dunning: Dunning) -> None:
        self.world.dunning = dunning

    # What comes at a bad moment, late, twice, out of order, or from nowhere

    @rule(
        happens=st.one_of(ELSEWHERE, ASKED, CARDS, CANCELS, PAUSES, CHANGES),
        span=st.one_of(st.just(timedelta()), SPANS),
    )
    def something_happens_while_the_next_step_is_in_flight(self, happens: Happening, span: timedelta) -> None:
        def interrupts(world: World) -> None:
            world.take(span)
            happens(world)

        self.world.while_in_flight(interrupts, kind="")

    @precondition(lambda self: self.world.history)
    @rule(which=st.integers(0, 10_000))
    def old_facts_come_again(self, which: int) -> None:
        # A card, a grace and a policy are read anew: an old one is never news. Parking again is news of a new problem.
        fresh = (
            facts.CardSaved
            | facts.CardRemoved
            | facts.GraceSet
            | facts.DunningApplied
            | facts.InvoiceParked
            | facts.NewsArrived
        )
        # Of what people asked for the last answers are remembered; nobody asks again for what is older.
        asked = [fact for fact in self.world.history if isinstance(fact, ASKED_FOR)]
        forgotten = asked[:-ANSWERS_KEPT]
        old = [fact for fact in self.world.history if not isinstance(fact, fresh) and fact not in forgotten]
        if not old:
            return
        fact, before = old[which % len(old)], self.world.state
        self.world.learn(fact)
        # A try is counted while it is recent; what the inbox held is acknowledged as it was said last. That ends the
        # pause of a reading that failed: while no time passes, its failure counts anew.
        counts = facts.FailedElsewhere | facts.CardUsed | facts.NewsRead
        failed = isinstance(fact, facts.StepFailed) and fact.key == ReadNews().key
        assert self.world.state == before or failed or isinstance(fact, counts), f"{fact} has effect again"

    @rule(number=st.integers(1, 3))
    def news_of_unknown_things(self, number: int) -> None:
        world, at, name = self.world, self.world.now - HOUR, "inv_other_p1"
        before = world.state
        world.learn(
            facts.PeriodClosed(at, 99, at, 0, 0),
            facts.InvoiceIssued(at, name, 4900),
            facts.InvoiceParked(at, name, "?"),
            facts.ParkingRepeated(at, name, at, number),
            orders.ReviewDecided(at, name, Decision.REJECT, "agency"),
            facts.PaymentSucceeded(at, name, number),
            facts.PaymentDeclined(at, name, number, DeclineClass.HARD, REASON, Dunning((1,), FinalAction.CANCEL)),
            facts.PaymentProcessing(at, name, number),
            facts.AttemptNotMade(at, name, number),
            facts.PaidElsewhere(at, name),
            facts.InvoiceVoided(at, name),
            facts.WrittenOff(at, name),
            InvoiceCredited(at, name, number),
            facts.Reminded(at, name, Obstacle.NO_CARD, Dunning(), 0),
            facts.RequestRefused(at, "nobody", "invoice_not_open"),
            facts.StepFailed(at, "close:99", "?"),
            facts.AccountThawed(at, -1),
        )
        assert world.state == before

    @rule()
    def the_inbox_has_news(self) -> None:
        self.world.inbox = [facts.NewsRead(self.world.now, (len(self.world.history),))]
        self.world.learn(facts.NewsArrived(self.world.now)).run()
        assert not self.world.state.news or self.world.state.backoff

    # What must hold of all of it

    @rule()
    def all_is_collected_in_the_end(self) -> None:
        """With a working Stripe and cards that pay, nothing is owed after the ladder, unless a person has to act."""
        world = self._from_now_on("pays")
        for freeze in world.state.freezes:
            world.thaw(freeze.id)
        world.run(days=250)
        state = world.state
        must = state.parked or state.card is None or state.card.identity in (*state.condemned, *state.must_act)
        left = state.status in (Status.PAST_DUE, Status.PAUSED, Status.CANCELLED)
        assert must or left or not state.debt, f"nobody collected {state.debt}"

    @rule(pays=st.booleans(), months=st.integers(1, 3))
    def the_forecast_is_what_then_happens(self, pays: bool, months: int) -> None:
        world = self._from_now_on("pays" if pays else "soft")
        world.seconds = dict.fromkeys(range(1, 100), 40_000)
        assert foretold(world, months, pays=pays) == happened(world, months)

    def _from_now_on(self, behaviour: Behaviour) -> World:
        """A copy of the world in which nothing surprising happens any more."""
        world = copy.deepcopy(self.world)
        world.away_until, world.meanwhile, world.inbox = None, None, []
        world.past = {}  # nothing is held for review that is not yet
        world.books.by_others, world.books.lost_to_others = [], set()
        for name in ("visa", "mastercard", "amex", "card"):
            world.cards[name] = [behaviour]
        if attempt := world.state.attempt:
            world.books.charges[attempt.invoice, attempt.number] = "processing"
        return world


TestSubscription = Subscription.TestCase
TestSubscription.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
