"""Calls and corrections coming in."""

from fastapi import APIRouter

router = APIRouter(prefix="/v1/usage", tags=["Usage"])
