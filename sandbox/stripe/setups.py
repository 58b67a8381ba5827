"""Saving a card for later: setup intents, and the Checkout sessions in setup mode that carry them."""

from sandbox.stripe.cards import SETUP_NEEDS_AUTHENTICATION, SETUP_SUCCEEDS
from sandbox.stripe.declines import Decline, decline_for
from sandbox.stripe.errors import CardError, InvalidState
from sandbox.stripe.ids import random_text
from sandbox.stripe.payment_cards import attach, refused_card
from sandbox.stripe.shapes import SETUP_INTENT, new
from sandbox.stripe.store import Record
from sandbox.stripe.types import Json
from sandbox.stripe.work import Site, Work, shown

_AUTHENTICATION_FAILED = Decline(
    "authentication_failed",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
    code="setup_intent_authentication_failure",
)


def create_setup_intent(
    work: Work, customer: str | None, *, usage: str = "off_session", more: Json | None = None
) -> Record:
    """A setup intent that waits for a card."""
    body: Json = new(
        SETUP_INTENT,
        application=work.site.application if work.is_connected else None,
        customer=customer,
        usage=usage,
        **more or {},
    )
    setup = work.create("setup_intent", body)
    setup.body["client_secret"] = f"{setup.id}_secret_{random_text(32)}"
    work.emit("setup_intent.created", setup)
    return setup


def confirm_setup(work: Work, setup: Record, method: Record) -> None:
    """Ask the bank to let the card be kept; it may want its holder to answer first, or refuse."""
    outcome = method.hidden["setup"]
    if outcome == SETUP_NEEDS_AUTHENTICATION:
        setup.body.update(
            status="requires_action",
            payment_method=method.id,
            next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
        )
        work.emit("setup_intent.requires_action", setup)
    elif outcome == SETUP_SUCCEEDS:
        _succeed(work, setup, method)
    else:
        raise _refuse(work, setup, method, decline_for(outcome))


def answer_setup_authentication(work: Work, setup: Record, *, passed: bool) -> None:
    """The cardholder answers the bank's question."""
    if setup.body["status"] != "requires_action":
        raise InvalidState("This setup does not wait for an authentication.", code="setup_intent_unexpected_state")
    method = work.require("payment_method", setup.body["payment_method"])
    setup.body["next_action"] = None
    if not passed:
        raise _refuse(work, setup, method, _AUTHENTICATION_FAILED)
    _succeed(work, setup, method)


def _succeed(work: Work, setup: Record, method: Record) -> None:
    method.hidden["behaviour"] = method.hidden["behaviour_once_set_up"] or method.hidden["behaviour"]
    setup.body.update(status="succeeded", payment_method=method.id, last_setup_error=None)
    if customer := work.find("customer", setup.body["customer"]):
        attach(work, method, customer)
    work.emit("setup_intent.succeeded", setup)


def _refuse(work: Work, setup: Record, method: Record, decline: Decline) -> CardError:
    error = refused_card(method, decline).fields()
    setup.body.update(status="requires_payment_method", payment_method=None, last_setup_error=error)
    work.emit("setup_intent.setup_failed", setup)
    return refused_card(method, decline, setup_intent=shown(setup))


def complete_session(work: Work, session: Record) -> None:
    """The customer is done with the Checkout page. Like Stripe, this does not make the card anybody's default."""
    customer = work.require("customer", session.body["customer"]).body if session.body["customer"] else {}
    session.body.update(
        status="complete",
        url=None,
        customer_details={
            "address": customer.get("address"),
            "business_name": None,
            "email": customer.get("email"),
            "individual_name": None,
            "name": customer.get("name"),
            "phone": customer.get("phone"),
            "tax_exempt": customer.get("tax_exempt", "none"),
            "tax_ids": None,
        },
    )
    session.hidden["deadline"] = None
    work.emit("checkout.session.completed", session)


def expire_session(work: Work, session: Record) -> None:
    """The page cannot be used any more."""
    session.body.update(status="expired", url=None)
    session.hidden["deadline"] = None
    work.emit("checkout.session.expired", session)


def expire_due_sessions(site: Site) -> None:
    """Close the Checkout pages whose time is over, which nobody else would notice."""
    due = site.store.due(site.clock.now())
    if not due:
        return
    with site.store.transaction():
        for session in due:
            work = Work(site, session.account)
            expire_session(work, work.require("checkout.session", session.id))
            work.flush()
