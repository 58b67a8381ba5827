"""What an agency has yet to do until the first client has paid it."""

from datetime import datetime
from typing import Final, Literal

from adapters.postgres.agencies import SELLING_TIERS, Agency
from adapters.postgres.setting_up import Progress, progress
from api.fields import Answer
from api.guard import Calling
from api.openapi import example
from api.services import Used
from api.tenant import agency_router, own_agency

router = agency_router("Set-up")
Step = Literal["connect", "plan", "client", "assign", "card"]
_CALLS: Final[dict[Step, str]] = {
    "connect": "POST /v1/agency/stripe/onboarding-links",
    "plan": "POST /v1/agency/plans",
    "client": "POST /v1/agency/clients",
    "assign": "PUT /v1/agency/clients/{id}/subscription",
    "card": "POST /v1/agency/clients/{id}/card-requests",
}
"""The steps in their order, each with the call that does it."""


class StepOut(Answer):
    """`call` is how it is done."""

    step: Step
    done: bool
    call: str


class SetupOut(
    Answer,
    json_schema_extra=example(
        complete=False,
        first_paid_at=None,
        account="active",
        billing_available=True,
        next="client",
        steps=[{"step": step, "done": step in ("connect", "plan"), "call": call} for step, call in _CALLS.items()],
    ),
):
    """`next` is the first step that is not done; null once they all are. `complete` from the first paid invoice on.

    Whatever is set up, nothing is sold with an `account` that is not `active`, nor in a tier without billing.
    """

    complete: bool
    first_paid_at: datetime | None
    account: Literal["not_connected", "onboarding", "active", "restricted", "disconnected"]
    billing_available: bool
    next: Step | None
    steps: list[StepOut]


@router.get("/setup", summary="What is left to set up")
async def read(services: Used, caller: Calling) -> SetupOut:
    """From the books: nothing is ticked off by hand, and what is undone is open again."""
    agency = await own_agency(services, caller)
    return _out(agency, await progress(services.database, agency.id))


def _out(agency: Agency, known: Progress) -> SetupOut:
    done: dict[Step, bool] = {
        "connect": known.account == "active",
        "plan": known.plan,
        "client": known.client,
        "assign": known.assigned,
        "card": known.card,
    }
    return SetupOut(
        complete=known.first_paid_at is not None,
        first_paid_at=known.first_paid_at,
        account=known.account or "not_connected",
        billing_available=agency.tier in SELLING_TIERS,
        next=None if known.first_paid_at else next((step for step, is_done in done.items() if not is_done), None),
        steps=[StepOut(step=step, done=done[step], call=call) for step, call in _CALLS.items()],
    )
