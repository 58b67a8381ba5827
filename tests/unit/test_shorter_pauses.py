"""In the sandbox a step's second try comes at once after a failure of Stripe's, and after the usual pause else."""

from datetime import timedelta
from typing import Any, cast

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.worker import ExecuteActivityInput

from activities.troubles import QUICK, for_temporal
from billing.payments import OutcomeUnknown, PaymentTrouble, TryLater
from sandbox.pauses import SHORT, ShortenPauses


class _Step:
    def __init__(self, trouble: PaymentTrouble) -> None:
        self._trouble = trouble

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        with for_temporal():
            raise self._trouble


@pytest.mark.parametrize(
    ("trouble", "pause"),
    [
        (OutcomeUnknown("error 500", request="req_1"), SHORT),
        (TryLater("rate limited", retry_after=timedelta(seconds=1), request="req_1"), QUICK),
        (OutcomeUnknown("connection refused"), QUICK),
        (OutcomeUnknown("error 500", stored=True, request="req_1"), None),
    ],
)
async def test_only_the_pause_changes(trouble: PaymentTrouble, pause: timedelta | None) -> None:
    def as_raised(error: ApplicationError) -> tuple[object, ...]:
        return error.message, error.type, error.details, error.non_retryable, error.__cause__

    with pytest.raises(ApplicationError) as usual:
        await _Step(trouble).execute_activity(cast(Any, None))
    with pytest.raises(ApplicationError) as shortened:
        await ShortenPauses().intercept_activity(cast(Any, _Step(trouble))).execute_activity(cast(Any, None))

    assert as_raised(shortened.value) == as_raised(usual.value)
    assert shortened.value.next_retry_delay == pause
