"""The interpreter's fingerprint: in which order its methods issue commands.

Replaying histories shows that recorded paths still hold; this shows a change on a path that was never recorded.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import workflows.subscription

INTERPRETER = Path(workflows.subscription.__file__)
RECORDED = Path(__file__).with_name("interpreter.fingerprint.txt")
COMMANDS = {"execute_activity", "wait_condition", "continue_as_new", "upsert_search_attributes", "patched", "sleep"}
LESSON = f"""
The order of commands in {INTERPRETER.name} has changed. A running workflow replays its history through this code:
1. read docs/changing-workflows.md, "A change to the interpreter";
2. put the change behind workflow.patched("…"), unless no run can have been on this path;
3. see that every recorded history still replays;
4. then record the fingerprint anew in {RECORDED.name}.
"""


def fingerprint(source: str) -> str:
    """One line per method: its name, then its commands and the methods it awaits, in the order of the source."""
    methods = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return "".join(f"{m.name}: {' '.join(steps)}\n" for m in methods if (steps := list(_commands(m))))


def _commands(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        match child:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="workflow"), attr=name)) if name in COMMANDS:
                yield from _commands(child)
                yield f"workflow.{name}"
            case ast.Await(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name))):
                yield from _commands(child)
                yield f"await.{name}"
            case _:
                yield from _commands(child)


def test_commands_are_issued_in_the_recorded_order() -> None:
    assert fingerprint(INTERPRETER.read_text()) == RECORDED.read_text(), LESSON


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("outcome = await self._execute(step, found)", "outcome = await self._record(step, found)"),
        ("if self._behind():", "if await self._quiet() and self._behind():"),
        ("with contextlib.suppress(TimeoutError):", "workflow.upsert_search_attributes([])\n        with _QUIET:"),
    ],
)
def test_a_changed_order_is_seen(before: str, after: str) -> None:
    source = INTERPRETER.read_text()
    assert before in source
    assert fingerprint(source.replace(before, after)) != RECORDED.read_text()
