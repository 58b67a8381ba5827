"""What the doctor says; and that it shows no secret, no piece of an address that may hold one, and waits for nobody."""

import asyncio
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import asyncpg
import pytest

from adapters.settings import Settings, SettingsRefused
from adapters.stripe.events import EVENTS
from adapters.stripe.platform import NEEDED_EVENTS, Endpoint
from worker import __main__, check
from worker.doctor import command, configured, servers, stripe
from worker.doctor.command import as_text
from worker.doctor.findings import HANDBOOK, STUCK, UNFIT, WELL, Finding, Page, Section, Verdict, status_of
from worker.doctor.looking import Place, look_at

ROOT = Path(__file__).parents[2]
SECRETS = {
    "stripe_api_key": "rk_live_51Hq8ZkJd93nVbQmT7wYx",
    "stripe_webhook_secret": "whsec_9dKq2ZtLm4Xv8RbYw1Nc6Hs",
    "stripe_connect_webhook_secret": "whsec_4Gh7TzQp2Wm9Kx5Vb8Rn3Ld,whsec_8Nm2CvXz6Kj4Hg9Fd1Sa5Qw",
    "link_secret": "c7Yp3Wn8Zk5Rt2Lv9Xb4Hs6M",
    "secrets_key": "m4Zs8Qd1Kw7Jx2Vc6Ty9Bf3N",
    "jwt_secret": "m4Vt9QxLz2Kp7RwYb5Ns8Hd3Jc6Fg1Ta",
}
BASE = "https://billing.brightvoice.io"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("SANDBOX_CLOCK_FILE", raising=False)
    given = {
        "database_url": "postgresql://retainer:qV7rT2mZ9wL4@db.internal:5433/billing",
        "jwt_issuer": "https://platform.brightvoice.io",
        "public_base_url": BASE,
        "otel_exporter_otlp_endpoint": "https://retainer:nB4xK8wQ2vT6@traces.brightvoice.io",
        **SECRETS,
    }
    return Settings.model_validate(given)


def test_of_secrets_only_that_they_are_set_is_shown_and_of_the_key_what_it_moves(settings: Settings) -> None:
    found = configured.shown(settings)
    told = {one.name: one.told for one in found if one.verdict is Verdict.OK}
    assert told["DATABASE_URL"] == "set: db.internal/billing"
    assert told["STRIPE_API_KEY"] == "set: LIVE mode, it moves real money"
    assert told["STRIPE_WEBHOOK_SECRET"] == "set: 1"
    assert told["STRIPE_CONNECT_WEBHOOK_SECRET"] == "set: 2"
    assert told["JWT_SECRET"] == "set"
    assert told["JWT_PUBLIC_KEY"] == "not set"
    assert told["PUBLIC_BASE_URL"] == BASE
    assert told["RETAINER_ENVIRONMENT"] == "production"
    shown = as_text(found) + "".join(str(one.as_json()) for one in found)
    for secret in (*",".join(SECRETS.values()).split(","), "qV7rT2mZ9wL4", "nB4xK8wQ2vT6"):
        assert secret not in shown
    assert {one.name for one in found if one.verdict is Verdict.NOTE} == {"STRIPE_CONNECT_WEBHOOK_SECRET", "SMTP_HOST"}


def test_every_setting_is_shown(settings: Settings) -> None:
    assert {name.upper() for name in Settings.model_fields} <= {one.name for one in configured.shown(settings)}


def test_each_refused_setting_is_a_line() -> None:
    why = SettingsRefused("These settings …:\n  DATABASE_URL is missing\n  STRIPE_API_KEY looks like a placeholder")
    assert [(one.name, one.told) for one in configured.refused(why)] == [
        ("DATABASE_URL", "is missing"),
        ("STRIPE_API_KEY", "looks like a placeholder"),
    ]


def test_temporals_own_settings_show_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "TEMPORAL_ADDRESS": "acme.tmprl.cloud:7233",
        "TEMPORAL_NAMESPACE": "billing.acme",
        "TEMPORAL_API_KEY": "a-key-of-temporals",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = configured.temporal()
    assert found[0].told.startswith("acme.tmprl.cloud:7233, namespace billing.acme, with ")
    assert "an API key" in found[0].told
    assert "a-key-of-temporals" not in as_text(found)
    assert ("TEMPORAL_API_KEY", "set") in [(one.name, one.told) for one in found]


def test_a_configuration_file_of_temporals_that_cannot_be_read_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "temporal.toml"
    broken.write_text("[profile.default\napi_key = 'a-key-of-temporals'")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(broken))
    (found,) = configured.temporal()
    assert found.verdict is Verdict.WRONG
    assert "a-key-of-temporals" not in str(found.as_json())


async def _looked(*, seconds: float = 5.0, raises: Exception | None = None) -> Sequence[Finding]:
    async def look() -> Sequence[Finding]:
        if raises:
            raise raises
        await asyncio.Event().wait()
        return []

    return await look_at(Place(Section.REACHABLE, "it", "Look.", Page.NO_WORKER, seconds), look)


async def test_what_does_not_answer_is_told_and_not_waited_for() -> None:
    (found,) = await _looked(seconds=0.01)
    assert (found.verdict, found.told) == (Verdict.UNSEEN, "cannot be looked at: no answer within 0.01 s")
    assert (found.do, found.page) == ("Look.", f"{HANDBOOK}#no-worker")


