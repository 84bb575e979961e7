"""A plate is read for a web app in the same way as in a job."""

import json
from uuid import uuid4

import pytest

from schemas.plate_read import PlateRead
from tests.services.in_redis import as_operator, read_document
from worker.hub import Hub
from worker.live.documents import PLATE_SECONDS
from worker.services.publishing.plates import put_plate


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("gh578kl", "F", PlateRead(plate="GH-578-KL", country="FR", unusual=False)),
        ("po 456 vb", "FR", PlateRead(plate="PO-456-VB", country="FR", unusual=True)),
        ("bno 1234", "D", PlateRead(plate="BNO 1234", country="DE", unusual=True)),
        ("b-no 1234", "DE", PlateRead(plate="B-NO 1234", country="DE", unusual=False)),
    ],
)
def test_a_read_plate_is_spelt_as_the_hub_will_store_it(hub: Hub, raw: str, country: str, expected: PlateRead) -> None:
    task_id = uuid4()
    assert put_plate(hub, json.dumps({"raw": raw, "country": country}), task_id)
    assert 0 < as_operator(hub).ttl(hub.live.key(f"plate:{task_id}")) <= PLATE_SECONDS
    assert PlateRead.model_validate_json(read_document(hub, f"plate:{task_id}")) == expected


@pytest.mark.parametrize(
    "typed",
    [
        *({"raw": raw, "country": "FR"} for raw in ("<b>", "X" * 21, "X" * 101, "", 5, None)),
        {"raw": "AA", "country": "ZZ"},
        {"raw": "AA", "country": "FR", "other": 1},
        {},
        [],
        "",
    ],
)
def test_a_plate_that_a_job_would_be_refused_for_is_not_read(hub: Hub, typed: object) -> None:
    task_id = uuid4()
    assert not put_plate(hub, json.dumps(typed), task_id)
    assert hub.live.client.get(hub.live.key(f"plate:{task_id}")) is None
