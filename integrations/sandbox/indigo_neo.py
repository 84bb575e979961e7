"""Indigo Neo's server (integrations/indigo_neo/contract.yaml)."""

import time
from collections.abc import Mapping, Sequence
from itertools import count, takewhile
from typing import NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from integrations.sandbox import indigo_neo_documents as documents
from integrations.sandbox.indigo_neo_documents import DUPLICATE, NOT_FOUND, OK, OUTDATED, Right
from integrations.sandbox.provider import Provider
from integrations.sandbox.records import Answer, Flaw, Record, Reply, RequestRefusedError, Sent

RIGHTS = "/rights/assigned"
NOWHERE = Answer(404, b"no such resource")  # not in their format: a wrong URL is not an unknown right
PAGE = 500
LISTINGS = 8  # kept for their next pages


class Known(NamedTuple):
    """The latest version of an id and its second since 1970; without a right it was a deletion."""

    version: int
    changed: float


class Item(NamedTuple):
    """One id of a listing, as it was at the listing's instant; without a record it was deleted."""

    id: str
    known: Known
    record: Record | None


class Listing(NamedTuple):
    """The rights at one instant, or those changed until then, with the number of changes so far."""

    items: Sequence[Item]
    changes: int


class Server(Provider):
    """Assigned rights with the client's versions; a version older than the latest is refused."""

    secrets = ("key",)

    def __init__(self, secrets: Mapping[str, str], zone: ZoneInfo) -> None:
        """Serve clients with the access token."""
        super().__init__(secrets, zone)
        self._known: dict[str, Known] = {}  # in the order of the changes
        self._changes = 0
        self._listings: dict[tuple[int | None, int], Listing] = {}  # by the first second, if any, and the instant

    def answer(self, sent: Sent) -> Reply:
        """Answer a request."""
        if sent.headers.get("X-MCC-Access-Token") != self._secrets["key"]:
            return Reply(documents.error(401, "Unknown access token"))
        path, _, _ = sent.path.partition("?")
        reference = unquote(path.removeprefix(f"{RIGHTS}/")) if path.startswith(f"{RIGHTS}/") else None
        if not reference and path != RIGHTS:
            return Reply(NOWHERE)
        if reference and not documents.ID.fullmatch(reference):
            return Reply(documents.error(404, NOT_FOUND))
        try:
            return self._of_all(sent) if reference is None else self._of_one(sent, reference)
        except RequestRefusedError as refused:
            return Reply(documents.refused(refused.flaw))

    def hold(self, reference: str, record: Record) -> None:
        """Add a right, as the control asks."""
        super().hold(reference, record)
        self._note(reference, self._known[reference].version if reference in self._known else 1)

    def drop(self, reference: str) -> None:
        """Drop a right and its version."""
        super().drop(reference)
        self._known.pop(reference, None)
        self._changes += 1

    def reset(self) -> None:
        """Drop all rights, versions and listings."""
        super().reset()
        self._known.clear()
        self._listings.clear()

    def _of_all(self, sent: Sent) -> Reply:
        match sent.method:
            case "GET":
                return Reply(self._list(sent))
            case "POST":
                documents.query(sent)
                return self._write(sent, documents.read(sent, self._zone))
        return _not_allowed("GET, POST")

    def _of_one(self, sent: Sent, reference: str) -> Reply:
        match sent.method:
            case "GET":
                return Reply(self._read(sent, reference), references=(reference,))
            case "PUT":
                documents.query(sent)
                right = documents.read(sent, self._zone)
                if right.id != reference:
                    raise RequestRefusedError(Flaw.REFERENCE)
                return self._write(sent, right)
            case "DELETE":
                return self._delete(sent, reference)
        return _not_allowed("GET, PUT, DELETE")

    def _write(self, sent: Sent, right: Right) -> Reply:
        """Answer POST and PUT."""
        judge = self._refuses_new if sent.method == "POST" else self._refuses_update
        refusal = judge(right)
        if refusal is not None:
            return Reply(refusal, references=(right.id,))

        def write() -> None:
            if judge(right) is None:
                self.held[right.id] = right.record
                self._note(right.id, right.version)

        return Reply(Answer(201 if sent.method == "POST" else 200, OK), write, (right.id,))

    def _refuses_new(self, right: Right) -> Answer | None:
        if right.id in self.held:
            return documents.error(409, DUPLICATE)
        known = self._known.get(right.id)
        return documents.error(409, OUTDATED) if known is not None and right.version <= known.version else None

    def _refuses_update(self, right: Right) -> Answer | None:
        known, held = self._known.get(right.id), self.held.get(right.id)
        if known is not None and right.version < known.version:
            return documents.error(409, OUTDATED)
        if known is not None and right.version == known.version and right.record != held:
            return documents.error(409, OUTDATED)
        return None if held is not None else documents.error(404, NOT_FOUND)

    def _delete(self, sent: Sent, reference: str) -> Reply:
        asked = documents.query(sent, "version")
        if sent.body:
            raise RequestRefusedError(Flaw.UNKNOWN_FIELD)
        if "version" not in asked:
            return Reply(documents.error(400, "Did not provide version number"), references=(reference,))
        version = documents.number(asked["version"], least=1, most=documents.LATEST_VERSION)
        refusal = self._refuses_deletion(reference, version)
        if refusal is not None:
            return Reply(refusal, references=(reference,))

        def delete() -> None:
            if self._refuses_deletion(reference, version) is None:
                del self.held[reference]
                self._note(reference, version)

        return Reply(Answer(200, OK), delete, (reference,))

    def _refuses_deletion(self, reference: str, version: int) -> Answer | None:
        known = self._known.get(reference)
        if known is not None and version < known.version:
            return documents.error(409, OUTDATED)
        return None if reference in self.held else documents.error(404, NOT_FOUND)

    def _note(self, reference: str, version: int) -> None:
        """Record a version and its change as the latest."""
        self._known.pop(reference, None)
        self._known[reference] = Known(version, time.time())
        self._changes += 1

    def _read(self, sent: Sent, reference: str) -> Answer:
        asked = documents.query(sent, "expand")
        expanded = documents.expands(asked.get("expand"))
        if sent.body:
            raise RequestRefusedError(Flaw.UNKNOWN_FIELD)
        if reference not in self.held:
            return documents.error(404, NOT_FOUND)
        right = Right(reference, self._known[reference].version, self.held[reference])
        return Answer(200, documents.written(right, self._zone, expanded=expanded))

    def _list(self, sent: Sent) -> Answer:
        asked = documents.query(sent, "expand", "modified_since", "offset", "reference_instant")
        if sent.body:
            raise RequestRefusedError(Flaw.UNKNOWN_FIELD)
        expanded = documents.expands(asked.get("expand"))
        since = documents.number(asked["modified_since"]) if "modified_since" in asked else None
        offset = documents.number(asked.get("offset", "0"))
        named = asked.get("reference_instant")
        instant = self._begin(since) if named is None else documents.number(named)
        listing = self._listings.pop((since, instant), None)
        if listing is None:
            return documents.error(400, "Unknown reference instant")
        self._listings[since, instant] = listing  # now the last one to be dropped
        items = listing.items
        page = items[offset : offset + PAGE]
        rights = (Right(item.id, item.known.version, item.record) for item in page if item.record is not None)
        answer: dict[str, object] = {
            "meta": {"referenceInstant": instant, "offset": offset, "pageSize": PAGE, "total": len(items)},
            "data": [documents.written(right, self._zone, expanded=expanded) for right in rights],
        }
        if since is not None:
            gone = [documents.deleted(item.id, item.known.changed) for item in page if item.record is None]
            answer["deletedReferences"] = gone
        return Answer(200, answer)

    def _begin(self, since: int | None) -> int:
        """Keep the current rights for the next pages; return the instant: this second, or the last free one."""
        for (asked, instant), listing in self._listings.items():
            if asked == since and listing.changes == self._changes:
                return instant
        instant = next(second for second in count(int(time.time()), -1) if (since, second) not in self._listings)
        if len(self._listings) == LISTINGS:
            del self._listings[next(iter(self._listings))]
        items = self._rights() if since is None else self._latest(since)
        self._listings[since, instant] = Listing(items, self._changes)
        return instant

    def _rights(self) -> list[Item]:
        return [Item(reference, self._known[reference], record) for reference, record in self.held.items()]

    def _latest(self, since: int) -> list[Item]:
        """Return the changes after a second, latest first."""
        found = takewhile(lambda one: one[1].changed > since, reversed(self._known.items()))
        return [Item(reference, known, self.held.get(reference)) for reference, known in found]


def _not_allowed(methods: str) -> Reply:
    return Reply(documents.error(405, "Method not allowed")._replace(headers={"Allow": methods}))
