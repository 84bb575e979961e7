"""While the hub is down or slow, no page claims success, and no typed text is lost."""

import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest
from personal_space.reminders import STOP

from ops.embedded.servers import free_port
from ops.embedded.valkey import PERSONAL_SPACE
from tests.personal_space.apps import running_app
from tests.personal_space.conftest import SessionOf, Visit
from tests.personal_space.reminding import channel, reminded
from tests.personal_space.visitor import Visitor, hidden, main, text
from tests.support.city import City, plate
from tests.support.relay import relay

ADDRESS = "3 rue des Tilleuls, 75014 Paris"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
UNTAKEN = "Votre demande n'est pas prise en compte pour l'instant."
Frozen = Callable[[], AbstractContextManager[None]]
Cut = tuple[str, Frozen]
PATIENCE = 8.0  # seconds; a resident waits for the answer


@pytest.fixture(scope="module")
def cut(city: City) -> Iterator[Cut]:
    """Run an app that reaches the city's Redis through a proxy; yield its address and what freezes the proxy."""
    url = city.valkey.url_of(PERSONAL_SPACE)
    target, port = urlsplit(url).port, free_port()
    assert target is not None
    with (
        relay(port, target) as process,
        running_app(city, redis_url=url.replace(f":{target}", f":{port}"), url=city.personal_space) as address,
    ):

        @contextmanager
        def frozen() -> Iterator[None]:
            process.send_signal(signal.SIGSTOP)
            try:
                yield
            finally:
                process.send_signal(signal.SIGCONT)

        yield address, frozen


@pytest.fixture
def frozen(cut: Cut) -> Frozen:
    return cut[1]


@pytest.fixture
def visit(cut: Cut, session_of: SessionOf) -> Iterator[Visit]:
    """Return visitors of that app instead of the city's."""
    visitors: list[Visitor] = []

    def visit(resident_id: str) -> Visitor:
        visitors.append(Visitor(cut[0], session_of(resident_id)))
        return visitors[-1]

    yield visit
    for visitor in visitors:
        visitor.http.close()


def sent(visitor: Visitor, path: str, fields: Mapping[str, object]) -> str:
    """Send a form; return the answer, which must come in bounded time and say that nothing was confirmed."""
    started = time.monotonic()
    answer = visitor.post(path, fields)
    assert time.monotonic() - started < PATIENCE
    assert answer.status_code == 503
    assert UNTAKEN in text(main(answer))
    return main(answer)


def test_a_new_request_is_shown_again_as_typed_and_counts_once_when_resent(
    city: City, visit: Visit, frozen: Frozen
) -> None:
    resident, wanted = city.account().sub, f"1-{plate()[:2]}X-{plate()[3:6]}"
    visitor = visit(resident)
    path = "/droits/nouveau"
    fields = visitor.hidden(path) | {"plate": wanted, "country": "BE", "address": ADDRESS, "offer": "two_wheeler-3"}
    with frozen():
        page = sent(visitor, path, fields)
    assert f'value="{wanted}"' in page
    assert f'value="{ADDRESS}"' in page
    assert re.search(r'value="BE" selected', page)
    assert re.search(r'value="two_wheeler-3" required checked', page)
    assert hidden(page)["job_id"] == fields["job_id"]
    assert visitor.post(path, fields | hidden(page)).status_code == 303
    (card,) = city.space(resident)["cards"]
    assert (card["plate"], card["country"], card["profile"]) == (wanted, "BE", "two_wheeler")


@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("vehicule", {"plate": "ZZ-111-ZZ", "country": "IT"}),
        ("adresse", {"address": ADDRESS}),
    ],
)
def test_a_change_of_a_permit_is_shown_again_as_typed(
    city: City, visit: Visit, frozen: Frozen, path: str, typed: dict[str, str]
) -> None:
    anne = city.resident()
    visitor, where = visit(anne.resident_id), f"/droits/{anne.permit_id}/{path}"
    before, fields = city.space(anne.resident_id)["cards"], visitor.hidden(where) | typed
    with frozen():
        page = sent(visitor, where, fields)
    assert all(value in page for value in typed.values())
    assert city.space(anne.resident_id)["cards"] == before


