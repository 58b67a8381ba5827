"""Money and rates on the wire, checked by the rules' own functions (billing-rules 1)."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from api.fields import Answer, Request, Whole
from billing.money import check_amount, format_rate, is_currency, parse_rate


def _currency(code: str) -> str:
    if not is_currency(code):
        raise ValueError("is not a lower case ISO 4217 code that Stripe charges in")
    return code


def _canonical_rate(text: str) -> str:
    return format_rate(parse_rate(text))


Currency = Annotated[str, AfterValidator(_currency)]


class MoneyIn(Request):
    """An amount as Stripe's API takes it: an integer in minor units, never negative."""

    amount: Whole
    currency: Currency

    @model_validator(mode="after")
    def _chargeable(self) -> Self:
        check_amount(self.amount, self.currency)
        return self


class SignedMoneyIn(Request):
    """An amount that may be negative: an integer in minor units."""

    amount: Annotated[int, Field(strict=True)]
    currency: Currency

    @model_validator(mode="after")
    def _chargeable(self) -> Self:
        check_amount(self.amount, self.currency, allow_negative=True)
        return self


class RateIn(Request):
    """What one minute beyond the included ones costs: an exact decimal in minor units, as text."""

    amount_decimal: Annotated[str, Field(max_length=32), AfterValidator(_canonical_rate)]
    currency: Currency
    per: Literal["minute"]


class Money(Answer):
    """An integer in minor units with its lower case ISO 4217 code."""

    amount: int
    currency: str


class Rate(Answer):
    """An exact decimal in minor units per minute: "12.5" is 12.5 cents a minute."""

    amount_decimal: str
    currency: str
    per: Literal["minute"]


def money(amount: int, currency: str) -> Money:
    return Money(amount=amount, currency=currency)


def rate(value: Decimal | str, currency: str) -> Rate:
    exact = Decimal(value) if isinstance(value, str) else value
    return Rate(amount_decimal=format_rate(exact), currency=currency, per="minute")
