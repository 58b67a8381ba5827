"""The next invoice as both sections tell of it."""

from api.pages.inside import Json


def next_invoice(of: Json) -> Json | None:
    """A client's, or its billing's, unless nothing will be due of it: then none is sent."""
    coming: Json | None = of["next_invoice"]
    return coming if coming and coming["estimate"]["amount"] else None
