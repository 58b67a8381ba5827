"""The order in which the interpreter's source issues commands, as a text to compare."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import workflows.commands
import workflows.subscription

_INTERPRETER: Final = tuple(Path(module.__file__) for module in (workflows.subscription, workflows.commands))
_COMMANDS: Final = {
    "execute_activity",
    "wait_condition",
    "continue_as_new",
    "upsert_search_attributes",
    "patched",
    "sleep",
}


def interpreter() -> str:
    """The source of everything that issues commands, as one text."""
    return "\n".join(path.read_text() for path in _INTERPRETER)


def fingerprint(source: str) -> str:
    """One line per method: its name, then its commands and the methods it awaits, in the order of the source."""
    methods = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return "".join(f"{m.name}: {' '.join(steps)}\n" for m in methods if (steps := list(_commands(m))))


def _commands(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        match child:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="workflow"), attr=name)) if name in _COMMANDS:
                yield from _commands(child)
                yield f"workflow.{name}"
            case ast.Await(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name))):
                yield from _commands(child)
                yield f"await.{name}"
            case _:
                yield from _commands(child)
