"""`python -m api` serves; `python -m api import-calls FILE.csv --agency …` takes in the calls of a file; `python -m api
token --role …` makes a token for trying things (refused in production)."""

import argparse
import sys
from datetime import timedelta
from pathlib import Path

from adapters.process import end
from adapters.settings import SettingsRefused, load_settings
from api import import_calls
from api.serve import serve
from api.tokens import Caller, Role, issue


def main(arguments: list[str]) -> int:
    try:
        if arguments:
            return _command(arguments)
        serve()
    except (SettingsRefused, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m api")
    commands = parser.add_subparsers(required=True)
    importing = commands.add_parser(
        "import-calls", help="take in the calls of a CSV file; goes on where it was stopped"
    )
    importing.add_argument("file", type=Path, metavar="FILE.csv")
    importing.add_argument("--agency", required=True)
    importing.set_defaults(run=lambda given: import_calls.main(given.file, given.agency))
    token = commands.add_parser("token", help="make a bearer token, outside production")
    token.add_argument("--role", type=Role, choices=list(Role), required=True)
    token.add_argument("--agency", default="")
    token.add_argument("--client", default="")
    token.add_argument("--permission", action="append", default=[])
    token.add_argument("--subject", default="cli")
    token.add_argument("--hours", type=float, default=1.0)
    token.set_defaults(run=lambda given: _token(parser, given))
    given = parser.parse_args(arguments)
    status: int = given.run(given)
    return status


def _token(parser: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    if given.role is not Role.PLATFORM and not given.agency:
        parser.error(f"the role {given.role} needs --agency")
    if given.role is Role.CLIENT and not given.client:
        parser.error("the role client needs --client")
    caller = Caller(given.role, given.subject, given.agency, given.client, frozenset(given.permission))
    print(issue(load_settings(), caller, timedelta(hours=given.hours)))
    return 0


if __name__ == "__main__":
    end(main(sys.argv[1:]))
