"""The hub seen from outside: the database, Redis, and the requests that providers received."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from schemas.events import Event
from schemas.space import Card, Space
from tests.conftest import Database
from tests.services.in_redis import as_operator, read_document, read_set, read_stream
from tests.services.upstream import CITY
from worker.hub import Hub
from worker.services.publishing.publish import republish

RECORDS_OF_JOBS = ("jobs", "refused_messages", "leftovers")  # and of their data in Redis
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"


@dataclass(frozen=True)
class Evidence:
    """One test's database and Redis, read without the hub's code."""

    database: Database
    hub: Hub

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Query the database as superuser."""
        with self.database.connect() as connection:
            return connection.execute(statement, values).fetchall()

    def value(self, statement: str, *values: object) -> Any:
        """Query the database for one value."""
        ((found,),) = self.query(statement, *values)
        return found

    def truth(self) -> dict[str, list[str]]:
        """Return every row of every table, except the records of jobs and of publications."""
        return {
            table: sorted(
                row for (row,) in self.query(f"SELECT (to_jsonb(t) - 'published_version')::text FROM {table} t")
            )
            for (table,) in self.query(_TABLES)
            if table not in RECORDS_OF_JOBS
        }

    def find_space(self, resident: str) -> Space | None:
        """Read a personal space as upstream does: one GET."""
        document = self.hub.live.client.get(self.hub.live.key(f"space:{resident}"))
        return None if document is None else Space.model_validate_json(document)

    def space(self, resident: str) -> Space:
        """Read a personal space that is there."""
        space = self.find_space(resident)
        assert space is not None
        return space

    def screen(self, resident: str) -> Space:
        """Read a personal space as the client does: a missing one is requested."""
        if self.find_space(resident) is None:
            republish(self.hub, [resident], self.hub.today())
        return self.space(resident)

    def card(self, resident: str, permit_id: UUID) -> Card:
        """Return one card of a personal space."""
        return next(card for card in self.space(resident).cards if card.permit_id == permit_id)

    def last_day(self, resident: str) -> date:
        """Return the last day of a resident's one permit, which has a term."""
        (card,) = self.screen(resident).cards
        assert card.valid_until is not None
        return card.valid_until

    def told(self, resident: str | None = None) -> list[Event]:
        """Return the events in the stream, of one resident or of all."""
        events = [Event.model_validate_json(event) for event in read_stream(self.hub)]
        return [event for event in events if resident in (None, event.subject)]

    def written(self, resident: str) -> list[tuple[int, str]]:
        """Return sequence and type of the events in the database."""
        return self.query("SELECT sequence, type FROM events WHERE resident_id = %s ORDER BY sequence", resident)

    def shares(self, permit_id: UUID) -> dict[str, dict[str, Any]]:
        """Return a permit's shares by provider, without the city's own hub: most tests are about consent."""
        rows = self.query(
            "SELECT provider, to_jsonb(s) FROM shares s WHERE permit_id = %s AND provider <> %s", permit_id, CITY
        )
        return dict(rows)

    def pending(self) -> int:
        """Return how many shares are not yet confirmed, without the city's own hub."""
        return int(
            self.value("SELECT count(*) FROM shares WHERE confirmed_version < wanted_version AND provider <> %s", CITY)
        )

    def job(self, job_id: object) -> dict[str, Any]:
        """Return the record of a job that has one."""
        record = self.find_job(job_id)
        assert record is not None
        return record

    def find_job(self, job_id: object) -> dict[str, Any] | None:
        """Return the record of a job, if there is one."""
        rows = self.query("SELECT to_jsonb(j) FROM jobs j WHERE job_id = %s", job_id)
        return rows[0][0] if rows else None

    def refused_messages(self) -> list[dict[str, Any]]:
        """Return the records of refused messages."""
        return [row for (row,) in self.query("SELECT to_jsonb(m) FROM refused_messages m ORDER BY refused_message_id")]

    def everything_stored(self) -> str:
        """Return all data in the database and Redis, as one text."""
        parts = [
            row for (table,) in self.query(_TABLES) for (row,) in self.query(f"SELECT to_jsonb(t)::text FROM {table} t")
        ]
        client = as_operator(self.hub)
        for key in client.scan_iter(self.hub.live.key("*"), count=1_000):
            name = key.decode().removeprefix(self.hub.live.key(""))
            match client.type(key):
                case b"string":
                    parts.append(read_document(self.hub, name).decode())
                case b"stream":
                    parts += [event.decode() for event in read_stream(self.hub, name)]
                case b"set":
                    parts += [member.decode() for member in read_set(self.hub, name)]
                case other:
                    raise AssertionError(f"{key!r} is a {other!r}, which nobody reads here")
        return json.dumps(parts, ensure_ascii=False)
