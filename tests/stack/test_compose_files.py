"""What docker-compose.yml promises to a city's operator, and what compose.sandbox.yml may add to it."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
import redis
import yaml
from compose_spec import PyCompose

from ops.deployment.make_secrets import GIVEN, make_secrets
from ops.embedded.postgres import SERVER_SETTINGS
from ops.embedded.programs import WORKERS
from ops.embedded.servers import PROVIDERS
from ops.stand_ins import make_all
from tests.stack.composed import PRODUCTION, SANDBOX, Document, merged, ours, queues, secrets
from tests.stack.image import PROJECT

PROJECTS = {"production": PRODUCTION, "sandbox": SANDBOX}
HUB = ours(PRODUCTION)
ENDING = {"migrate", "make-secrets", "rotate-keys"}  # they run once: there is nothing to check

both = pytest.mark.parametrize("project", PROJECTS.values(), ids=PROJECTS)


def services(project: Document) -> list[tuple[str, Document]]:
    return list(project["services"].items())


def refused(document: Document) -> str:
    """Return what the Compose Specification has against a document."""
    try:
        PyCompose.from_yaml(yaml.safe_dump(document))
    except ValueError as error:
        return str(error)
    return ""


@both
def test_it_keeps_to_the_compose_specification(project: Document) -> None:
    assert refused(project) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"retsart": "always"},
        {"restart": "sometimes"},
        {"deploy": {"resources": {"limits": {"memory": "lots"}}}},
        {"deploy": {"resources": {"limits": {"memroy": "1G"}}}},
        {"healthcheck": {"test": ["CMD", "true"], "interval": "soon"}},
        {"logging": {"drvier": "json-file"}},
        {"depends_on": {"valkey": {"condition": "healthy"}}},
        {"ports": ["127.0.0.1:http:http"]},
    ],
    ids=lambda wrong: "-".join(wrong),
)
def test_what_the_specification_does_not_know_is_found(wrong: Document) -> None:
    assert refused(merged(PRODUCTION, {"services": {"beat": wrong}})) != ""


@both
def test_it_names_nothing_that_is_not_there(project: Document) -> None:
    for name, service in services(project):
        assert set(secrets(service).values()) <= set(project["secrets"]), name
        assert set(service.get("depends_on", ())) <= set(project["services"]), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            known = source in project["volumes"] or (PROJECT / source).exists() or source.startswith("./secrets")
            assert known, (name, volume)


@both
def test_each_service_has_limits_rotated_logs_and_a_health_check(project: Document) -> None:
    for name, service in services(project):
        limits = service["deploy"]["resources"]["limits"]
        assert float(limits["cpus"]) <= 2, f"{name}: Docker refuses more processors than there are"
        assert re.fullmatch(r"\d+[MG]", limits["memory"]), name
        assert service["logging"]["driver"] == "json-file"
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}, name
        assert ("healthcheck" in service) == (name not in ENDING), name


def test_valkey_is_full_before_it_is_killed() -> None:
    (most,) = (value for word, value in pairwise(PRODUCTION["services"]["valkey"]["command"]) if word == "--maxmemory")
    assert (most, PRODUCTION["services"]["valkey"]["deploy"]["resources"]["limits"]["memory"]) == ("1gb", "2G")


@both
def test_ports_are_open_on_this_machine_alone(project: Document) -> None:
    for name, service in services(project):
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name


def test_production_has_no_stand_in_and_no_way_to_one() -> None:
    text = (PROJECT / "docker-compose.yml").read_text()
    settings_of = {name for _, service in services(PRODUCTION) for name in service.get("environment", {})}
    assert "PERMIT_HUB_DEVELOPMENT" not in settings_of
    assert set(SANDBOX["services"]) - set(PRODUCTION["services"]) == {"sandbox", "stand-ins", "mailpit"}
    for word in ("http://", "sandbox:", ".localhost", "mailpit:", "target: stand-ins"):
        assert word not in text.replace("http://127.0.0.1", ""), word
    assert {service["build"]["target"] for service in HUB.values()} == {"hub", "personal-space"}


def test_withdrawals_have_two_workers() -> None:
    assert HUB["worker-consent"]["deploy"]["replicas"] == 2
    assert "container_name" not in HUB["worker-consent"]


def test_nothing_of_the_sandbox_gets_into_production_and_nothing_of_production_into_it() -> None:
    assert SANDBOX["name"] != PRODUCTION["name"]
    for project, folder in ((PRODUCTION, "secrets"), (SANDBOX, "secrets-sandbox")):
        assert {Path(secret["file"]).parent.name for secret in project["secrets"].values()} == {folder}
        assert project["services"]["make-secrets"]["volumes"] == [f"./{folder}:/secrets"]


def test_every_queue_is_served_by_one_service_and_watched() -> None:
    served = [queue for service in HUB.values() for queue in queues(service)]
    lanes = [f"deliver.{name}" for name in PROVIDERS]
    assert sorted(served) == sorted(["consent", "urgent", "jobs", "bulk", "calendar", "remind", "upkeep", *lanes])
    for service in HUB.values():
        if queues(service):
            assert service["healthcheck"]["test"][-2:] == ["ops.canary", queues(service)[0]]


def test_sweeps_have_room_beside_what_a_night_brings_about() -> None:
    (embedded,) = (at_once for _, served, at_once in WORKERS if "calendar" in served)
    (option,) = (word for word in HUB["worker-calendar"]["command"] if word.startswith("--concurrency="))
    assert int(option.removeprefix("--concurrency=")) >= embedded >= 2


def test_secrets_of_the_sandbox_are_all_made_kept_and_readable_in_containers_only(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_all(folder)
    first = {file.name: file.read_text() for file in folder.iterdir()}
    make_all(folder)
    assert {file.name: file.read_text() for file in folder.iterdir()} == first
    assert {Path(secret["file"]).name for secret in SANDBOX["secrets"].values()} <= set(first)
    assert folder.stat().st_mode & 0o077 == 0
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o444}


def test_secrets_of_production_are_made_but_for_those_that_others_give(tmp_path: Path) -> None:
    assert make_secrets(tmp_path) == list(GIVEN)
    made = {file.name for file in tmp_path.iterdir()}
    needed = {Path(secret["file"]).name for secret in PRODUCTION["secrets"].values()}
    assert (needed - made, made & GIVEN.keys()) == (set(GIVEN), set())
    first, *others = GIVEN
    (tmp_path / first).write_text("given")
    (tmp_path / first).chmod(0o600)
    assert make_secrets(tmp_path) == others
    assert (tmp_path / first).stat().st_mode & 0o777 == 0o444


def test_the_database_logs_no_values_in_either_shape() -> None:
    options = dict(word[2:].split("=") for word in PRODUCTION["services"]["postgres"]["command"] if word[:2] == "-c")
    assert {
        name: value for name, value in SERVER_SETTINGS.items() if name.startswith("log_m")
    }.items() <= options.items()
    assert options.items() <= SERVER_SETTINGS.items()


def test_redis_keeps_no_commands_in_either_shape(redis_url: str) -> None:
    words = PRODUCTION["services"]["valkey"]["command"][1:]
    options = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        embedded = client.config_get("*")
    quiet = {name: "-1" for name in embedded if name.startswith("commandlog-") and not name.endswith("max-len")}
    assert len(quiet) == 3
    for name, value in (quiet | {"hide-user-data-from-log": "yes", "appendonly": "yes"}).items():
        assert embedded[name] == options[name] == value
