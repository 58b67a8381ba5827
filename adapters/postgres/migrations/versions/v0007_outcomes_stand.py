"""What an attempt came to, and what a credit is worth, stand once they are written: all of it, not the result alone."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("DROP TRIGGER payment_attempts_settled_stand ON payment_attempts")
    op.execute("""
        CREATE TRIGGER payment_attempts_settled_stand BEFORE UPDATE ON payment_attempts FOR EACH ROW
        WHEN (OLD.result IS NOT NULL) EXECUTE FUNCTION
        keep_columns('result', 'settled_at', 'charge_id', 'payment_intent_id', 'charged_amount', 'decline',
                     'decline_class', 'reason')
    """)
    op.execute("""
        CREATE TRIGGER credits_stand BEFORE UPDATE ON credits FOR EACH ROW EXECUTE FUNCTION
        keep_columns('id', 'agency_id', 'client_id', 'currency', 'amount', 'invoice_id', 'created_at')
    """)
    op.execute("""
        CREATE TRIGGER credits_never_deleted BEFORE DELETE ON credits FOR EACH ROW EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE TRIGGER credit_uses_kept BEFORE UPDATE ON credit_uses FOR EACH ROW EXECUTE FUNCTION
        keep_columns('credit_id', 'invoice_id', 'agency_id', 'amount', 'used_at')
    """)
    op.execute("""
        CREATE TRIGGER credit_uses_given_back_once BEFORE UPDATE ON credit_uses FOR EACH ROW
        WHEN (OLD.given_back_at IS NOT NULL) EXECUTE FUNCTION keep_columns('given_back_at')
    """)
