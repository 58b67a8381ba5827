"""The interpreter's fingerprint: in which order its methods issue commands.

Replaying histories shows that recorded paths still hold; this shows a change on a path that was never recorded.
"""

from pathlib import Path

import pytest
from support.fingerprints import fingerprint, interpreter

RECORDED = Path(__file__).with_name("interpreter.fingerprint.txt")
LESSON = """
The order of commands in workflows/ has changed. A running workflow replays its history through this code:
1. read docs/changing-workflows.md, "A change to the interpreter";
2. put the change behind workflow.patched("…"), unless no run can have been on this path;
3. see that every recorded history still replays;
4. then record the fingerprint anew: python tests/replay/record.py fingerprint --again
"""


def test_commands_are_issued_in_the_recorded_order() -> None:
    assert fingerprint(interpreter()) == RECORDED.read_text(), LESSON


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("outcome = await self._execute(step, found)", "outcome = await self._record(step, found)"),
        ("while self._behind():", "while await self._quiet() and self._behind():"),
        ("with contextlib.suppress(TimeoutError):", "workflow.upsert_search_attributes([])\n        with _QUIET:"),
    ],
)
def test_a_changed_order_is_seen(before: str, after: str) -> None:
    source = interpreter()
    assert before in source
    assert fingerprint(source.replace(before, after)) != RECORDED.read_text()
