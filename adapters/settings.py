"""Every setting, read once from the environment into one frozen object that refuses to be wrong.

Temporal's connection is not here: its own names (TEMPORAL_ADDRESS, …) are read by `temporalio.envconfig`.
"""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from adapters.postgres import address

_PLACEHOLDER: Final = re.compile(
    r"change.?me|placeholder|example|your[-_ ]|replace|insert|dummy|todo|password|<|xxx|\.\.\.|1234567890",
    re.IGNORECASE,
)
_MAIL_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_FEWEST_CHARACTERS: Final = 8
"""A secret of fewer different characters was typed, not generated."""
_JWT_SECRET_BYTES: Final = 32

Algorithm = Literal["HS256", "RS256", "ES256", "EdDSA"]


class SettingsRefused(Exception):
    """The environment is not fit to run in. The message names every wrong setting and never shows a value."""


class Environment(StrEnum):
    """Where we run. In the sandbox time is made and secrets may be simple; everything else is production."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"


def _in_sandbox(info: ValidationInfo) -> bool:
    # An environment that did not validate is absent here, and then the strict rules hold.
    return info.data.get("retainer_environment") is Environment.SANDBOX


def _strong(shortest: int) -> Callable[[SecretStr, ValidationInfo], SecretStr]:
    def check(secret: SecretStr, info: ValidationInfo) -> SecretStr:
        if not _in_sandbox(info):
            _check_strength(secret.get_secret_value(), shortest)
        return secret

    return check


def _check_strength(value: str, shortest: int) -> None:
    if len(value) < shortest:
        raise ValueError(f"is shorter than {shortest} characters")
    if _PLACEHOLDER.search(value) or len(set(value)) < _FEWEST_CHARACTERS:
        raise ValueError("looks like a placeholder")


def _strong_each(secrets: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
    check = _strong(24)
    return tuple(check(secret, info) for secret in secrets)


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _check_url(value: str, info: ValidationInfo) -> str:
    checked = _check_collector(value)
    if urlsplit(checked).scheme == "http" and not _in_sandbox(info):
        raise ValueError("must be https outside the sandbox")
    return checked


def _check_collector(value: str) -> str:
    """A web address, also without TLS: a collector stands beside the process."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not a web address")
    return value.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_check_url)]
WebhookSecrets = Annotated[
    tuple[SecretStr, ...],
    NoDecode,
    BeforeValidator(_split),
    Field(min_length=1, max_length=2),
    AfterValidator(_strong_each),
]

SealingKeys = Annotated[
    tuple[SecretStr, ...], NoDecode, BeforeValidator(_split), Field(max_length=2), AfterValidator(_strong_each)
]


