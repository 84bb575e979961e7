"""The stand-in for the payment service, used by an app and a browser."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer
from personal_space.stand_ins.payment.order import ORDER_SECONDS

from ops.embedded.servers import free_port
from tests.stand_ins.conftest import App, StandIns

Order = Callable[..., str]


class EarlierSigner(TimestampSigner):
    """Signs with a time that makes an order just expired."""

    def get_timestamp(self) -> int:
        return super().get_timestamp() - ORDER_SECONDS - 2


def ordered(
    stand_ins: StandIns, secret: str = "", signer: type[TimestampSigner] = TimestampSigner, **changed: Any
) -> str:
    """Return the page's URL for an order signed like the app's."""
    order = {
        "reference": "0123abcd",
        "amount_cents": 2250,
        "label": "Stationnement résidentiel",
        "resident_id": "r-1",
        "permit_id": "p-1",
        "callback_url": f"{stand_ins.app_url}/paiement/notification",
        "return_url": f"{stand_ins.app_url}/espace",
        "language": "fr",
    } | changed
    serializer = URLSafeTimedSerializer(secret or stand_ins.payment_secret, salt="payment.order", signer=signer)
    return f"{stand_ins.url}/paiement?order={serializer.dumps(order)}"


def opened(token: str, stand_ins: StandIns) -> dict[str, Any]:
    """Read a notification as the app does."""
    serializer = URLSafeTimedSerializer(stand_ins.payment_secret, salt="payment.notification")
    told: dict[str, Any] = serializer.loads(token, max_age=60)
    return told


def pay(url: str) -> httpx2.Response:
    return httpx2.post(url, trust_env=False, timeout=30)


def show(url: str) -> httpx2.Response:
    return httpx2.get(url, trust_env=False)


def test_the_order_is_shown_and_the_app_not_notified_yet(stand_ins: StandIns, app: App) -> None:
    page = show(ordered(stand_ins))
    assert page.status_code == 200
    for words in ("Stationnement résidentiel", "22,50 €", "Payer", "Annuler", f'href="{stand_ins.app_url}/espace"'):
        assert words in page.text
    assert app.notifications == []


def test_the_page_is_in_the_orders_language(stand_ins: StandIns) -> None:
    page = show(ordered(stand_ins, language="en", label="Residential parking"))
    assert 'lang="en"' in page.text
    for words in ("Residential parking", "€22.50", "Pay", "Cancel"):
        assert words in page.text


def test_the_app_is_notified_of_a_payment_and_the_browser_goes_back(stand_ins: StandIns, app: App) -> None:
    paid = pay(ordered(stand_ins))
    assert (paid.status_code, paid.headers["location"]) == (303, f"{stand_ins.app_url}/espace")
    (notification,) = app.notifications
    assert opened(notification, stand_ins) == {
        "payment_reference": "PAY-0123abcd",
        "amount_cents": 2250,
        "resident_id": "r-1",
        "permit_id": "p-1",
        "order_reference": "0123abcd",
    }


def test_a_payment_that_the_app_refuses_is_shown_with_its_code(stand_ins: StandIns, app: App) -> None:
    app.answers = [(409, {"error": "wrong_amount"})]
    page = pay(ordered(stand_ins))
    assert page.status_code == 409
    assert "Vous n’avez pas été débité" in page.text
    assert "wrong_amount" in page.text
    assert len(app.notifications) == 1


@pytest.mark.parametrize(
    ("language", "title", "money"),
    [
        ("fr", "Déjà payé", "Rien n’a été débité une seconde fois"),
        ("en", "Already paid", "Nothing was charged"),
    ],
)
def test_a_payment_confirmed_before_is_shown_as_already_paid(
    stand_ins: StandIns, app: App, language: str, title: str, money: str
) -> None:
    app.answers = [(409, {"error": "payment_already_confirmed"})]
    page = pay(ordered(stand_ins, language=language))
    assert page.status_code == 200
    assert title in page.text
    assert money in page.text
    assert len(app.notifications) == 1


def test_a_payment_whose_first_answer_was_lost_is_confirmed(stand_ins: StandIns, app: App) -> None:
    app.answers = [(503, {}), (409, {"error": "payment_already_confirmed"})]
    assert pay(ordered(stand_ins)).status_code == 303


@pytest.mark.parametrize(
    ("code", "french", "english"),
    [
        ("not_awaiting_payment", "n’est plus attendu", "no longer expected"),
        ("wrong_amount", "Le montant n’est pas celui", "The amount is not the one"),
        ("unknown_permit", "n’existe plus", "no longer exists"),
        ("resident_erased", "a été effacé", "was erased"),
        ("a_code_of_next_year", "n’a pas accepté ce paiement", "did not accept this payment"),
    ],
)
def test_a_refused_payment_is_explained_with_the_money_and_the_next_step(
    stand_ins: StandIns, app: App, code: str, french: str, english: str
) -> None:
    for language, words, money in (
        ("fr", french, "Vous n’avez pas été débité"),
        ("en", english, "You have not been charged"),
    ):
        app.answers = [(409, {"error": code})]
        page = pay(ordered(stand_ins, language=language))
        assert page.status_code == 409
        assert words in page.text
        assert money in page.text


@pytest.mark.parametrize("answer", ["words", ["list"], {"error": 7}, {"error": "<b>"}, {}])
def test_a_refusal_without_a_code_is_shown_without_one(stand_ins: StandIns, app: App, answer: object) -> None:
    app.answers = [(400, answer)]
    page = pay(ordered(stand_ins))
    assert page.status_code == 409
    assert "Motif" not in page.text


def test_an_app_that_is_down_for_a_moment_is_notified_again(stand_ins: StandIns, app: App) -> None:
    app.answers = [(503, {"error": "not_confirmed"}), (200, {"outcome": "confirmed"})]
    assert pay(ordered(stand_ins)).status_code == 303
    first, second = (opened(token, stand_ins) for token in app.notifications)
    assert first == second


def test_each_attempt_is_signed_freshly(stand_ins: StandIns, app: App) -> None:
    app.answers = [(500, {})]
    page = pay(ordered(stand_ins))
    assert (page.status_code, "Paiement en attente" in page.text) == (202, True)
    assert len(app.notifications) == 3
    serializer = URLSafeTimedSerializer(stand_ins.payment_secret, salt="payment.notification")
    signed = [serializer.loads(token, return_timestamp=True)[1] for token in app.notifications]
    assert signed[0] < signed[-1]


def test_an_app_that_does_not_answer_leaves_the_payment_pending(stand_ins: StandIns) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/"
    page = pay(ordered(stand_ins, callback_url=nowhere, language="en"))
    assert (page.status_code, "Payment pending" in page.text) == (202, True)


def test_an_expired_order_has_an_error_page(stand_ins: StandIns, app: App) -> None:
    url = ordered(stand_ins, signer=EarlierSigner)
    for answer in (show(url), pay(url)):
        assert answer.status_code == 400
        assert "a expiré" in answer.text
    assert app.notifications == []


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "another secret of thirty-two letters"},
        {"amount_cents": 0},
        {"amount_cents": "much"},
        {"reference": "../"},
        {"callback_url": "file:///etc/passwd"},
        {"return_url": "javascript:alert(1)"},
        {"language": "de"},
        {"label": None},
    ],
)
def test_an_order_that_the_app_did_not_sign_is_refused(
    stand_ins: StandIns, app: App, changed: dict[str, str] | dict[str, int] | dict[str, None]
) -> None:
    url = ordered(stand_ins, **changed)
    for answer in (show(url), pay(url)):
        assert answer.status_code == 400
        assert "n’est pas valable" in answer.text
    assert app.notifications == []


def test_an_order_is_not_accepted_as_a_notification_nor_the_reverse(stand_ins: StandIns, app: App) -> None:
    url = ordered(stand_ins)
    with pytest.raises(BadSignature):
        opened(url.partition("=")[2], stand_ins)
    pay(url)
    assert show(f"{stand_ins.url}/paiement?order={app.notifications[0]}").status_code == 400
