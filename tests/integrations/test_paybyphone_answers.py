"""PayByPhone: answers in other forms than the sandbox's are compared by meaning, or count as unreadable."""

import asyncio
import json
from contextlib import aclosing

import pytest

from integrations.base import Operation
from integrations.errors import FailureCode, LostError, NotSentError, ProviderError, RejectedError, UnclearError
from integrations.paybyphone.adapter import PayByPhone
from schemas.shared import SharedPermit
from tests.integrations.paybyphone_eligibilities import Run, reach
from tests.integrations.rights import put, remove
from tests.integrations.scripted import KEY, answering, reply

TOKEN = reply("200 OK", b'{"access_token": "a-token", "token_type": "bearer", "expires_in": 1209599}')
WORKFLOW = Operation("d92cfe7d-dd59-49d6-be1a-a3b3bb5d3e6a")
ANOTHERS = {"message": "no such route"}


def accepted(location: str) -> bytes:
    return reply("202 Accepted", b"", f"Location: {location}")


def document(status: str, body: object) -> bytes:
    return reply(status, json.dumps(body).encode())


def name(answer: bytes) -> str:
    """Name an answer by its status."""
    return answer.split(b"\r\n")[0].partition(b" ")[2].decode()


async def sent(permit: SharedPermit, *answers: bytes, removal: bool = False) -> tuple[list[bytes], Operation | None]:
    """Send a put or a removal to a server with a token and these answers; return the result and the requests."""
    change = remove(permit.reference) if removal else put(permit)

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write([TOKEN, *answers][number])

    async with answering(respond) as server, aclosing(at(server.port)) as adapter:
        return server.requests, await adapter.send(change)


async def asked(answer: bytes) -> bool:
    """Ask a server with a token and this answer."""

    async def respond(number: int, writer: asyncio.StreamWriter) -> None:
        writer.write([TOKEN, answer][number])

    async with answering(respond) as server, aclosing(at(server.port)) as adapter:
        return await adapter.ask(WORKFLOW)


def at(port: int) -> PayByPhone:
    return reach(f"http://127.0.0.1:{port}/city", {"client_id": "city", "client_secret": KEY})


@pytest.mark.parametrize(
    "location",
    [
        f"/workflows/{WORKFLOW}",
        f"/city/workflows/{WORKFLOW}",
        f"https://api.paybyphone.com/city/workflows/{WORKFLOW}",
    ],
)
def test_a_workflow_is_read_from_an_absolute_or_relative_location(
    run: Run, permit: SharedPermit, location: str
) -> None:
    assert run(sent(permit, accepted(location)))[1] == WORKFLOW


def test_a_workflow_is_asked_only_at_the_configured_host(run: Run, permit: SharedPermit) -> None:
    async def send_and_ask() -> list[bytes]:
        async def respond(number: int, writer: asyncio.StreamWriter) -> None:
            elsewhere = accepted(f"http://elsewhere.invalid/workflows/{WORKFLOW}")
            writer.write([TOKEN, elsewhere, document("200 OK", {"status": "Completed"})][number])

        async with answering(respond) as server, aclosing(at(server.port)) as adapter:
            operation = await adapter.send(put(permit))
            assert operation is not None
            assert await adapter.ask(operation)
            return server.requests

    assert run(send_and_ask())[2].startswith(b"GET /city/workflows/" + WORKFLOW.encode() + b" HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        reply("202 Accepted", b""),
        accepted("/workflows/"),
        accepted("/workflows/a/b"),
        accepted("/workflows/a?b"),
        accepted("/workflows/%2e%2e"),
        accepted(f"/workflows/{'x' * 65}"),
        accepted("/events/workflow/a"),
        reply("200 OK", b"{}", "Location: /workflows/a"),
        reply("204 No Content", b"", "Location: /workflows/a"),
    ],
    ids=name,
)
@pytest.mark.parametrize("removal", [False, True])
def test_a_write_without_a_workflow_is_unclear(run: Run, permit: SharedPermit, answer: bytes, removal: bool) -> None:
    assert unreadable(run, sent(permit, answer, removal=removal))


