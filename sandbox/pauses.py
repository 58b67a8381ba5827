"""The one pause of the product that the time machine cannot skip: Temporal's own, between a step's two quick tries."""

from datetime import timedelta
from typing import Any

import temporalio.client
import temporalio.worker
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from billing.payments import OutcomeUnknown

SHORT = timedelta(milliseconds=100)


class ShortenPauses(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    """The second try comes at once where Stripe answered that it failed: in the sandbox no such fault passes within two
    seconds. Where nobody answered the pause stays, because a killed process needs it to come up again; where Stripe
    asked for time it is given.

    Given to a client, it works in that client's workers, too.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Shortening(next)


class _Shortening(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await super().execute_activity(input)
        except ApplicationError as error:
            trouble = error.__cause__
            if error.next_retry_delay and isinstance(trouble, OutcomeUnknown) and trouble.request:
                raise _sooner(error) from trouble
            raise


def _sooner(error: ApplicationError) -> ApplicationError:
    return ApplicationError(
        error.message,
        *error.details,
        type=error.type,
        non_retryable=error.non_retryable,
        next_retry_delay=SHORT,
        category=error.category,
    )
