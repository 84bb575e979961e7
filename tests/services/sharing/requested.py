"""A reconciliation asked for, as an operator does."""

from functools import partial
from uuid import UUID

from worker.db.engine import transact
from worker.db.sharing import reconciliations
from worker.hub import Hub


def request(hub: Hub, provider: str, *, dry_run: bool = False) -> UUID:
    """Ask for a reconciliation while none is under way; return its id."""
    run_id = transact(hub.engine, partial(reconciliations.request, provider=provider, dry_run=dry_run))
    assert run_id is not None
    return run_id
