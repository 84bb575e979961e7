"""A resident's history, read from the records: above all, who held their data, and when.

A provider counts as holding from the moment before a put left until it has confirmed to hold something else. What is
unknown reads as held.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from schemas.history import (
    DecisionMade,
    History,
    Holding,
    Payment,
    PendingChange,
    PermitHistory,
    PlateSince,
    Recipient,
    Step,
    ValidTerm,
)
from schemas.jobs import ConsentChoice
from schemas.space import PendingKind
from worker.domain.permit import NewAddress, NewTerm, NewVehicle, Pending, Permit
from worker.domain.plate_looks import shown
from worker.domain.sharing import RequestOutcome


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """How a disclosure ended, and when that was recorded."""

    outcome: RequestOutcome
    at: datetime


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A request to a provider, as logged. It may have two outcomes: the second came late, or from an operation."""

    permit_id: UUID
    provider: str
    at: datetime
    removal: bool
    consent_version: int | None
    outcomes: tuple[RecordedOutcome, ...]

    @property
    def may_have_left(self) -> bool:
        """Return whether the request may have been sent."""
        return not any(ended.outcome is RequestOutcome.NOT_SENT for ended in self.outcomes)

    @property
    def confirmed_at(self) -> datetime | None:
        """Return when the provider confirmed it."""
        return min((ended.at for ended in self.outcomes if ended.outcome is RequestOutcome.CONFIRMED), default=None)

    def settled_at(self, settle: timedelta) -> datetime:
        """Return the last moment at which it may have been applied; an unclear request lingers for `settle`."""
        confirmed = [ended.at for ended in self.outcomes if ended.outcome is RequestOutcome.CONFIRMED]
        if confirmed:
            return max(confirmed)
        if any(ended.outcome is RequestOutcome.REJECTED for ended in self.outcomes):
            return self.at
        return max((ended.at for ended in self.outcomes), default=self.at) + settle


@dataclass(frozen=True, slots=True)
class Past:
    """What is recorded about a resident; everything oldest first."""

    plates: Mapping[UUID, Sequence[PlateSince]]
    payments: Mapping[UUID, Sequence[Payment]]
    steps: Mapping[UUID, Sequence[Step]]
    decisions: Sequence[DecisionMade]
    disclosed: Sequence[Disclosed]


def make_history(
    *,
    resident_id: str,
    version: int,
    permits: Iterable[Permit],
    past: Past,
    providers: Sequence[str],
    public_task: Container[str],
    holds: Mapping[tuple[str, UUID], bool | None],
    settle: timedelta,
) -> History:
    """Return a resident's history; `providers` are the installation's, `permits` come in the order to list them.

    `holds` has, for a provider and a permit, what their share holds (None: unknown). A request with an unclear outcome
    may be applied for as long as `settle` afterwards.

    Permits of an erased resident are not listed: their holdings name the provider and the times, and no plate.
    """
    allowances = {decision.version for decision in past.decisions if decision.choice is ConsentChoice.ALLOW}
    shared: dict[tuple[str, UUID], list[Disclosed]] = defaultdict(list)
    for entry in past.disclosed:
        # A refusal may name the city's own hub, too; it did not allow the disclosure.
        decision = entry.consent_version if entry.consent_version in allowances else None
        shared[entry.provider, entry.permit_id].append(replace(entry, consent_version=decision))
    held: dict[str, list[Holding]] = {name: [] for name in providers}
    for (provider, permit_id), disclosed in sorted(shared.items()):
        if found := holdings(permit_id, disclosed, past.plates.get(permit_id, ()), settle):
            if (provider, permit_id) in holds:
                found = _as_shown(found, disclosed, holds=holds[provider, permit_id])
            held.setdefault(provider, []).extend(found)
    return History(
        resident_id=resident_id,
        version=version,
        permits=tuple(_permit(permit, past) for permit in permits),
        decisions=tuple(past.decisions),
        recipients=tuple(
            Recipient(
                provider=name,
                public_task=name in public_task if name in providers else _needed_no_consent(found),
                holdings=tuple(sorted(found, key=lambda holding: holding.since)),
            )
            for name, found in held.items()
        ),
    )


@dataclass(slots=True)
class _Stretch:
    """A holding while it is being read; `settled_at` is the last moment at which one of its puts may be applied."""

    plate: str | None
    since: datetime
    settled_at: datetime
    consent_version: int | None
    until: datetime | None = None


