"""Imports of existing permits: a result for each row."""

from datetime import date
from uuid import UUID

from schemas.receipts import Outcome, RefusalCode, RowResult
from schemas.space import CardStatus
from tests.services.evidence import Evidence
from tests.services.upstream import ADDRESS, ANNE, BOB, CITY, EVERYONE, Upstream, results
from worker.services.publishing.publish import republish


def test_each_row_has_its_own_result(upstream: Upstream, evidence: Evidence) -> None:
    known = upstream.active(plate={"raw": "AA-111-AA"})
    upstream.active("r-gone")
    upstream.applied("resident.erase", "r-gone")
    good, other = upstream.row(BOB), upstream.row(BOB)
    rows = [
        good,
        upstream.row(BOB, permit_id=good["permit_id"]),
        upstream.row(BOB, plate={"raw": "aa 111 aa"}),
        upstream.row(BOB, plate=good["plate"]),
        upstream.row(BOB, plate=good["plate"], status="ended"),
        upstream.row("r-gone"),
        upstream.row(permit_id=str(known)),
        upstream.row(BOB, terms=[]),
        upstream.row(BOB, terms=[_term("2024-01-01", "2024-12-31"), _term("2024-12-31", "2025-12-30")]),
        upstream.row(BOB, plate={"raw": "<b>"}),
        other,
    ]
    receipt = upstream.take_over(*rows)
    assert receipt.outcome is Outcome.APPLIED
    assert [(row.code, row.field) for row in results(receipt)] == [
        (None, None),
        (RefusalCode.PERMIT_EXISTS, "permit_id"),
        (RefusalCode.PLATE_IN_USE, "plate"),
        (RefusalCode.PLATE_IN_USE, "plate"),
        (None, None),
        (RefusalCode.RESIDENT_ERASED, "resident_id"),
        (RefusalCode.PERMIT_EXISTS, "permit_id"),
        (RefusalCode.MISSING_FIELD, "terms"),
        (RefusalCode.INVALID_DATE, "terms"),
        (RefusalCode.INVALID_VALUE, "plate.raw"),
        (None, None),
    ]
    assert [row.permit_id for row in results(receipt)] == [UUID(row["permit_id"]) for row in rows]
    assert evidence.value("SELECT count(*) FROM permits WHERE resident_id = %s", BOB) == 3
    assert evidence.written(BOB) == [(1, "permit.imported")]
    assert evidence.told(BOB)[0].data.permit_ids == tuple(UUID(rows[index]["permit_id"]) for index in (0, 4, 10))
    assert evidence.written("r-gone")[-1][1] == "resident.erased"


def test_the_seeds_cards_are_imported_unchanged(upstream: Upstream, evidence: Evidence, today: date) -> None:
    rows = [
        upstream.row(plate={"raw": "EF-367-QS"}),
        upstream.row(
            plate={"raw": "PO-456-VB"},
            requested_on=upstream.day(0),
            terms=[_term(upstream.day(-366), upstream.day(-1))],
        ),
        upstream.row(plate={"raw": "AA-111-AA"}, status="cancelled_by_resident", terms=[]),
    ]
    assert upstream.take_over(*rows).rows == tuple(
        RowResult(permit_id=UUID(row["permit_id"]), outcome=Outcome.APPLIED) for row in rows
    )
    republish(upstream.hub, [ANNE], today)
    cards = {card.plate: card for card in evidence.space(ANNE).cards}
    assert {plate: (card.status, str(card.valid_until), str(card.requested_on)) for plate, card in cards.items()} == {
        "EF-367-QS": (CardStatus.ACTIVE, upstream.day(183), upstream.day(-183)),
        "PO-456-VB": (CardStatus.ACTIVE, upstream.day(-1), upstream.day(0)),
        "AA-111-AA": (CardStatus.CANCELLED_BY_RESIDENT, "None", upstream.day(-183)),
    }
    assert cards["EF-367-QS"].address == ADDRESS["label"]


def test_an_import_drops_the_document_and_leaves_it_to_the_next_reader(
    upstream: Upstream, evidence: Evidence, today: date
) -> None:
    upstream.active()
    upstream.take_over(upstream.row(), upstream.row(BOB))
    assert evidence.find_space(ANNE) is None
    assert republish(upstream.hub, [ANNE, BOB], today) == {ANNE: 2, BOB: 1}
    assert [event.sequence for event in evidence.told(ANNE)] == [1, 2]
    assert [event.sequence for event in evidence.told(BOB)] == [1]


def test_an_import_shares_as_routine_where_consent_exists(
    upstream: Upstream, evidence: Evidence, wake_ups: list[str]
) -> None:
    upstream.allow()
    upstream.allow(BOB, providers=("easypark",))
    mine, bobs = upstream.row(), upstream.row(BOB)
    upstream.take_over(mine, bobs, upstream.row("r-carl"), upstream.row(terms=[_term("2023-01-01", "2023-12-31")]))
    assert {name: share["urgency"] for name, share in evidence.shares(mine["permit_id"]).items()} == dict.fromkeys(
        EVERYONE, 2
    )
    assert set(evidence.shares(bobs["permit_id"])) == {"easypark"}
    # Anne's, Bob's, and those of the city's own hub.
    assert evidence.value("SELECT count(*) FROM shares") == len(EVERYONE) + 1 + 3
    assert sorted(wake_ups) == sorted((*EVERYONE, CITY))


def test_a_thousand_rows_fit_one_job(upstream: Upstream, evidence: Evidence) -> None:
    rows = [upstream.row(f"r-{number // 2}", plate={"raw": f"P {number:04}"}) for number in range(1_000)]
    receipt = upstream.take_over(*rows)
    assert {row.outcome for row in results(receipt)} == {Outcome.APPLIED}
    assert evidence.value("SELECT count(*) FROM permits") == 1_000
    assert len(evidence.told()) == 500
    assert results(upstream.take_over(*rows))[999].code is RefusalCode.PERMIT_EXISTS


def _term(first_day: str, last_day: str) -> dict[str, str]:
    return {"first_day": first_day, "last_day": last_day}
