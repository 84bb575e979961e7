"""A plate that was replaced is kept as long as its period says; the one that is in use is not a replaced one."""

from tests.services.kept import DAY, after, plates
from tests.services.upstream import ANNE
from worker.services.retention import purge


def test_a_plate_that_was_replaced_is_deleted_a_year_after_that(hub, upstream, evidence, today):
    permit_id = upstream.active(plate={"raw": "EF-367-QS"}, years=3)
    upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": "PO-456-VB"})
    replaced = evidence.value("SELECT (replaced_at AT TIME ZONE 'Europe/Paris')::date FROM plate_assignments LIMIT 1")
    purge(hub, after(replaced, 12) - DAY)
    assert plates(evidence, permit_id) == ["EF-367-QS", "PO-456-VB"]
    purge(hub, after(replaced, 12))
    assert plates(evidence, permit_id) == ["PO-456-VB"]
    assert evidence.card(ANNE, permit_id).plate == "PO-456-VB"


def test_a_plate_that_was_given_up_and_taken_again_is_not_a_replaced_one(hub, upstream, evidence, today):
    permit_id = upstream.lapsed(plate={"raw": "EF-367-QS"})
    upstream.applied("permit.renew", permit_id=permit_id, years=1)
    upstream.applied("permit.confirm_payment", permit_id=permit_id, payment_reference="P-1", amount_cents=4500)
    assert len(plates(evidence, permit_id)) == 2
    assert evidence.query("SELECT FROM plate_assignments WHERE replaced_at IS NOT NULL") == []


def test_one_and_the_same_plate_may_be_replaced_and_come_back(hub, upstream, evidence, today):
    permit_id = upstream.active(plate={"raw": "EF-367-QS"}, years=3)
    for raw in ("PO-456-VB", "EF-367-QS"):
        upstream.applied("permit.change_vehicle", permit_id=permit_id, plate={"raw": raw})
    purge(hub, today + DAY * 400)
    assert plates(evidence, permit_id) == ["EF-367-QS"]
