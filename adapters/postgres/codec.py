"""Values of the rules as jsonb, and back: the one place where their stored form is decided."""

from typing import Any, TypeAlias

from pydantic import TypeAdapter

from billing.declines import Decline
from billing.facts import Fact
from billing.plans import Dunning
from billing.state import Card, State

Json: TypeAlias = Any
"""What a jsonb column holds, as Python's json module reads and writes it."""

_STATE: TypeAdapter[State] = TypeAdapter(State)
_CARD: TypeAdapter[Card] = TypeAdapter(Card)
_DECLINE: TypeAdapter[Decline] = TypeAdapter(Decline)
_DUNNING: TypeAdapter[Dunning] = TypeAdapter(Dunning)
_FACT: TypeAdapter[Fact] = TypeAdapter(Fact)


def encode_state(state: State) -> Json:
    return _STATE.dump_python(state, mode="json")


def decode_state(value: Json) -> State:
    """The state as it was written. Fields that came later get their defaults, fields that went are ignored."""
    return _STATE.validate_python(value)


def encode_dunning(dunning: Dunning) -> Json:
    return _DUNNING.dump_python(dunning, mode="json")


def decode_dunning(value: Json) -> Dunning:
    return _DUNNING.validate_python(value)


def encode_card(card: Card) -> Json:
    return _CARD.dump_python(card, mode="json")


def decode_card(value: Json) -> Card:
    return _CARD.validate_python(value)


def encode_decline(decline: Decline) -> Json:
    return _DECLINE.dump_python(decline, mode="json", exclude_none=True)


def decode_decline(value: Json) -> Decline:
    return _DECLINE.validate_python(value)


def encode_fact(fact: Fact) -> Json:
    return _FACT.dump_python(fact, mode="json")
