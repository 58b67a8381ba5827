"""The agency's settings."""

from api.tenant import agency_router

router = agency_router("Settings", "/settings")
