"""The city hub's sandbox behaves like a real Parkkihubi, with its oddities."""

from collections.abc import Iterator

import pytest

from tests.conftest import Sandbox
from tests.integrations.city_hub import NAME, Hub

A, B = "5f0c4f5e-0d8e-4f0e-9a53-6f0d7c1f7e11", "5f0c4f5e-0d8e-4f0e-9a53-6f0d7c1f7e22"
SPAN = {"start_time": "2024-03-31T00:00:00+01:00", "end_time": "2024-10-28T00:00:00+01:00"}


@pytest.fixture
def hub(sandbox: Sandbox) -> Iterator[Hub]:
    with Hub(sandbox) as found:
        yield found


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/activepermit"),
        ("PUT", f"/activepermit/{A}"),
        ("POST", "/permit"),
        ("POST", "/permitseries/1/activate"),
    ],
)
def test_a_write_without_the_trailing_slash_is_redirected(hub: Hub, method: str, path: str) -> None:
    answer = hub.ask(method, path, {})

    assert answer.status_code == 301
    assert answer.url.join(answer.headers["Location"]).path == f"/{NAME}{path}/"


def test_nothing_is_created_without_an_active_series(hub: Hub) -> None:
    hub.make_series(active=False)

    answer = hub.ask("POST", "/activepermit/", hub.document(A))

    assert (answer.status_code, answer.json()) == (404, {"detail": "Active permit series doesn't exist"})


def test_put_never_creates(hub: Hub) -> None:
    hub.make_series()

    assert hub.ask("PUT", f"/activepermit/{A}/", hub.document(A)).status_code == 404
    assert hub.held() == {}


def test_a_duplicate_is_answered_with_500_and_html(hub: Hub) -> None:
    hub.make_series(hub.document(A))

    answer = hub.ask("POST", "/activepermit/", hub.document(A))

    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/html; charset=utf-8")


def test_put_without_the_external_id_makes_the_permit_unreachable(hub: Hub) -> None:
    hub.make_series(hub.document(A))
    body = hub.document(A)
    del body["external_id"]

    assert hub.ask("PUT", f"/activepermit/{A}/", body).json()["external_id"] is None
    assert hub.ask("DELETE", f"/activepermit/{A}/").status_code == 404
    assert hub.ask("GET", "/activepermit/").json()["count"] == 0
    assert hub.control.counts(NAME).foreign == 1


@pytest.mark.parametrize("member", ["subjects", "areas"])
def test_a_missing_list_is_answered_with_500(hub: Hub, member: str) -> None:
    hub.make_series()
    body = hub.document(A)
    del body[member]

    assert hub.ask("POST", "/activepermit/", body).status_code == 500


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"domain": "nowhere"}, {"domain": ["Object with code=nowhere does not exist."]}),
        ({"surprise": 1}, {"surprise": ["Unknown field."]}),
        ({"external_id": "x" * 51}, {"external_id": ["Ensure this field has no more than 50 characters."]}),
        ({"areas": None}, {"areas": ["This field may not be null."]}),
        ({"areas": [{**SPAN, "area": "14:A"}]}, {"areas": ["Unknown identifiers: 14:A"]}),
        ({"areas": [{**SPAN, "area": "14A", "x": 1}]}, {"areas": ["Unknown fields in item: x"]}),
        ({"areas": [{"area": "14A"}]}, {"areas": ['Field "start_time" is missing from an item']}),
        (
            {"areas": [SPAN | {"area": "14A", "end_time": "2024-10-28T00:00:00"}]},
            {"areas": ["Invalid \"end_time\" value '2024-10-28T00:00:00': Missing timezone"]},
        ),
        (
            {"areas": [SPAN | {"area": "14A", "end_time": "2024-10-28"}]},
            {"areas": ["Invalid \"end_time\" value '2024-10-28': Missing timezone"]},
        ),
        (
            {"subjects": [{**SPAN, "registration_number": "A" * 21}]},
            {"subjects": [f"Invalid \"registration_number\" value '{'A' * 21}': Value longer than 20 characters"]},
        ),
    ],
)
def test_a_fault_is_named_by_its_field(hub: Hub, members: dict[str, object], fault: dict[str, object]) -> None:
    hub.make_series()

    answer = hub.ask("POST", "/activepermit/", hub.document(A) | members)

    assert (answer.status_code, answer.json()) == (400, fault)
    assert hub.held() == {}


def test_a_start_after_the_end_is_accepted(hub: Hub) -> None:
    hub.make_series()
    backwards = [{"start_time": SPAN["end_time"], "end_time": SPAN["start_time"], "area": "14A"}]

    assert hub.ask("POST", "/activepermit/", hub.document(A, areas=backwards)).status_code == 201


def test_a_list_is_stored_as_a_whole_or_not_at_all(hub: Hub) -> None:
    series = hub.make_series()
    rows = [hub.document(A, series=series), hub.document(B, series=series, areas=[{**SPAN, "area": "14:A"}])]

    answer = hub.ask("POST", "/permit/", rows)

    assert (answer.status_code, answer.json()) == (400, [{}, {"areas": ["Unknown identifiers: 14:A"]}])
    assert hub.held() == {}


def test_an_external_id_in_two_active_series_is_answered_with_500(hub: Hub) -> None:
    first, second = hub.make_series(hub.document(A)), hub.make_series(hub.document(A), hub.document(B))

    assert hub.ask("PUT", f"/activepermit/{A}/", hub.document(A)).status_code == 500
    assert hub.ask("DELETE", f"/activepermit/{A}/").status_code == 500
    hub.activate(first, deactivate_series=[second])
    assert hub.ask("DELETE", f"/activepermit/{A}/").status_code == 204
    assert hub.held() == {}


def test_a_series_with_permits_cannot_be_deleted(hub: Hub) -> None:
    full, empty = hub.make_series(hub.document(A)), hub.make_series(active=False)

    assert hub.ask("DELETE", f"/permitseries/{full}/").status_code == 500
    assert hub.ask("DELETE", f"/permitseries/{empty}/").status_code == 204
    assert hub.series() == {full: True}


def test_times_come_back_in_utc_and_keys_in_another_order(hub: Hub) -> None:
    hub.make_series()
    sent = {**SPAN, "registration_number": "QJ817XK"}

    created = hub.ask("POST", "/activepermit/", hub.document(A, subjects=[sent])).json()["subjects"]
    listed = hub.ask("GET", "/activepermit/").json()["results"][0]["subjects"]

    told = {
        "start_time": "2024-03-30T23:00:00+00:00",
        "end_time": "2024-10-27T23:00:00+00:00",
        "registration_number": "QJ817XK",
    }
    assert created == listed == [told]
    assert list(listed[0]) != list(created[0])


def test_lists_have_a_hundred_a_page(hub: Hub) -> None:
    hub.control.hold_many(NAME, 101)

    first, second = (hub.ask("GET", f"/activepermit/?page={number}").json() for number in (1, 2))

    assert (first["count"], len(first["results"]), first["previous"]) == (101, 100, None)
    assert (second["count"], len(second["results"]), second["next"]) == (101, 1, None)
    assert hub.ask("GET", "/activepermit/?page=3").status_code == 404
