"""The stand-ins answer any request."""

import http.client
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stand_ins.conftest import StandIns

PATHS = (
    "/",
    "/static/",
    "/static/../words.py",
    "/monparis",
    "/monparis/authorize",
    "/monparis/token",
    "/monparis/userinfo",
    "/monparis/end_session",
    "/paiement",
    "/paiement/",
)
FORM = "application/x-www-form-urlencoded"
FIELDS = ("client_id", "redirect_uri", "order", "code", "grant_type", "email", "post_logout_redirect_uri", "ui_locales")
HEADER = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)
ESCAPED = st.lists(st.sampled_from(("%00", "%FF", "%ED%A0%80", "%", "&", "=", "+", "a", ".", "é")), max_size=12)


def answer(stand_ins: StandIns, method: str, target: str, body: bytes = b"", **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", stand_ins.port, timeout=10)
    try:
        named = {name.replace("_", "-"): value.encode("latin-1") for name, value in headers.items()}
        connection.request(method, target, body, named)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_no_method_breaks_an_address(stand_ins: StandIns, path: str, method: str) -> None:
    assert answer(stand_ins, method, path) < 500


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"),
        (
            "multipart/form-data; boundary=b; charset=none-such",
            b'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\n\xff\r\n--b--\r\n',
        ),
        (
            "multipart/form-data; boundary=b; charset=utf-16",
            b'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\n\xff\r\n--b--\r\n',
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="email"; filename="f"\r\n\r\nx\r\n--b--\r\n',
        ),
        (FORM, b"&".join(b"a=%d" % number for number in range(2000))),
        (FORM, b"email=%FF%00&password=" + b"x" * 2_000_000),
        ("application/json", b'{"email": 1}'),
        ("", b"email"),
    ],
)
def test_no_body_breaks_a_form(stand_ins: StandIns, kind: str, body: bytes) -> None:
    query = (
        f"?response_type=code&client_id={stand_ins.client_id}&redirect_uri={stand_ins.redirect_uri}"
        f"&scope=openid&code_challenge={'x' * 43}&code_challenge_method=S256"
    )
    for target in (f"/monparis/authorize{query}", "/monparis/token", "/monparis/end_session"):
        assert answer(stand_ins, "POST", target, body, content_type=kind) < 500


@settings(max_examples=150)
@given(
    path=st.sampled_from(PATHS),
    method=st.sampled_from(("GET", "POST")),
    query=st.dictionaries(st.sampled_from(FIELDS), ESCAPED),
    form=st.dictionaries(st.sampled_from(FIELDS), ESCAPED),
    authorization=st.builds("{} {}".format, st.sampled_from(("Basic", "Bearer", "")), HEADER),
    language=HEADER,
)
def test_no_text_breaks_a_form(
    stand_ins: StandIns,
    path: str,
    method: str,
    query: dict[str, Any],
    form: dict[str, Any],
    authorization: str,
    language: str,
) -> None:
    def encoded(fields: dict[str, Any]) -> str:
        return "&".join(f"{name}={''.join(parts)}" for name, parts in fields.items())

    body = encoded(form).encode() if method == "POST" else b""
    target = f"{path}?{encoded(query)}".replace("é", "%E9")
    status = answer(
        stand_ins, method, target, body, content_type=FORM, authorization=authorization, accept_language=language
    )
    assert status < 500


@pytest.mark.parametrize("missing", ["URL", "ISSUER", "CLIENT_ID", "CLIENT_SECRET", "PAYMENT_SECRET"])
def test_a_missing_setting_is_named_and_nothing_starts(stand_ins: StandIns, missing: str) -> None:
    variables = os.environ | stand_ins.environment
    del variables[f"PERSONAL_SPACE_{missing}"]
    ended = started(variables)
    assert ended.returncode == 1
    assert f"PERSONAL_SPACE_{missing}" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("content", [None, "accounts = []", "[[accounts]]\nsub = 'r 1'", "no toml", "\xff"])
def test_a_wrong_file_of_accounts_is_named_and_nothing_starts(
    stand_ins: StandIns, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "accounts.toml"
    if content is not None:
        file.write_text(content, encoding="latin-1")
    ended = started(os.environ | stand_ins.environment | {"PERSONAL_SPACE_ACCOUNTS": str(file)})
    assert ended.returncode == 2
    assert "PERSONAL_SPACE_ACCOUNTS" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_taken_port_ends_the_process(stand_ins: StandIns) -> None:
    ended = started(os.environ | stand_ins.environment, stand_ins.port)
    assert ended.returncode != 0
    assert str(stand_ins.port) in ended.stderr
    assert "Traceback" not in ended.stderr


def started(variables: dict[str, str], port: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "personal_space.stand_ins", "--port", str(port)]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=30)
