"""An erasure waits while the rewrite of Redis' file fails or is under way, and not if there is no file."""

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ops.embedded.servers import Servers
from tests.services.append_only_file import AT_ONCE, Clear, File
from tests.services.evidence import Evidence
from tests.services.hubs import running_hub
from tests.services.upstream import ANNE, Upstream
from tests.support.waiting import eventually
from worker import append_only
from worker.db.clock.leftovers import read
from worker.db.engine import transact
from worker.hub import Hub
from worker.services.clock.leftovers import clear
from worker.services.publishing.publish import follow_redis
from worker.settings import Settings


@pytest.fixture(scope="module")
def own_servers() -> Iterator[Servers]:
    """Run a separate Redis, whose file may be damaged."""
    with tempfile.TemporaryDirectory(prefix="hub-") as folder, Servers(Path(folder)) as servers:
        yield servers


@pytest.fixture
def own_hub(settings: Settings, own_servers: Servers, wake_ups: list[str]) -> Iterator[Hub]:
    with running_hub(settings.model_copy(update={"redis_url": own_servers.valkey.url}), wake_ups.append) as hub:
        follow_redis(hub)
        yield hub


def test_a_failed_rewrite_is_logged_once_and_requested_again(
    own_hub: Hub, own_servers: Servers, evidence: Evidence, word: str, today: date, cleared: Clear
) -> None:
    upstream, file = Upstream(own_hub, today), File(own_hub.live.client, own_servers.data / "valkey")
    upstream.applied("resident.update_contact", name=word, email="anne@example.fr")
    upstream.active(address={"ban_id": "b", "label": word})
    upstream.applied("resident.erase")
    in_the_way = file.folder / "appendonlydir"
    aside = in_the_way.rename(file.folder / "aside")
    in_the_way.touch()
    with capture_logs() as logs:
        for _ in range(3):
            clear(own_hub, AT_ONCE)
            eventually(lambda: not append_only.read_state(own_hub.live.client).is_being_rewritten)
    assert [entry["event"] for entry in logs] == ["append_only.failed"]
    assert evidence.query("SELECT resident_id FROM leftovers") == [(ANNE,)]
    in_the_way.unlink()
    aside.rename(in_the_way)
    cleared(own_hub)
    assert not file.holds(word)
    assert transact(own_hub.engine, read).problem is None


def test_while_another_rewrite_is_under_way_an_erasure_waits(
    own_hub: Hub, own_servers: Servers, evidence: Evidence, today: date, cleared: Clear
) -> None:
    cleared(own_hub)
    client = own_hub.live.client
    upstream = Upstream(own_hub, today)
    upstream.active()
    upstream.applied("resident.erase")
    client.mset({f"filler:{number}": number for number in range(300)})
    client.config_set("rdb-key-save-delay", 10_000)  # microseconds a key, so that the rewrite can be observed
    try:
        # Redis also rewrites by itself.
        eventually(lambda: append_only.rewrite(client) is not append_only.RewriteAnswer.NOT_NOW)
        assert append_only.read_state(client).is_being_rewritten
        clear(own_hub, AT_ONCE)
        assert evidence.query("SELECT being_rewritten FROM leftovers") == [(False,)]
        assert append_only.rewrite(client) is append_only.RewriteAnswer.NOT_NOW
    finally:
        client.config_set("rdb-key-save-delay", 0)
    cleared(own_hub)


def test_a_redis_without_a_file_has_nothing_to_rewrite(own_hub: Hub, evidence: Evidence, today: date) -> None:
    client = own_hub.live.client
    upstream = Upstream(own_hub, today)
    upstream.active()
    upstream.applied("resident.erase")
    client.config_set("appendonly", "no")
    try:
        clear(own_hub, AT_ONCE)
        assert evidence.query("SELECT FROM leftovers") == []
    finally:
        client.config_set("appendonly", "yes")
        # Until then Redis refuses to shut down.
        eventually(lambda: not append_only.read_state(client).is_being_rewritten)
