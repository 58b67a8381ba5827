"""The ids of an invoice's revisions: what takes the place of one that went void (billing-rules 5 and 9)."""

import re
from typing import Final

_REVISION: Final = re.compile(r"(.+)_r(\d+)")


def revision_of(invoice: str) -> str:
    """The id of the invoice that takes the place of this one: inv_x_p4, inv_x_p4_r2, inv_x_p4_r3."""
    known = _REVISION.fullmatch(invoice)
    return f"{known[1]}_r{int(known[2]) + 1}" if known else f"{invoice}_r2"
