"""Send the reminders that are due through one channel, each from the truth as it stands.

A reminder that is under a lease may have been sent. Whoever claims it again sends it once more: a worker that dies
between sending and recording costs one duplicate at most, under the same id.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from random import random
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from integrations.channels.base import (
    AddressRefusedError,
    Channel,
    ChannelError,
    LaterError,
    Notice,
    NoticeRefusedError,
    UnavailableError,
)
from schemas.events import EventType
from worker.db import reminders
from worker.db.engine import transact
from worker.db.jobs import permits, residents
from worker.db.reminders import ClaimedReminder, Settled
from worker.domain.reminders import MOST_MAYBE_SENT, Dropped, State, again_in, prepare
from worker.hub import UNAVAILABLE, Hub
from worker.limiter import Limiter
from worker.live.spaces import Publication
from worker.services.publishing.publish import publish
from worker.services.unit_of_work import UnitOfWork

EACH = 2  # claimed together, for each that may be under way: as many may be sent twice when a worker is killed
RUN_SECONDS = 3.0  # for so long a run goes on claiming
SEND_SECONDS = 15.0  # for a batch, from before its claim: servers look through a message before they take it
LEAST_SECONDS = 3.0  # with less left, none is begun
BELIEVED = 3  # refusals of addresses in a row; a server that goes on refusing refuses us, whatever it says
LOOK_SECONDS = 0.05  # until the rate limit is asked again
UNAVAILABLE_WAIT = timedelta(seconds=15)  # until a channel that was unavailable is tried again
NO_TIME_WAIT = timedelta(seconds=1)
UNCLEAR_WAIT = timedelta(minutes=1)
MISTAKE_WAIT = timedelta(hours=1)  # a mistake of ours is not mended in minutes

NEVER_RECORDED = "never_recorded"
NO_TIME_LEFT = "no_time_left"
CHANNEL_FAILED = "channel_failed"
EVERYONE_REFUSED = "everyone_refused"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A claimed reminder and what is to be sent."""

    claimed: ClaimedReminder
    notice: Notice