def holdings(
    permit_id: UUID, disclosed: Iterable[Disclosed], plates: Sequence[PlateSince], settle: timedelta
) -> list[Holding]:
    """Return the stretches in which one provider held, or may have held, one permit.

    A put under the same plate extends a stretch. A stretch ends with a confirmed removal, or a confirmed put under
    another plate, that left after all puts of the stretch were settled. An earlier removal does not end it: a late put
    may have undone it, and the hub removes again.
    """
    stretches: list[_Stretch] = []
    for at, entry, is_confirmed in _in_time(entry for entry in disclosed if entry.may_have_left):
        plate = _plate_at(plates, entry.at)
        running = [stretch for stretch in stretches if stretch.until is None]
        if is_confirmed:
            for stretch in running:
                if (entry.removal or stretch.plate != plate) and stretch.settled_at <= entry.at:
                    stretch.until = at
        elif not entry.removal:
            known = next((stretch for stretch in running if stretch.plate == plate), None)
            if known is None:
                stretches.append(_Stretch(plate, at, entry.settled_at(settle), entry.consent_version))
            else:
                known.settled_at = max(known.settled_at, entry.settled_at(settle))
                known.consent_version = entry.consent_version
    return [
        Holding(
            permit_id=permit_id,
            plate=stretch.plate,
            since=stretch.since,
            until=stretch.until,
            consent_version=stretch.consent_version,
        )
        for stretch in stretches
    ]


def _as_shown(found: Sequence[Holding], disclosed: Iterable[Disclosed], *, holds: bool | None) -> list[Holding]:
    """Return holdings that end exactly when the personal space says so.

    A provisional or invalidated removal ends no holding yet. A removal that is confirmed for good ends all of them: a
    request may be recorded some milliseconds after its share was settled.
    """
    running = [holding for holding in found if holding.until is None]
    if holds is None and not running:
        last = max(holding.until for holding in found if holding.until is not None)
        return [_until(None, holding) if holding.until == last else holding for holding in found]
    removed = [entry.confirmed_at for entry in disclosed if entry.removal and entry.confirmed_at is not None]
    if holds is False and running and removed:
        return [_until(max(removed), holding) if holding in running else holding for holding in found]
    return list(found)


def _until(moment: datetime | None, holding: Holding) -> Holding:
    return holding.model_copy(update={"until": moment})


def _in_time(disclosed: Iterable[Disclosed]) -> Iterator[tuple[datetime, Disclosed, bool]]:
    """Yield disclosures and their confirmations in the order of time."""
    moments: list[tuple[datetime, bool, Disclosed]] = []
    for entry in disclosed:
        moments.append((entry.at, False, entry))
        if entry.confirmed_at is not None:
            moments.append((entry.confirmed_at, True, entry))
    for at, is_confirmed, entry in sorted(moments, key=lambda moment: moment[:2]):
        yield at, entry, is_confirmed


def _plate_at(plates: Sequence[PlateSince], at: datetime) -> str | None:
    """Return the plate that a permit had at that time; None if it is deleted."""
    had = [assigned.plate for assigned in plates if assigned.since <= at]
    return had[-1] if had else None


def _needed_no_consent(held: Iterable[Holding]) -> bool:
    """Return whether all that a provider held was without consent, for a provider no longer in the settings."""
    return all(holding.consent_version is None for holding in held)


def _permit(permit: Permit, past: Past) -> PermitHistory:
    return PermitHistory(
        permit_id=permit.permit_id,
        plates=tuple(past.plates.get(permit.permit_id, ())),
        terms=tuple(ValidTerm(first_day=term.first_day, last_day=term.last_day) for term in permit.terms),
        pending=permit.pending and _pending(permit.pending),
        payments=tuple(past.payments.get(permit.permit_id, ())),
        steps=tuple(past.steps.get(permit.permit_id, ())),
    )


def _pending(pending: Pending) -> PendingChange:
    return PendingChange(
        kind=PendingKind(pending.kind),
        debt_id=pending.debt_id,
        years=pending.years if isinstance(pending, NewTerm) else None,
        plate=shown(pending.plate) if isinstance(pending, NewVehicle) else None,
        address=pending.address.label if isinstance(pending, NewAddress) else None,
        price_cents=pending.price_cents,
        pay_by=pending.pay_by,
    )
