"""What a request brought along with its command (adapters/telemetry/temporal.py) reaches the activities made for it.

A command is an update; what it asks for is often done by the workflow's own loop, some time after the update was taken.
So the header of each update that is not answered yet is kept, and given to the activities that serve it: those of its
handler, and the payment or void that the loop makes for it. Nothing here decides anything: without headers, and in a
replay of histories that have none, all is as it was. A header is not carried into the next run: a subscription lives
for years, a request for seconds.
"""

from collections.abc import Mapping
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.worker import (
    HandleUpdateInput,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)

from activities.messages import Work
from adapters.telemetry.temporal import HEADER
from billing.requests import GIVING_UP
from billing.state import Origin
from billing.steps import ChargeInvoice, ClosePeriod, CreditInvoice, MarkInvoice, VoidInvoice

Headers = Mapping[str, Payload]


class CarryRequests(WorkflowInboundInterceptor):
    """Of each workflow run: knows the requests that wait for an answer."""

    def __init__(self, next: WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        self._open: dict[str, Headers] = {}

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Carrying(outbound, self._open))

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        self._open[input.id] = {name: value for name, value in input.headers.items() if name == HEADER}
        try:
            return await super().handle_update_handler(input)
        finally:
            self._open.pop(input.id, None)


class _Carrying(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, open: Mapping[str, Headers]) -> None:
        super().__init__(next)
        self._open = open

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        input.headers = {**input.headers, **self._of_request(input)}
        return super().start_activity(input)

    def _of_request(self, input: StartActivityInput) -> Headers:
        handled = workflow.current_update_info()
        served = (handled.id,) if handled else _served_by(input.args[0] if input.args else None)
        return next((self._open[request] for request in served if request in self._open), {})


def _served_by(message: object) -> tuple[str, ...]:
    """The requests that a step of the workflow's loop is taken for, oldest first."""
    match message:
        case Work(state=state, step=VoidInvoice() | MarkInvoice() | CreditInvoice()):
            return tuple(asked.id for asked in state.asked if asked.what in GIVING_UP)
        case Work(state=state, step=ChargeInvoice(origin=Origin.PAY_NOW | Origin.RETRY)):
            return tuple(asked.id for asked in state.asked if asked.what in ("pay_now", "retry"))
        case Work(state=state, step=ClosePeriod()):
            return tuple(asked.id for asked in state.asked if asked.what == "resume")
        case _:
            return ()
