"""Which Pythons are supported: said once everywhere, and tried on the lowest and the highest of this machine."""

import json
import os
import re
import ssl
import subprocess
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from ops.stand_ins import make_all
from tests.conftest import Database
from tests.stack.image import PROJECT, stages
from tests.stack.installed import PYTHONS, SUPPORTED, Image
from tests.support.waiting import eventually

PYPROJECT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())
LOWEST, HIGHEST = "3.11.2", "3.14"


def test_the_distributions_say_from_which_to_which() -> None:
    assert set(SUPPORTED) == {*SpecifierSet(f">={LOWEST}"), *SpecifierSet("<3.15")}
    minors = [one.rpartition(" ")[2] for one in PYPROJECT["project"]["classifiers"] if "Python ::" in one]
    assert minors == [f"3.{minor}" for minor in range(11, 15)]
    for name, wanted in (("personal_space", SUPPORTED), ("client", SpecifierSet(f">={LOWEST}"))):
        other = tomllib.loads((PROJECT / "upstream" / name / "pyproject.toml").read_text())["project"]
        assert SpecifierSet(other["requires-python"]) == wanted, name


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "Makefile"])
def test_documents_say_the_same(file: str) -> None:
    said = re.findall(r"3\.11\S*(?: or newer| to 3\.\d+)", (PROJECT / file).read_text())
    assert set(said) == {f"{LOWEST} to {HIGHEST}"}


def test_make_the_tools_and_the_images_agree() -> None:
    (low, high) = re.findall(r"\((3(?:, \d+)+)\)", (PROJECT / "Makefile").read_text())
    assert [low.replace(", ", "."), high.replace(", ", ".")] == [LOWEST, "3.15"]
    assert PYPROJECT["tool"]["mypy"]["python_version"] == "3.11"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py311"
    images = {stage.base for stage in stages().values()} - set(stages())
    assert images == {"python:3.11-slim"}


@pytest.mark.timeout(600)  # packages may have to be fetched
@pytest.mark.parametrize("version", sorted({min(PYTHONS), max(PYTHONS)}), ids=str)
def test_the_hub_migrates_and_works_on_the_lowest_and_the_highest_of_this_machine(
    version: Version,
    hub_environment: dict[str, str],
    empty_database: Database,
    image: Callable[[str, Version], Image],
    tmp_path: Path,
) -> None:
    hub = image("hub", version)
    variables = hub_environment | {
        "PERMIT_HUB_DATABASE_URL": empty_database.worker_url,
        "PERMIT_HUB_MIGRATION_DATABASE_URL": empty_database.owner_url,
    }
    assert hub.run("-c", "import platform; print(platform.python_version())").stdout.strip() == str(version)
    migrated = hub.run("-W", "error", "-m", "ops.cli", "migrate", **variables)
    assert migrated.returncode == 0, migrated.stderr
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(hub.app)} | variables
    celery = (str(hub.python), "-m", "celery", "--app=worker.app")
    with (tmp_path / "log").open("wb") as log:
        worker, beat = (
            subprocess.Popen([*celery, *words], cwd=hub.app, env=environment, stdout=log, stderr=log)
            for words in (("worker", "--concurrency=2"), ("beat", "--pidfile="))
        )
        try:
            canary = hub.run("-m", "ops.canary", "jobs", **variables)
            assert canary.returncode == 0, (tmp_path / "log").read_text()
            with empty_database.connect() as connection:
                eventually(lambda: connection.execute("SELECT 1 FROM ticks WHERE task = 'calendar.sweep'").fetchone())
            status = json.loads(hub.run("-W", "error", "-m", "ops.cli", "status", "--json", **variables).stdout)
            assert all(queue["answered"] for queue in status["queues"])
        finally:
            for process in (worker, beat):
                process.terminate()
            codes = [process.wait(30) for process in (worker, beat)]
    assert codes == [0, 0]
    assert "Traceback" not in (tmp_path / "log").read_text()


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> None:
    """Connect a client to a server, both of them here, with the strict checks that Python makes from 3.13 on."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    for side in (server, client):
        side.verify_flags |= ssl.VERIFY_X509_STRICT
    asking, answering = (
        client.wrap_bio(back, there, server_hostname=host),
        server.wrap_bio(there, back, server_side=True),
    )
    for end in (asking, answering) * 2:
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()


def test_certificates_that_are_made_pass_the_checks_of_newer_pythons(tmp_path: Path) -> None:
    make_all(tmp_path)
    for authority, certificate, host in (
        ("sandbox_authority.pem", "sandbox_server.pem", "sandbox"),
        ("mailbox_authority.pem", "mailbox_server.pem", "mailpit"),
    ):
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / authority)
        server.load_cert_chain(tmp_path / certificate)
        client = ssl.create_default_context(cafile=tmp_path / authority)
        if host == "sandbox":
            server.verify_mode = ssl.CERT_REQUIRED
            client.load_cert_chain(tmp_path / "sandbox_client.pem")
        shake_hands(server, client, host)
