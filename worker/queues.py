"""The two task queues of this process: workflows and database activities, and what calls Stripe (architecture)."""

import logging
from collections.abc import Sequence
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import RateLimit
from temporalio.api.workflowservice.v1 import UpdateTaskQueueConfigRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import PollerBehaviorAutoscaling, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.messages import BILLING_QUEUE, STRIPE_QUEUE
from adapters.settings import Settings
from worker.compose import Activities
from worker.heartbeat import THROTTLE, HeartbeatInterceptor
from worker.observing import ObserveWork
from workflows.custom_invoice import CustomInvoiceWorkflow
from workflows.reconciliation import ReconciliationWorkflow
from workflows.refund import RefundWorkflow
from workflows.retention import RetentionWorkflow
from workflows.subscription import SubscriptionWorkflow

PASSED_THROUGH: Final = ("billing", "activities.messages", "workflows.messages", "pydantic")
"""Not loaded anew for each workflow: rules, which ruff keeps pure, and messages. ZoneInfo fails inside the sandbox."""
STRIPE_STEPS_PER_SECOND: Final = 80.0
STRIPE_STEPS_PER_SECOND_AND_ACCOUNT: Final = 8.0
"""Below Stripe's own limits of 100 requests a second, 25 for one endpoint and account."""
_DEPLOYMENT: Final = "retainer"

log = logging.getLogger(__name__)


def workflow_runner() -> SandboxedWorkflowRunner:
    """How every workflow of ours runs, in the worker and in a replay."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return SandboxedWorkflowRunner(restrictions=restrictions)


def workers(
    client: Client,
    settings: Settings,
    activities: Activities,
    *,
    workflows: Sequence[type] = (
        SubscriptionWorkflow,
        CustomInvoiceWorkflow,
        RefundWorkflow,
        ReconciliationWorkflow,
        RetentionWorkflow,
    ),
) -> tuple[Worker, Worker]:
    """The worker of each queue, not yet running. Benchmarks run a workflow of their own with the same settings."""
    billing = Worker(
        client,
        task_queue=BILLING_QUEUE,
        workflows=workflows,
        activities=activities.billing,
        workflow_runner=workflow_runner(),
        interceptors=[ObserveWork(), HeartbeatInterceptor()],
        deployment_config=_deployment(settings),
        max_concurrent_workflow_tasks=settings.worker_workflow_tasks,
        max_concurrent_activities=settings.worker_billing_activities,
        sticky_queue_schedule_to_start_timeout=settings.sticky_timeout,
        max_heartbeat_throttle_interval=THROTTLE,
        graceful_shutdown_timeout=settings.graceful_shutdown,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )
    stripe = Worker(
        client,
        task_queue=STRIPE_QUEUE,
        activities=activities.stripe,
        interceptors=[ObserveWork(), HeartbeatInterceptor()],
        deployment_config=_deployment(settings),
        max_concurrent_activities=settings.worker_stripe_activities,
        max_heartbeat_throttle_interval=THROTTLE,
        graceful_shutdown_timeout=settings.graceful_shutdown,
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )
    return billing, stripe


async def limit_stripe_queue(client: Client) -> None:
    """Set the Stripe queue's limits on the server. Correctness never depends on them, so a refusal is only logged."""
    request = UpdateTaskQueueConfigRequest(
        namespace=client.namespace,
        identity=client.identity,
        task_queue=STRIPE_QUEUE,
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        update_queue_rate_limit=_rate(STRIPE_STEPS_PER_SECOND),
        update_fairness_key_rate_limit_default=_rate(STRIPE_STEPS_PER_SECOND_AND_ACCOUNT),
    )
    try:
        await client.workflow_service.update_task_queue_config(request)
    except RPCError as error:
        log.warning("the limits of the Stripe queue could not be set", extra={"why": error.message})


def _rate(per_second: float) -> UpdateTaskQueueConfigRequest.RateLimitUpdate:
    return UpdateTaskQueueConfigRequest.RateLimitUpdate(
        rate_limit=RateLimit(requests_per_second=per_second), reason="Stripe's limits"
    )


def _deployment(settings: Settings) -> WorkerDeploymentConfig | None:
    """Shows in Temporal which build did what. Routing by build is left to whoever deploys."""
    if settings.worker_build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(_DEPLOYMENT, settings.worker_build_id),
        use_worker_versioning=False,
        default_versioning_behavior=VersioningBehavior.UNSPECIFIED,
    )
