"""Does an answer have exactly the fields and JSON types that Stripe's client declares for its class?"""

import inspect
import typing
from collections.abc import Iterator
from decimal import Decimal
from types import NoneType
from typing import Any, Literal

import stripe
from stripe import ListObject, StripeObject
from stripe._stripe_object import UntypedStripeObject  # not re-exported, but what the annotations name

_PRIMITIVES = {str: str, int: int, bool: bool, float: (int, float), Decimal: str}


def undeclared(value: Any, cls: type[StripeObject], path: str) -> Iterator[str]:
    """Every way in which a JSON object differs from what the class declares."""
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is not an object"
        return
    hints = _hints(cls)
    for name in value.keys() - hints.keys():
        yield f"{path}.{name}: {cls.__qualname__} has no such field"
    for name, hint in hints.items():
        if name in value:
            yield from mistyped(value[name], hint, f"{path}.{name}")
        elif not _may_be_absent(hint):
            yield f"{path}.{name}: missing"


def mistyped(value: Any, hint: Any, path: str) -> Iterator[str]:
    """Every way in which a JSON value differs from an annotation."""
    options = _options(hint)
    if Any in options:
        return
    if value is None:
        if NoneType not in options:
            yield f"{path}: null is not declared"
        return
    problems = [list(_differences(value, option, path)) for option in options if option is not NoneType]
    if all(problems):
        yield from min(problems, key=len)


def _differences(value: Any, option: Any, path: str) -> Iterator[str]:
    origin, arguments = typing.get_origin(option), typing.get_args(option)
    if origin is Literal:
        if value not in arguments:
            yield f"{path}: {value!r} is none of {arguments}"
    elif origin is list:
        yield from _list_differences(value, arguments[0], path)
    elif inspect.isclass(origin or option) and issubclass(origin or option, ListObject):
        yield from _listing_differences(value, arguments[0], path)
    elif inspect.isclass(origin or option) and issubclass(origin or option, UntypedStripeObject):
        yield from _untyped_differences(value, arguments[0] if arguments else Any, path)
    elif inspect.isclass(option) and issubclass(option, StripeObject):
        yield from undeclared(value, option, path)
    elif not _is_primitive(value, option):
        yield f"{path}: {value!r} is not {option}"


def _list_differences(value: Any, item: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: {value!r} is not an array"
        return
    for index, entry in enumerate(value):
        yield from mistyped(entry, item, f"{path}[{index}]")


def _listing_differences(value: Any, item: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict) or value.keys() != {"object", "data", "has_more", "url"}:
        yield f"{path}: not a list object"
        return
    yield from _list_differences(value["data"], item, f"{path}.data")


def _untyped_differences(value: Any, item: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is not an object"
        return
    for name, entry in value.items():
        yield from mistyped(entry, item, f"{path}.{name}")


def _is_primitive(value: Any, option: Any) -> bool:
    if isinstance(value, bool):
        return option is bool
    return option in _PRIMITIVES and isinstance(value, _PRIMITIVES[option])


def _options(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) is typing.Union else (hint,)


def _may_be_absent(hint: Any) -> bool:
    return NoneType in _options(hint)


def _hints(cls: type[StripeObject]) -> dict[str, Any]:
    """A class's own fields, with the names in its annotations looked up where its module looks them up."""
    hints: dict[str, Any] = {}
    for name, annotation in inspect.get_annotations(cls).items():
        hint = _resolved(annotation, cls)
        if typing.get_origin(hint) is not typing.ClassVar:
            hints[name] = hint
    return hints


def _resolved(annotation: Any, cls: type[StripeObject]) -> Any:
    holder = type("Holder", (), {"__annotations__": {"field": annotation}})
    return typing.get_type_hints(holder, vars(inspect.getmodule(cls)), _ClientNames())["field"]


class _Foreign:
    """A class of the client that the emulator has no objects of: nothing is one."""


class _ClientNames(dict[str, Any]):
    """What modules of the client import from each other for type checking only, some under a longer name."""

    def __missing__(self, name: str) -> Any:
        for module in (stripe, stripe.checkout, stripe.test_helpers):
            for candidate in (name, name.removesuffix("Resource")):
                if hasattr(module, candidate):
                    return getattr(module, candidate)
        return _Foreign
