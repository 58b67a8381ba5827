"""An agency's invoices: list, detail, PDF, void."""

from api.tenant import agency_router

router = agency_router("Invoices")
