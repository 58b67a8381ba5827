"""The mail that was caught, and whom it is about: a Message-ID names its delivery's row, which knows."""

from typing import Any

from sandbox.mail import caught
from sandbox.stack import Sandbox

_ABOUT = """
    SELECT d.id, n.client_id, n.audience, n.kind
    FROM message_deliveries d JOIN notifications n ON n.id = d.notification_id
    WHERE d.id = ANY ($1::text[]) AND ($2::text IS NULL OR (n.client_id = $2 AND n.audience = 'client'))
"""


async def mailbox(sandbox: Sandbox, client: str | None = None) -> list[dict[str, Any]]:
    """All mail, the first that came first; with a `client` what was sent to that one."""
    mails = caught(sandbox.home.mail)
    rows = await sandbox.pool.fetch(_ABOUT, [mail.delivery for mail in mails], client)
    about = {row["id"]: {name: row[name] for name in ("client_id", "audience", "kind")} for row in rows}
    return [{**mail.as_json(), **about[mail.delivery]} for mail in mails if mail.delivery in about]