@dataclass(slots=True)
class Sender:
    """One process's way to a channel."""

    hub: Hub
    channel: Channel
    limiter: Limiter
    seconds: float = SEND_SECONDS
    _away: str | None = field(default=None, init=False)  # the code, once the channel turned out to be unavailable
    _refusals: int = field(default=0, init=False)  # of addresses, since the channel last took anything

    async def run(self, today: Callable[[], date]) -> bool:
        """Claim, send and record for some seconds; say whether more may be due. Each batch asks what day it is.

        Raises:
            worker.hub.UNAVAILABLE: the database is unavailable.
        """
        self._away = None
        until = asyncio.get_running_loop().time() + RUN_SECONDS
        more = True
        while more and self._away is None and asyncio.get_running_loop().time() < until:
            more = await self._send_batch(today())
        problem = self._away or (EVERYONE_REFUSED if self._refuses_everyone else None)
        note_channel(self.hub, self.channel.name, problem)
        return more and self._away is None

    async def _send_batch(self, today: date) -> bool:
        deadline = asyncio.get_running_loop().time() + self.seconds
        granted = self.limiter.take(EACH * self.channel.at_once, urgent=True)
        if granted == 0:
            await asyncio.sleep(LOOK_SECONDS)
            return bool(transact(self.hub.engine, lambda db: reminders.due_channels(db, [self.channel.name])))
        lease_id = uuid4()
        outgoing, dropped = transact(self.hub.engine, partial(self._claim, lease_id, granted, today))
        self.limiter.give_back(granted - len(outgoing))
        free = asyncio.Semaphore(self.channel.at_once)
        ended = await asyncio.gather(*(self._send(one, free, deadline) for one in outgoing))
        if ended:
            settled = [settled for settled, _ in ended]
            transact(self.hub.engine, partial(reminders.settle, lease_id=lease_id, settled=settled), relaxed=True)
        for one, (_, error) in zip(outgoing, ended, strict=True):
            if isinstance(error, AddressRefusedError):
                self._refuse_email(one, today)
        return len(outgoing) + dropped == granted

    def _claim(self, lease_id: UUID, limit: int, today: date, db: Connection) -> tuple[list[Outgoing], int]:
        """Lease what is due and write it out; return it, and how many were not to be sent any more."""
        claimed = reminders.claim(db, lease_id, self.channel.name, limit)
        concerned = {one.resident_id for one in claimed}
        # In later statements, so that what is read is as new as the claim.
        held = {one.permit_id: one for permits_ in permits.of_residents(db, concerned).values() for one in permits_}
        contacts = reminders.contacts(db, concerned)
        outgoing, settled, again = [], [], []
        for one in claimed:
            permit, contact = held.get(one.reminder.permit_id), contacts[one.resident_id]
            prepared = prepare(one.reminder, permit, contact, today, self.hub.schedule)
            if isinstance(prepared, Dropped):
                settled.append(Settled.of(one, State.DROPPED, prepared.value, maybe_sent=one.maybe_sent - 1))
                if prepared is not Dropped.SETTLED:  # a clock, a schedule or a wish may have changed back meanwhile
                    again.append(one.reminder.permit_id)
            elif one.maybe_sent > MOST_MAYBE_SENT:
                settled.append(Settled.of(one, State.UNCLEAR, NEVER_RECORDED))
            else:
                outgoing.append(Outgoing(one, prepared))
        reminders.settle(db, lease_id, settled)
        if again:
            reminders.look_anew(db, again)
        return outgoing, len(settled)

    async def _send(self, one: Outgoing, free: asyncio.Semaphore, deadline: float) -> tuple[Settled, Exception | None]:
        """Send one; return what became of it. Nothing but a cancellation gets out."""
        async with free:
            if self._away is not None:
                return _later(one, self._away, UNAVAILABLE_WAIT), None
            if asyncio.get_running_loop().time() + LEAST_SECONDS > deadline:
                return _later(one, NO_TIME_LEFT, NO_TIME_WAIT), None
            try:
                await self.channel.send(one.notice, deadline)
            except ChannelError as told:
                error = self._believed(told)
                _warn(one, error)
                if isinstance(error, UnavailableError):
                    self._away = error.code
                return _judged(one, error), error
            except Exception as error:  # a mistake of ours about one must not keep the others from going out
                log.error("reminder.failed", reminder=str(one.notice.reminder_id), error=type(error).__name__)
                return _unclear(one, CHANNEL_FAILED, MISTAKE_WAIT), error
        self._refusals = 0
        log.info("reminder.sent", reminder=str(one.notice.reminder_id), channel=self.channel.name)
        return Settled.of(one.claimed, State.SENT), None

    def _believed(self, error: ChannelError) -> ChannelError:
        """Return what an error is taken for: when one address after the other is refused, none is given up.

        Without a status no server has spoken: such an address cannot be written to, whatever becomes of others.
        """
        if not isinstance(error, AddressRefusedError) or error.status is None:
            return error
        self._refusals += 1
        return LaterError(error.channel, EVERYONE_REFUSED, status=error.status) if self._refuses_everyone else error

    @property
    def _refuses_everyone(self) -> bool:
        return self._refusals > BELIEVED

    def _refuse_email(self, one: Outgoing, today: date) -> None:
        """Mark the resident's address, unless it is another by now, and show that; failing that, the next one will."""

        def transaction(db: Connection) -> Publication | None:
            locked = residents.lock(db, [one.claimed.resident_id])
            affairs = UnitOfWork.start(self.hub, db, locked[one.claimed.resident_id], today)
            refused = residents.refuse_email(db, one.claimed.resident_id, one.notice.address)
            if refused is None:
                if affairs.resident.reminders.email_refused_at is None:  # it is another address by now
                    reminders.try_again(db, one.claimed.resident_id)
                return None
            affairs.remind_by(refused)
            affairs.tell(EventType.EMAIL_REFUSED)
            return affairs.finish()

        try:
            publication = transact(self.hub.engine, transaction)
            if publication is not None:
                publish(self.hub, [publication], today)
        except (*UNAVAILABLE, SQLAlchemyError) as error:
            log.warning("reminder.address_not_marked", reminder=str(one.notice.reminder_id), error=type(error).__name__)


def note_channel(hub: Hub, channel: str, problem: str | None) -> None:
    """Note why nothing can be sent through a channel, for `status`; None: nothing is wrong."""
    transact(hub.engine, lambda db: reminders.note_channel(db, channel, problem))


def _judged(one: Outgoing, error: ChannelError) -> Settled:
    match error:
        case UnavailableError():
            return _later(one, error.code, UNAVAILABLE_WAIT)
        case LaterError():
            return _later(one, error.code, again_in(one.claimed.failures, random()), failed=1)  # noqa: S311 - spreads
        case AddressRefusedError():
            return Settled.of(one.claimed, State.UNREACHABLE, error.code, maybe_sent=one.claimed.maybe_sent - 1)
        case NoticeRefusedError():
            return Settled.of(one.claimed, State.REFUSED, error.code, maybe_sent=one.claimed.maybe_sent - 1)
        case _:
            return _unclear(one, error.code)


def _later(one: Outgoing, code: str, wait: timedelta, *, failed: int = 0) -> Settled:
    """Return a reminder that surely was not sent, so that this attempt leaves no doubt."""
    claimed = one.claimed
    return Settled(
        claimed.reminder.reminder_id, State.DUE, code, claimed.failures + failed, claimed.maybe_sent - 1, wait
    )


def _unclear(one: Outgoing, code: str, wait: timedelta = UNCLEAR_WAIT) -> Settled:
    """Return a reminder that may have been sent: once more, then never again."""
    claimed = one.claimed
    state = State.DUE if claimed.maybe_sent < MOST_MAYBE_SENT else State.UNCLEAR
    return Settled(claimed.reminder.reminder_id, state, code, claimed.failures, claimed.maybe_sent, wait)


def _warn(one: Outgoing, error: ChannelError) -> None:
    log.warning(
        "reminder.not_sent",
        reminder=str(one.notice.reminder_id),
        channel=error.channel,
        code=error.code,
        status=error.status,
        failures=one.claimed.failures + 1,
    )
