"""The city's hub: Parkkihubi's operator API as in its contract.yaml, with the observed behaviour of a real one."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import ClassVar
from zoneinfo import ZoneInfo

from integrations.sandbox import city_hub_documents as documents
from integrations.sandbox.city_hub_documents import LARGEST_ID, REQUIRED, BadRequest, Errors, KeyMissing
from integrations.sandbox.city_hub_http import (
    BROKEN,
    HTML,
    NOWHERE,
    Refused,
    body,
    options,
    page_answer,
    page_number,
    query,
)
from integrations.sandbox.city_hub_store import PAGE, Permit, Series, Store, page
from integrations.sandbox.provider import Provider
from integrations.sandbox.records import Answer, Record, Reply, Sent

DOMAIN = "PAR"  # of permits that the control adds

PERMIT_MEMBERS = ("domain", "external_id", "subjects", "areas")

Handler = Callable[["Server", Sent, str], Reply]


class Server(Provider):
    """One operator's permits: a key, paths that end in a slash, and one active series."""

    secrets: ClassVar[tuple[str, ...]] = ("key",)
    settings: ClassVar[Mapping[str, str]] = MappingProxyType({"domain": DOMAIN})

    def __init__(self, secrets: Mapping[str, str], zone: ZoneInfo) -> None:
        """Start without a series."""
        super().__init__(secrets, zone)
        self._store = Store()
        self._numbers = self._series_numbers = 0  # given so far, stored or not

    def answer(self, sent: Sent) -> Reply:
        """Answer a request."""
        path, _, _ = sent.path.partition("?")
        found = next(((methods, match[1]) for pattern, methods in ROUTES if (match := pattern.fullmatch(path))), None)
        if found is None:
            slashed = any(pattern.fullmatch(f"{path}/") for pattern, _ in ROUTES)
            last = path.rpartition("/")[2]
            return Reply(Answer(301, None, HTML | {"Location": f"{last}/"}) if slashed else NOWHERE)
        methods, part = found
        if sent.headers.get("Authorization") != f"ApiKey {self._secrets['key']}":
            return Reply(Answer(401, {"detail": "Invalid token."}, {"WWW-Authenticate": "ApiKey"}))
        handler = methods.get(sent.method)
        if handler is None:
            wrong = {"detail": f'Method "{sent.method}" not allowed.'}
            return Reply(Answer(405, wrong, {"Allow": ", ".join(methods)}))
        try:
            return handler(self, sent, part)
        except Refused as refused:
            return Reply(refused.answer)
        except BadRequest as refused:
            return Reply(Answer(400, refused.errors))
        except KeyMissing:
            return BROKEN

    def hold(self, reference: str, record: Record) -> None:
        """Add a permit to the active series, as the control asks; make the series if there is none."""
        if not self._store.active():
            made = self._new_series()
            self._store.series[made.id] = made
            made.active = True
        series = self._store.active()[-1]
        number = series.numbers.get(reference) or self._number()
        series.add(Permit(number, series.id, reference, DOMAIN, *documents.items(record, self._zone)))
        self.held[reference] = record

    def drop(self, reference: str) -> None:
        """Drop a permit, as the control asks."""
        for permit in self._store.reachable(reference):
            self._store.delete(permit)
        self.held.pop(reference, None)

    def reset(self) -> None:
        """Drop all permits and series."""
        super().reset()
        self._store = Store()

    def list_active(self, sent: Sent, _: str) -> Reply:
        """Answer GET /activepermit/."""
        return self._list(sent, query(sent, "page"), self._store.active(), nameless=False)

    def create_active(self, sent: Sent, _: str) -> Reply:
        """Answer POST /activepermit/; the permit goes to the newest active series."""
        given = documents.read(body(sent), *PERMIT_MEMBERS)
        active = self._store.active()
        if not active:
            raise Refused(Answer(404, {"detail": "Active permit series doesn't exist"}))
        series, references = active[-1].id, _references(given.external_id)
        if self._store.taken(series, given.external_id):
            return BROKEN._replace(references=references)
        new = Permit(self._number(), series, *given[1:])
        answer = Answer(201, documents.permit(new, as_stored=False))
        return Reply(answer, partial(self._insert, [new]), references)

    def replace_active(self, sent: Sent, external_id: str) -> Reply:
        """Answer PUT /activepermit/{external_id}/; a body without an external id removes it."""
        old = self._reachable(external_id)
        if old is None:
            return BROKEN._replace(references=(external_id,))
        given = documents.read(body(sent), *PERMIT_MEMBERS, optional="external_id")
        if given.external_id != external_id and self._store.taken(old.series, given.external_id):
            return BROKEN._replace(references=(external_id,))
        new = Permit(old.id, old.series, *given[1:])
        answer = Answer(200, documents.permit(new, as_stored=False))
        return Reply(answer, partial(self._replace, new), (external_id,))

    def delete_active(self, sent: Sent, external_id: str) -> Reply:
        """Answer DELETE /activepermit/{external_id}/."""
        old = self._reachable(external_id)
        if old is None:
            return BROKEN._replace(references=(external_id,))
        return Reply(Answer(204), partial(self._delete, old), (external_id,))

    def list_permits(self, sent: Sent, _: str) -> Reply:
        """Answer GET /permit/."""
        asked = query(sent, "series", "external_id", "page")
        wanted = asked.get("series")
        if "external_id" in asked:
            return self._list_under(sent, asked)
        if wanted is None:
            raise BadRequest({"series": [REQUIRED]})
        series = self._store.series.get(int(wanted)) if re.fullmatch(r"[0-9]{1,10}", wanted) else None
        if series is None:
            raise BadRequest({"series": ["Select a valid choice. That choice is not one of the available choices."]})
        return self._list(sent, asked, [series], nameless=True)

    def delete_permit(self, sent: Sent, number: str) -> Reply:
        """Answer DELETE /permit/{id}/, in any series."""
        found = self._store.numbered(int(number)) if re.fullmatch(r"[0-9]{1,10}", number) else None
        if found is None:
            raise Refused(Answer(404, {"detail": "No Permit matches the given query."}))
        return Reply(Answer(204), partial(self._delete, found), _references(found.external_id))

    def create_permits(self, sent: Sent, _: str) -> Reply:
        """Answer POST /permit/: store the whole list, or nothing."""
        rows = body(sent)
        if not isinstance(rows, list):
            raise BadRequest({"non_field_errors": [f'Expected a list of items but got type "{type(rows).__name__}".']})
        new: list[Permit] = []
        faults: list[Errors] = []
        for row in rows:
            try:
                new.append(self._new(row))
                faults.append({})
            except BadRequest as refused:
                faults.append(refused.errors)
        references = _references(*(permit.external_id for permit in new))
        if any(faults):
            return Reply(Answer(400, faults), references=references)
        if len(set(references)) < len(references):
            return BROKEN._replace(references=references)
        answer = Answer(201, [documents.permit(permit, as_stored=False) for permit in new])
        return Reply(answer, partial(self._insert, new), references)

    def list_series(self, sent: Sent, _: str) -> Reply:
        """Answer GET /permitseries/."""
        asked, known = query(sent, "page"), sorted(self._store.series)
        number = page_number(asked)
        shown = [self._store.series[one] for one in known[(number - 1) * PAGE : number * PAGE]]
        return Reply(page_answer(sent, asked, len(known), [documents.series(series) for series in shown]))

    def create_series(self, sent: Sent, _: str) -> Reply:
        """Answer POST /permitseries/."""
        options(body(sent))
        made = self._new_series()

        def add() -> None:
            self._store.series[made.id] = made

        return Reply(Answer(201, documents.series(made)), add)

    def show_series(self, sent: Sent, number: str) -> Reply:
        """Answer GET /permitseries/{id}/."""
        return Reply(Answer(200, documents.series(self._series(number))))

    def delete_series(self, sent: Sent, number: str) -> Reply:
        """Answer DELETE /permitseries/{id}/; a series with permits is protected."""
        series = self._series(number)
        if series.permits:
            return BROKEN
        return Reply(Answer(204), partial(self._store.delete_series, series.id))

    def activate_series(self, sent: Sent, number: str) -> Reply:
        """Answer POST /permitseries/{id}/activate/."""
        series = self._series(number)
        given = options(body(sent), "deactivate_others", "deactivate_series")
        others, chosen = given.get("deactivate_others", False), given.get("deactivate_series", [])
        if not isinstance(others, bool):
            raise BadRequest({"deactivate_others": ["Must be a valid boolean."]})
        if not isinstance(chosen, list) or not all(type(one) is int and 1 <= one <= LARGEST_ID for one in chosen):
            raise BadRequest({"deactivate_series": ["A valid integer is required."]})
        active = {one.id for one in self._store.active()} - {series.id}
        deactivated = active if others else active.intersection(chosen)

        def activate() -> None:
            self._store.activate(series.id, deactivated)
            self._show_all()

        done = "OK" if deactivated or not series.active else "No change"
        return Reply(Answer(200, {"status": done}), activate)

    def _new(self, row: object) -> Permit:
        given = documents.read(row, *PERMIT_MEMBERS, "series")
        assert given.series is not None
        if given.series not in self._store.series:
            raise BadRequest({"series": [f'Invalid pk "{given.series}" - object does not exist.']})
        if self._store.taken(given.series, given.external_id):
            taken = "The fields series, external_id must make a unique set."
            raise BadRequest({"non_field_errors": [taken]})
        return Permit(self._number(), given.series, *given[1:])

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _new_series(self) -> Series:
        self._series_numbers += 1
        return Series(self._series_numbers, datetime.now(UTC).isoformat().replace("+00:00", "Z"))

    def _series(self, number: str) -> Series:
        found = self._store.series.get(int(number)) if re.fullmatch(r"[0-9]{1,10}", number) else None
        if found is None:
            raise Refused(Answer(404, {"detail": "No PermitSeries matches the given query."}))
        return found

    def _reachable(self, external_id: str) -> Permit | None:
        """Return the permit with an external id; None if two active series have it."""
        found = self._store.reachable(external_id)
        if not found:
            raise Refused(Answer(404, {"detail": "No Permit matches the given query."}))
        return found[0] if len(found) == 1 else None

    def _list(self, sent: Sent, asked: Mapping[str, str], all_series: Sequence[Series], *, nameless: bool) -> Reply:
        number = page_number(asked)
        found, total = page(all_series, number, nameless=nameless)
        return Reply(page_answer(sent, asked, total, [documents.permit(permit, as_stored=True) for permit in found]))

    def _list_under(self, sent: Sent, asked: Mapping[str, str]) -> Reply:
        """List the permits of one external id in the order of their series; they fit on one page."""
        if "series" in asked:
            raise BadRequest({"external_id": ["Together with a series this is not used."]})
        found = self._store.under(asked["external_id"])
        documented = [documents.permit(permit, as_stored=True) for permit in found]
        return Reply(page_answer(sent, asked, len(found), documented), references=(asked["external_id"],))

    def _insert(self, new: Sequence[Permit]) -> None:
        if self._store.insert(new):
            self._show(new)

    def _replace(self, new: Permit) -> None:
        old = self._store.series[new.series].permits.get(new.id) if new.series in self._store.series else None
        if old is not None and self._store.replace(new):
            self.held.pop(old.name, None)
            self._show([new])

    def _delete(self, old: Permit) -> None:
        counts = old.series in self._store.series and self._store.series[old.series].active
        self._store.delete(old)
        if counts:
            self.held.pop(old.name, None)

    def _show(self, permits: Sequence[Permit]) -> None:
        """Show permits of active series to the control."""
        for permit in permits:
            if self._store.series[permit.series].active:
                self.held[permit.name] = documents.record(permit, self._zone)

    def _show_all(self) -> None:
        self.held.clear()
        for series in self._store.active():
            self._show(list(series.permits.values()))


ROUTES: Sequence[tuple[re.Pattern[str], Mapping[str, Handler]]] = (
    (re.compile(r"/activepermit/([^/.]+)/"), {"PUT": Server.replace_active, "DELETE": Server.delete_active}),
    (re.compile(r"/activepermit/()"), {"GET": Server.list_active, "POST": Server.create_active}),
    (re.compile(r"/permit/([^/.]+)/"), {"DELETE": Server.delete_permit}),
    (re.compile(r"/permit/()"), {"GET": Server.list_permits, "POST": Server.create_permits}),
    (re.compile(r"/permitseries/()"), {"GET": Server.list_series, "POST": Server.create_series}),
    (re.compile(r"/permitseries/([^/.]+)/"), {"GET": Server.show_series, "DELETE": Server.delete_series}),
    (re.compile(r"/permitseries/([^/.]+)/activate/"), {"POST": Server.activate_series}),
)


def _references(*external_ids: str | None) -> tuple[str, ...]:
    return tuple(external_id for external_id in external_ids if external_id is not None)
