"""What is configured: every setting, of secrets only whether they are set, and whether the keys move real money."""

import os
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr
from temporalio.envconfig import ClientConfig

from adapters.logging import blotted
from adapters.settings import Settings, SettingsRefused
from worker.doctor.findings import Finding, Page, Section, Verdict

_LONG: Final = ("jwt_public_key",)
"""No secret, and no line for a terminal."""
_TEMPORAL_PREFIX: Final = "TEMPORAL_"
_TEMPORAL_SHOWN: Final = ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE")


def refused(why: SettingsRefused) -> list[Finding]:
    """One line for each setting that is missing or wrong; none of them shows a value."""
    do = "Set it in the environment of api and worker, and start them again."
    return [
        Finding(Section.CONFIGURED, name, Verdict.WRONG, complaint, do, Page.SETTINGS_ARE_REFUSED)
        for name, _, complaint in (line.strip().partition(" ") for line in str(why).splitlines()[1:])
    ]


def shown(settings: Settings) -> list[Finding]:
    """Every setting by the name of its variable."""
    lines = [
        Finding(Section.CONFIGURED, name.upper(), Verdict.OK, _shown(settings, name))
        for name in type(settings).model_fields
    ]
    return [*lines, *_warnings(settings)]


def _shown(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    if name == "database_url":
        where = urlsplit(value.get_secret_value())
        return f"set: {where.hostname or 'by its query'}{where.path}"
    if name == "stripe_api_key":
        return f"set: {'LIVE mode, it moves real money' if settings.livemode else 'test mode'}"
    return _plain(name, value)


def _plain(name: str, value: object) -> str:
    if value is None or value == ():
        return "not set"
    if isinstance(value, SecretStr) or name in _LONG:
        return "set"
    if isinstance(value, tuple):
        secret = any(isinstance(one, SecretStr) for one in value)
        return f"set: {len(value)}" if secret else ", ".join(map(str, value))
    # A web address may hold who logs in to it.
    return blotted(str(value.value if isinstance(value, Enum) else value))


_OLD_ONE_GOES: Final = {
    "link_secret": "Take the old one out after 90 days.",
    "secrets_key": "Take the old one out when no row is sealed by it.",
}


def _warnings(settings: Settings) -> Iterator[Finding]:
    for name in ("stripe_webhook_secret", "stripe_connect_webhook_secret", "link_secret", "secrets_key"):
        if len(getattr(settings, name)) > 1:
            told = "two secrets are taken: a rotation is under way"
            at_stripe = "When the new one is in use at Stripe, take the old one out."
            do = _OLD_ONE_GOES.get(name, at_stripe)
            yield Finding(Section.CONFIGURED, name.upper(), Verdict.NOTE, told, do, Page.ROTATE_A_SECRET)
    if not settings.secrets_key:
        told = "the secrets of webhook endpoints, and kept answers, are plain in the database"
        do = "Generate a key; rows are sealed as they are used."
        yield Finding(Section.CONFIGURED, "SECRETS_KEY", Verdict.NOTE, told, do, Page.ROTATE_A_SECRET)
    if not settings.mail_is_on:
        told = "mail is off: messages stay in the app"
        yield Finding(Section.CONFIGURED, "SMTP_HOST", Verdict.NOTE, told, "Name a mail server, and MAIL_FROM.")
    if settings.sandbox:
        yield Finding(Section.CONFIGURED, "RETAINER_ENVIRONMENT", Verdict.NOTE, "a sandbox: time is made here")


def temporal(environment: Mapping[str, str] = os.environ) -> list[Finding]:
    """Temporal's own variables, and what its configuration file makes of them."""
    try:
        config = ClientConfig.load_client_connect_config()
    except Exception as error:  # whatever a file of somebody's can hold
        told = f"Temporal's configuration cannot be read ({type(error).__name__})"
        do = "Look at the variables TEMPORAL_… and at the file that they name."
        return [Finding(Section.CONFIGURED, "TEMPORAL_…", Verdict.WRONG, told, do, Page.SETTINGS_ARE_REFUSED)]
    where = f"{config.get('target_host', 'localhost:7233')}, namespace {config.get('namespace', 'default')}"
    how = [word for word, key in (("TLS", "tls"), ("an API key", "api_key")) if config.get(key)]
    told = f"{where}, with {' and '.join(how)}" if how else where
    others = sorted(name for name in environment if name.startswith(_TEMPORAL_PREFIX) and name not in _TEMPORAL_SHOWN)
    more = [Finding(Section.CONFIGURED, name, Verdict.OK, "set") for name in others]
    return [Finding(Section.CONFIGURED, "TEMPORAL_ADDRESS", Verdict.OK, told), *more]
