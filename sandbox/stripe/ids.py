"""How Stripe's ids look: a prefix that says the kind, then letters and digits nobody can guess."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits

# kind of object: (prefix, random characters)
_FORMS = {
    "account": ("acct_1", 15),
    "account_link": ("", 40),
    "application": ("ca_", 32),
    "application_fee": ("fee_1", 23),
    "balance_transaction": ("txn_1", 23),
    "charge": ("ch_3", 23),
    "checkout.session": ("cs_test_a1", 56),
    "credit_note": ("cn_1", 23),
    "credit_note_line_item": ("cnli_1", 23),
    "customer": ("cus_", 14),
    "customer_balance_transaction": ("cbtxn_1", 23),
    "dispute": ("du_1", 23),
    "event": ("evt_1", 23),
    "invoice": ("in_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "invoiceitem": ("ii_1", 23),
    "line_item": ("il_1", 23),
    "oauth_code": ("ac_", 32),
    "payment_intent": ("pi_3", 23),
    "payment_method": ("pm_1", 23),
    "price": ("price_1", 23),
    "product": ("prod_", 14),
    "refund": ("re_3", 23),
    "request": ("req_", 14),
    "setup_intent": ("seti_1", 23),
    "tax_rate": ("txr_1", 23),
    "webhook_endpoint": ("we_1", 23),
}


def new_id(kind: str) -> str:
    """A fresh id of that kind."""
    prefix, length = _FORMS[kind]
    return prefix + random_text(length)


def random_text(length: int) -> str:
    """Letters and digits that cannot be guessed."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
