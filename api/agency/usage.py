"""What the agency's clients use."""

from api.tenant import agency_router

router = agency_router("Usage", "/usage")
