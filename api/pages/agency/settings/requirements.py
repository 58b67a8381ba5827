"""What Stripe still wants to know of an account, in words: its own are the names of fields."""

from collections.abc import Sequence
from typing import Final

_AS_A_WHOLE: Final = {
    "business_profile.mcc": "the kind of business",
    "business_profile.name": "the business's name",
    "business_profile.product_description": "what you sell",
    "business_profile.support_phone": "a phone number for your customers",
    "business_profile.url": "the business's web site",
    "business_type": "whether you are a company or work on your own",
    "external_account": "a bank account for payouts",
    "settings.payments.statement_descriptor": "what stands on your clients' card statements",
    "tos_acceptance": "your agreement to Stripe's terms",
}
_WHOSE: Final = {
    "company": "the company's",
    "directors": "the directors'",
    "executives": "the executives'",
    "individual": "your",
    "owners": "the owners'",
    "person": "a person's",
    "representative": "the representative's",
}
_WHAT: Final = {
    "address": "address",
    "dob": "date of birth",
    "email": "email address",
    "first_name": "name",
    "id_number": "identity number",
    "last_name": "name",
    "phone": "phone number",
    "relationship": "role in the business",
    "ssn_last_4": "last four digits of the social security number",
    "tax_id": "tax number",
    "vat_id": "VAT number",
    "verification": "proof of identity",
}


def in_words(requirements: Sequence[str]) -> list[str]:
    """Each thing once, however many fields it has."""
    said = dict.fromkeys(_words(one) for one in requirements)
    return [words[:1].upper() + words[1:] for words in said]


def _words(requirement: str) -> str:
    for name, words in _AS_A_WHOLE.items():
        if requirement == name or requirement.startswith(f"{name}."):
            return words
    who, _, rest = requirement.partition(".")
    whose, what = _WHOSE.get(who.partition("_")[0]), rest.partition(".")[0]
    if whose and what:
        return f"{whose} {_WHAT.get(what, what.replace('_', ' '))}"
    return requirement.replace("_", " ").replace(".", ", ")
