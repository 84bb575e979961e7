"""docs/adding-a-provider.md is complete: its steps alone add a provider to the hub."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from openapi_core import OpenAPI
from permit_hub_client import Hub

from ops.embedded.servers import Servers
from ops.embedded.valkey import WEB_APP
from tests.conftest import Database
from tests.integrations.sixth import CONTRACT, KEY, NAME, PROJECT, REGISTRY, copied_with_it, partner, shown
from tests.support import claims
from tests.support.texts import TEXT
from tests.support.waiting import eventually

ASK = f"""
import json, os
import celeryconfig
from integrations import registry
from integrations.settings import SettingError

missing = []
for variable, value in (("URL", "http://127.0.0.1:1"), ("KEY", {KEY!r})):
    try:
        registry.access({NAME!r})
    except SettingError as error:
        missing.append(str(error))
    os.environ["PERMIT_HUB_{NAME.upper()}_" + variable] = value
registry.access({NAME!r})
print(json.dumps({{
    "missing": missing,
    "fields": sorted(registry.capabilities({NAME!r}).fields),
    "queues": [queue.name for queue in celeryconfig.task_queues],
}}))
"""
SETTINGS = {
    "PERMIT_HUB_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/nothing",
    "PERMIT_HUB_REDIS_URL": "redis://127.0.0.1:1",
    "PERMIT_HUB_HASH_KEY": "k" * 32,
    "PERMIT_HUB_DEVELOPMENT": "true",
}
FOR_EVERY_PROVIDER = ("test_registry.py", "test_rooms.py", "test_documents.py", "test_quality_scale.py")
RESIDENT = "r-1001"
PLATE = {"raw": "EF-367-QS"}
ADDRESS = {"ban_id": "75114_1834_00010", "label": "10 rue de l'Exemple, 75014 Paris"}
START_SECONDS = 60.0  # of a worker, on a busy machine


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project with the provider and the generated document."""
    folder = copied_with_it(tmp_path_factory.mktemp("sixth"))
    run(folder, sys.executable, "-m", "integrations.documents")
    return folder


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a program in the copy, which must succeed; return its output."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_provider_is_a_folder_and_one_line() -> None:
    files = shown()

    assert {Path(name).parent for name in files if name != REGISTRY} == {Path(CONTRACT).parent}
    assert files[REGISTRY].count("\n") == 1
    assert not (PROJECT / CONTRACT).exists()


def test_the_new_providers_contract_is_valid() -> None:
    OpenAPI.from_dict(yaml.safe_load(shown()[CONTRACT]))


def test_the_new_provider_is_registered_names_missing_settings_and_has_a_lane(tree: Path) -> None:
    said = json.loads(run(tree, sys.executable, "-c", ASK, **SETTINGS))

    assert said["missing"] == [f"PERMIT_HUB_TOY_{name} is missing" for name in ("URL", "KEY")]
    assert said["fields"] == ["plate", "validity", "zones"]
    assert f"deliver.{NAME}" in said["queues"]


def test_the_new_provider_breaks_no_import_rule(tree: Path) -> None:
    scripts = Path(sys.executable).parent
    assert " 0 broken" in run(tree, str(scripts / "lint-imports"), "--no-logo", "--no-cache")
    run(tree, sys.executable, "-m", "ruff", "check", "--no-cache", f"integrations/{NAME}", REGISTRY)
    run(tree, sys.executable, "-m", "ruff", "format", "--no-cache", "--check", f"integrations/{NAME}", REGISTRY)


def test_the_suite_for_every_provider_runs_for_the_new_one(tree: Path) -> None:
    tests = [f"tests/integrations/{name}" for name in FOR_EVERY_PROVIDER]
    said = run(tree, sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "-k", NAME, *tests)

    assert all(f"PASSED tests/integrations/{name}::" in said for name in FOR_EVERY_PROVIDER)


def test_the_document_lists_the_new_provider(tree: Path) -> None:
    document = (tree / "docs" / "providers.md").read_text()

    assert f"[Toy](../integrations/{NAME}/README.md)" in document
    assert "| `PUT /rights/{reference}` (assumed) |" in document
    assert document.count("\n## ") == (PROJECT / "docs" / "providers.md").read_text().count("\n## ") + 1


def test_the_hub_puts_to_the_new_provider_and_removes(
    tree: Path, servers: Servers, database: Database, redis_prefix: str, hub_environment: dict[str, str]
) -> None:
    with (
        partner() as theirs,
        working(
            tree,
            hub_environment
            | {"PERMIT_HUB_DEVELOPMENT": "true", "PERMIT_HUB_TOY_URL": theirs.url, "PERMIT_HUB_TOY_KEY": KEY},
        ),
        Hub(servers.valkey.url_of(WEB_APP), source="portal", prefix=redis_prefix) as hub,
    ):
        permit_id = str(uuid4())
        asked = hub.submit(
            "permit.request",
            wait=START_SECONDS,
            resident_id=RESIDENT,
            permit_id=permit_id,
            plate=PLATE,
            profile="low_emission",  # costs nothing, so it is active at once
            years=1,
            address=ADDRESS,
            zones=["14A", "14B"],
            verified=claims.sent(datetime.now(UTC).date(), plate=PLATE, address=ADDRESS),
        )
        assert asked.applied
        assert decide(hub, "allow", consent_version=0)
        eventually(lambda: theirs.held)

        ((reference, right),) = theirs.held.items()
        assert right["plate"] == "EF367QS"
        assert right["zones"] == ["14A", "14B"]
        assert reference != permit_id
        eventually(lambda: state(hub), equals="held")

        assert decide(hub, "refuse")
        eventually(lambda: not theirs.held)
        eventually(lambda: state(hub), equals="removed")
        assert theirs.answered == [(method, f"/rights/{reference}", 204) for method in ("PUT", "DELETE")]


def decide(hub: Hub, choice: str, **fields: int) -> bool:
    """Allow or refuse this provider only; return whether the job was applied."""
    now = datetime.now(UTC)
    return hub.submit(
        "consent.decide", resident_id=RESIDENT, choice=choice, providers=[NAME], text=TEXT, decided_at=now, **fields
    ).applied


def state(hub: Hub) -> str:
    """Return the provider's state on the resident's screen."""
    space = hub.space(RESIDENT)
    assert space is not None
    return next(one["state"] for one in space["consent"]["providers"] if one["provider"] == NAME)


@contextmanager
def working(tree: Path, environment: dict[str, str]) -> Iterator[None]:
    """Run one worker of the copy, for jobs and for the provider's lane."""
    queues = f"--queues=consent,urgent,jobs,deliver.{NAME}"
    command = [sys.executable, "-m", "celery", "--app=worker.app", "worker", queues, "--concurrency=1"]
    with (tree / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=tree, env=os.environ | environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0, (tree / "worker.log").read_text()
