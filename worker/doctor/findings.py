"""What the doctor finds: one line for each thing that was looked at, and the exit status that all of them come to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

WELL, STUCK, UNFIT = 0, 1, 2
"""The exit status: well; something is stuck; not configured or not reachable."""
HANDBOOK: Final = "docs/operations.md"


class Section(StrEnum):
    """The three questions, in their order."""

    CONFIGURED = "configured"
    REACHABLE = "reachable"
    STUCK = "stuck"


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    """Worth knowing, and no reason to get up."""
    WRONG = "wrong"
    UNSEEN = "unseen"
    """It could not be looked at."""


class Page(StrEnum):
    """The sections of the handbook, by their anchors."""

    SETTINGS_ARE_REFUSED = "settings-are-refused"
    SCHEMA_IS_BEHIND = "schema-is-behind"
    POSTGRESQL_IS_DOWN = "postgresql-is-down"
    TEMPORAL_IS_DOWN = "temporal-is-down"
    NO_WORKER = "no-worker"
    SEARCH_ATTRIBUTES_ARE_MISSING = "search-attributes-are-missing"
    STRIPE_LIMITS = "stripe-limits"
    STRIPE_IS_DOWN = "stripe-is-down"
    STRIPE_REFUSES_OUR_KEY = "stripe-refuses-our-key"
    WEBHOOKS_ARE_NOT_REGISTERED = "webhooks-are-not-registered"
    ROTATE_A_SECRET = "rotate-a-secret"
    DEPLOYS = "deploys"
    PARKED_INVOICES = "parked-invoices"
    PARKING_HAS_STOPPED = "parking-has-stopped"
    AN_ACCOUNT_CANNOT_CHARGE = "an-account-cannot-charge"
    EVENTS_ARE_NOT_DELIVERED = "events-are-not-delivered"
    EVENTS_ARE_NOT_READ = "events-are-not-read"
    STARTS_ARE_NOT_CARRIED = "starts-are-not-carried"
    AN_ATTEMPT_IS_IN_FLIGHT = "an-attempt-is-in-flight"
    SUBSCRIPTIONS_ARE_OVERDUE = "subscriptions-are-overdue"
    A_STEP_KEEPS_FAILING = "a-step-keeps-failing"
    MESSAGES_ARE_NOT_DELIVERED = "messages-are-not-delivered"
    A_WORKFLOW_IS_NOT_RUNNING = "a-workflow-is-not-running"
    RECONCILIATION = "reconciliation"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. Of what is wrong, `do` says what to do, and `see` is a section of the handbook.

    `which` are ids, at most five of `count`: never a name, a mail address or a secret.
    """

    section: Section
    name: str
    verdict: Verdict
    told: str
    do: str = ""
    see: Page | None = None
    count: int = 0
    which: tuple[str, ...] = ()
    since: datetime | None = None

    @property
    def page(self) -> str:
        return f"{HANDBOOK}#{self.see.value}" if self.see else ""

    def as_json(self) -> dict[str, object]:
        return {
            "section": self.section.value,
            "name": self.name,
            "verdict": self.verdict.value,
            "told": self.told,
            "count": self.count,
            "which": list(self.which),
            "since": self.since.isoformat() if self.since else None,
            "do": self.do or None,
            "see": self.page or None,
        }


def status_of(findings: Iterable[Finding]) -> int:
    """What is not there goes before what is stuck: without it, nobody knows what is."""
    bad = [found for found in findings if found.verdict in (Verdict.WRONG, Verdict.UNSEEN)]
    if any(found.section is not Section.STUCK or found.verdict is Verdict.UNSEEN for found in bad):
        return UNFIT
    return STUCK if bad else WELL
