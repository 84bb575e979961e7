"""A replaced plate is kept to the end of its retention; a plate in use is not a replaced one."""

from datetime import date, datetime, time

from tests.services.evidence import Evidence
from tests.services.kept import DAY, after, plates
from tests.services.upstream import ANNE, Upstream
from worker.hub import Hub
from worker.services.clock.retention import purge


def test_a_replaced_plate_is_deleted_a_year_later(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    permit_id = upstream.active(plate={"raw": "EF-367-QS"}, years=3)
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "PO-456-VB"})
    replaced = evidence.value("SELECT (replaced_at AT TIME ZONE 'Europe/Paris')::date FROM plate_assignments LIMIT 1")
    purge(hub, after(replaced, 12) - DAY)
    assert plates(evidence, permit_id) == ["EF-367-QS", "PO-456-VB"]
    purge(hub, after(replaced, 12))
    assert plates(evidence, permit_id) == ["PO-456-VB"]
    assert evidence.card(ANNE, permit_id).plate == "PO-456-VB"


def test_a_replaced_plate_is_kept_from_the_citys_day_of_replacement(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    """Half an hour after midnight is a new day in Paris, though not in UTC."""
    kept = []
    for day in (today, today + DAY):
        permit_id = upstream.active(years=3)
        upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": upstream.plate()})
        replaced = datetime.combine(day, time(0, 30), hub.zone)
        evidence.query(
            "UPDATE plate_assignments SET replaced_at = %s WHERE replaced_at < now() AND permit_id = %s RETURNING 1",
            *(replaced, permit_id),
        )
        kept.append(permit_id)
    purge(hub, after(today, 12))
    assert [len(plates(evidence, permit_id)) for permit_id in kept] == [1, 2]


def test_a_replaced_plate_is_kept_from_its_first_replacement(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    permit_id = upstream.active(plate={"raw": "EF-367-QS"}, years=3)
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "PO-456-VB"})
    evidence.query(
        "UPDATE plate_assignments SET replaced_at = replaced_at - interval '1 year' WHERE raw = 'EF-367-QS' RETURNING 1"
    )
    before = evidence.value("SELECT replaced_at FROM plate_assignments WHERE raw = 'EF-367-QS'")
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "ZZ-999-ZZ"})
    assert evidence.value("SELECT replaced_at FROM plate_assignments WHERE raw = 'EF-367-QS'") == before
    purge(hub, today + DAY * 3)
    assert plates(evidence, permit_id) == ["PO-456-VB", "ZZ-999-ZZ"]


def test_a_plate_released_and_reserved_again_is_not_replaced(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    permit_id = upstream.lapsed(plate={"raw": "EF-367-QS"})
    upstream.applied("permit.renew", permit_id=permit_id, years=1)
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="P-1", amount_cents=4500)
    assert len(plates(evidence, permit_id)) == 2
    assert evidence.query("SELECT FROM plate_assignments WHERE replaced_at IS NOT NULL") == []


def test_a_replaced_plate_that_returns_is_kept(hub: Hub, upstream: Upstream, evidence: Evidence, today: date) -> None:
    permit_id = upstream.active(plate={"raw": "EF-367-QS"}, years=3)
    for raw in ("PO-456-VB", "EF-367-QS"):
        upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": raw})
    purge(hub, today + DAY * 400)
    assert plates(evidence, permit_id) == ["EF-367-QS"]
