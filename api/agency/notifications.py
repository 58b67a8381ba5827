"""What the agency is told."""

from api.tenant import agency_router

router = agency_router("Notifications", "/notifications")