@pytest.mark.parametrize("choice", ["allow", "refuse"])
def test_a_consent_choice_is_shown_again_ticked_and_counts_when_resent(
    city: City, visit: Visit, frozen: Frozen, choice: str
) -> None:
    anne = city.resident()
    visitor = visit(anne.resident_id)
    fields = visitor.hidden("/espace") | {"choice": choice}
    with frozen():
        page = sent(visitor, "/consentement", fields)
    assert re.search(rf'value="{choice}" required checked', page)
    assert visitor.post("/consentement", hidden(page) | {"choice": choice}).status_code in (303, 409)
    allowed = {one["allowed"] for one in city.space(anne.resident_id)["consent"]["providers"]}
    assert allowed == {choice == "allow"}


@pytest.mark.parametrize("wanted", ["none", "email"])
def test_a_reminder_choice_is_shown_again_and_counts_when_resent(
    city: City, visit: Visit, frozen: Frozen, wanted: str
) -> None:
    anne = city.resident()
    city.applied("resident.choose_reminders", anne, channel={"none": "email", "email": "none"}[wanted])
    visitor = visit(anne.resident_id)
    fields = visitor.hidden("/espace") | {"channel": wanted}
    with frozen():
        page = sent(visitor, "/rappels", fields)
    assert hidden(page)["channel"] == wanted
    assert visitor.post("/rappels", hidden(page)).status_code == 303
    assert channel(city, anne) == wanted


def test_a_mail_programs_request_is_answered_with_retry_after(city: City, visit: Visit, frozen: Frozen) -> None:
    anne = city.resident()
    path, mail = f"{STOP}{reminded(city, anne)}", visit("r-nobody")
    with frozen():
        started = time.monotonic()
        answer = mail.post(path, ONE_CLICK)
        assert time.monotonic() - started < PATIENCE
        assert mail.get(path).status_code == 200
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "Votre choix n'est pas confirmé pour l'instant." in text(main(answer))
    assert '<form method="post">' in main(answer)
    assert mail.post(path, ONE_CLICK).status_code == 200
    assert channel(city, anne) == "none"


def test_a_flood_of_guessed_links_does_not_delay_residents_jobs(cut: Cut, frozen: Frozen) -> None:
    def guess(_: int) -> tuple[int, bool]:
        with httpx2.Client(base_url=cut[0], timeout=20) as http:
            answer = http.post(f"{STOP}{uuid4()}", data=ONE_CLICK)
        return answer.status_code, answer.elapsed.total_seconds() < 2

    with frozen(), ThreadPoolExecutor(20) as guesses:
        answers = list(guesses.map(guess, range(20)))
    assert {status for status, _ in answers} == {503}
    assert sum(not quick for _, quick in answers) <= 8, "so many are under way at once at most"


def test_pages_say_that_the_hub_is_unavailable_and_the_app_goes_on(city: City, visit: Visit, frozen: Frozen) -> None:
    anne = city.resident()
    visitor = visit(anne.resident_id)
    with frozen():
        for path in ("/espace", "/destinataires", f"/droits/{anne.permit_id}"):
            started = time.monotonic()
            answer = visitor.get(path)
            assert (answer.status_code, time.monotonic() - started < PATIENCE) == (503, True)
            assert "Le service ne répond pas" in text(main(answer))
        assert visitor.get("/sante").status_code == visitor.get("/").status_code == 200
    assert visitor.get("/espace").status_code == 200


def test_pages_say_so_if_the_hub_has_no_workers(city: City, session_of: SessionOf) -> None:
    prefix = f"{city.environment['PERMIT_HUB_REDIS_PREFIX']}nobody:"
    with running_app(city, redis_prefix=prefix) as url:
        visitor = Visitor(url, session_of("r-1"))
        with visitor.http:
            assert [visitor.get(path).status_code for path in ("/espace", "/droits/nouveau")] == [503, 503]
