"""PayByPhone's server (integrations/paybyphone/contract.yaml)."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from urllib.parse import unquote
from uuid import uuid4
from zoneinfo import ZoneInfo

from integrations.sandbox.answering import DELAY_BY_DEFAULT_MS
from integrations.sandbox.misbehaviour import Kind
from integrations.sandbox.paybyphone_workflows import Workflows, Write
from integrations.sandbox.provider import Provider
from integrations.sandbox.records import (
    MOST_ZONES,
    Answer,
    Flaw,
    Record,
    Reply,
    RequestRefusedError,
    Sent,
    country,
    day,
    items,
    members,
    period,
    plate,
    profile,
    zones,
)
from integrations.sandbox.tokens import Tokens

TOKEN = "/identity/token"  # noqa: S105 - a path
METHODS = {"/eligibilities/": ("PUT", "DELETE"), "/workflows/": ("GET",)}
NOWHERE = Answer(404, b"no such resource")  # not in their format: a wrong URL is not an unknown eligibility

TYPES = {
    Flaw.NOT_JSON: "JsonReaderException",
    Flaw.PLATE: "LicensePlateInvalidFormat",
    Flaw.COUNTRY: "CountryCodeNotFound",
    Flaw.ZONE: "LocationNotFound",
    Flaw.PROFILE: "RateOptionNotFound",
    Flaw.PERIOD: "PeriodInvalid",
}
# Every well-formed location and eligibility type is known, but for these; a workflow finds that out.
NO_LOCATION, NO_TYPE = "99999", "unknown"

REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,50}")
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2200, 12, 31)
WORKFLOW_MS = 3.0  # from a write to its end


class Server(Provider):
    """Eligibilities by our reference; writes are accepted at once and carried out by workflows."""

    secrets = ("client_id", "client_secret")
    kinds = frozenset({Kind.EXPIRED_TOKEN, Kind.LOST_OPERATION, Kind.LATE_OPERATION})

    def __init__(self, secrets: Mapping[str, str], zone: ZoneInfo) -> None:
        """Serve clients with a token that was granted for the id and the secret."""
        super().__init__(secrets, zone)
        self._tokens = Tokens(secrets)
        self._workflows = Workflows()

    def answer(self, sent: Sent) -> Reply:
        """Answer a request."""
        path, _, query = sent.path.partition("?")
        if path == TOKEN:
            return Reply(self._tokens.grant(sent))
        place = path[: path.rindex("/") + 1]
        methods = METHODS.get(place)
        if methods is None:
            return Reply(NOWHERE)
        if not self._tokens.authorise(sent):
            return Reply(_error(401, "Unauthorized"))
        if sent.method not in methods:
            return Reply(_error(405, "MethodNotAllowed")._replace(headers={"Allow": ", ".join(methods)}))
        try:
            if query or sent.headers.get("X-Pbp-Version") != "2" or (sent.body and sent.method != "PUT"):
                raise RequestRefusedError(Flaw.UNKNOWN_FIELD)
            name = unquote(path.removeprefix(place))
            if sent.method == "GET":
                return self._ask(name)
            if not REFERENCE.fullmatch(name):
                raise RequestRefusedError(Flaw.REFERENCE)
            return self._delete(name) if sent.method == "DELETE" else self._put(name, sent)
        except RequestRefusedError as refused:
            return Reply(_error(400, TYPES.get(refused.flaw, "InvalidRequest")))

    def misbehave(self, kind: Kind, reply: Reply, delay_ms: float | None) -> Reply:
        """Drop the tokens, name an unknown workflow, or delay the workflow."""
        body = reply.answer.body
        if kind is Kind.EXPIRED_TOKEN:
            if isinstance(body, dict) and "access_token" in body:
                return reply  # a new token is valid
            self._tokens.revoke_all()
            return Reply(_error(401, "Unauthorized"), references=reply.references)
        if kind is Kind.LOST_OPERATION:
            return reply._replace(answer=_accepted(str(uuid4())))
        assert isinstance(reply.effect, Write)
        late = DELAY_BY_DEFAULT_MS if delay_ms is None else delay_ms
        return reply._replace(effect=replace(reply.effect, delay_ms=late))

    def reset(self) -> None:
        """Drop all but the tokens."""
        super().reset()
        self._workflows.reset()

    def _put(self, reference: str, sent: Sent) -> Reply:
        if sent.headers.get("Content-Type") != "application/json":
            return Reply(_error(415, "UnsupportedMediaType"))
        record = _read(sent.body)

        def put() -> str | None:
            if NO_LOCATION in record.zones:
                return TYPES[Flaw.ZONE]
            if record.profile == NO_TYPE:
                return TYPES[Flaw.PROFILE]
            self.hold(reference, record)
            return None

        return self._accept(reference, put)

    def _delete(self, reference: str) -> Reply:
        if reference not in self.held and not self._workflows.concerns(reference):
            return Reply(_error(404, "EligibilityNotFound"), references=(reference,))
        return self._accept(reference, lambda: self.drop(reference))

    def _accept(self, reference: str, carry_out: Callable[[], str | None]) -> Reply:
        number = str(uuid4())
        write = Write(self._workflows, number, reference, carry_out, WORKFLOW_MS)
        return Reply(_accepted(number), write, (reference,))

    def _ask(self, number: str) -> Reply:
        workflow = self._workflows.state(number)
        if workflow is None:
            return Reply(_error(404, "WorkflowNotFound"))
        reason = {} if workflow.error_type is None else {"errorType": workflow.error_type}
        return Reply(Answer(200, {"status": workflow.status, **reason}), references=(workflow.reference,))


def _error(status: int, error_type: str) -> Answer:
    return Answer(status, {"errorType": error_type})


def _accepted(number: str) -> Answer:
    return Answer(202, None, {"Location": f"/workflows/{number}"})


def _read(body: bytes) -> Record:
    """Read an eligibility; its locations keep their order."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestRefusedError(Flaw.NOT_JSON) from None
    vehicle, locations, kind, start, end = members(
        document, "vehicle", "locations", "eligibilityType", "validFrom", "validTo"
    )
    registration, issuer = members(vehicle, "licensePlate", "countryCode")
    first_day, last_day = period(day(start), day(end))
    if first_day < FIRST_DAY or last_day > LAST_DAY:
        raise RequestRefusedError(Flaw.PERIOD)
    codes = zones(items(locations, at_most=MOST_ZONES))
    return Record(plate(registration), country(issuer), codes, profile(kind), first_day, last_day)
