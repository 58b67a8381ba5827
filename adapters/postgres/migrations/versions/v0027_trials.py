"""Trials: how long a plan's is, and from when to when a subscription is served before its first period."""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE plan_versions ADD COLUMN trial_days integer NOT NULL DEFAULT 0 CHECK (trial_days BETWEEN 0 AND 730)
    """)
    op.execute("""
        ALTER TABLE subscriptions ADD COLUMN trial_start timestamptz, ADD COLUMN trial_end timestamptz,
        ADD CONSTRAINT subscriptions_trial_is_a_span CHECK (
            num_nulls(trial_start, trial_end) IN (0, 2) AND trial_start <= trial_end
        ),
        DROP CONSTRAINT subscriptions_status_check, ADD CONSTRAINT subscriptions_status_check CHECK (
            status IN ('awaiting_card', 'trialing', 'active', 'past_due', 'paused', 'cancelled')
        )
    """)
