"""docker-compose.yml, Dockerfile and .env.example against the settings and against each other."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import opentelemetry.sdk.environment_variables
import pytest
import yaml
from pydantic_core import PydanticUndefined
from support.deployment import compose, example, interpolated, read, script
from temporalio.envconfig import ClientConfigProfile

from activities.messages import STRIPE_QUEUE
from adapters.settings import Settings, SettingsRefused, load_settings
from api.serve import GRACE_SECONDS
from sandbox.temporal import DYNAMIC_CONFIG, SEARCH_ATTRIBUTES

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
OURS = {"api", "worker", "migrate"}
PROCESSES = {"api", "worker"}
LASTING = PROCESSES | {"postgres", "temporal", "temporal-ui"}
ONE_SHOTS = set(SERVICES) - LASTING
SETTINGS = {name.upper() for name in Settings.model_fields}
SANDBOX_ONLY = {"RETAINER_ENVIRONMENT", "SANDBOX_CLOCK_FILE", "STRIPE_API_BASE"}
IN_THE_IMAGE = {"WORKER_BUILD_ID"}
OF_THE_WORKER = {name for name in SETTINGS if name.startswith(("WORKER_", "METRICS_", "RECONCILE_", "CALLS_"))}
OF_THE_API = {"API_HOST", "API_PORT"}
PSQL = {"PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD"}
SQL_TOOL = {"SQL_PLUGIN", "SQL_HOST", "SQL_PORT", "SQL_USER", "SQL_PASSWORD"}
DOCUMENTED = {
    "postgres": {"POSTGRES_PASSWORD"},
    "roles": {*PSQL, "DATABASE_OWNER_PASSWORD", "DATABASE_APP_PASSWORD", "TEMPORAL_DATABASE_PASSWORD"},
    "grants": PSQL,
    "temporal-schema": SQL_TOOL,
    "temporal": {
        *("DB", "DB_PORT", "POSTGRES_SEEDS", "POSTGRES_USER", "POSTGRES_PWD", "DBNAME", "VISIBILITY_DBNAME"),
        *("NUM_HISTORY_SHARDS", "BIND_ON_IP", "DYNAMIC_CONFIG_FILE_PATH", "LOG_LEVEL"),
    },
    "temporal-namespace": {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"},
    "temporal-ui": {"TEMPORAL_ADDRESS", "TEMPORAL_DEFAULT_NAMESPACE", "TEMPORAL_NOTIFY_ON_NEW_VERSION"},
}
"""What the official images read: their documentation and entry points name these."""
PINNED = re.compile(r"[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?(@sha256:[0-9a-f]{64})?")


def environment(service: str) -> dict[str, str | None]:
    given: dict[str, str | None] = SERVICES[service].get("environment", {})
    return given


def read_by_temporal(name: str) -> bool:
    untouched = ClientConfigProfile.load(disable_file=True, override_env_vars={})
    return ClientConfigProfile.load(disable_file=True, override_env_vars={name: "true"}) != untouched


def read_by_a_library(name: str) -> bool:
    return name in vars(opentelemetry.sdk.environment_variables) or read_by_temporal(name)


def seconds(duration: str) -> timedelta:
    found = re.fullmatch(r"(\d+)s", duration)
    assert found, duration
    return timedelta(seconds=int(found[1]))


# Names


@pytest.mark.parametrize("service", sorted(OURS))
def test_every_name_that_our_processes_get_is_one_that_they_read(service: str) -> None:
    unknown = {name for name in environment(service) if name not in SETTINGS and not read_by_a_library(name)}
    assert unknown == set()


def test_the_other_images_get_names_that_they_document() -> None:
    assert {name: set(environment(name)) for name in SERVICES.keys() - OURS} == DOCUMENTED


@pytest.mark.parametrize(
    ("service", "others"), [("api", OF_THE_WORKER), ("worker", OF_THE_API | IN_THE_IMAGE)], ids=["api", "worker"]
)
def test_a_process_is_told_every_setting_of_its_own(service: str, others: set[str]) -> None:
    told = set(environment(service)) & SETTINGS
    assert SETTINGS - others - (SANDBOX_ONLY - {"RETAINER_ENVIRONMENT"}) == told
    assert environment(service)["RETAINER_ENVIRONMENT"] == "production"


def test_who_collects_traces_behind_a_key_can_be_told_it() -> None:
    for service in PROCESSES:
        assert {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"} <= set(
            environment(service)
        )


def test_the_migration_gets_no_secret_but_its_database() -> None:
    assert set(environment("migrate")) == {"DATABASE_URL"}


@pytest.mark.parametrize(("service", "name"), [("api", "DATABASE_URL"), ("migrate", "DATABASE_OWNER_URL")])
def test_another_database_can_be_named(service: str, name: str) -> None:
    assert str(environment(service)["DATABASE_URL"]).startswith(f"${{{name}:-postgresql://retainer_")
    assert name in example()[1]


def test_no_secret_is_written_into_the_file() -> None:
    for service in SERVICES:
        for name, value in environment(service).items():
            if re.search(r"PASSWORD|PWD|SECRET|_KEY|DATABASE_URL", name):
                assert value is None or "${" in value, f"{service}: {name}"


# .env.example


def test_the_example_names_every_setting_of_production_and_nothing_that_nobody_reads() -> None:
    given, offered = example()
    named = given.keys() | offered.keys()
    assert not given.keys() & offered.keys()
    assert named >= SETTINGS - SANDBOX_ONLY
    assert named >= interpolated().keys()
    for library in ("TEMPORAL_", "OTEL_"):
        assert {name for name in named if name.startswith(library)} >= _passed_on(library)
    strays = named - SETTINGS - interpolated().keys()
    assert {name for name in strays if not read_by_a_library(name)} == set()
    assert not named & SANDBOX_ONLY


def _passed_on(prefix: str) -> set[str]:
    return {name for service in PROCESSES for name in environment(service) if name.startswith(prefix)}


def test_each_line_of_the_example_is_explained() -> None:
    lines = read(".env.example").splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        if re.match(r"#?[A-Z][A-Z0-9_]*=", line):
            assert above.startswith("# "), line


def test_what_the_example_offers_is_the_default() -> None:
    _, offered = example()
    for name, value in offered.items():
        field = Settings.model_fields.get(name.lower())
        default = field.default if field else None
        if default not in (None, (), PydanticUndefined):
            assert type(default)(value) == default, name


def test_the_example_is_refused_as_it_stands_naming_all_that_is_to_be_filled_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given, _ = example()
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsRefused) as refused:
        load_settings()
    complaints = str(refused.value)
    required = {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}
    for name in (*required, "JWT_SECRET"):
        assert f"  {name} " in complaints


def test_an_offered_secret_is_a_placeholder_too(monkeypatch: pytest.MonkeyPatch) -> None:
    given, offered = example()
    for name, value in (given | {"DATABASE_URL": offered["DATABASE_URL"]}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsRefused, match="DATABASE_URL holds a password that looks like a placeholder"):
        load_settings()


def test_compose_refuses_the_example_for_its_own_secrets() -> None:
    given, _ = example()
    demanded = {name for name, refuses in interpolated().items() if refuses}
    assert demanded >= {"POSTGRES_PASSWORD", "DATABASE_OWNER_PASSWORD", "DATABASE_APP_PASSWORD"}
    assert {name for name, value in given.items() if not value} <= demanded
    assert {name for name in demanded - SETTINGS | IN_THE_IMAGE if given[name]} == set()


# Start and stop


def waited_for(service: str) -> dict[str, str]:
    return {name: how["condition"] for name, how in SERVICES[service].get("depends_on", {}).items()}


def before(service: str) -> Iterator[str]:
    for name in waited_for(service):
        yield name
        yield from before(name)


def test_each_one_shot_is_waited_for_until_it_has_succeeded_and_never_run_again() -> None:
    waits = {(name, how) for service in SERVICES for name, how in waited_for(service).items()}
    for name in ONE_SHOTS:
        assert (name, "service_completed_successfully") in waits
        assert (name, "service_started") not in waits
        assert SERVICES[name]["restart"] == "no"
    for name in LASTING:
        assert {how for waited, how in waits if waited == name} <= {"service_healthy"}
        assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", sorted(PROCESSES))
def test_our_processes_start_when_everything_is_set_up(service: str) -> None:
    assert set(before(service)) == ONE_SHOTS | {"postgres", "temporal"}


@pytest.mark.parametrize("service", sorted(LASTING))
def test_what_lasts_says_whether_it_is_well(service: str) -> None:
    check = SERVICES[service]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert seconds(check["timeout"]) < seconds(check["interval"])
    if service in PROCESSES:
        assert check["test"][1:3] == ["python", "-c"]  # a slim image has no curl
        compile(script(check["test"][3]), service, "exec")


def test_nobody_is_killed_who_is_still_finishing() -> None:
    worker = timedelta(seconds=float(Settings.model_fields["worker_graceful_shutdown_seconds"].default))
    assert seconds(SERVICES["worker"]["stop_grace_period"]) > worker + timedelta(seconds=10)
    assert seconds(SERVICES["api"]["stop_grace_period"]) > timedelta(seconds=GRACE_SECONDS)


def test_the_worker_can_be_there_more_than_once() -> None:
    assert not SERVICES["worker"].keys() & {"container_name", "ports", "hostname"}
    assert "${WORKER_REPLICAS" in SERVICES["worker"]["deploy"]["replicas"]


# Guard


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_no_container_can_rise(service: str) -> None:
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]
    assert SERVICES[service]["pids_limit"] > 0


@pytest.mark.parametrize("service", sorted(OURS))
def test_ours_run_as_nobody_on_a_disk_that_stands(service: str) -> None:
    ours = SERVICES[service]
    assert ours["read_only"] is True
    assert int(ours["user"].split(":")[0]) > 0
    assert ours["tmpfs"] == ["/tmp:size=64m"]
    assert service == "migrate" or "mem_limit" in ours


def test_only_the_api_and_temporals_ui_are_reached_from_outside_and_from_this_host_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"api", "temporal-ui"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert compose()["networks"]["inside"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "outside" in service["networks"]} == {
        *PROCESSES,
        "temporal-ui",
    }


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_image_is_pinned(service: str) -> None:
    image = SERVICES[service]["image"]
    if service in OURS:
        assert image.startswith("retainer:${WORKER_BUILD_ID:?")
    else:
        assert PINNED.fullmatch(image), image


# What it says in other languages


def test_temporal_is_set_up_as_the_product_needs_it() -> None:
    said = yaml.safe_load(compose()["configs"]["temporal"]["content"])
    assert said.pop("matching.enableFairness") == [{"value": True}]
    assert said.keys() == {name for name in DYNAMIC_CONFIG if name.startswith("matching.numTaskqueue")}
    for value in said.values():
        assert value == [{"value": 1, "constraints": {"taskQueueName": STRIPE_QUEUE}}]


def test_the_namespace_gets_the_search_attributes_that_workflows_carry() -> None:
    (command,) = SERVICES["temporal-namespace"]["command"]
    named = re.search(r"for attribute in (.+); do", script(command))
    assert named is not None
    assert dict(pair.split("=") for pair in named[1].split()) == SEARCH_ATTRIBUTES


# The image


def stages() -> list[str]:
    return [f"FROM {stage}" for stage in re.split(r"^FROM ", read("Dockerfile"), flags=re.M)[1:]]


def test_the_image_is_pinned_and_is_nobodys() -> None:
    for stage in stages():
        assert PINNED.fullmatch(stage.split()[1]), stage.splitlines()[0]
    users = re.findall(r"^USER (\d+):\d+$", stages()[-1], flags=re.M)
    assert len(users) == 1
    assert {f"{user}:{user}" for user in users} == {SERVICES[service]["user"] for service in OURS}
    assert int(users[0]) > 0


def test_what_is_installed_is_held_to_the_hashes_of_the_lock() -> None:
    commands = re.split(r"\n|&&", stages()[0].replace("\\\n", " "))
    installs = [command for command in commands if "pip install" in command or "uv build" in command]
    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or "--no-deps --no-index" in install, install


def test_the_commit_is_in_the_image() -> None:
    assert 'org.opencontainers.image.revision="${WORKER_BUILD_ID}"' in stages()[-1]
    assert re.search(r"^ +WORKER_BUILD_ID=\$\{WORKER_BUILD_ID\}$", stages()[-1], flags=re.M)


def test_the_image_is_built_of_what_production_runs() -> None:
    lines = read(".dockerignore").splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert allowed == {
        *("pyproject.toml", "requirements.lock", "README.md", "LICENSE"),
        *("billing", "activities", "workflows", "adapters", "worker", "api"),
    }


def test_what_is_filled_in_is_not_committed() -> None:
    assert ".env" in read(".gitignore").splitlines()
