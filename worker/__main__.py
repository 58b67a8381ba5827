"""`python -m worker`: the worker process, set up by the environment alone. `check` and `doctor` look, and change
nothing; `reconcile` has the running workers compare Stripe with the books."""

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from adapters.process import end

_UNKNOWN: Final = 2
"""In every command's exit status."""


def main(arguments: Sequence[str]) -> NoReturn:
    """Without a command: work until told to stop. Each command brings its own code, so that the worker is up soon."""
    given = _parser().parse_args(arguments)
    if given.command == "check":
        from worker.check import main as check

        end(_seen(lambda: check(as_json=given.json, books_only=given.books_only)))
    if given.command == "doctor":
        from worker.doctor.command import main as doctor

        end(_seen(lambda: doctor(as_json=given.json)))
    if given.command == "reconcile":
        from worker.reconcile import main as reconcile

        end(_seen(lambda: reconcile(as_json=given.json, account=given.account, days=given.days)))
    from worker.process import main as work

    work()


def _seen(look: Callable[[], int]) -> int:
    """The exit status of a look. One that breaks has seen nothing: Python's own 1 would say that it had."""
    try:
        return look()
    except Exception:
        traceback.print_exc()
        return _UNKNOWN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    check = commands.add_parser("check", help="is everything true that must always be true? 0 yes, 1 no, 2 unknown")
    doctor = commands.add_parser(
        "doctor", help="what is configured, reachable, stuck? 0 well, 1 stuck, 2 not reachable"
    )
    reconcile = commands.add_parser(
        "reconcile", help="compare Stripe with the books now: 0 all agrees, 1 something differs, 2 not compared"
    )
    reconcile.add_argument("--account", help="the connected account (acct_…); left out: all")
    reconcile.add_argument(
        "--days", type=int, default=None, help="over the invoices of so many days, and all open ones"
    )
    for command in (check, doctor, reconcile):
        command.add_argument("--json", action="store_true", help="one line of JSON, for programs")
    check.add_argument("--books-only", action="store_true", help="leave the workflows out (I9): each is asked once")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
