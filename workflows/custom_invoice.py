"""One durable workflow per custom invoice: the same interpreter as a subscription's, over the rules of its debt."""

from temporalio import workflow

from workflows.messages import CUSTOM_INVOICE, Ended, Start
from workflows.subscription import SubscriptionWorkflow


@workflow.defn(name=CUSTOM_INVOICE)
class CustomInvoiceWorkflow(SubscriptionWorkflow):
    """From the order of an invoice to the day on which it is paid, voided or written off."""

    @workflow.init
    def __init__(self, start: Start) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: Start) -> Ended:
        return await super().run(start)