@pytest.mark.parametrize(
    ("raises", "told"),
    [
        (ConnectionRefusedError("nobody at db:5432"), "ConnectionRefusedError: nobody at db:5432"),
        (asyncpg.InvalidPasswordError("for user retainer"), "InvalidPasswordError: for user retainer"),
        (asyncpg.ClientConfigurationError("invalid port 'pa55'"), "ClientConfigurationError"),
        (ValueError("invalid literal 'pa55'"), "ValueError"),
    ],
)
async def test_only_what_cannot_hold_a_secret_is_told_in_full(raises: Exception, told: str) -> None:
    (found,) = await _looked(raises=raises)
    assert found.told == f"cannot be looked at: {told}"


def _found(section: Section, verdict: Verdict) -> Finding:
    return Finding(section, "it", verdict, "so it is")


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ([], WELL),
        ([_found(Section.CONFIGURED, Verdict.OK), _found(Section.REACHABLE, Verdict.NOTE)], WELL),
        ([_found(Section.STUCK, Verdict.NOTE)], WELL),
        ([_found(Section.STUCK, Verdict.WRONG)], STUCK),
        ([_found(Section.STUCK, Verdict.WRONG), _found(Section.REACHABLE, Verdict.WRONG)], UNFIT),
        ([_found(Section.CONFIGURED, Verdict.WRONG)], UNFIT),
        ([_found(Section.REACHABLE, Verdict.UNSEEN)], UNFIT),
        ([_found(Section.STUCK, Verdict.UNSEEN)], UNFIT),
    ],
)
def test_what_is_not_there_goes_before_what_is_stuck(findings: list[Finding], status: int) -> None:
    assert status_of(findings) == status


class _Platform:
    def __init__(self, *known: Endpoint) -> None:
        self._known = known

    async def endpoints(self) -> tuple[Endpoint, ...]:
        return self._known


OURS = f"{BASE}/webhooks/stripe/connect"
PLATFORM = Endpoint(f"{BASE}/webhooks/stripe", True, frozenset({"*"}))


@pytest.mark.parametrize(
    ("endpoint", "verdict", "told"),
    [
        (Endpoint(OURS, True, frozenset({"*"})), Verdict.OK, "is registered"),
        (Endpoint(OURS, True, EVENTS | {"payout.paid"}), Verdict.OK, "is registered"),
        (Endpoint(OURS, True, NEEDED_EVENTS), Verdict.OK, "is registered"),
        (Endpoint(OURS, True, EVENTS - {"invoice.paid"}), Verdict.WRONG, f"{OURS} lacks invoice.paid"),
        (Endpoint(OURS, False, EVENTS), Verdict.WRONG, f"{OURS} is switched off"),
        (Endpoint("https://old.example/webhooks/stripe/connect", True, EVENTS), Verdict.WRONG, "none is registered"),
    ],
)
async def test_events_that_would_not_reach_us_are_told(endpoint: Endpoint, verdict: Verdict, told: str) -> None:
    found = await stripe.endpoints(_Platform(PLATFORM, endpoint), BASE)  # type: ignore[arg-type]
    assert (found[0].verdict, told in found[0].told) == (verdict, True)
    assert found[1].verdict is Verdict.OK


async def test_the_platforms_own_endpoint_is_only_a_note() -> None:
    found = await stripe.endpoints(_Platform(Endpoint(OURS, True, EVENTS)), BASE)  # type: ignore[arg-type]
    assert [one.verdict for one in found] == [Verdict.OK, Verdict.NOTE]


@pytest.mark.parametrize(
    ("stands_at", "verdict"),
    [("0008", Verdict.OK), ("0007", Verdict.WRONG), (None, Verdict.WRONG), ("0009", Verdict.NOTE)],
)
def test_a_schema_may_be_newer_than_the_code_and_not_older(stands_at: str | None, verdict: Verdict) -> None:
    assert servers.schema(stands_at, "0008").verdict is verdict


def test_for_people_it_says_which_how_many_more_and_what_to_do() -> None:
    since = datetime(2026, 11, 20, 10, tzinfo=UTC)
    one = Finding(
        Section.STUCK, "parked", Verdict.WRONG, "7 invoices are parked", "Read.", Page.PARKED_INVOICES, 7, ("a",), since
    )
    assert as_text([one]).split("stuck\n\n")[1].splitlines() == [
        "  WRONG   parked  7 invoices are parked, since 2026-11-20 10:00 UTC",
        "          a",
        "          and 6 more",
        "          → Read.",
        "            docs/operations.md#parked-invoices",
    ]


def test_every_page_that_is_pointed_to_is_in_the_handbook() -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / HANDBOOK).read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert {page.value for page in Page} <= anchors


@pytest.mark.parametrize(("name", "module"), [("check", check), ("doctor", command)])
def test_a_look_that_breaks_has_seen_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, module: ModuleType
) -> None:
    def breaks(**_: object) -> int:
        raise KeyError("a defect")

    monkeypatch.setattr(module, "main", breaks)
    monkeypatch.setattr(__main__, "end", sys.exit)
    with pytest.raises(SystemExit) as ended:
        __main__.main([name])
    assert ended.value.code == 2
    assert "KeyError: 'a defect'" in capsys.readouterr().err
