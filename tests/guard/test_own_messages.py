"""The hub's wake-ups are messages like Celery's own: the gate makes the same of both."""

import base64
import json
from typing import Any

import redis
from celery import Celery

from worker.tasks.broker.admission import Admission
from worker.tasks.broker.arguments import accepts
from worker.tasks.broker.message import list_item

LANE = "deliver.easypark"


def _celerys_own(url: str, prefix: str, task: str, arguments: list[str], queue: str) -> bytes:
    with Celery("reference", broker=url, set_as_current=False, fixups=[]) as app:
        app.conf.broker_transport_options = {"global_keyprefix": prefix}
        with app.connection_for_write() as connection, connection.Producer() as producer:
            app.send_task(task, arguments, queue=queue, producer=producer)
    with redis.Redis.from_url(url) as server:
        item = server.rpop(f"{prefix}{queue}")
        server.delete(f"{prefix}_kombu.binding.{queue}")
    assert isinstance(item, bytes)
    return item


def _admitted(item: bytes, queue: str) -> dict[str, Any]:
    def drain(provider: str) -> None: ...

    def urgent() -> None: ...

    tasks = {"deliver.drain": accepts(drain, {LANE}), "deliver.urgent": accepts(urgent, {"urgent"})}
    message = Admission(tasks, b"key").admit(item, queue)
    assert isinstance(message, dict), message
    for own in ("id", "root_id"):
        del message["headers"][own]
    for own in ("correlation_id", "delivery_tag"):
        del message["properties"][own]
    arguments, named, embedded = json.loads(base64.b64decode(message["body"]))
    assert not any(embedded.values())
    return message | {"body": [arguments, named]}


def test_a_wake_up_is_the_message_that_celery_writes(redis_url: str) -> None:
    for task, arguments, queue in (("deliver.drain", ["easypark"], LANE), ("deliver.urgent", [], "urgent")):
        ours = list_item(task, arguments, queue).encode()
        assert _admitted(ours, queue) == _admitted(_celerys_own(redis_url, "own:", task, arguments, queue), queue)


def test_each_wake_up_has_an_id_of_its_own() -> None:
    assert list_item("deliver.urgent", [], "urgent") != list_item("deliver.urgent", [], "urgent")
