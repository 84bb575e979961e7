"""A closed permit is kept to the last day of its retention, then anonymised."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from schemas.events import EventType
from schemas.receipts import RefusalCode
from schemas.space import ActionName, CardStatus
from tests.services.evidence import Evidence
from tests.services.hubs import Deliver
from tests.services.in_redis import read_document
from tests.services.kept import DAY, after, plates
from tests.services.upstream import ANNE, BOB, ELSEWHERE, UNVERIFIED, Upstream, results
from worker.domain.retention import latest_due
from worker.hub import Hub
from worker.services.clock import retention
from worker.services.clock.advance import advance
from worker.services.clock.retention import purge
from worker.services.publishing import history

ALL_OF_A_PERMIT = """
    SELECT status, ban_id, address, zones, pending, reason, verified, over_on FROM permits WHERE permit_id = %s
"""


def types(evidence: Evidence) -> list[EventType]:
    return [event.type for event in evidence.told(ANNE)]


def test_a_closed_permit_is_anonymised_the_day_after_its_last_kept_day(
    hub: Hub, upstream: Upstream, evidence: Evidence, lapsed: UUID, forgetting: date
) -> None:
    purge(hub, forgetting - DAY)
    assert plates(evidence, lapsed) == ["EF-367-QS"]
    assert ActionName.RENEW in [action.name for action in evidence.screen(ANNE).cards[0].actions]
    purge(hub, forgetting)
    assert plates(evidence, lapsed) == []
    assert evidence.query(ALL_OF_A_PERMIT, lapsed) == [("ended", "", "", [], None, None, None, None)]
    assert evidence.space(ANNE).cards == ()
    assert types(evidence)[-1] is EventType.PERMIT_ANONYMISED
    assert evidence.told(ANNE)[-1].data.permit_ids == (lapsed,)
    assert evidence.value("SELECT count(*) FROM terms WHERE permit_id = %s", lapsed) == 1


def test_a_second_purge_changes_nothing(hub: Hub, evidence: Evidence, lapsed: UUID, forgetting: date) -> None:
    for _ in range(2):
        purge(hub, forgetting)
    assert types(evidence).count(EventType.PERMIT_ANONYMISED) == 1
    before = evidence.truth()
    purge(hub, forgetting + DAY)
    assert evidence.truth() == before


def test_after_days_of_downtime_every_due_permit_is_anonymised(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "FOUND_AT_ONCE", 2)  # so that it takes several slices
    for number in range(5):
        terms = [{"first_day": upstream.day(-99), "last_day": upstream.day(-1 - number)}]
        upstream.take_over(upstream.row(f"r-{number}", terms=terms))
    kept = upstream.active(BOB)
    purge(hub, after(today, 12) + DAY * 30)
    assert evidence.query("SELECT permit_id FROM plate_assignments") == [(kept,)]


def test_an_imported_old_permit_is_kept_from_its_last_day(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    day = latest_due(today, 12)
    old, younger = (upstream.row(terms=[_term(day + DAY * more)]) for more in (0, 1))
    upstream.take_over(old, younger)
    purge(hub, today)
    assert [card.permit_id for card in evidence.screen(ANNE).cards] == [UUID(younger["permit_id"])]


def test_an_imported_cancelled_permit_is_kept_from_its_request(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    day = latest_due(today, 12)
    cancelled: dict[str, Any] = {"status": "cancelled_by_resident", "terms": []}
    old, younger = (upstream.row(**cancelled, requested_on=str(day + DAY * more)) for more in (0, 1))
    upstream.take_over(old, younger)
    purge(hub, today)
    assert [card.permit_id for card in evidence.screen(ANNE).cards] == [UUID(younger["permit_id"])]


def test_an_imported_permit_ended_early_is_kept_from_today(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    row = upstream.row(status="ended")
    upstream.take_over(row)
    purge(hub, after(today, 12) - DAY)
    assert evidence.card(ANNE, UUID(row["permit_id"])).status is CardStatus.ENDED
    purge(hub, after(today, 12))
    assert evidence.space(ANNE).cards == ()


def test_a_rejected_permit_is_kept_from_its_rejection_and_loses_its_reason(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    rejected = upstream.request(verified=UNVERIFIED)
    later = Upstream(hub, today + DAY * 90)
    later.applied("permit.decide", permit_id=rejected, decision="reject", reason="Illisible.")
    purge(hub, after(later.today, 12) - DAY)
    assert "Illisible." in evidence.everything_stored()
    purge(hub, after(later.today, 12))
    assert "Illisible." not in evidence.everything_stored()
    assert evidence.query(ALL_OF_A_PERMIT, rejected)[0][0] == "rejected"


def test_an_unpaid_request_is_kept_from_the_day_it_lapsed(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date
) -> None:
    unpaid = upstream.request()
    given_up = today + DAY * (hub.tariffs.unpaid_lapses_after_days + 1)
    advance(hub, given_up)
    purge(hub, after(given_up, 12) - DAY)
    assert evidence.card(ANNE, unpaid).status is CardStatus.CANCELLED_UNPAID
    purge(hub, after(given_up, 12))
    assert evidence.space(ANNE).cards == ()


def test_an_open_permit_is_never_anonymised(hub: Hub, upstream: Upstream, evidence: Evidence, today: date) -> None:
    reviewed, unpaid = upstream.request(verified=UNVERIFIED), upstream.request()
    purge(hub, today + DAY * 3_650)
    assert {card.permit_id for card in evidence.screen(ANNE).cards} == {reviewed, unpaid}


def test_a_change_under_review_does_not_keep_a_permit_that_is_over(
    hub: Hub, upstream: Upstream, evidence: Evidence, lapsed: UUID, forgetting: date
) -> None:
    late = Upstream(hub, forgetting - DAY * 40)
    late.applied("permit.change_address", permit_id=lapsed, address=ELSEWHERE, zones=["18A"], verified={})
    purge(hub, forgetting - DAY)
    assert evidence.card(ANNE, lapsed).review is not None
    purge(hub, forgetting)
    assert ELSEWHERE["label"] not in evidence.everything_stored()
    assert evidence.space(ANNE).cards == ()


def test_a_permit_that_was_renewed_on_its_last_kept_day_stays(
    hub: Hub, upstream: Upstream, evidence: Evidence, lapsed: UUID, forgetting: date
) -> None:
    late = Upstream(hub, forgetting - DAY)
    late.applied("permit.renew", permit_id=lapsed, years=1)
    purge(hub, forgetting)  # its renewal waits for a payment
    late.applied("permit.confirm_payment", permit_id=lapsed, payment_reference="P-1", amount_cents=4500)
    purge(hub, forgetting)
    last_day = evidence.last_day(ANNE)
    evidence.query("UPDATE shares SET confirmed_version = wanted_version RETURNING 1")
    purge(hub, after(last_day, 12) - DAY)
    assert evidence.card(ANNE, lapsed).plate == "EF-367-QS"
    purge(hub, after(last_day, 12))
    assert evidence.space(ANNE).cards == ()


def test_an_anonymised_permit_leaves_no_personal_data_and_no_log(
    hub: Hub, upstream: Upstream, evidence: Evidence, today: date, forgetting: date
) -> None:
    lapsed = upstream.lapsed(plate={"raw": "PO-456-VB"}, zones=["ZONE-14"])
    upstream.applied("permit.change_address", permit_id=lapsed, address=ELSEWHERE, zones=["18C"])
    upstream.applied("permit.cancel", permit_id=lapsed)
    personal = ("PO-456-VB", "PO456VB", "ZONE-14", *ELSEWHERE.values())
    assert "PO-456-VB" in evidence.everything_stored()
    with capture_logs() as logs:
        purge(hub, forgetting)
    assert not [value for value in personal if value in evidence.everything_stored() or value in str(logs)]
    assert {"event": "retention.purged", "log_level": "info", "permits": 1}.items() <= logs[-1].items()


def test_the_history_of_an_anonymised_permit_names_holders_and_no_plate(
    hub: Hub, upstream: Upstream, evidence: Evidence, deliver: Deliver, today: date
) -> None:
    upstream.allow()
    permit_id = upstream.active()
    deliver()
    lapse = evidence.last_day(ANNE) + DAY
    evidence.query("UPDATE shares SET holds = false RETURNING 1")
    purge(hub, after(lapse, 12))
    task = uuid4()
    assert history.put_history(hub, ANNE, task, today) is not None
    document = read_document(hub, f"history:{task}").decode()
    assert str(permit_id) in document
    assert '"plate":null' in document.replace(" ", "")


def test_every_job_on_an_anonymised_permit_is_refused(
    hub: Hub, upstream: Upstream, lapsed: UUID, forgetting: date
) -> None:
    purge(hub, forgetting)
    assert upstream.submit("permit.renew", permit_id=lapsed, years=1).code is RefusalCode.UNKNOWN_PERMIT
    again = upstream.take_over(upstream.row(permit_id=str(lapsed)))
    assert results(again)[0].code is RefusalCode.PERMIT_EXISTS
    assert upstream.applied("resident.erase")


def _term(last_day: date) -> dict[str, str]:
    return {"first_day": str(last_day - DAY * 90), "last_day": str(last_day)}
