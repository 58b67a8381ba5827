"""The control calls' bodies: what may be asked, with unknown fields refused as the product's API refuses them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from api.fields import Request
from api.tokens import Role


class Advance(Request):
    """By days (fractions too), or to an instant."""

    days: Annotated[float, Field(gt=0, le=3660)] | None = None
    to: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Advance":
        if (self.days is None) == (self.to is None):
            raise ValueError("give either days or to")
        return self


class MakeToken(Request):
    role: Role
    agency_id: str | None = None
    client_id: str | None = None
    permissions: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _tenant(self) -> "MakeToken":
        if self.role is not Role.PLATFORM and not self.agency_id:
            raise ValueError(f"the role {self.role} needs agency_id")
        if self.role is Role.CLIENT and not self.client_id:
            raise ValueError("the role client needs client_id")
        return self


class TypeCard(Request):
    """`rest`: answered when all that follows has happened, too, with the facts."""

    client_id: str
    number: str
    exp_month: int = 12
    exp_year: int = 2050
    cvc: str = "123"
    rest: bool = False


class CardBehaviour(Request):
    """`behaviour`: pays, needs_authentication, processing, blocked, or any decline code of Stripe's."""

    client_id: str
    behaviour: str


class BankAnswer(Request):
    """What a bank that takes its time says at last of the client's payment."""

    client_id: str
    outcome: Literal["succeeded", "failed"]


class HostedInvoice(Request):
    invoice_id: str
    action: Literal["pay", "authenticate", "fail"]
    number: str | None = None


class Dashboard(Request):
    invoice_id: str
    action: Literal[
        "void",
        "paid_out_of_band",
        "credit_note",
        "refund",
        "dispute",
        "inquiry",
        "dispute_escalated",
        "dispute_won",
        "dispute_lost",
    ]


class AccountAct(Request):
    agency_id: str
    action: Literal["complete", "restrict", "restore", "disconnect"]


class Webhooks(Request):
    mode: Literal["normal", "hold", "shuffle", "duplicate"]
    release: bool | None = None


class Fault(Request):
    """`times`: how often; null is until the faults are deleted. `seconds` belongs to `delay`,
    which is over when the faults are deleted, too."""

    call: str = "*"
    fault: Literal["drop_answer", "error_500", "delay", "refuse", "prune_keys"]
    times: Annotated[int, Field(gt=0)] | None = 1
    seconds: Annotated[float, Field(gt=0)] | None = None


class Kill(Request):
    process: Literal["worker", "api", "stripe", "temporal", "postgres", "mail"]


def rfc3339(at: datetime) -> str:
    """As the product's API writes instants."""
    return at.isoformat().replace("+00:00", "Z")
