"""Only a signed notification of the payment service confirms a payment, and only once."""

import html
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2
import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from personal_space.payments import NOTIFICATION

from tests.personal_space.conftest import Visit
from tests.support.city import City, plate

OFFER = {"country": "FR", "address": "3 rue des Tilleuls, 75014 Paris", "offer": "standard-1"}
PRICE = 4_500
Tell = Callable[[object], httpx2.Response]


@pytest.fixture
def asked(city: City, visit: Visit) -> tuple[str, str]:
    """Return a resident with a requested permit, and its id."""
    account = city.account()
    wanted = account.vehicles[0].plate
    assert visit(account.sub).send("/droits/nouveau", plate=wanted, **OFFER).status_code == 303
    (card,) = city.space(account.sub)["cards"]
    return account.sub, card["permit_id"]


@pytest.fixture
def tell(city: City) -> Iterator[Tell]:
    """Post a body to the notification URL, as the payment service does."""
    with httpx2.Client(base_url=city.personal_space, timeout=20) as http:
        yield lambda notification: http.post(NOTIFICATION, json={"notification": notification})


def sign(
    city: City,
    told: Mapping[str, object],
    key: str | None = None,
    salt: str = "payment.notification",
    signer: type[TimestampSigner] = TimestampSigner,
) -> str:
    secret = key or city.environment["PERSONAL_SPACE_PAYMENT_SECRET"]
    return URLSafeTimedSerializer(secret, salt=salt, signer=signer).dumps(told)


def payment(resident: str, permit_id: str) -> dict[str, object]:
    reference = f"PAY-{uuid4().hex}"
    return {"payment_reference": reference, "amount_cents": PRICE, "resident_id": resident, "permit_id": permit_id}


def status(city: City, resident: str) -> str:
    (card,) = city.space(resident)["cards"]
    return card["status"]


class SixMinutesAgo(TimestampSigner):
    """Signs with the time of six minutes ago."""

    def get_timestamp(self) -> int:
        return int(time.time()) - 6 * 60


def test_a_notification_confirms_once_and_a_copy_is_refused(city: City, asked: tuple[str, str], tell: Tell) -> None:
    notification = sign(city, payment(*asked))
    assert tell(notification).json() == {"outcome": "confirmed"}
    assert status(city, asked[0]) == "active"
    until = city.space(asked[0])["cards"][0]["valid_until"]
    again = tell(notification)
    assert (again.status_code, again.json()) == (409, {"error": "payment_already_confirmed"})
    assert city.space(asked[0])["cards"][0]["valid_until"] == until


def test_a_foreign_or_old_notification_confirms_nothing(city: City, asked: tuple[str, str], tell: Tell) -> None:
    known = payment(*asked)
    good = sign(city, known)
    for forged in (
        sign(city, known, key="x" * 40),
        sign(city, known, salt="payment.order"),
        sign(city, known, signer=SixMinutesAgo),
        good[:-2],
        good.replace(".", "..", 1),
        "",
        None,
        {"payment_reference": "PAY-1"},
        12,
    ):
        answer = tell(forged)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_notification"}), forged
    assert status(city, asked[0]) == "awaiting_payment"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"notification": [1]}', b"[" * 60_000]
)
def test_a_malformed_notification_is_refused(city: City, body: bytes) -> None:
    answer = httpx2.post(city.personal_space + NOTIFICATION, content=body, timeout=20)
    assert answer.status_code == 400


def test_an_incomplete_notification_is_refused(city: City, asked: tuple[str, str], tell: Tell) -> None:
    for name in payment(*asked):
        left = {key: value for key, value in payment(*asked).items() if key != name}
        assert tell(sign(city, left)).status_code == 400


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"amount_cents": 1}, "wrong_amount"),
        ({"permit_id": str(uuid4())}, "unknown_permit"),
        ({"resident_id": "r-nobody-at-all"}, "unknown_resident"),
        ({"amount_cents": -1}, "invalid_value"),
        ({"payment_reference": "é"}, "invalid_value"),
    ],
)
def test_the_payment_service_is_told_of_the_hubs_refusal(
    city: City, asked: tuple[str, str], tell: Tell, changed: dict[str, object], code: str
) -> None:
    answer = tell(sign(city, payment(*asked) | changed))
    assert (answer.status_code, answer.json()) == (409, {"error": code})
    assert status(city, asked[0]) == "awaiting_payment"


