"""What must hold in every world, and of every step. Each check returns the broken promise, or None."""

from tests.sharing.rows import NONE, Row
from tests.sharing.world import APPLIED, IDLE, SENT, Act, Step, World


def broken_by_world(world: World, row: Row, *, stalls: bool) -> str | None:
    """Check that what was removed stays removed, and that where nothing is pending the provider holds the truth.

    A stalled sender may undo both until it records.
    """
    if not stalls and world.removed and world.held != NONE:
        return "1: a removal was confirmed for good, and the provider holds data"
    if not row.pending and row.payload not in (None, world.truth):
        return "2: what was confirmed last is not the latest truth"
    if not row.pending and row.payload not in (None, world.held) and not (stalls and _is_undone_unrecorded(world)):
        return "2: what was confirmed last is not what the provider holds"
    return None


def broken_by_step(before: World, row: Row, step: Step, row_after: Row) -> str | None:
    """Check who may claim and who may confirm, and that nothing of the latest truth is given up untried."""
    act, payload, number = step
    if act is Act.CLAIM and any(drain.lease for drain in before.drains):
        return "2: a share is claimed while another drain's lease is live"
    if act is Act.CLAIM and payload != before.truth:
        return "1: a request is built from something else than the truth"
    if act is Act.CONFIRMED and row.payload is None and row_after.payload is not None:
        if not before.drains[number].holds_row:
            return "2: a drain confirms for good without the lease"
        if row_after.payload != payload:
            return "2: something is confirmed for good that was not sent"
    if act is Act.REJECTED and row_after.parked and not row.parked and (payload == NONE or payload != before.truth):
        return "3: a removal, or a truth not yet tried, is given up"
    if act is Act.DECIDE and not (row_after.due or row_after.live):
        return "3: a new truth is neither due nor in hand"
    return None


def unsound(world: World, row: Row, *, stalls: bool) -> str | None:
    """Check what a row says of itself and of the provider at any time; the promises rest on it."""
    if row.payload is None:
        return None if row.pending else "nothing is pending, yet what the provider holds is unknown"
    if not row.settled:
        return "what the provider holds counts as known while a stray may still arrive"
    if row.leased:
        return "what the provider holds counts as known while a request is under way"
    if row.payload != world.held and not (stalls and _is_undone_unrecorded(world)):
        return "what the provider holds is not what it is known to hold"
    return None


def is_at_rest(world: World, row: Row) -> bool:
    """Tell whether all is done: the provider holds the truth and is known to, or refused this very truth for good."""
    if any(drain.phase != IDLE for drain in world.drains):
        return False
    if row.parked:
        return world.truth != NONE
    return not row.pending and row.payload == world.truth == world.held


def _is_undone_unrecorded(world: World) -> bool:
    return any(drain.phase in (SENT, APPLIED) and not drain.holds_row for drain in world.drains)
