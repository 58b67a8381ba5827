"""Every idempotency key, made of business facts only: the same write has the same key after any crash (stripe.md).

Keys are pruned 24 hours after their first use. A write that was first sent longer ago than KEY_LIFETIME is looked up
instead; what turns out not to have happened is sent under a key of the next series.
"""

from datetime import datetime, timedelta
from typing import Final

KEY_LIFETIME: Final = timedelta(hours=20)
"""For how long a key is trusted: four hours less than Stripe keeps it."""


def era(first_sent_at: datetime, now: datetime) -> int:
    """How many key lifetimes have passed since the first send; 0 while the first keys still hold."""
    return max(0, (now - first_sent_at) // KEY_LIFETIME)


def in_series(key: str, series: str) -> str:
    """The key of a later series, for a write that is known not to have happened; the first series has no suffix."""
    return f"{key}:{series}" if series else key


def invoice_create(invoice: str) -> str:
    return f"invoice:{invoice}:create"


def invoice_lines(invoice: str) -> str:
    return f"invoice:{invoice}:lines"


def invoice_preview(customer: str, instant: str) -> str:
    """By the instant: nothing is made under it, and an answer that Stripe keeps would be an old one."""
    return f"client:{customer}:preview:{instant}"


def invoice_fee(invoice: str, amount: int, instant: str) -> str:
    """By the amount and the try: it depends on the customer's balance, which may move between two tries, and back."""
    return f"invoice:{invoice}:fee:{amount}:{instant}"


def invoice_finalize(invoice: str) -> str:
    return f"invoice:{invoice}:finalize"


def invoice_send(invoice: str, request: str = "") -> str:
    """Once when it is issued, and once for each request to send it again."""
    return f"invoice:{invoice}:send:{request}" if request else f"invoice:{invoice}:send"


def invoice_delete(invoice: str) -> str:
    return f"invoice:{invoice}:delete"


def draft_delete(provider_invoice: str) -> str:
    """By Stripe's id: of one invoice of ours, lost answers may have left several drafts."""
    return f"draft:{provider_invoice}:delete"


def invoice_void(invoice: str) -> str:
    return f"invoice:{invoice}:void"


def invoice_uncollectible(invoice: str) -> str:
    return f"invoice:{invoice}:uncollectible"


def invoice_out_of_band(invoice: str) -> str:
    return f"invoice:{invoice}:out-of-band"


def invoice_attempt(invoice: str, number: int) -> str:
    return f"invoice:{invoice}:attempt:{number}"


def refund(refund: str) -> str:
    return f"refund:{refund}"


def credit_note(note: str) -> str:
    return f"credit-note:{note}"


def card_default(setup_intent: str) -> str:
    return f"card:{setup_intent}:default"


def card_session(session: str) -> str:
    return f"card:{session}:session"


def agency_account(agency: str, number: int) -> str:
    return f"agency:{agency}:account:{number}"


def agency_oauth(agency: str, request: str) -> str:
    return f"agency:{agency}:oauth:{request}"


def agency_link(agency: str, request: str) -> str:
    return f"agency:{agency}:link:{request}"


def client_customer(client: str, account: str) -> str:
    return f"client:{client}:customer:{account}"


def client_update(client: str, number: int) -> str:
    return f"client:{client}:update:{number}"


def plan_product(plan: str, version: int) -> str:
    return f"plan:{plan}:v{version}:product"


def plan_price(plan: str, version: int) -> str:
    return f"plan:{plan}:v{version}:price"


def plan_archive(plan: str, version: int) -> str:
    return f"plan:{plan}:v{version}:archive"
