"""What the agency's clients use."""

from api.agency.tenant import agency_router

router = agency_router("Usage", "/usage")
