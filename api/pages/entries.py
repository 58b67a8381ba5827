"""What somebody typed into a form, and what is wrong with it: shown again beside each field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from api.pages.inside import UNSETTLED, Refused

_WHOLE_FORM: Final = ("body", "")
_NOT_OF_THE_FORM: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_OF_THE_TIER: Final = "billing_not_available"
"""Forbidden to an agency of this tier, whoever asks: the form says so."""
_PREDICATES: Final = ("is ", "are ", "has ", "must ", "may ", "can", "needs ", "should ")
_VALUE: Final = re.compile(r"^(Input|String|List) should ")


@dataclass(frozen=True)
class Entry:
    """A form as it is shown. `trouble` is about the form as a whole, and `see` the page on which that is mended.
    `key`: of a form that was sent, when nobody knows what came of it; under the same key it is the same command."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    trouble: str | None = None
    see: str | None = None
    key: str | None = None

    def value(self, name: str) -> str:
        return self.values.get(name, "")

    def wrong(self, name: str) -> str | None:
        return self.errors.get(name)

    @property
    def failed(self) -> bool:
        return bool(self.errors or self.trouble)

    @property
    def status(self) -> HTTPStatus:
        """Of the page that shows it."""
        if self.key:
            return HTTPStatus.SERVICE_UNAVAILABLE
        return HTTPStatus.UNPROCESSABLE_ENTITY if self.failed else HTTPStatus.OK


def refused_entry(
    values: Mapping[str, str],
    refused: Refused,
    names: Mapping[str, Sequence[str]],
    codes: Mapping[str, str] | None = None,
) -> Entry:
    """The form again after the API's refusal. `names`: by the form's field those of the API that it stands for, each
    with what lies under it (`price` for `price.amount`); `codes`: by a refusal's code the form's field that it is
    about. What no field stands for is told above the form.

    What nobody knows the end of comes again under its own key. A refusal of who asks, or of what is not there, and a
    command that is under way are raised again: the form has nothing to do with them.
    """
    key = values.get("key")
    if refused.unsettled and key:
        return Entry(values, trouble=UNSETTLED, key=key)
    of_the_form = refused.status not in _NOT_OF_THE_FORM or refused.code == _OF_THE_TIER
    if refused.unsettled or refused.under_way or not of_the_form:
        raise refused
    if codes and refused.code in codes:
        return Entry(values, {codes[refused.code]: refused.detail})
    errors: dict[str, str] = {}
    rest: list[str] = []
    for given, detail in refused.fields.items():
        shown = next((ours for ours, theirs in names.items() if _stands_for(theirs, given)), None)
        if shown:
            errors.setdefault(shown, _sentence(detail))
        else:
            rest.append(_sentence(detail) if given in _WHOLE_FORM else f"{given} {detail}.")
    trouble = " ".join(rest) or (None if errors else refused.detail)
    return Entry(values, errors, trouble, refused.see)


def _stands_for(theirs: Sequence[str], given: str) -> bool:
    return any(given == one or given.startswith(f"{one}.") for one in theirs)


def _sentence(detail: str) -> str:
    """The API says what a field does: `is not an integer`; beside the field it reads as a sentence."""
    detail = _VALUE.sub("should ", detail)
    said = f"This {detail}" if detail.startswith(_PREDICATES) else detail[:1].upper() + detail[1:]
    return said if said.endswith(".") else f"{said}."
