"""A payment is confirmed by the payment service's signed word, once, and by nothing else."""

import time
from uuid import uuid4

import httpx2
import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from personal_space.payments import NOTIFICATION

from tests.city import plate

OFFER = {"country": "FR", "address": "3 rue des Tilleuls, 75014 Paris", "offer": "standard-1"}
PRICE = 4_500


@pytest.fixture
def asked(city, visit):
    """Return a resident who has requested a permit, and its id."""
    resident = city.account().sub
    assert visit(resident).send("/droits/nouveau", plate=plate(), **OFFER).status_code == 303
    (card,) = city.hub.space(resident)["cards"]
    return resident, card["permit_id"]


@pytest.fixture
def tell(city):
    """Post a notification, or anything else, as the payment service does."""
    with httpx2.Client(base_url=city.personal_space, timeout=20) as http:
        yield lambda notification: http.post(NOTIFICATION, json={"notification": notification})


def sign(city, key=None, salt="payment.notification", signer=TimestampSigner, **payment):
    secret = key or city.environment["PERSONAL_SPACE_PAYMENT_SECRET"]
    return URLSafeTimedSerializer(secret, salt=salt, signer=signer).dumps(payment)


def payment(resident, permit_id):
    reference = f"PAY-{uuid4().hex}"
    return {"payment_reference": reference, "amount_cents": PRICE, "resident_id": resident, "permit_id": permit_id}


def status(city, resident):
    (card,) = city.hub.space(resident)["cards"]
    return card["status"]


class SixMinutesAgo(TimestampSigner):
    """Signs as the service did some time ago."""

    def get_timestamp(self):
        return int(time.time()) - 6 * 60


def test_a_notification_confirms_once_and_its_copy_is_refused(city, asked, tell):
    notification = sign(city, **payment(*asked))
    assert tell(notification).json() == {"outcome": "confirmed"}
    assert status(city, asked[0]) == "active"
    until = city.hub.space(asked[0])["cards"][0]["valid_until"]
    again = tell(notification)
    assert (again.status_code, again.json()) == (409, {"error": "payment_already_confirmed"})
    assert city.hub.space(asked[0])["cards"][0]["valid_until"] == until


def test_a_notification_that_others_signed_or_that_is_old_confirms_nothing(city, asked, tell):
    known = payment(*asked)
    good = sign(city, **known)
    for forged in (
        sign(city, key="x" * 40, **known),
        sign(city, salt="payment.order", **known),
        sign(city, signer=SixMinutesAgo, **known),
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
def test_what_is_no_notification_is_refused(city, body):
    answer = httpx2.post(city.personal_space + NOTIFICATION, content=body, timeout=20)
    assert answer.status_code == 400


def test_a_notification_that_lacks_something_is_refused(city, asked, tell):
    for name in payment(*asked):
        left = {key: value for key, value in payment(*asked).items() if key != name}
        assert tell(sign(city, **left)).status_code == 400


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
def test_what_the_hub_refuses_is_told_to_the_payment_service(city, asked, tell, changed, code):
    answer = tell(sign(city, **payment(*asked) | changed))
    assert (answer.status_code, answer.json()) == (409, {"error": code})
    assert status(city, asked[0]) == "awaiting_payment"


def test_an_order_names_no_more_than_what_is_paid_and_for_which_permit(city, asked, visit):
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


def test_two_tabs_owe_one_payment(city, asked, visit):
    resident, permit_id = asked
    secret = city.environment["PERSONAL_SPACE_PAYMENT_SECRET"]

    def reference():
        location = visit(resident).send(f"/droits/{permit_id}/paiement").headers["location"]
        order = location.partition("?order=")[2]
        return URLSafeTimedSerializer(secret, salt="payment.order").loads(order)["reference"]

    assert reference() == reference()
