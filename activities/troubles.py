"""From the payment provider's trouble to Temporal's: at most one more quick try, the rules' backoff does the rest.

The type of each error is the name of the trouble's class. Its first detail, where there is one, is the number of
seconds that the provider asked us to wait.
"""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Final, TypeVar

from temporalio.exceptions import ApplicationError

from billing.payments import AccountReading, OutcomeUnknown, PaymentTrouble, TryLater

QUICK: Final = timedelta(seconds=2)
"""How long a step waits before its second try; what takes longer is left to the step's backoff."""

S = TypeVar("S")


@contextlib.contextmanager
def for_temporal() -> Iterator[None]:
    """Raise what the provider answers as an ApplicationError; everything else passes."""
    try:
        yield
    except PaymentTrouble as trouble:
        raise _application_error(trouble) from trouble


def account_not_ready(account: AccountReading) -> ApplicationError:
    """The connected account cannot charge just now: nothing is wrong with the invoice, it waits on its backoff."""
    needed = ", ".join(account.requirements) or "nothing that Stripe names"
    return ApplicationError(
        f"{account.account} cannot charge; it needs: {needed}", type="AccountNotReady", non_retryable=True
    )


def expect(step: object, kind: type[S]) -> S:
    """The step as this activity knows it; any other was sent to the wrong activity."""
    if not isinstance(step, kind):
        raise ApplicationError(f"{step!r} is no {kind.__name__}", type="WrongStep", non_retryable=True)
    return step


def _application_error(trouble: PaymentTrouble) -> ApplicationError:
    message = f"{trouble} [{trouble.request}]" if trouble.request else str(trouble)
    kind = type(trouble).__name__
    match trouble:
        case TryLater(retry_after=asked) if asked is not None:
            # Waiting here would hold a slot of the queue: a long wait is the workflow's.
            return ApplicationError(
                message, asked.total_seconds(), type=kind, non_retryable=asked > QUICK, next_retry_delay=QUICK
            )
        case TryLater() | OutcomeUnknown(stored=False):
            return ApplicationError(message, type=kind, next_retry_delay=QUICK)
        case _:
            return ApplicationError(message, type=kind, non_retryable=True)
