"""A plate as the hub reads it, for web apps that check it before they send a job."""

from uuid import UUID

from pydantic import ValidationError

from schemas.plate_read import PlateRead
from schemas.verified import Plate
from worker.domain.plate_looks import is_unusual, shown
from worker.domain.plates import parse
from worker.domain.refusal import JobRefusedError
from worker.hub import Hub


def put_plate(hub: Hub, typed: str, task_id: UUID) -> bool:
    """Put a plate, given in a job's form, where the sender of this task can fetch it for a short while.

    Returns False when a job with this plate would be refused.
    """
    try:
        asked = Plate.model_validate_json(typed, strict=True)
        plate = parse(asked.raw, asked.country)
    except (ValidationError, JobRefusedError):
        return False
    read = PlateRead(plate=shown(plate), country=plate.country, unusual=is_unusual(plate))
    hub.live.documents.put_plate(task_id, read)
    return True
