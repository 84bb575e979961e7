"""Flowbird's server (integrations/flowbird/contract.yaml)."""

import re
from bisect import bisect_right
from collections.abc import Mapping
from functools import partial
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from integrations.sandbox import flowbird_rows as rows
from integrations.sandbox.misbehaviour import Kind
from integrations.sandbox.provider import Provider
from integrations.sandbox.records import Answer, Effect, Record, Reply, RequestRefusedError, Sent
from integrations.sandbox.tokens import Tokens

TOKEN = "/oauth2/token"  # noqa: S105 - no password
METHODS = {"/hub/v1/rights": "GET", "/hub/v1/rights/batch": "POST"}
NOWHERE = Answer(404, b"no such resource")  # not in their format

LIMIT = re.compile(r"[1-9][0-9]{0,3}")
PAGE = 1_000
CURSOR = re.compile(r"([0-9a-f]{2}){1,200}")


class Server(Provider):
    """Rights by our reference, set and removed in batches, behind a certificate and a token."""

    secrets = ("client_id", "client_secret")
    tls = True
    kinds = frozenset({Kind.EXPIRED_TOKEN, Kind.PARTIAL_BATCH, Kind.ROW_MISSING})

    def __init__(self, secrets: Mapping[str, str], zone: ZoneInfo) -> None:
        """Serve clients with the secrets."""
        super().__init__(secrets, zone)
        self._tokens = Tokens(secrets)
        self._order: list[str] = []  # references; some may be removed
        self._new: dict[str, None] = {}  # new references, not yet in the order

    def answer(self, sent: Sent) -> Reply:
        """Answer a request."""
        if not sent.certificate:
            return Reply(_error(403, "CERTIFICATE_NEEDED"))
        path, _, query = sent.path.partition("?")
        if path == TOKEN:
            return Reply(self._tokens.grant(sent))
        if path not in METHODS:
            return Reply(NOWHERE)
        if sent.method != METHODS[path]:
            return Reply(_error(405, "METHOD_UNKNOWN")._replace(headers={"Allow": METHODS[path]}))
        if not self._tokens.authorise(sent):
            return Reply(_unauthorised())
        if sent.method == "GET":
            return Reply(self._page(sent, query))
        if query:
            return Reply(_error(400, "REQUEST_INVALID"))
        return self._change(sent)

    def misbehave(self, kind: Kind, reply: Reply, delay_ms: float | None) -> Reply:
        """Drop all tokens, also one just granted, or leave out the last result."""
        body = reply.answer.body
        match kind, body:
            case Kind.EXPIRED_TOKEN, _:
                self._tokens.revoke_all()
                return reply if isinstance(body, dict) and "access_token" in body else Reply(_unauthorised())
            case Kind.ROW_MISSING, {"results": [*results, _]}:
                return reply._replace(answer=Answer(200, {"results": results}))
        return super().misbehave(kind, reply, delay_ms)

    def hold(self, reference: str, record: Record) -> None:
        """Add a right, as the control asks."""
        if reference not in self.held:
            self._new[reference] = None
        super().hold(reference, record)

    def reset(self) -> None:
        """Drop all rights and tokens."""
        super().reset()
        self._tokens.revoke_all()
        self._order = []
        self._new.clear()

    def _change(self, sent: Sent) -> Reply:
        """Carry out the rows in order, each by itself; or none if the batch is malformed."""
        if sent.headers.get("Content-Type") != "application/json":
            return Reply(_error(415, "REQUEST_INVALID"))
        try:
            batch = rows.read(sent)
        except rows.NotJsonError:
            return Reply(_error(400, "REQUEST_INVALID"))
        except rows.TooManyRowsError:
            return Reply(_error(413, "BATCH_TOO_LARGE"))
        except RequestRefusedError:
            return Reply(_error(422, "BATCH_REFUSED"))
        results: list[object] = []
        effects: list[Effect] = []
        there: dict[str, bool] = {}  # whether a reference exists after the rows before
        for number, row in enumerate(batch):
            reference = row.reference
            result: dict[str, object] = {"row": number, "reference": reference, "result": "OK"}
            results.append(result)
            if row.right is not None:
                try:
                    effects.append(partial(self.hold, reference, rows.record(row.right, self._zone)))
                except RequestRefusedError as refused:
                    result |= {"result": "KO", "reason": rows.REASONS[refused.flaw]}
                else:
                    there[reference] = True
            elif there.get(reference, reference in self.held):
                effects.append(partial(self.drop, reference))
                there[reference] = False
            else:
                result |= {"result": "KO", "reason": "RIGHT_UNKNOWN"}
        references = tuple(row.reference for row in batch)
        return Reply(Answer(200, {"results": results}), references=references, rows=tuple(effects))

    def _page(self, sent: Sent, query: str) -> Answer:
        given = parse_qsl(query, keep_blank_values=True)
        asked = dict(given)
        limit, cursor = asked.pop("limit", str(PAGE)), asked.pop("cursor", None)
        if (
            sent.body
            or asked
            or len(given) > len(dict(given))
            or not LIMIT.fullmatch(limit)
            or int(limit) > PAGE
            or not (cursor is None or CURSOR.fullmatch(cursor))
        ):
            return _error(400, "REQUEST_INVALID")
        order = self._in_order()
        start = 0 if cursor is None else bisect_right(order, bytes.fromhex(cursor).decode(errors="replace"))
        rights: list[object] = []
        last = ""
        for place in range(start, len(order)):
            record = self.held.get(order[place])
            if record is None:
                continue
            if len(rights) == int(limit):
                return Answer(200, {"rights": rights, "next": last.encode().hex()})
            last = order[place]
            rights.append(rows.listed(last, record, self._zone))
        return Answer(200, {"rights": rights, "next": None})

    def _in_order(self) -> list[str]:
        """Return all references in order, perhaps with some removed ones."""
        if self._new:
            known = dict.fromkeys((*self._order, *self._new))
            self._order = sorted(reference for reference in known if reference in self.held)  # mostly sorted already
            self._new.clear()
        return self._order


def _error(status: int, reason: str) -> Answer:
    return Answer(status, {"result": "KO", "reason": reason})


def _unauthorised() -> Answer:
    return _error(401, "TOKEN_INVALID")._replace(headers={"WWW-Authenticate": "Bearer"})
