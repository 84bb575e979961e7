"""The promises of every world and step. Each check returns the broken promise, or None."""

from tests.sharing.rows import NONE, Row
from tests.sharing.world import APPLIED, IDLE, SENT, Act, Scene, Step, World


def broken_by_world(world: World, row: Row, *, stalls: bool) -> str | None:
    """Check that removed data stays removed, and that the provider holds the truth when nothing is pending.

    A stalled sender may undo both until it records, and drift until it is noticed.
    """
    scene, outside = world
    if not stalls and outside.removed and outside.held != NONE:
        return "1: a removal was confirmed for good, and the provider holds data"
    if not stalls and row.told_removed and _may_be_held(world):
        return "1: a resident is told removed, and the provider holds data, or a stray may bring it back"
    if not stalls and row.kept and not outside.drifted and not _may_be_held_of(world) <= row.keeps:
        return "1: a right of another person or plate is kept"
    if row.kept and scene.truth not in row.keeps:
        return "1: a right is kept though the truth is of another person or plate"
    if not row.pending and row.payload not in (None, wanted(scene, row)):
        return "2: what was confirmed last is not the latest truth"
    if not row.pending and row.payload not in (None, outside.held) and not _is_undone(world, stalls=stalls):
        return "2: what was confirmed last is not what the provider holds"
    return None


def broken_by_step(before: Scene, row: Row, step: Step, row_after: Row) -> str | None:
    """Check who may claim and confirm, and that the latest truth is not given up untried."""
    act, payload, number = step
    if act is Act.CLAIM or act is Act.ASK:
        if any(drain.lease for drain in before.drains):
            return "2: a share is claimed while another drain's lease is live"
        if act is Act.CLAIM and before.operation is not None:
            return "2: a share is claimed for sending while its operation is under way"
        if act is Act.CLAIM and payload != wanted(before, row):
            return "1: a request is built from something else than the truth"
    if act is Act.CONFIRMED or act is Act.CONFIRMED_UNSEEN:
        for_good = row.payload is None and row_after.payload is not None
        if for_good and not before.drains[number].holds_row:
            return "2: a drain confirms for good without the lease"
        if for_good and row_after.payload != payload:
            return "2: something is confirmed for good that was not sent"
    if row_after.parked and (act is Act.DECIDE or not row.parked) and not _is_refused(step, before):
        return "3: a removal, or a truth not yet tried, is given up"
    if act is Act.DECIDE and not (row_after.due or row_after.live):
        return "3: a new truth is neither due nor in hand"
    return None


def _is_refused(step: Step, before: Scene) -> bool:
    return step.act is Act.REJECTED and step.payload == before.truth != NONE


def wanted(scene: Scene, row: Row) -> int:
    """Return what the provider is to hold: nothing if it refused the truth for good, unless it keeps what it has."""
    return NONE if row.parked and scene.truth not in row.keeps else scene.truth


def unsound(world: World, row: Row, *, stalls: bool) -> str | None:
    """Check what a row says of itself and of the provider at any time; the promises depend on it."""
    if row.parked and not (row.share.failing_since and row.share.failed_at):
        return "it is parked, and since when is not known"
    if row.payload is None:
        return None if row.pending or row.kept else "nothing is pending, yet what the provider holds is unknown"
    if not (row.puts_settled if row.payload == NONE else row.settled):
        return "what the provider holds counts as known while a stray that changes it may still arrive"
    if row.leased:
        return "what the provider holds counts as known while a request is under way"
    if row.asks:
        return "what the provider holds counts as known while an operation is under way"
    if row.payload != world.held and not _is_undone(world, stalls=stalls):
        return "what the provider holds is not what it is known to hold"
    return None


def is_at_rest(world: World, row: Row) -> bool:
    """Return whether all is done: the provider holds what it is to hold, as the row knows, and only puts are parked."""
    if world.drifted or any(drain.phase != IDLE for drain in world.drains):
        return False
    if row.pending or (row.parked and world.truth == NONE):
        return False
    return row.kept or row.payload == wanted(world.scene, row) == world.held


def _may_be_held(world: World) -> bool:
    """Return whether the provider holds data the hub knows of, or may come to within T."""
    _, *of_puts = world.strays
    in_the_air = any(drain.payload != NONE and drain.phase == SENT and drain.air for drain in world.drains)
    under_way = world.operation is not None and world.operation.payload != NONE and world.operation.air > 0
    return (world.held != NONE and not world.drifted) or any(of_puts) or in_the_air or under_way


def _may_be_held_of(world: World) -> set[int]:
    """Return the data that the provider holds, or may come to hold within T."""
    strays = {payload for payload, ticks in enumerate(world.strays) if ticks}
    return ({world.held} | strays) - {NONE}


def _is_undone(world: World, *, stalls: bool) -> bool:
    return world.drifted or (stalls and _is_undone_unrecorded(world))


def _is_undone_unrecorded(world: World) -> bool:
    return any(drain.phase in (SENT, APPLIED) and not drain.holds_row for drain in world.drains)