class Settings(BaseSettings):
    """The settings, by the names of their environment variables in lower case.

    Later fields are checked against earlier ones: `retainer_environment` stays first, `jwt_algorithms` after its keys.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    retainer_environment: Environment = Environment.PRODUCTION
    sandbox_clock_file: Path | None = None
    """Holds the seconds by which the sandbox's clock is ahead of the wall's."""

    database_url: SecretStr
    database_pool_size: int = Field(default=10, ge=2, le=100)

    stripe_api_key: Annotated[SecretStr, AfterValidator(_strong(24))]
    stripe_api_base: WebAddress | None = None
    """Where Stripe answers: none is Stripe itself, the sandbox sets its emulator."""
    stripe_webhook_secret: WebhookSecrets
    """Of the platform's endpoint: one, or the old and the new one while they are rotated."""
    stripe_connect_webhook_secret: WebhookSecrets
    """Of the connected accounts' endpoint, likewise."""
    stripe_client_id: Annotated[str, Field(pattern=r"^ca_\w+$")] | None = None
    """The platform's client id of OAuth; none: agencies can't connect an account that they have already."""

    jwt_issuer: str
    jwt_audience: str = "retainer"
    jwt_secret: Annotated[SecretStr, AfterValidator(_strong(_JWT_SECRET_BYTES))] | None = None
    jwt_public_key: str | None = None
    """PEM."""
    jwt_jwks_url: WebAddress | None = None
    jwt_algorithms: Annotated[tuple[Algorithm, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(), validate_default=True
    )
    """Left out: HS256 for a shared secret, else RS256, ES256 and EdDSA."""

    public_base_url: WebAddress
    """Where clients and Stripe reach the API: the root of every link in a message."""
    sign_in_url: WebAddress | None = None
    """Where people sign in to the platform, which hands their browsers over to our pages: shown when a session has
    ended. None: they are asked to come again from where they came."""
    link_secret: WebhookSecrets
    """Signs the links in messages: one, or the new and the old one while they are rotated."""
    secrets_key: SealingKeys = ()
    """Seals the secrets that lie in the database: one, or the new and the old one; none: they are plain there."""

    smtp_host: str | None = None
    """The mail server; none: mail is off, and messages stay in the app."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    mail_from: str | None = Field(default=None, validate_default=True)
    """The address that all mail comes from, under whatever name: the one that the mail server may send for."""

    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8000, ge=0, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Where the worker shows its figures, one port for each process; 0: nowhere. The API shows its own at /metrics."""
    otel_exporter_otlp_endpoint: Annotated[str, AfterValidator(_check_collector)] | None = None
    """Who collects traces (OTLP over HTTP); none: nothing is traced. OpenTelemetry's other variables are read by its
    own library."""
    otel_service_name: str | None = None
    """Left out: retainer-api and retainer-worker."""

    worker_build_id: str | None = None
    worker_sticky_timeout_seconds: float = Field(default=10.0, gt=0)
    worker_graceful_shutdown_seconds: float = Field(default=25.0, gt=0)
    """Above Stripe's 20 s, so that no call in flight is cut; keep it below the container's kill time."""
    worker_message_lease_seconds: float = Field(default=60.0, gt=0)
    """Longer than one attempt to send a message may take. What a worker died with is sent by another one after that."""
    worker_workflow_tasks: int = Field(default=8, ge=2, le=200)
    """Workflow tasks at once: 2 to 4 for each core, because a task may not take 2 s."""
    worker_billing_activities: int = Field(default=20, ge=1, le=500)
    worker_stripe_activities: int = Field(default=40, ge=1, le=500)
    calls_kept_days: int = Field(default=400, ge=100, le=36_500)
    """After how many days a call is no longer kept by itself, by whole months. A late one may be 34 days old, and has
    to be there until its period is closed and settled."""
    reconcile_every_minutes: int | None = Field(default=None, ge=0, le=10_080)
    """How often Stripe and the books are compared; 0: never by itself. Left out: each hour, in the sandbox never."""

    @property
    def sandbox(self) -> bool:
        return self.retainer_environment is Environment.SANDBOX

    @property
    def livemode(self) -> bool:
        """Whether the key moves real money; events of the other mode are ignored."""
        return "_live_" in self.stripe_api_key.get_secret_value()

    @property
    def mail_is_on(self) -> bool:
        return self.smtp_host is not None

    @property
    def graceful_shutdown(self) -> timedelta:
        return timedelta(seconds=self.worker_graceful_shutdown_seconds)

    @property
    def reconcile_every(self) -> timedelta | None:
        """None: nothing is compared by itself. A schedule knows no other clock than the wall's."""
        given = self.reconcile_every_minutes
        minutes = (0 if self.sandbox else 60) if given is None else given
        return timedelta(minutes=minutes) if minutes else None

    @property
    def retire_every(self) -> timedelta | None:
        """None: by hand only, for a schedule knows no other clock than the wall's."""
        return None if self.sandbox else timedelta(days=1)

    @property
    def calls_kept(self) -> timedelta:
        return timedelta(days=self.calls_kept_days)

    @property
    def message_lease(self) -> timedelta:
        return timedelta(seconds=self.worker_message_lease_seconds)

    @property
    def sticky_timeout(self) -> timedelta:
        return timedelta(seconds=self.worker_sticky_timeout_seconds)

    @field_validator("retainer_environment", mode="after")
    @classmethod
    def _sandbox_settings_stay_in_the_sandbox(cls, environment: Environment) -> Environment:
        strays = sorted(name for name in os.environ if name.upper().startswith("SANDBOX_"))
        if environment is Environment.PRODUCTION and strays:
            raise ValueError(f"is production, where these are refused: {', '.join(strays)}")
        return environment

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if wrong := address.complaint(value.get_secret_value()):
            raise ValueError(wrong)
        password = urlsplit(value.get_secret_value()).password
        if password and not _in_sandbox(info) and _PLACEHOLDER.search(password):
            raise ValueError("holds a password that looks like a placeholder")
        return value

    @field_validator("stripe_api_key")
    @classmethod
    def _check_stripe_key(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if not value.get_secret_value().startswith(("sk_", "rk_")):
            raise ValueError("is not a secret key of Stripe (sk_… or rk_…)")
        if _in_sandbox(info) and "_live_" in value.get_secret_value():
            raise ValueError("moves real money: the sandbox, where time is made, refuses it")
        return value

    @field_validator("smtp_password")
    @classmethod
    def _check_mail_password(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return value
        if info.data.get("smtp_user") is None:
            raise ValueError("needs SMTP_USER")
        if info.data.get("smtp_tls") == "none" and not _in_sandbox(info):
            raise ValueError("would be sent in the clear: SMTP_TLS is none")
        return value

    @field_validator("mail_from")
    @classmethod
    def _check_mail_from(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("smtp_host") is not None:
            raise ValueError("is missing: SMTP_HOST is set")
        if value is not None and not _MAIL_ADDRESS.fullmatch(value):
            raise ValueError("is not a mail address alone, without a name")
        return value

    @field_validator("jwt_secret")
    @classmethod
    def _check_jwt_secret(cls, value: SecretStr | None) -> SecretStr | None:
        # RFC 7518, 3.2, in the sandbox too: a shorter key warns in PyJWT at every token.
        if value is not None and len(value.get_secret_value().encode()) < _JWT_SECRET_BYTES:
            raise ValueError(f"is shorter than {_JWT_SECRET_BYTES} bytes")
        return value

    @field_validator("jwt_algorithms")
    @classmethod
    def _check_jwt(cls, algorithms: tuple[Algorithm, ...], info: ValidationInfo) -> tuple[Algorithm, ...]:
        keys = ("jwt_secret", "jwt_public_key", "jwt_jwks_url")
        if any(key not in info.data for key in keys):
            return algorithms  # the key itself is already reported
        given = [key for key in keys if info.data[key] is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one key: JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL")
        fitting: tuple[Algorithm, ...] = ("HS256",) if given == ["jwt_secret"] else ("RS256", "ES256", "EdDSA")
        # A public key taken for a shared secret would let anyone sign.
        if not set(algorithms) <= set(fitting):
            raise ValueError(f"do not fit {given[0].upper()}: {', '.join(fitting)} would")
        return algorithms or fitting


def load_settings() -> Settings:
    """Read the settings. Raises SettingsRefused with one line for each that is missing or wrong."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"  {_name(problem['loc'])} {_complaint(problem['type'], problem['msg'])}" for problem in error.errors()
        ]
    raise SettingsRefused("\n".join(["These settings (environment variables) are not fit to run with:", *lines]))


def _name(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else "The settings"


def _complaint(kind: str, message: str) -> str:
    return "is missing" if kind in ("missing", "too_short") else message.removeprefix("Value error, ")
