"""OAuth: an agency connects a Stripe account that it has already.

The SDK's own service (`client.oauth`) makes the page's address; its token call is synchronous only, so that one call
goes through the same client by hand.
"""

from typing import Final

import stripe

from adapters.stripe import keys
from adapters.stripe.connection import Connection
from adapters.stripe.troubles import trouble
from billing.payments import Refused

_SCOPE: Final = "read_write"


class StripeOAuth:
    """The platform's client id, under which Stripe asks an account's owner."""

    def __init__(self, connection: Connection, client_id: str) -> None:
        self._stripe = connection
        self._client_id = client_id

    def consent_page(self, state: str, redirect_uri: str) -> str:
        """Stripe's page; it leads on to `redirect_uri` with `state` and a code, or an error."""
        return self._stripe.oauth.authorize_url(
            {"client_id": self._client_id, "scope": _SCOPE, "redirect_uri": redirect_uri, "state": state}
        )

    async def account_of(self, agency: str, request: str, code: str) -> str:
        """The account that its owner let us into. A code is good once: Refused when it is not, or no more.

        Raises billing.payments.PaymentTrouble.
        """
        try:
            token = await self._stripe.ask_connect(
                "/oauth/token", keys.agency_oauth(agency, request), grant_type="authorization_code", code=code
            )
        except stripe.oauth_error.OAuthError as error:
            raise Refused(str(error), status=error.http_status or 400, request=error.request_id) from error
        except stripe.StripeError as error:
            raise trouble(error, None) from error
        return str(token["stripe_user_id"])
