"""The link in each reminder stops them all: by one click in a mail program, or on the link's page."""

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import Request, expect

from tests.personal_space.conftest import Enter
from tests.personal_space.reminding import channel, reminded
from tests.personal_space.visitor import main, text
from tests.support.city import City, Resident

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
STOP = "/rappels/arreter/"
ASKED, DONE, UNKNOWN = "Ne plus recevoir de rappels", "Vous ne recevrez plus de rappels", "Ce lien n'est pas connu"
MALFORMED = ("", "x", "0" * 31, "..%2f..%2fespace", "a/b", "%00", "%E2%80%AE", "1" * 3_000)


@pytest.fixture
def anne(city: City) -> Resident:
    return city.resident()


@pytest.fixture
def bob(city: City) -> Resident:
    return city.resident()


@pytest.fixture
def http(city: City) -> Iterator[httpx2.Client]:
    """Return a client like a mail program: no cookie, no language."""
    with closing(httpx2.Client(base_url=city.personal_space, timeout=20)) as client:
        yield client


def version(city: City, resident: Resident) -> int:
    """Return the version of a resident's space."""
    return city.space(resident.resident_id)["version"]


@pytest.mark.parametrize("kind", ["data", "files"])
def test_one_post_of_a_mail_program_stops_reminders_without_cookie_redirect_or_question(
    city: City, http: httpx2.Client, anne: Resident, bob: Resident, kind: str
) -> None:
    """As RFC 8058 has it: a form, urlencoded or multipart."""
    path = f"{STOP}{reminded(city, anne)}"
    form, parts = (
        (ONE_CLICK, None) if kind == "data" else (None, {name: (None, each) for name, each in ONE_CLICK.items()})
    )
    for _ in range(2):
        answer = http.post(path, data=form, files=parts)
        assert (answer.status_code, DONE in text(main(answer))) == (200, True)
        assert "set-cookie" not in answer.headers
        assert (channel(city, anne), channel(city, bob)) == ("none", "email")


def test_the_same_link_stops_reminders_again_after_they_were_resumed(
    city: City, http: httpx2.Client, anne: Resident
) -> None:
    path = f"{STOP}{reminded(city, anne)}"
    for _ in range(2):
        city.applied("resident.choose_reminders", anne, channel="email")
        assert http.post(path, data=ONE_CLICK).status_code == 200
        assert channel(city, anne) == "none"


def test_a_get_of_the_link_asks_and_changes_nothing(city: City, http: httpx2.Client, anne: Resident) -> None:
    path = f"{STOP}{reminded(city, anne)}"
    before = version(city, anne)
    for method in ("GET", "GET", "HEAD"):
        answer = http.request(method, path)
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    asked = http.get(path)
    assert f"<button>{ASKED}</button>" in main(asked)
    assert '<form method="post">' in main(asked)
    assert http.put(path, data=ONE_CLICK).status_code == 405
    assert (version(city, anne), channel(city, anne)) == (before, "email")


def test_every_unknown_link_has_the_same_answer(city: City, http: httpx2.Client, anne: Resident) -> None:
    before = version(city, anne)
    said = {http.post(f"{STOP}{token}", data=ONE_CLICK).text for token in (uuid4(), anne.permit_id, *MALFORMED)}
    said |= {http.get(f"{STOP}{token}").text for token in MALFORMED}
    (page,) = said
    assert UNKNOWN in page
    assert 'href="/espace#rappels"' in page
    answers = [http.post(f"{STOP}{token}", data=ONE_CLICK) for token in (uuid4(), *MALFORMED)]
    assert {answer.status_code for answer in answers} == {404}
    assert (version(city, anne), channel(city, anne)) == (before, "email")


def test_the_link_of_an_erased_resident_is_unknown(city: City, http: httpx2.Client, anne: Resident) -> None:
    path = f"{STOP}{reminded(city, anne)}"
    city.applied("resident.erase", anne)
    assert http.post(path, data=ONE_CLICK).status_code == 404


def test_the_link_page_is_in_the_browsers_language(city: City, http: httpx2.Client, anne: Resident) -> None:
    path = f"{STOP}{reminded(city, anne)}"
    http.headers["Accept-Language"] = "en"
    assert "Receive no more reminders" in http.get(path).text
    assert "You will receive no more reminders" in http.post(path, data=ONE_CLICK).text
    assert "This link is not known" in http.post(f"{STOP}x", data=ONE_CLICK).text


def test_a_too_long_request_is_refused_unread(city: City, http: httpx2.Client, anne: Resident) -> None:
    path = f"{STOP}{reminded(city, anne)}"
    assert http.post(path, data=ONE_CLICK | {"x": "x" * 70_000}).status_code == 413
    assert channel(city, anne) == "email"


def test_every_response_keeps_the_link_out_of_the_referer(city: City, http: httpx2.Client, anne: Resident) -> None:
    path = f"{STOP}{reminded(city, anne)}"
    answers = [
        http.get(path),
        http.post(path, data=ONE_CLICK),
        http.post(f"{STOP}{uuid4()}", data=ONE_CLICK),
        http.post(path, data={"x": "x" * 70_000}),
        http.put(path),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 413, 405]
    assert {answer.headers["referrer-policy"] for answer in answers} == {"no-referrer"}
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


def test_no_log_has_the_token(city: City, http: httpx2.Client, anne: Resident) -> None:
    token, wrong = reminded(city, anne), uuid4()
    for one in (token, wrong):
        http.get(f"{STOP}{one}")
        http.post(f"{STOP}{one}", data=ONE_CLICK)
    logs = [file for file in (city.folder / "log").rglob("*") if file.is_file()]
    assert len(logs) > 5
    for form in (str(token), token.hex, str(wrong), wrong.hex):
        assert not [file.name for file in logs if form in file.read_text(errors="replace")]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_resident_confirms_on_the_link_page_and_is_told_how_to_resume(
    city: City, enter: Enter, anne: Resident, scripts: bool
) -> None:
    token = reminded(city, anne)
    page = enter(path="/", java_script_enabled=scripts)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    page.goto(f"{city.personal_space}{STOP}{token}")
    expect(page.get_by_role("heading", level=1)).to_have_text(ASKED)
    page.get_by_role("button", name=ASKED).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(DONE)
    assert channel(city, anne) == "none"
    expect(page.get_by_text("à la rubrique « Mes rappels »")).to_be_visible()
    page.get_by_role("link", name="Aller à mes rappels").click()
    page.wait_for_url(f"{city.monparis}/**")
    assert any(request.url.endswith("style.css") for request in asked)
    assert not [request.url for request in asked if str(token) in request.all_headers().get("referer", "")]