@pytest.mark.parametrize("body", [ANOTHERS, {"errorType": "WorkflowNotFound"}, {"errorType": None}, [], "gone"])
def test_only_their_own_error_type_means_nothing_to_remove(run: Run, permit: SharedPermit, body: object) -> None:
    assert unreadable(run, sent(permit, document("404 Not Found", body), removal=True))


@pytest.mark.parametrize("body", [ANOTHERS, {"errorType": "EligibilityNotFound"}])
def test_a_404_to_a_put_rejects_no_permit(run: Run, permit: SharedPermit, body: object) -> None:
    assert unreadable(run, sent(permit, document("404 Not Found", body)))


@pytest.mark.parametrize("body", [{"errorType": "SomethingNew"}, {"errorType": ["x"]}, {"error": "invalid"}, [], 7])
def test_a_refusal_with_an_unknown_type_is_a_refusal(run: Run, permit: SharedPermit, body: object) -> None:
    error = failure(run, sent(permit, document("400 Bad Request", body)))

    assert (type(error), error.code) == (RejectedError, FailureCode.REQUEST_REFUSED)


@pytest.mark.parametrize(
    ("body", "done"),
    [
        ({"status": "Pending"}, False),
        ({"status": "Completed"}, True),
        ({"status": "Pending", "errorType": None, "since": "2024-09-16T10:00:00Z"}, False),
    ],
)
def test_a_workflows_status_is_read_among_other_fields(run: Run, body: object, done: bool) -> None:
    assert run(asked(document("200 OK", body))) == done


def test_a_failed_workflow_with_an_unknown_type_is_a_refusal(run: Run) -> None:
    error = failure(run, asked(document("200 OK", {"status": "Failed", "errorType": "SomethingNew"})))

    assert (type(error), error.code) == (RejectedError, FailureCode.REQUEST_REFUSED)


def test_a_workflow_that_failed_by_their_fault_is_lost(run: Run) -> None:
    error = failure(run, asked(document("200 OK", {"status": "Failed", "errorType": "InternalServerError"})))

    assert type(error) is LostError


@pytest.mark.parametrize(
    "answer",
    [
        document("200 OK", {"status": "Failed"}),
        document("200 OK", {"status": "Failed", "errorType": 7}),
        document("200 OK", {"status": "completed"}),
        document("200 OK", {"status": ["Completed"]}),
        document("200 OK", ["Completed"]),
        document("201 Created", {"status": "Completed"}),
        document("404 Not Found", {"status": "Completed"}),
        reply("204 No Content", b""),
        document("400 Bad Request", {"errorType": "InvalidRequest"}),
        document("400 Bad Request", {"errorType": "LicensePlateInvalidFormat"}),
        document("404 Not Found", ANOTHERS),
        document("404 Not Found", {"errorType": "EligibilityNotFound"}),
        document("410 Gone", {"errorType": "WorkflowNotFound"}),
        reply("404 Not Found", b"<html>"),
    ],
    ids=name,
)
def test_a_failed_question_leaves_the_workflow_open(run: Run, answer: bytes) -> None:
    assert unreadable(run, asked(answer))


def test_neither_secret_nor_token_is_in_an_error(run: Run, permit: SharedPermit) -> None:
    errors = [
        failure(run, sent(permit, document("400 Bad Request", {"errorType": KEY, "licensePlate": permit.plate}))),
        failure(run, sent(permit, *[document("401 Unauthorized", {"token": "a-token"}), TOKEN] * 2)),
    ]

    assert [type(error) for error in errors] == [RejectedError, NotSentError]
    assert not any(secret in f"{errors!r}{errors}" for secret in (KEY, "a-token", str(permit.plate)))


def failure(run: Run, exchange: object) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        run(exchange)
    return caught.value


def unreadable(run: Run, exchange: object) -> bool:
    """Return whether an exchange is unclear because of an unreadable answer."""
    error = failure(run, exchange)
    return type(error) is UnclearError and error.code == FailureCode.ANSWER_UNREADABLE
