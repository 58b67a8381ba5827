"""A form's text as the API takes it: amounts in major units become minor ones, and what can't be read is told there."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from api.pages.entries import Entry
from billing.money import ceiling, exponent, is_currency, show, unit

_DECIMAL: Final = re.compile(r"-?\d{1,12}([.,]\d{1,12})?")
"""Point or comma before the decimals, and no signs between thousands: what they mean depends on who types."""
_THOUSANDS: Final = re.compile(r"-?[1-9]\d{0,2},\d{3}")
"""What is a thousand to some and one to others: never guessed."""
_WHOLE: Final = re.compile(r"-?\d{1,12}")


class Typed:
    """Reads fields, and keeps what is wrong with them. Ask `errors` before anything is sent; an empty field is None."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self._form = form
        self.errors: dict[str, str] = {}

    def text(self, name: str) -> str | None:
        return self._form.get(name, "") or None

    def need(self, *names: str) -> None:
        """Fields without which there is nothing to send."""
        self.errors |= {name: "Please fill this in." for name in names if self.text(name) is None}

    def whole(self, name: str, *, least: int = 0, most: int | None = None) -> int | None:
        """With `most`, from `least` up to that: for what is reckoned with, or shown, before the API is asked."""
        text = self.text(name)
        if text is not None and not _WHOLE.fullmatch(text):
            self.errors[name] = "Please type a whole number, such as 30."
            return None
        number = None if text is None else int(text)
        if most is not None and number is not None and not least <= number <= most:
            self.errors[name] = f"Please type a number from {least} to {most}."
            return None
        return number

    def money(self, name: str, currency: str) -> dict[str, Any] | None:
        """What was typed in major units, such as 49.00, as {amount, currency} in minor ones."""
        minor = self._minor(name, currency)
        if minor is None:
            return None
        if self._decimals(name) > exponent(currency):
            self.errors[name] = f"{currency.upper()} has {exponent(currency) or 'no'} decimals."
        elif minor % unit(currency):
            self.errors[name] = f"Amounts in {currency.upper()} are multiples of {show(unit(currency), currency)}."
        elif abs(minor) > ceiling(currency):
            self.errors[name] = f"The most that can be charged at once is {show(ceiling(currency), currency)}."
        else:
            return {"amount": int(minor), "currency": currency}
        return None

    def rate(self, name: str, currency: str) -> dict[str, Any] | None:
        """What a minute costs in major units, such as 0.125, as the API's rate."""
        minor = self._minor(name, currency)
        if minor is None:
            return None
        return {"amount_decimal": f"{minor.normalize():f}", "currency": currency, "per": "minute"}

    def refused(self) -> Entry:
        """The form again, with what could not be read."""
        return Entry(self._form, self.errors)

    def _decimals(self, name: str) -> int:
        """How many were typed, zeros too: 1.000 may be meant as a thousand."""
        return len((self.text(name) or "").replace(",", ".").partition(".")[2])

    def _minor(self, name: str, currency: str) -> Decimal | None:
        text = self.text(name)
        if text is not None and not _DECIMAL.fullmatch(text):
            self.errors[name] = "Please type a number, such as 49.00."
            return None
        if text is not None and _THOUSANDS.fullmatch(text):
            self.errors[name] = "Please type thousands without a comma, such as 1000.50."
            return None
        if text is not None and not is_currency(currency):
            self.errors[name] = "Please choose a currency."
            return None
        return None if text is None else Decimal(text.replace(",", ".")).scaleb(exponent(currency))


def major(minor: str | int, currency: str) -> str:
    """An amount or a rate in minor units as it is typed: 4900 as 49.00, "12.5" as 0.125."""
    decimals = exponent(currency)
    exact = Decimal(minor).scaleb(-decimals)
    return f"{exact:.{decimals}f}" if exact == round(exact, decimals) else f"{exact.normalize():f}"
