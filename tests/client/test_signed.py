"""A hub that knows its apps, asked by one with the rights in Redis of a web app: the key decides."""

import pytest
import redis
from permit_hub_client import Hub, HubRefused

from tests.client.conftest import KEYS, TrueHub


@pytest.mark.parametrize(
    ("source", "key", "code"),
    [
        ("tests", KEYS["tests"], None),
        ("tests", f" {KEYS['tests']}\n", None),
        ("tests", None, "signature_missing"),
        ("tests", KEYS["my-portal"], "unknown_key"),
        ("stranger", KEYS["tests"], "unknown_source"),
    ],
)
def test_only_the_sources_own_key_is_good(
    true_worker: TrueHub, resident: str, source: str, key: str | None, code: str | None
) -> None:
    with Hub(true_worker.url, source=source, key=key, prefix=true_worker.prefix) as hub:
        receipt = hub.submit("resident.choose_reminders", resident_id=resident, channel="none", wait=30)
        assert (receipt.applied, receipt.code) == (code is None, code)
        for ask in (hub.space, hub.history):
            if code is None:
                assert ask(resident, wait=30) is not None
            else:
                true_worker.store.delete(f"{true_worker.prefix}space:{resident}")
                with pytest.raises(HubRefused) as refused:
                    ask(resident, wait=30)
                assert refused.value.code == code


def test_an_app_reads_what_is_its_residents_and_no_others(true_worker: TrueHub, resident: str) -> None:
    with Hub(true_worker.url, source="counter", key=KEYS["counter"], prefix=true_worker.prefix) as hub:
        with pytest.raises(HubRefused) as refused:
            hub.space(resident, wait=30)
        assert refused.value.code == "resident_not_allowed"
        assert hub.space("c-1", wait=30) is None
        with pytest.raises(HubRefused) as refused:
            hub.history("c-1", wait=30)
        assert refused.value.code == "kind_not_allowed"
        assert hub.catalogue(wait=30)
        assert hub.plate("EF-367-QS", "FR", wait=30)


def test_a_job_in_anothers_name_is_refused(true_hub: Hub, resident: str) -> None:
    fields = {"resident_id": resident, "channel": "none", "source": "my-portal"}
    receipt = true_hub.submit("resident.choose_reminders", wait=30, **fields)
    assert (receipt.code, receipt.field) == ("signature_invalid", "source")


@pytest.mark.parametrize(
    "command",
    [
        "BRPOP {}consent 1",
        "LRANGE {}consent 0 -1",
        "DEL {}consent",
        "LTRIM {}consent 1 0",
        "LPUSH {}urgent x",
        "LPUSH {}deliver.easypark x",
        "HGETALL {}taken",
        "SET {}space:r-1 x",
        "DEL {}space:r-1",
        "SET {}celery-task-meta-1 x",
        "PUBLISH {}watch:r-1 x",
        "PUBLISH {}celery-task-meta-1 x",
        "XRANGE {}events - +",
        "SET {}epoch 9",
        "GET {}published:r-1",
        "EVAL return(1) 0",
        "KEYS *",
        "SCAN 0",
        "MONITOR",
        "CONFIG SET appendonly no",
        "ACL LIST",
        "CLIENT LIST",
        "FLUSHALL",
        "SHUTDOWN",
    ],
)
def test_with_a_web_apps_credentials_nothing_is_stolen_forged_or_broken(true_worker: TrueHub, command: str) -> None:
    with redis.Redis.from_url(true_worker.url) as thief, pytest.raises(redis.exceptions.NoPermissionError):
        thief.execute_command(*command.format(true_worker.prefix).split())
