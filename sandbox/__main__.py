"""`python -m sandbox up|demo|timeline|schedule|forecast`: everything on one machine, to try, develop and test with."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from adapters.process import end
from sandbox.child import NotStarted
from sandbox.reading import CannotTell

HOME = Path(".sandbox")
PORT = 8000
CLIENT = "its id, its external id or its name"
EXAMPLES = """\
examples:
  python -m sandbox up --fresh
  python -m sandbox demo --exit
  python -m sandbox timeline --client harbor-realty
  python -m sandbox schedule --client cedar-dental
  python -m sandbox forecast --client kumo-hotels --months 6 --minutes 300 --card fails_on:2028-03-01
"""


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 as asked; 1 could not go on, an invariant failed, or the demo was not played as told."""
    given = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(given))
    except (NotStarted, CannotTell) as error:
        print(error, file=sys.stderr)
        return 1


async def _run(given: argparse.Namespace) -> int:
    match given.command:
        case "up":
            from sandbox.up import up

            return await up(given.data, given.port, fresh=given.fresh, as_json=given.json)
        case "demo":
            from sandbox.demo.play import demo

            return await demo(given.data, given.port, stay=not given.exit)
        case _:
            await _tell(given)
            return 0


async def _tell(given: argparse.Namespace) -> None:
    from sandbox import outlook

    match given.command:
        case "timeline":
            await outlook.print_timeline(given.data, given.client)
        case "schedule":
            await outlook.print_schedule(given.data, given.client)
        case _:
            await outlook.print_forecast(
                given.data, given.client, months=given.months, minutes=given.minutes, card=given.card
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    up = _command(commands, "up", "start everything and keep it running")
    demo = _command(commands, "demo", "play a year of two agencies and two acts of a third, from a fresh start")
    timeline = _command(commands, "timeline", "what happened in a running sandbox, to all or to one client")
    schedule = _command(commands, "schedule", "what is decided to happen to a client, when and why")
    forecast = _command(commands, "forecast", "what a client would be billed, with a chart")
    for command in (up, demo):
        command.add_argument("--port", type=int, default=PORT, help=f"the API's port ({PORT}); 0 takes any free one")
    up.add_argument("--fresh", action="store_true", help="forget what the folder holds")
    up.add_argument("--json", action="store_true", help="one line of JSON when ready, for programs")
    demo.add_argument("--exit", action="store_true", help="end when all is checked, instead of staying up")
    timeline.add_argument("--client", help=f"of this client only: {CLIENT}")
    for command in (schedule, forecast):
        command.add_argument("--client", required=True, help=CLIENT)
    forecast.add_argument("--months", type=int, default=12, help="how far to look ahead, 1 to 36 (12)")
    forecast.add_argument("--minutes", type=int, help="used a month (as the current period goes on)")
    forecast.add_argument("--card", default="works", help="works, or fails_on:YYYY-MM-DD (works)")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, words: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    command.add_argument("--data", type=Path, default=HOME, help=f"the sandbox's folder ({HOME})")
    return command


if __name__ == "__main__":
    end(main(sys.argv[1:]))
