"""Rules and workflows are deterministic: ruff refuses every clock, chance and setting in them (architecture)."""

import json
import subprocess
import sys
import textwrap
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
DETERMINISTIC = ["billing/x.py", "workflows/x.py"]
ELSEWHERE = ["activities/x.py", "adapters/stripe/x.py", "worker/x.py", "api/x.py", "sandbox/x.py", "tests/unit/x.py"]
BANNED = [
    "from datetime import datetime\n\nat = datetime.now()",
    "import datetime\n\nat = datetime.datetime.now(datetime.UTC)",
    "from datetime import datetime\n\nat = datetime.utcnow()",
    "from datetime import date\n\nday = date.today()",
    "import time\n\nat = time.time()",
    "from time import monotonic\n\nat = monotonic()",
    "from time import perf_counter_ns\n\nat = perf_counter_ns()",
    "import time\n\ntime.sleep(1)",
    "import random\n\nchance = random.random()",
    "from random import choice\n\nchance = choice([1, 2])",
    "import secrets\n\nkey = secrets.token_hex()",
    "import uuid\n\nkey = uuid.uuid4()",
    "from uuid import uuid1\n\nkey = uuid1()",
    "import os\n\nhome = os.environ['HOME']",
    "from os import getenv\n\nhome = getenv('HOME')",
    "import os\n\nkey = os.urandom(8)",
    "import asyncio\n\n\nasync def pause() -> None:\n    await asyncio.sleep(1)",
    "import asyncio\n\n\nasync def first(tasks: list) -> None:\n    await asyncio.wait(tasks)",
    "import asyncio\n\n\nasync def each(tasks: list):\n    return [await t for t in asyncio.as_completed(tasks)]",
]


def unseen(sources: list[str], path: str) -> list[str]:
    """The sources on which the ban does not fire, were they in that file; each stands in a function of its own."""
    blocks = [f"def case_{n}():\n{textwrap.indent(source, '    ')}\n" for n, source in enumerate(sources)]
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--output-format", "json", "--no-cache"]
    checked = subprocess.run(
        [*command, "--stdin-filename", path, "-"],
        input="".join(blocks),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    fired = {found["location"]["row"] for found in json.loads(checked.stdout) if found["code"] == "TID251"}
    borders = pairwise(accumulate((block.count("\n") for block in blocks), initial=0))
    return [
        source
        for source, (start, end) in zip(sources, borders, strict=True)
        if fired.isdisjoint(range(start + 1, end + 1))
    ]


@pytest.mark.parametrize("path", DETERMINISTIC)
def test_the_ban_fires(path: str) -> None:
    assert unseen(BANNED, path) == []


@pytest.mark.parametrize("path", ELSEWHERE)
def test_everything_else_may_have_a_clock(path: str) -> None:
    assert unseen(BANNED, path) == BANNED


@pytest.mark.parametrize("path", DETERMINISTIC)
def test_what_is_deterministic_is_allowed(path: str) -> None:
    allowed = ["from datetime import UTC, datetime\n\nat = datetime(2026, 3, 1, tzinfo=UTC)"]
    assert unseen(allowed, path) == allowed
