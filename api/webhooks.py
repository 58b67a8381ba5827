"""Stripe's events at the door."""

from fastapi import APIRouter

router = APIRouter(prefix="/webhooks/stripe", tags=["Webhooks"])
