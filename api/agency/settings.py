"""The agency's settings."""

from api.agency.tenant import agency_router

router = agency_router("Settings", "/settings")
