"""`/v1/country_specs`: what an account in a country can charge in."""

from sandbox.stripe.countries import COUNTRIES
from sandbox.stripe.errors import MissingResource
from sandbox.stripe.money import CURRENCIES
from sandbox.stripe.params import Integer
from sandbox.stripe.routing import Answer, Call, endpoint
from sandbox.stripe.types import Json
from sandbox.stripe.work import listed

_VERIFICATION: Json = {"additional": [], "minimum": ["business_profile.url", "external_account", "tos_acceptance.date"]}


@endpoint("country_specs.retrieve", "GET", "/v1/country_specs/{id}")
def retrieve(call: Call) -> Answer:
    country = call.ids["id"].upper()
    if country not in COUNTRIES:
        raise MissingResource("country", country, param="country", in_path=True)
    return _country_spec(country)


@endpoint("country_specs.list", "GET", "/v1/country_specs", {"limit": Integer(minimum=1, maximum=100)})
def list_countries(call: Call) -> Answer:
    countries = sorted(COUNTRIES)[: call.params.get("limit", 10)]
    return listed([_country_spec(country) for country in countries], call.path, len(COUNTRIES))


def _country_spec(country: str) -> Json:
    currency = COUNTRIES[country]
    return {
        "id": country,
        "object": "country_spec",
        "default_currency": currency,
        "supported_bank_account_currencies": {currency: [country]},
        "supported_payment_currencies": list(CURRENCIES),
        "supported_payment_methods": ["card", "stripe"],
        "supported_transfer_countries": sorted(COUNTRIES),
        "verification_fields": {"company": _VERIFICATION, "individual": _VERIFICATION},
    }
