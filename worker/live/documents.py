"""Documents on request: kept for a short while under the id of the job or task that asked."""

from typing import Any
from uuid import UUID

from schemas.catalogue import Catalogue
from schemas.history import History
from schemas.plate_read import PlateRead
from worker.live.keyspace import Keyspace

EXPORT_SECONDS = 900
HISTORY_SECONDS = PLATE_SECONDS = 30  # the client that asked reads it at once
CATALOGUE_SECONDS = 300  # a changed tariff is shown this much later at most


class Documents:
    """Exports, histories, plates and the catalogue."""

    def __init__(self, keyspace: Keyspace) -> None:
        self._keyspace = keyspace

    def put_export(self, resident_id: str, job_id: UUID, document: str) -> None:
        """Keep an export under its job's id."""
        self._put(resident_id, f"export:{job_id}", document, EXPORT_SECONDS)

    def put_history(self, task_id: UUID, history: History) -> None:
        """Keep a history under its task's id."""
        self._put(history.resident_id, f"history:{task_id}", history.model_dump_json(), HISTORY_SECONDS)

    def put_plate(self, task_id: UUID, plate: PlateRead) -> None:
        """Keep a plate under its task's id."""
        self._keyspace.client.set(self._keyspace.key(f"plate:{task_id}"), plate.model_dump_json(), ex=PLATE_SECONDS)

    def put_catalogue(self, catalogue: Catalogue) -> None:
        """Keep the catalogue for all its readers."""
        self._keyspace.client.set(self._keyspace.key("catalogue"), catalogue.model_dump_json(), ex=CATALOGUE_SECONDS)

    def drop(self, resident_id: str) -> None:
        """Drop a resident's exports and histories."""
        listed = self._keyspace.key(f"asked-for:{resident_id}")
        names: set[Any] = self._keyspace.client.smembers(listed)
        self._keyspace.client.unlink(listed, *(self._keyspace.key(name.decode()) for name in names))

    def _put(self, resident_id: str, name: str, document: str, seconds: int) -> None:
        """Keep a document, and list its name so that an erasure finds it."""
        listed = self._keyspace.key(f"asked-for:{resident_id}")
        pipeline = self._keyspace.client.pipeline()
        pipeline.set(self._keyspace.key(name), document, ex=seconds)
        pipeline.sadd(listed, name)
        pipeline.expire(listed, EXPORT_SECONDS)
        pipeline.execute()
