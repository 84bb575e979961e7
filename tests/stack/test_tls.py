"""Redis behind TLS: each of its clients checks its certificate and its name, also with a given authority."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from permit_hub_client import Hub, HubUnavailable
from pydantic import ValidationError

from ops.embedded.programs import FOLDER
from tests.integrations.certificates import Authority
from tests.support.commands import Commands
from tests.support.relay import serving, to
from worker.settings import Settings

REQUIRED = {"database_url": "postgresql+psycopg://u@127.0.0.1:1/hub", "hash_key": "k" * 32}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority with a space"))


def tls_url(redis_url: str, port: int, host: str = "localhost") -> str:
    return re.sub(r"127\.0\.0\.1:\d+", f"{host}:{port}", redis_url).replace("redis://", "rediss://")


@pytest.fixture
def url(redis_url: str, authority: Authority) -> Iterator[str]:
    """Return the URL of the real Valkey behind TLS."""
    (target,) = re.findall(r":(\d+)/", redis_url)
    with serving(to(int(target)), authority.server("localhost")) as port:
        yield tls_url(redis_url, port)


@pytest.mark.parametrize("of_the_system", [False, True], ids=["an authority of one's own", "the system's authorities"])
def test_a_worker_a_client_and_commands_reach_redis_by_tls(
    url: str, authority: Authority, hub_environment: dict[str, str], commands: Commands, of_the_system: bool
) -> None:
    trusting = "SSL_CERT_FILE" if of_the_system else "PERMIT_HUB_REDIS_AUTHORITY"
    environment = os.environ | hub_environment | {"PERMIT_HUB_REDIS_URL": url, trusting: str(authority.file)}
    celery = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "-Q", "jobs", "-c", "1"]
    worker = subprocess.Popen(celery, env=environment, cwd=FOLDER)

    try:
        canary = commands.run(["jobs"], environment, module="ops.canary")
        assert (canary.returncode, canary.stderr) == (0, "")
        space = commands.run(["space", "r-nobody"], environment)
        assert "does not know this resident" in space.stderr
    finally:
        worker.terminate()
        worker.wait(30)


def calls(hub: Hub) -> list[Callable[[], Any]]:
    async def awaited() -> None:
        try:
            await hub.aio.send("permit.cancel")
        finally:
            await hub.aio.close()

    return [lambda: hub.send("permit.cancel"), lambda: asyncio.run(awaited())]


def test_the_client_trusts_a_given_authority(url: str, authority: Authority, redis_prefix: str) -> None:
    with Hub(url, source="tests", prefix=redis_prefix, authority=authority.file) as hub:
        for call in calls(hub):
            call()


@pytest.mark.parametrize("wrong", ["no authority", "another authority", "another name", "an expired certificate"])
def test_the_client_refuses_other_certificates_and_names(
    wrong: str, redis_url: str, authority: Authority, tmp_path: Path, redis_prefix: str
) -> None:
    (target,) = re.findall(r":(\d+)/", redis_url)
    names = ("redis.example",) if wrong == "another name" else ("localhost",)
    trusted = {"no authority": None, "another authority": Authority(tmp_path).file}.get(wrong, authority.file)
    context = authority.server(*names, expired=wrong == "an expired certificate")
    with (
        serving(to(int(target)), context) as port,
        Hub(tls_url(redis_url, port), source="tests", prefix=redis_prefix, authority=trusted) as hub,
    ):
        for call in calls(hub):
            with pytest.raises(HubUnavailable):
                call()


WRONG = [
    "", "broker", "broker:6379", "http://:hunter2@broker", "unix:///run/redis.sock", "redis+socket:///hunter2",
    "redis://", "redis:///0", "redis://:hunter2@broker:99999", "redis://:hunter2@broker:x", "redis://broker/one",
    "redis://broker?db=1", "rediss://broker/0?ssl_cert_reqs=none", "redis://:hunter?2@broker", "redis://broker/0#a",
    "sentinel://broker", "redis://[hunter2",
]  # fmt: skip
RIGHT = [
    "redis://broker", "rediss://broker:6380/3", "redis://:hunter2@broker/", "rediss://me:hunter%3F2@[::1]:1/0",
]  # fmt: skip


@pytest.mark.parametrize("url", WRONG)
def test_a_wrong_redis_url_is_named_but_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match=r"rediss?://") as client:
        Hub(url, source="tests")
    with pytest.raises(ValidationError) as settings:
        Settings(redis_url=url, **REQUIRED)  # type: ignore[arg-type]
    for said in (str(client.value), str(settings.value)):
        assert "redis://[[user]:password@]host" in said
        assert "hunter" not in said


@pytest.mark.parametrize("url", RIGHT)
def test_every_form_of_redis_url_is_accepted(url: str) -> None:
    Hub(url, source="tests").close()
    assert Settings(redis_url=url, **REQUIRED).redis_url == url  # type: ignore[arg-type]


def test_an_authority_without_tls_or_without_its_file_is_a_mistake(authority: Authority, tmp_path: Path) -> None:
    for url, file in (("redis://broker", authority.file), ("rediss://broker", tmp_path / "missing.pem")):
        with pytest.raises(ValueError, match=r"authority"):
            Hub(url, source="tests", authority=file)
        with pytest.raises(ValidationError, match="redis_authority"):
            Settings(redis_url=url, redis_authority=file, **REQUIRED)  # type: ignore[arg-type]
