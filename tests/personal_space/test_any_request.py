"""Any request: never a 500 or a hang; the same process runs afterwards, without personal data in its log."""

from dataclasses import dataclass
from uuid import UUID

import httpx2
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from personal_space import consent, live, payments, permits, reminders, signin, space

from tests.personal_space.conftest import Visit
from tests.support.city import City

TOKEN = "00000000-0000-4000-8000-000000000000"  # of no reminder
SECRETS = ("Élodie Fictive", "QX-731-ZV", "9 rue Introuvable", "elodie.fictive@example.org")
PATHS = sorted(
    {
        route.path.replace("{permit_id:uuid}", "{permit}").replace("{token:path}", TOKEN)
        for part in (space, signin, consent, payments, permits, reminders, live)
        for route in part.routes
    }
    - {"/evenements"}  # it never ends
)
FIELDS = (
    "plate",
    "country",
    "address",
    "offer",
    "job_id",
    "csrf_token",
    "choice",
    "providers",
    "consent_version",
    "channel",
)
PART = b'--x\r\nContent-Disposition: form-data; name="plate"\r\n\r\nAB\r\n--x--\r\n'
TEXT = st.one_of(st.text(max_size=40), st.sampled_from((*SECRETS, "", "standard-1", "allow", "0", "paybyphone")))
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Accept-Language": st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
        "Cookie": st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60).map("session={}".format),
        "Content-Type": st.sampled_from(
            [
                "multipart/form-data",
                "multipart/form-data; boundary=x",
                "text/plain",
                "application/x-www-form-urlencoded; charset=x",
            ]
        ),
        "Host": st.sampled_from(["evil.example", "a:b", "[::1]:80"]),
    },
)


@dataclass(frozen=True)
class SignedIn:
    """A resident with a session, and what is true in it."""

    http: httpx2.Client
    permit_id: UUID
    token: str


@pytest.fixture(scope="module")
def process(city: City) -> psutil.Process:
    port = int(city.personal_space.rpartition(":")[2])
    (found,) = (
        one.pid
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port
    )
    return psutil.Process(found)


@pytest.fixture
def visitor(city: City, visit: Visit) -> SignedIn:
    anne = city.resident()
    visitor = visit(anne.resident_id)
    token = visitor.hidden(f"/droits/{anne.permit_id}/vehicule")["csrf_token"]
    return SignedIn(visitor.http, anne.permit_id, token)


@settings(max_examples=800, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "POST", "POST", "PUT", "HEAD", "OPTIONS"]),
    path=st.sampled_from([*PATHS, "/nowhere", "//", "/static/../app.py", "/droits/1", "/static/%00"]),
    query=st.one_of(
        st.just(""), st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=30)
    ),
    fields=st.dictionaries(st.sampled_from(FIELDS), TEXT, max_size=9),
    headers=HEADERS,
    signed=st.booleans(),
)
def test_no_request_breaks_the_app(
    visitor: SignedIn, method: str, path: str, query: str, fields: dict[str, str], headers: dict[str, str], signed: bool
) -> None:
    if signed:
        fields = fields | {"csrf_token": visitor.token}
    url = path.format(permit=visitor.permit_id) + (f"?{query}" if query else "")
    answer = ask(visitor, method, url, fields, headers)
    assert answer.status_code < 500, (method, url, answer.status_code)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200),
    kind=st.sampled_from(["multipart/form-data; boundary=x", "application/json", "text/html"]),
)
def test_no_request_body_breaks_the_app(visitor: SignedIn, body: bytes, kind: str) -> None:
    for path in (payments.NOTIFICATION, permits.REQUEST, "/consentement", "/rappels", f"{reminders.STOP}{TOKEN}"):
        answer = visitor.http.post(path, content=body, headers={"Content-Type": kind})
        assert answer.status_code < 500, (path, answer.status_code)


def test_the_app_still_runs_afterwards_and_its_log_has_no_personal_data(city: City, process: psutil.Process) -> None:
    assert process.is_running()
    assert httpx2.get(f"{city.personal_space}/sante", timeout=5).status_code == 200
    log = (city.folder / "log" / "personal-space.log").read_text()
    assert not [secret for secret in SECRETS if secret in log]
    assert "Traceback" not in log


def ask(visitor: SignedIn, method: str, url: str, fields: dict[str, str], headers: dict[str, str]) -> httpx2.Response:
    cookies = {} if "Cookie" in headers else {"Cookie": f"session={visitor.http.cookies['session']}"}
    form = fields if method in ("POST", "PUT") and "Content-Type" not in headers else None
    body = PART if "Content-Type" in headers and method == "POST" else None
    return visitor.http.request(method, url, headers=headers | cookies, data=form, content=body)
