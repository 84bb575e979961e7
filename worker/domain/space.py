"""The personal space, made from the truth."""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date, datetime

from schemas.space import (
    Card,
    CardStatus,
    Consent,
    HeldState,
    PendingKind,
    ProviderState,
    Reminders,
    Review,
    Space,
)
from worker.domain.actions import actions
from worker.domain.consent import ConsentDecision, allows, decision_on
from worker.domain.permit import NewAddress, NewVehicle, Permit
from worker.domain.plate_looks import shown
from worker.domain.sharing import Share, is_pending
from worker.domain.tariffs import Tariffs
from worker.domain.terms import Term, running


def make_space(
    *,
    resident_id: str,
    epoch: int,
    version: int,
    permits: Iterable[Permit],
    ledger: Sequence[ConsentDecision],
    reminders: Reminders,
    shares: Mapping[str, Sequence[Share]],
    public_task: Container[str],
    today: date,
    tariffs: Tariffs,
) -> Space:
    """Return the resident's screen as of today.

    `shares` are the resident's, for each provider that may hold something; those of `public_task` need no consent.
    """
    cards = [_card(permit, today, tariffs) for permit in on_screen(permits, today)]
    return Space.model_construct(
        resident_id=resident_id,
        epoch=epoch,
        version=version,
        as_of=today,
        cards=tuple(cards),
        consent=Consent.model_construct(
            version=ledger[-1].version if ledger else 0,
            updated_at=ledger[-1].recorded_at if ledger else None,
            providers=tuple(
                _provider(name, shares[name], allowed=allows(decision_on(name, ledger)))
                for name in shares
                if name not in public_task
            ),
        ),
        reminders=reminders,
        public_task=tuple(_provider(name, shares[name], allowed=True) for name in shares if name in public_task),
    )


def on_screen(permits: Iterable[Permit], today: date) -> list[Permit]:
    """Return permits in the order of the screen: latest request first, then longest validity."""

    def order(permit: Permit) -> tuple[date, date]:
        valid = _valid(permit, today)
        return permit.requested_on, valid.last_day if valid else date.min

    return sorted(permits, key=order, reverse=True)


def _valid(permit: Permit, today: date) -> Term | None:
    return running(permit.terms, today) or (permit.terms[-1] if permit.terms else None)


def _card(permit: Permit, today: date, tariffs: Tariffs) -> Card:
    valid = _valid(permit, today)
    return Card.model_construct(
        permit_id=permit.permit_id,
        plate=shown(permit.plate),
        country=permit.plate.country,
        status=CardStatus(permit.status.value),
        requested_on=permit.requested_on,
        valid_from=valid.first_day if valid else None,
        valid_until=valid.last_day if valid else None,
        profile=permit.profile,
        zones=permit.zones,
        address=permit.address.label,
        reason=permit.reason,
        review=_review(permit),
        actions=actions(permit, today, tariffs),
    )


def _review(permit: Permit) -> Review | None:
    pending, review = permit.pending, permit.review
    if pending is None or review is None:
        return None
    return Review.model_construct(
        kind=PendingKind(pending.kind),
        since=review.since,
        doubts=review.doubts,
        plate=shown(pending.plate) if isinstance(pending, NewVehicle) else None,
        address=pending.address.label if isinstance(pending, NewAddress) else None,
    )


def _provider(name: str, shares: Sequence[Share], *, allowed: bool) -> ProviderState:
    moments: list[datetime] = [share.confirmed_at for share in shares if share.confirmed_at is not None]
    return ProviderState.model_construct(
        provider=name,
        allowed=allowed,
        state=_held(shares, allowed=allowed),
        confirmed_at=max(moments, default=None),
    )


def _held(shares: Sequence[Share], *, allowed: bool) -> HeldState:
    """Return the state of all shares together; unknown counts as held until a removal is confirmed."""
    may_hold = any(share.holds is not False for share in shares)
    if allowed and not may_hold and any(share.parked for share in shares):
        return HeldState.REFUSED
    if allowed and any(is_pending(share) and not share.holds and not share.parked for share in shares):
        return HeldState.SENDING
    if may_hold:
        return HeldState.HELD if allowed else HeldState.REMOVING
    return HeldState.REMOVED if any(share.confirmed_at for share in shares) else HeldState.NOTHING
