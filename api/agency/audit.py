"""Who did what, when and why."""

from api.tenant import agency_router

router = agency_router("Audit", "/audit")
