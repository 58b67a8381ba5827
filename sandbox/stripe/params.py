"""Which parameters an endpoint takes, described instead of programmed, and Stripe's refusals for everything else.

A description is a mapping of names to types. Reading gives only what was sent: an absent parameter is absent from the
result, one that was cleared with an empty string is None.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.stripe.errors import InvalidRequest
from sandbox.stripe.money import CURRENCIES
from sandbox.stripe.types import Json

_INTEGER = re.compile(r"-?\d+")


@dataclass(frozen=True, kw_only=True)
class ParamType(ABC):
    """One parameter: whether it must be there, whether an empty string clears it, and how it is read."""

    required: bool = False
    clearable: bool = False

    def accept(self, raw: Any, name: str) -> Any:
        """The value, or Stripe's refusal."""
        if raw == "":
            if self.clearable:
                return None
            raise InvalidRequest(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
                f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty "
                "value.",
                code="parameter_invalid_empty",
                param=name,
            )
        return self.read(raw, name)

    @abstractmethod
    def read(self, raw: Any, name: str) -> Any:
        """The value of a parameter that is not empty."""


Params = Mapping[str, ParamType]


@dataclass(frozen=True, kw_only=True)
class Text(ParamType):
    """A string, perhaps one of a few."""

    choices: tuple[str, ...] = ()
    max_length: int = 5000

    def read(self, raw: Any, name: str) -> str:
        if not isinstance(raw, str):
            raise InvalidRequest(f"Invalid string: {raw}", param=name)
        if len(raw) > self.max_length:
            raise InvalidRequest(
                f"Invalid string: {raw[:10]}...; must be at most {self.max_length} characters",
                code="parameter_invalid_string_too_long",
                param=name,
            )
        if self.choices and raw not in self.choices:
            raise InvalidRequest(f"Invalid {name}: must be one of {_either(self.choices)}", param=name)
        return raw


@dataclass(frozen=True, kw_only=True)
class Currency(ParamType):
    """A three-letter code that Stripe charges in, in any case."""

    def read(self, raw: Any, name: str) -> str:
        code = str(raw).lower()
        if code not in CURRENCIES:
            message = f"Invalid currency: {code}. Stripe currently supports these currencies: {', '.join(CURRENCIES)}"
            raise InvalidRequest(message, param=name)
        return code


@dataclass(frozen=True, kw_only=True)
class Url(ParamType):
    """An absolute web address."""

    def read(self, raw: Any, name: str) -> str:
        if not isinstance(raw, str) or not re.match(r"https?://\S+$", raw):
            raise InvalidRequest("Not a valid URL", code="url_invalid", param=name)
        return raw


@dataclass(frozen=True, kw_only=True)
class Integer(ParamType):
    """A whole number within bounds; amounts and instants are such numbers."""

    minimum: int | None = None
    maximum: int | None = None

    def read(self, raw: Any, name: str) -> int:
        if not isinstance(raw, str) or not _INTEGER.fullmatch(raw):
            raise InvalidRequest(f"Invalid integer: {raw}", code="parameter_invalid_integer", param=name)
        value = int(raw)
        if self.minimum is not None and value < self.minimum:
            message = f"This value must be greater than or equal to {self.minimum}."
            raise InvalidRequest(message, code="parameter_invalid_integer", param=name)
        if self.maximum is not None and value > self.maximum:
            message = f"This value must be less than or equal to {self.maximum}."
            raise InvalidRequest(message, code="parameter_invalid_integer", param=name)
        return value


@dataclass(frozen=True, kw_only=True)
class Number(ParamType):
    """An exact decimal."""

    def read(self, raw: Any, name: str) -> Decimal:
        try:
            value = Decimal(raw)
        except (InvalidOperation, TypeError, ValueError):
            value = Decimal("NaN")
        if not value.is_finite():
            raise InvalidRequest(f"Invalid decimal: {raw}", code="parameter_invalid_decimal", param=name)
        return value


@dataclass(frozen=True, kw_only=True)
class Flag(ParamType):
    """true or false."""

    def read(self, raw: Any, name: str) -> bool:
        if raw not in ("true", "false"):
            raise InvalidRequest(f"Invalid boolean: {raw}", param=name)
        return bool(raw == "true")


@dataclass(frozen=True, kw_only=True)
class Metadata(ParamType):
    """Key-value pairs: at most 50, keys to 40 and values to 500 characters; an empty value deletes its key."""

    clearable: bool = True

    def read(self, raw: Any, name: str) -> dict[str, str]:
        if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
            raise InvalidRequest(f"Invalid {name}: must be a hash of strings", param=name)
        if len(raw) > 50:
            raise InvalidRequest("You can have at most 50 metadata keys.", param=name)
        for key, value in raw.items():
            if len(key) > 40 or len(value) > 500:
                message = f"Metadata keys can be up to 40 characters and values up to 500: {key[:40]}"
                raise InvalidRequest(message, param=f"{name}[{key}]")
        return raw


@dataclass(frozen=True, kw_only=True)
class Nested(ParamType):
    """A group of parameters of its own."""

    fields: Params

    def read(self, raw: Any, name: str) -> Json:
        if not isinstance(raw, dict):
            raise InvalidRequest(f"Invalid object: {raw}", param=name)
        return read_params(self.fields, raw, prefix=name)


@dataclass(frozen=True, kw_only=True)
class ListOf(ParamType):
    """An array of one type of thing."""

    item: ParamType
    at_most: int = 100

    def read(self, raw: Any, name: str) -> list[Any]:
        if not isinstance(raw, dict) or not all(key.isdigit() for key in raw):
            raise InvalidRequest("Invalid array", param=name)
        if len(raw) > self.at_most:
            message = f"Array {name} exceeded maximum {self.at_most} allowed elements."
            raise InvalidRequest(message, code="array_too_long", param=name)
        ordered = sorted(raw.items(), key=lambda entry: int(entry[0]))
        return [self.item.accept(value, f"{name}[{index}]") for index, value in ordered]


@dataclass(frozen=True, kw_only=True)
class Range(ParamType):
    """A list's filter by instant: one number, or any of gt, gte, lt, lte."""

    bounds: Params = field(default_factory=lambda: {name: Integer() for name in ("gt", "gte", "lt", "lte")})

    def read(self, raw: Any, name: str) -> dict[str, int]:
        if isinstance(raw, dict):
            return read_params(self.bounds, raw, prefix=name)
        exactly = Integer().read(raw, name)
        return {"gte": exactly, "lte": exactly}


def read_params(spec: Params, raw: Json, prefix: str = "") -> Json:
    """What was sent, in the endpoint's types; unknown, missing and malformed parameters are refused."""
    for name in raw:
        if name not in spec:
            full = _qualified(prefix, name)
            raise InvalidRequest(f"Received unknown parameter: {full}", code="parameter_unknown", param=full)
    values = {}
    for name, kind in spec.items():
        full = _qualified(prefix, name)
        if name in raw:
            values[name] = kind.accept(raw[name], full)
        elif kind.required:
            raise InvalidRequest(f"Missing required param: {full}.", code="parameter_missing", param=full)
    return values


def _qualified(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _either(choices: tuple[str, ...]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])}, or {choices[-1]}"
