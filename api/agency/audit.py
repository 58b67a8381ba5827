"""Who did what, when and why."""

from api.agency.tenant import agency_router

router = agency_router("Audit", "/audit")
