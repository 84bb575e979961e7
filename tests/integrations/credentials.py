"""The credentials that the adapter has sent, read from the sandbox's log."""

import re
import ssl
from base64 import b64encode

import httpx

from integrations.sandbox.control import Request
from tests.conftest import Sandbox
from tests.integrations.subjects import Remote

SECRET = re.compile(r"\[the right ([a-z_]+)\]")  # stands for a secret
TOKEN = "[a token]"
BY_CLIENT = "Basic "


def client(subject: Remote, sandbox: Sandbox) -> httpx.Client:
    """Return a plain client that trusts the sandbox, with a certificate if one is required."""
    context = ssl.create_default_context(cafile=sandbox.access.authority)
    context.load_cert_chain(sandbox.access.client_certificate)
    return httpx.Client(base_url=subject.url, verify=context, trust_env=False, timeout=30)


def grants(subject: Remote) -> list[Request]:
    """Return the adapter's token requests."""
    requests = subject.control.requests(subject.name)
    by_client = (one for one in requests if one.headers.get("Authorization", "").startswith(BY_CLIENT))
    return [one for one in by_client if one.status == 200]


def token(subject: Remote, sandbox: Sandbox) -> str:
    """Fetch a token as the adapter did."""
    asked = grants(subject)[-1]
    with client(subject, sandbox) as http:
        answer = http.request(
            asked.method,
            subject.url + asked.path,
            content=asked.body,
            headers={
                "Content-Type": asked.headers["Content-Type"],
                "Authorization": real(asked.headers["Authorization"], subject, sandbox),
            },
        )
    return str(answer.raise_for_status().json()["access_token"])


def shown(subject: Remote, sandbox: Sandbox) -> dict[str, str]:
    """Return the headers of the adapter's last request that was not for a token."""
    *_, last = (one for one in subject.control.requests(subject.name) if one.references)
    hidden = {name: value for name, value in last.headers.items() if SECRET.search(value) or TOKEN in value}
    assert hidden, "the adapter shows nothing"
    return {
        name: value.replace(TOKEN, token(subject, sandbox)) if TOKEN in value else real(value, subject, sandbox)
        for name, value in hidden.items()
    }


def real(value: str, subject: Remote, sandbox: Sandbox) -> str:
    """Return a header as it was sent, with the secrets that the log hides."""
    secrets = sandbox.access.secrets[subject.name]
    told = SECRET.sub(lambda found: secrets[found[1]], value)
    if not told.startswith(BY_CLIENT):
        return told
    return BY_CLIENT + b64encode(told.removeprefix(BY_CLIENT).encode()).decode()
