"""The settings refuse an environment that is not fit to run in, all at once and without showing a secret."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.clock import FileClock, WallClock, clock_of
from adapters.settings import SettingsRefused, load_settings

STRONG = {
    "DATABASE_URL": "postgresql://retainer:qV7rT2mZ9wL4@db/retainer",
    "STRIPE_API_KEY": "sk_test_51Hq8ZkJd93nVbQmT7wYx",
    "STRIPE_WEBHOOK_SECRET": "whsec_9dKq2ZtLm4Xv8RbYw1Nc6Hs",
    "STRIPE_CONNECT_WEBHOOK_SECRET": "whsec_4Gh7TzQp2Wm9Kx5Vb8Rn3Ld,whsec_8Nm2CvXz6Kj4Hg9Fd1Sa5Qw",
    "LINK_SECRET": "c7Yp3Wn8Zk5Rt2Lv9Xb4Hs6M",
    "JWT_ISSUER": "https://platform.brightvoice.io",
    "JWT_SECRET": "m4Vt9QxLz2Kp7RwYb5Ns8Hd3Jc6Fg1Ta",
    "PUBLIC_BASE_URL": "https://billing.brightvoice.io/",
}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        *STRONG,
        "RETAINER_ENVIRONMENT",
        "SANDBOX_CLOCK_FILE",
        "JWT_PUBLIC_KEY",
        "JWT_JWKS_URL",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "METRICS_PORT",
        *("SMTP_HOST", "SMTP_PORT", "SMTP_TLS", "SMTP_USER", "SMTP_PASSWORD", "MAIL_FROM"),
    ):
        monkeypatch.delenv(name, raising=False)


def given(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def refusal(monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]) -> str:
    given(monkeypatch, STRONG | changed)
    with pytest.raises(SettingsRefused) as refused:
        load_settings()
    return str(refused.value)


def test_a_fit_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, STRONG)
    settings = load_settings()
    assert settings.stripe_api_key.get_secret_value() == STRONG["STRIPE_API_KEY"]
    assert len(settings.stripe_webhook_secret) == 1
    assert [secret.get_secret_value()[:10] for secret in settings.stripe_connect_webhook_secret] == [
        "whsec_4Gh7",
        "whsec_8Nm2",
    ]
    assert settings.jwt_algorithms == ("HS256",)
    assert settings.public_base_url == "https://billing.brightvoice.io"
    assert not settings.sandbox
    assert not settings.livemode
    assert isinstance(clock_of(settings), WallClock)


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsRefused) as refused:
        load_settings()
    missing = set(STRONG) - {"JWT_SECRET"}
    for name in missing:
        assert f"{name} is missing" in str(refused.value)
    assert "JWT_ALGORITHMS needs exactly one key" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("STRIPE_API_KEY", "sk_test_short", "shorter than 24"),
        ("STRIPE_API_KEY", "sk_test_change_me_before_running", "placeholder"),
        ("STRIPE_API_KEY", "pk_test_51Hq8ZkJd93nVbQmT7wYx", "not a secret key"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_aaaaaaaaaaaaaaaaaaaaaaaaaaa", "placeholder"),
        ("STRIPE_WEBHOOK_SECRET", "", "is missing"),
        ("STRIPE_CONNECT_WEBHOOK_SECRET", " , ", "is missing"),
        ("STRIPE_CONNECT_WEBHOOK_SECRET", "whsec_4Gh7TzQp2Wm9Kx5Vb8Rn3Ld,short", "shorter than 24"),
        ("STRIPE_CONNECT_WEBHOOK_SECRET", "a,b,c", "at most 2"),
        ("LINK_SECRET", "", "is missing"),
        ("LINK_SECRET", "c7Yp3Wn8", "shorter than 24"),
        ("SMTP_HOST", "smtp.brightvoice.io", "MAIL_FROM is missing: SMTP_HOST is set"),
        ("SMTP_PASSWORD", "tR5nQ8wX", "needs SMTP_USER"),
        ("MAIL_FROM", "Bright Voice <billing@brightvoice.io>", "not a mail address alone"),
        ("MAIL_FROM", "billing@brightvoice.io\nBcc: all@brightvoice.io", "not a mail address alone"),
        ("JWT_SECRET", "m4Vt9QxLz2Kp7RwYb5Ns8Hd3Jc6Fg1T", "shorter than 32"),
        ("JWT_SECRET", "your-secret-key-your-secret-key-1", "placeholder"),
        ("JWT_PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----", "exactly one key"),
        ("JWT_ALGORITHMS", "RS256", "do not fit JWT_SECRET"),
        ("JWT_ALGORITHMS", "none", "JWT_ALGORITHMS"),
        ("DATABASE_URL", "postgresql://retainer:changeme@db/retainer", "placeholder"),
        ("DATABASE_URL", "mysql://db/retainer", "not a postgresql://"),
        ("DATABASE_URL", "postgresql://retainer:qV7r/T2m@db/retainer", "cannot be read"),
        ("DATABASE_URL", "postgresql://retainer:1234#T2m@db/retainer", "cannot be read"),
        ("DATABASE_URL", "postgresql://retainer:1234?T2m@db/retainer", "cannot be read"),
        ("DATABASE_URL", "postgresql://retainer:qV7rT2m@db:port/retainer", "cannot be read"),
        ("DATABASE_URL", "postgresql://retainer:qV7rT2m@[db/retainer", "cannot be read"),
        ("PUBLIC_BASE_URL", "http://billing.brightvoice.io", "https"),
        ("SANDBOX_CLOCK_FILE", "/tmp/clock", "SANDBOX_CLOCK_FILE"),
        ("RETAINER_ENVIRONMENT", "staging", "production"),
    ],
)
def test_what_is_wrong_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    said = refusal(monkeypatch, {name: value})
    assert complaint in said
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://retainer:qV7r%2FT2m%40x@db/retainer",
        "postgresql://retainer@db-1:5432,db-2:5433/retainer?sslmode=verify-full&target_session_attrs=primary",
        "postgres://retainer:a@b@[::1]:5432/retainer",
        "postgresql:///retainer?host=/run/postgresql",
        "postgresql://%2Frun%2Fpostgresql/retainer",
    ],
)
def test_every_form_of_a_database_address_is_taken(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    given(monkeypatch, STRONG | {"DATABASE_URL": address})
    assert load_settings().database_url.get_secret_value() == address


def test_a_refusal_shows_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    weak = {"STRIPE_API_KEY": "sk_test_weakvalue", "DATABASE_URL": "postgresql://retainer:changeme@db/retainer"}
    said = refusal(monkeypatch, weak)
    assert len(said.splitlines()) == 3
    assert "weakvalue" not in said
    assert "changeme" not in said


def test_a_public_key_never_goes_with_a_shared_secrets_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, STRONG | {"JWT_PUBLIC_KEY": "-----BEGIN PUBLIC KEY-----", "JWT_ALGORITHMS": "HS256"})
    monkeypatch.delenv("JWT_SECRET")
    with pytest.raises(SettingsRefused, match="JWT_ALGORITHMS do not fit JWT_PUBLIC_KEY"):
        load_settings()
    monkeypatch.delenv("JWT_ALGORITHMS")
    assert load_settings().jwt_algorithms == ("RS256", "ES256", "EdDSA")


def test_the_sandbox_may_have_simple_secrets_and_its_own_clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("86400\n", encoding="ascii")
    simple = {
        "RETAINER_ENVIRONMENT": "sandbox",
        "SANDBOX_CLOCK_FILE": str(clock),
        "DATABASE_URL": "postgresql://postgres@localhost/retainer",
        "STRIPE_API_KEY": "sk_test_sandbox",
        "STRIPE_API_BASE": "http://127.0.0.1:9000/",
        "STRIPE_WEBHOOK_SECRET": "whsec_sandbox",
        "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
    }
    given(monkeypatch, STRONG | simple)
    settings = load_settings()
    assert settings.stripe_api_base == "http://127.0.0.1:9000"
    ahead = clock_of(settings).now() - WallClock().now()
    assert 86399 < ahead.total_seconds() < 86401


def test_the_sandbox_refuses_a_key_that_moves_real_money(monkeypatch: pytest.MonkeyPatch) -> None:
    live = {"RETAINER_ENVIRONMENT": "sandbox", "STRIPE_API_KEY": "sk_live_51Hq8ZkJd93nVbQmT7wYx"}
    assert "real money" in refusal(monkeypatch, live)


def test_a_mail_server_with_a_password_is_never_spoken_to_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = {"SMTP_HOST": "smtp.brightvoice.io", "MAIL_FROM": "billing@brightvoice.io", "SMTP_USER": "retainer"}
    given(monkeypatch, STRONG | mail | {"SMTP_PASSWORD": "tR5nQ8wX"})
    settings = load_settings()
    assert (settings.mail_is_on, settings.smtp_port, settings.smtp_tls) == (True, 587, "starttls")
    said = refusal(monkeypatch, {**mail, "SMTP_PASSWORD": "tR5nQ8wX", "SMTP_TLS": "none"})
    assert "SMTP_PASSWORD would be sent in the clear" in said
    assert "tR5nQ8wX" not in said


def test_a_lost_clock_file_is_not_taken_for_no_offset(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileClock(tmp_path / "clock").now()


def test_a_collector_of_traces_may_stand_beside_us_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, STRONG | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/", "METRICS_PORT": "9464"})
    settings = load_settings()
    assert settings.otel_exporter_otlp_endpoint == "http://collector:4318"
    assert (settings.metrics_host, settings.metrics_port) == ("127.0.0.1", 9464)
    said = refusal(monkeypatch, {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318", "METRICS_PORT": "-1"})
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is not a web address" in said
    assert "METRICS_PORT" in said
