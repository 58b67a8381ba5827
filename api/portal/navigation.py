"""Which sections of the portal a client has."""

from typing import Literal

from fastapi import APIRouter

from api.fields import Answer
from api.guard import BEARER, Calling, guarded
from api.openapi import example
from api.portal.door import billing_refused, own_self
from api.services import Used
from api.tokens import Role

router = APIRouter(
    prefix="/v1/portal/navigation", tags=["Portal"], route_class=guarded(Role.CLIENT), dependencies=[BEARER]
)


class NavigationOut(Answer, json_schema_extra=example(sections=["billing"])):
    sections: list[Literal["billing"]]


@router.get("", summary="The portal's sections")
async def read(services: Used, caller: Calling) -> NavigationOut:
    """`billing` is listed only where its calls would be answered."""
    await own_self(services, caller)
    return NavigationOut(sections=[] if await billing_refused(services, caller) else ["billing"])
