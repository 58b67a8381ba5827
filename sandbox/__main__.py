"""`python -m sandbox up|demo|timeline`: everything on one machine, for trying, developing and testing."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from adapters.process import end
from sandbox.child import NotStarted

HOME = Path(".sandbox")
PORT = 8000


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 as asked, 1 could not go on or an invariant failed."""
    given = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(given))
    except NotStarted as error:
        print(error, file=sys.stderr)
        return 1


async def _run(given: argparse.Namespace) -> int:
    match given.command:
        case "up":
            from sandbox.up import up

            return await up(given.data, given.port, fresh=given.fresh, as_json=given.json)
        case "demo":
            from sandbox.demo import demo

            return await demo(given.data, given.port, stay=not given.exit)
        case _:
            from sandbox.story import print_timeline

            return await print_timeline(given.data, given.client)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and keep it running")
    demo = commands.add_parser("demo", help="play five months of three clients, from a fresh start")
    timeline = commands.add_parser("timeline", help="what happened in a running sandbox")
    for command in (up, demo):
        command.add_argument("--port", type=int, default=PORT, help="the API's port; 0 takes any free one")
    for command in (up, demo, timeline):
        command.add_argument("--data", type=Path, default=HOME, help="the sandbox's folder")
    up.add_argument("--fresh", action="store_true", help="forget what the folder holds")
    up.add_argument("--json", action="store_true", help="one line of JSON when ready, for programs")
    demo.add_argument("--exit", action="store_true", help="end after the invariants instead of staying up")
    timeline.add_argument("--client", help="of this client only (its id)")
    return parser


if __name__ == "__main__":
    end(main(sys.argv[1:]))
