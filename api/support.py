"""How clients reach the agency."""

from adapters.postgres.agencies import Agency
from api.fields import Answer


class SupportOut(Answer):
    """Whom at the agency to ask."""

    email: str | None
    phone: str | None
    url: str | None


def support_out(agency: Agency) -> SupportOut:
    return SupportOut(email=agency.support_email, phone=agency.support_phone, url=agency.support_url)
