"""Which messages the agency reads in the app: of some it is told by webhook only. Some are about no client."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("ALTER TABLE notifications ALTER COLUMN client_id DROP NOT NULL")
    # What was written before is read in the app where it was: by the agency.
    op.execute("ALTER TABLE notifications ADD COLUMN in_app boolean NOT NULL DEFAULT true")
    op.execute("UPDATE notifications SET in_app = false WHERE audience = 'client'")
    op.execute("ALTER TABLE notifications ALTER COLUMN in_app DROP DEFAULT")
    op.execute("DROP INDEX notifications_of_agency")
    op.execute("CREATE INDEX notifications_of_agency ON notifications (agency_id, at, id) WHERE in_app")