def test_an_order_has_only_the_price_and_the_permit(city: City, asked: tuple[str, str], visit: Visit) -> None:
    resident, permit_id = asked
    path = f"/droits/{permit_id}/paiement"
    answer = visit(resident).send(path)
    assert answer.status_code == 303
    target, _, order = answer.headers["location"].partition("?order=")
    assert target == city.environment["PERSONAL_SPACE_PAYMENT_URL"]
    secret = city.environment["PERSONAL_SPACE_PAYMENT_SECRET"]
    told = URLSafeTimedSerializer(secret, salt="payment.order").loads(order)
    assert told.pop("reference")
    assert told == {
        "amount_cents": PRICE,
        "label": "Stationnement résidentiel",
        "resident_id": resident,
        "permit_id": permit_id,
        "callback_url": city.personal_space + NOTIFICATION,
        "return_url": f"{city.personal_space}/espace",
        "language": "fr",
    }


def test_two_tabs_lead_to_one_order(city: City, asked: tuple[str, str], visit: Visit) -> None:
    resident, permit_id = asked
    secret = city.environment["PERSONAL_SPACE_PAYMENT_SECRET"]

    def reference() -> str:
        location = visit(resident).send(f"/droits/{permit_id}/paiement").headers["location"]
        order = location.partition("?order=")[2]
        return str(URLSafeTimedSerializer(secret, salt="payment.order").loads(order)["reference"])

    assert reference() == reference()


def paid(city: City, visit: Visit, resident: str, permit_id: str) -> httpx2.Response:
    """Pay on the payment service's page as a resident does; return the response."""
    location = visit(resident).send(f"/droits/{permit_id}/paiement").headers["location"]
    return httpx2.post(location, timeout=20)


@pytest.fixture
def lapsed(city: City) -> tuple[str, str]:
    """Return a resident whose permit ended yesterday, and its id."""
    resident, permit_id, today = city.account().sub, str(uuid4()), datetime.now(UTC).date()
    row = {
        "resident_id": resident,
        "permit_id": permit_id,
        "status": "active",
        "requested_on": today - timedelta(days=366),
        "plate": {"raw": plate()},
        "profile": "standard",
        "address": {"ban_id": "75114_1834_00024", "label": "24 rue de l'Exemple, 75014 Paris"},
        "zones": ["14B", "14C"],
        "terms": [{"first_day": today - timedelta(days=366), "last_day": today - timedelta(days=2)}],
    }
    assert city.hub.submit("permit.import", permits=[row]).applied
    return resident, permit_id


def test_two_address_changes_on_one_day_are_both_paid(city: City, visit: Visit, lapsed: tuple[str, str]) -> None:
    resident, permit_id = lapsed
    example, limes = "10 rue de l'Exemple, 75014 Paris", "3 rue des Tilleuls, 75014 Paris"
    for address in (example, limes, example):
        moved = visit(resident).send(f"/droits/{permit_id}/adresse", address=address)
        assert moved.status_code == 303
        answer = paid(city, visit, resident, permit_id)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{city.personal_space}/espace")
        (card,) = city.space(resident)["cards"]
        assert card["address"] == address


def test_a_payment_for_a_replaced_change_is_refused_and_explained(
    city: City, visit: Visit, lapsed: tuple[str, str]
) -> None:
    resident, permit_id = lapsed
    page = visit(resident)
    page.send(f"/droits/{permit_id}/adresse", address="10 rue de l'Exemple, 75014 Paris")
    location = page.send(f"/droits/{permit_id}/paiement").headers["location"]
    page.send(f"/droits/{permit_id}/annulation")
    page.send(f"/droits/{permit_id}/adresse", address="3 rue des Tilleuls, 75014 Paris")
    answer = httpx2.post(location, timeout=20)
    assert answer.status_code == 409
    assert "n’est plus attendu" in answer.text
    assert "Vous n’avez pas été débité" in answer.text
    assert paid(city, visit, resident, permit_id).status_code == 303


def test_an_order_paid_twice_is_shown_as_already_paid(city: City, visit: Visit, asked: tuple[str, str]) -> None:
    resident, permit_id = asked
    location = visit(resident).send(f"/droits/{permit_id}/paiement").headers["location"]
    assert httpx2.post(location, timeout=20).status_code == 303
    again = httpx2.post(location, timeout=20)
    assert (again.status_code, "Déjà payé" in again.text) == (200, True)
    assert status(city, resident) == "active"


def test_changing_to_the_current_address_costs_nothing_and_is_explained(
    city: City, visit: Visit, lapsed: tuple[str, str]
) -> None:
    resident, permit_id = lapsed
    address = city.space(resident)["cards"][0]["address"]
    answer = visit(resident).send(f"/droits/{permit_id}/adresse", address=address.upper())
    assert answer.status_code == 409
    assert "rien ne change, et il n'y a rien à payer" in html.unescape(answer.text).replace("\xa0", " ")
    (card,) = city.space(resident)["cards"]
    assert "pay" not in {one["name"] for one in card["actions"]}
