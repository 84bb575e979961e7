"""Copies of a backlog's permits at a provider, as the lanes' first puts leave them, in a fraction of the time.

The provider receives them through its own adapter; they differ in reference and plate alone. The shares are written in
bulk. Only the log of disclosures is left out.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from sqlalchemy import text

from bench.backlog import IDS, fill, make_due
from bench.ground import Ground
from bench.inside import hub_inside
from integrations import registry
from integrations.base import Batching, Change
from schemas.shared import SharedPermit
from worker.db import tables
from worker.db.arrays import unnested
from worker.db.engine import transact
from worker.db.jobs import consents
from worker.db.trip import run
from worker.domain.consent import fields_hash, shared_permit
from worker.hub import Hub

SAMPLE = 200  # shares that the lanes confirm, to compare
_OPEN = f"""
    SELECT permit_id, reference, normalised
    FROM shares JOIN permits USING (permit_id) JOIN plate_assignments USING (permit_id)
    WHERE provider = %(provider)s AND resident_id LIKE 'backlog-%%' AND (holds IS NOT TRUE OR permit_id IN ({IDS}))
"""
_CONFIRM = text(f"""
    UPDATE shares SET wanted_version = 1, confirmed_version = 1, confirmed_hash = made.confirmed_hash, holds = true,
        confirmed_at = now(), claimed_version = 1, requests = 1
    FROM {unnested("made", tables.shares.c["permit_id", "confirmed_hash"])}
    WHERE shares.permit_id = made.permit_id AND provider = :provider
""")
_SAMPLE = f"""
    SELECT permit_id, to_jsonb(shares) - ARRAY['confirmed_at', 'due_at'] FROM shares
    WHERE provider = %(provider)s AND permit_id IN ({IDS})
"""


def hold_copies(ground: Ground, provider: str, permits: int) -> None:
    """Have a provider hold so many permits, confirmed.

    Raises:
        AssertionError: a sample that the lanes made first is not the same when it is made here.
    """
    fill(ground, permits)
    make_due(ground, SAMPLE, [provider], after=permits - SAMPLE)
    ground.settle()
    sample = {"provider": provider, "after": permits - SAMPLE, "last": permits}
    pushed, held = _rows(ground, _SAMPLE, sample), ground.control.held(provider)
    hub = hub_inside(ground)
    asyncio.run(_hold(hub, provider, _rows(ground, _OPEN, sample)))
    hub.engine.dispose()
    ground.database.execute("ANALYZE shares")
    assert _rows(ground, _SAMPLE, sample) == pushed
    now_held = ground.control.held(provider)
    assert len(now_held) >= permits
    assert {reference: now_held[reference] for reference in held} == held


async def _hold(hub: Hub, provider: str, found: Sequence[tuple[Any, ...]]) -> None:
    access = registry.access(provider)
    adapter = cast(Batching, registry.adapter(provider, access, zone=hub.zone, connections=1))
    batch = adapter.capabilities.batch
    one = _shared(hub, adapter, *found[0][:2])
    for first in range(0, len(found), batch):
        rows = found[first : first + batch]
        shared = {permit_id: replace(one, reference=reference, plate=plate) for permit_id, reference, plate in rows}
        await _put(hub, adapter, shared)
    await adapter.aclose()


def _shared(hub: Hub, adapter: Batching, permit_id: UUID, reference: UUID) -> SharedPermit:
    """Return what the hub shares of one permit."""
    key = (permit_id, adapter.name)
    permit, decision = transact(hub.engine, lambda db: run(db, consents.truth([key])))[key]
    shared = shared_permit(permit, decision, adapter.capabilities, reference, hub.today())
    assert shared is not None
    return shared


async def _put(hub: Hub, adapter: Batching, shared: Mapping[UUID, SharedPermit]) -> None:
    """Put one batch, and write it as confirmed."""
    ended = await adapter.send_all([Change(one.reference, 1, one) for one in shared.values()])
    assert not any(ended), ended
    hashes = [fields_hash(one, hub.keys.current) for one in shared.values()]
    confirmed = {"permit_id": list(shared), "confirmed_hash": hashes, "provider": adapter.name}
    transact(hub.engine, lambda db: db.execute(_CONFIRM, confirmed), relaxed=True)


def _rows(ground: Ground, statement: str, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
    return sorted(ground.database.execute(statement, parameters).fetchall())
