"""Everything that crosses Temporal comes out of the real converter as it went in, inside its unions too."""

import dataclasses
import types
import typing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from activities import messages as activity_messages
from activities.messages import Outcome, Record, Work
from adapters.temporal import DATA_CONVERTER
from billing import caps, collection, facts, state, steps, switches
from billing.facts import Fact
from billing.state import State
from billing.steps import Step
from workflows import messages as workflow_messages

CONVERTER = DATA_CONVERTER.payload_converter
AT = datetime(2026, 2, 28, 14, 30, 0, 123456, tzinfo=UTC)


def wire_types() -> list[type]:
    """Every dataclass that the modules of the wire define; a new one is tested without being named here."""
    modules = (facts, caps, collection, switches, steps, state, activity_messages, workflow_messages)
    found = [
        value
        for module in modules
        for value in vars(module).values()
        if dataclasses.is_dataclass(value) and isinstance(value, type) and value.__module__ == module.__name__
    ]
    # Waits and ends are the rules' answers to the interpreter: they never leave it.
    return [kind for kind in found if kind not in (steps.Wait, steps.Finish)]


def examples(hint: Any) -> Iterator[Any]:
    """Values of a type: one for each alternative of a union, an empty and a full one of a sequence."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        yield from arguments
    elif origin in (typing.Union, types.UnionType):
        for alternative in arguments:
            yield from examples(alternative)
    elif origin is tuple:
        assert arguments[1] is Ellipsis, hint
        yield ()
        yield tuple(examples(arguments[0]))
    elif dataclasses.is_dataclass(hint):
        yield from filled(typing.cast("type", hint))
    elif issubclass(hint, Enum):
        yield from hint
    else:
        yield SIMPLE[hint]


SIMPLE: dict[type, Any] = {
    type(None): None,
    bool: True,
    int: 1_234_567_890_123,
    str: "Zoë’s – “plan” ✓",
    datetime: AT,
    timedelta: timedelta(hours=1, microseconds=1),
}


def filled(kind: type) -> Iterator[Any]:
    """Instances that together hold every example of every field."""
    hints = get_type_hints(kind)
    columns = {field.name: list(examples(hints[field.name])) for field in dataclasses.fields(kind)}
    for row in range(max(map(len, columns.values()), default=1)):
        yield kind(**{name: values[row % len(values)] for name, values in columns.items()})


def round_trip(value: Any, hint: Any) -> Any:
    return CONVERTER.from_payload(CONVERTER.to_payload(value), hint)


def identical(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down: 1 == True, and a StrEnum equals its text."""
    if type(one) is not type(other):
        return False
    if dataclasses.is_dataclass(one):
        return all(identical(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(identical, one, other))
    return bool(one == other)


@pytest.mark.parametrize("kind", wire_types(), ids=lambda kind: kind.__name__)
def test_every_message_comes_back_as_it_was(kind: type) -> None:
    for value in filled(kind):
        back = round_trip(value, kind)
        assert back == value
        assert identical(back, value)


@pytest.mark.parametrize("fact", [f for kind in get_args(Fact) for f in filled(kind)], ids=lambda f: f.kind)
def test_a_fact_is_the_same_fact_inside_an_outcome(fact: Fact) -> None:
    back = round_trip(Outcome((fact, fact), 7), Outcome)
    assert identical(back, Outcome((fact, fact), 7))


@pytest.mark.parametrize("step", [s for kind in get_args(Step) for s in filled(kind)], ids=lambda s: s.kind)
def test_a_step_is_the_same_step_inside_its_work(step: Step) -> None:
    work = Work(next(filled(State)), step)
    assert identical(round_trip(work, Work), work)


def test_every_fact_and_step_is_tagged_with_its_name() -> None:
    for kind in (*get_args(Fact), *get_args(Step)):
        assert get_type_hints(kind)["kind"] == Literal[kind.__name__]


@pytest.mark.parametrize("kind", wire_types(), ids=lambda kind: kind.__name__)
def test_what_an_older_or_newer_worker_wrote_is_still_read(kind: type) -> None:
    """At every depth, unknown fields are ignored, and a missing one that has a default gets it."""
    for value in filled(kind):
        back = round_trip(as_others_write_it(value), kind)
        assert identical(back, with_defaults(value))


def as_others_write_it(value: Any) -> Any:
    """Without the fields that came later, and with one that we do not know. The tag is always written."""
    if isinstance(value, tuple):
        return [as_others_write_it(part) for part in value]
    if not dataclasses.is_dataclass(value):
        return value
    known = {name: as_others_write_it(getattr(value, name)) for name in required(type(value))}
    tag = {"kind": value.kind} if hasattr(value, "kind") else {}
    return {**known, **tag, "a_field_of_a_newer_worker": {"deep": [1]}}


def with_defaults(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(with_defaults(part) for part in value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    return type(value)(**{name: with_defaults(getattr(value, name)) for name in required(type(value))})


def required(kind: type) -> list[str]:
    fields = dataclasses.fields(kind)
    return [f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]


def test_no_instant_is_naive() -> None:
    for value in (*(f for kind in wire_types() for f in filled(kind)), Record(next(filled(State)), (), "system")):
        for instant in instants(round_trip(value, type(value))):
            assert instant.tzinfo is not None
            assert instant.utcoffset() == timedelta(0)


def instants(value: Any) -> Iterator[datetime]:
    if isinstance(value, datetime):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from instants(part)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from instants(getattr(value, field.name))
