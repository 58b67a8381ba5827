"""A client as it is typed into a form, and as the API takes it."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from babel import Locale

from api.pages.entries import Entry, refused_entry
from api.pages.form import Form
from api.pages.inside import Json, Refused

_DETAILS: Final = {"billing_name": "name", "billing_email": "email", "phone": "phone", "tax_id": "tax_id"}
"""The form's fields of what stands on invoices, with the API's names."""
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_NO_COUNTRY: Final = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
"""What the list of territories has beside countries."""
_ADDRESS: Final = ("line1", "line2", "city", "state", "postal_code", "country")
_NAMES: Final[Mapping[str, Sequence[str]]] = {
    "name": ["name"],
    "email": ["email"],
    "external_id": ["external_id"],
    **{ours: [f"billing_details.{theirs}"] for ours, theirs in _DETAILS.items()},
    **{name: [f"billing_details.address.{name}"] for name in _ADDRESS},
}


def new_client(form: Form) -> Json:
    """Whom the form describes."""
    return {name: value for name, value in changed_client(form).items() if value is not None}


def changed_client(form: Form) -> Json:
    """All that the form holds: what is empty in it is cleared."""
    address = _filled(form, {name: name for name in _ADDRESS})
    details = _filled(form, _DETAILS) | ({"address": address} if address else {})
    return {
        "name": form.get("name", ""),
        "email": form.get("email", ""),
        "external_id": form.get("external_id") or None,
        "billing_details": details or None,
    }


def refused(form: Form, refusal: Refused) -> Entry:
    """The form again; an external id that another client has is told beside its field."""
    if refusal.code == "external_id_taken":
        return Entry(form, {"external_id": "Another client has this id."})
    return refused_entry(form, refusal, _NAMES)


def as_typed(client: Json) -> dict[str, str]:
    """The form of a client that is known."""
    details: dict[str, Any] = client["billing_details"] or {}
    address: dict[str, Any] = details.get("address") or {}
    known = {name: client[name] for name in ("name", "email", "external_id")}
    known |= {ours: details.get(theirs) for ours, theirs in _DETAILS.items()}
    known |= {name: address.get(name) for name in _ADDRESS}
    return {name: value for name, value in known.items() if value}


@lru_cache
def countries() -> tuple[tuple[str, str], ...]:
    """Code and English name of every country, by name; first none."""
    names = Locale("en").territories
    known = {code: name for code, name in names.items() if _COUNTRY.fullmatch(code) and code not in _NO_COUNTRY}
    return ("", "–"), *sorted(known.items(), key=lambda one: one[1])


def _filled(form: Form, names: Mapping[str, str]) -> dict[str, str]:
    return {theirs: form[ours] for ours, theirs in names.items() if form.get(ours)}
