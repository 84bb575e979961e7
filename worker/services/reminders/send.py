"""Send the due reminders of one channel, each written from the truth as it stands.

A reminder under a lease may have been sent. The next claim sends it once more: a worker that dies between sending and
recording costs one duplicate at most, under the same id.
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
from worker.db.trip import run
from worker.domain.reminders import MOST_MAYBE_SENT, Dropped, State, again_in, prepare
from worker.hub import UNAVAILABLE, Hub
from worker.limiter import Limiter
from worker.live.spaces import Publication
from worker.services.publishing.publish import publish
from worker.services.unit_of_work import UnitOfWork

EACH = 2  # claimed for each one under way: as many may be sent twice when a worker is killed
RUN_SECONDS = 3.0  # how long a run goes on claiming
SEND_SECONDS = 15.0  # for a batch, from before its claim: servers scan a message before they accept it
LEAST_SECONDS = 3.0  # with less time left, no sending begins
MOST_REFUSALS = 3  # refused addresses in a row; more mean that the server refuses us, not the addresses
LOOK_SECONDS = 0.05  # until the rate limit is checked again
UNAVAILABLE_WAIT = timedelta(seconds=15)  # until a channel that was unavailable is tried again
NO_TIME_WAIT = timedelta(seconds=1)
UNCLEAR_WAIT = timedelta(minutes=1)
FAULT_WAIT = timedelta(hours=1)  # a fault of ours takes longer than minutes to mend

NEVER_RECORDED = "never_recorded"
NO_TIME_LEFT = "no_time_left"
CHANNEL_FAILED = "channel_failed"
EVERYONE_REFUSED = "everyone_refused"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A claimed reminder and its notice."""

    claimed: ClaimedReminder
    notice: Notice


@dataclass(slots=True)
class Sender:
    """One process's way to a channel."""

    hub: Hub
    channel: Channel
    limiter: Limiter
    seconds: float = SEND_SECONDS
    _unavailable: str | None = field(default=None, init=False)  # the code, once the channel is unavailable
    _refusals: int = field(default=0, init=False)  # of addresses, since the channel last accepted a notice

    async def run(self, today: Callable[[], date]) -> bool:
        """Claim, send and record for some seconds; return whether more may be due. `today` is called for each batch.

        Raises:
            worker.hub.UNAVAILABLE: the database is unavailable.
        """
        self._unavailable = None
        until = asyncio.get_running_loop().time() + RUN_SECONDS
        more = True
        while more and self._unavailable is None and asyncio.get_running_loop().time() < until:
            more = await self._send_batch(today())
        problem = self._unavailable or (EVERYONE_REFUSED if self._refuses_everyone else None)
        note_channel(self.hub, self.channel.name, problem)
        return more and self._unavailable is None

    async def _send_batch(self, today: date) -> bool:
        deadline = asyncio.get_running_loop().time() + self.seconds
        granted = self.limiter.take(EACH * self.channel.at_once, urgent=True)
        if granted == 0:
            await asyncio.sleep(LOOK_SECONDS)
            return bool(transact(self.hub.engine, lambda db: reminders.due_channels(db, [self.channel.name])))
        lease_id = uuid4()
        batch, dropped = transact(self.hub.engine, partial(self._claim, lease_id, granted, today))
        self.limiter.give_back(granted - len(batch))
        free = asyncio.Semaphore(self.channel.at_once)
        ended = await asyncio.gather(*(self._send(outgoing, free, deadline) for outgoing in batch))
        if ended:
            settled = [settled for settled, _ in ended]
            transact(self.hub.engine, partial(reminders.settle, lease_id=lease_id, settled=settled), relaxed=True)
        for outgoing, (_, error) in zip(batch, ended, strict=True):
            if isinstance(error, AddressRefusedError):
                self._refuse_email(outgoing, today)
        return len(batch) + dropped == granted

    def _claim(self, lease_id: UUID, limit: int, today: date, db: Connection) -> tuple[list[Outgoing], int]:
        """Lease due reminders and write them; return those to send, and how many were settled without sending."""
        claimed = reminders.claim(db, lease_id, self.channel.name, limit)
        concerned = {reminder.resident_id for reminder in claimed}
        # Read in later statements, so that the data is as new as the claim.
        held = run(db, permits.of_residents(concerned))
        by_id = {permit.permit_id: permit for of_one in held.values() for permit in of_one}
        contacts = reminders.contacts(db, concerned)
        outgoing, settled, again = [], [], []
        for reminder in claimed:
            permit, contact = by_id.get(reminder.reminder.permit_id), contacts[reminder.resident_id]
            prepared = prepare(reminder.reminder, permit, contact, today, self.hub.schedule)
            if isinstance(prepared, Dropped):
                settled.append(Settled.of(reminder, State.DROPPED, prepared.value, maybe_sent=reminder.maybe_sent - 1))
                if prepared is not Dropped.SETTLED:  # a clock, a schedule or a wish may change back
                    again.append(reminder.reminder.permit_id)
            elif reminder.maybe_sent > MOST_MAYBE_SENT:
                settled.append(Settled.of(reminder, State.UNCLEAR, NEVER_RECORDED))
            else:
                outgoing.append(Outgoing(reminder, prepared))
        reminders.settle(db, lease_id, settled)
        if again:
            reminders.decide_again(db, again)
        return outgoing, len(settled)

    async def _send(
        self, outgoing: Outgoing, free: asyncio.Semaphore, deadline: float
    ) -> tuple[Settled, Exception | None]:
        """Send one reminder; return its outcome. Raises nothing but a cancellation."""
        async with free:
            if self._unavailable is not None:
                return _later(outgoing, self._unavailable, UNAVAILABLE_WAIT), None
            if asyncio.get_running_loop().time() + LEAST_SECONDS > deadline:
                return _later(outgoing, NO_TIME_LEFT, NO_TIME_WAIT), None
            try:
                await self.channel.send(outgoing.notice, deadline)
            except ChannelError as raised:
                error = self._reclassified(raised)
                _warn(outgoing, error)
                if isinstance(error, UnavailableError):
                    self._unavailable = error.code
                return _settled_after(outgoing, error), error
            except Exception as error:  # a fault of ours with one must not hold up the others
                log.error("reminder.failed", reminder=str(outgoing.notice.reminder_id), error=type(error).__name__)
                return _unclear(outgoing, CHANNEL_FAILED, FAULT_WAIT), error
        self._refusals = 0
        log.info("reminder.sent", reminder=str(outgoing.notice.reminder_id), channel=self.channel.name)
        return Settled.of(outgoing.claimed, State.SENT), None

    def _reclassified(self, error: ChannelError) -> ChannelError:
        """Return an address's refusal as a fault of the server after a run of refusals, so that no address is given up.

        An error without a status comes from no server: the address itself is impossible.
        """
        if not isinstance(error, AddressRefusedError) or error.status is None:
            return error
        self._refusals += 1
        return LaterError(error.channel, EVERYONE_REFUSED, status=error.status) if self._refuses_everyone else error

    @property
    def _refuses_everyone(self) -> bool:
        return self._refusals > MOST_REFUSALS

    def _refuse_email(self, outgoing: Outgoing, today: date) -> None:
        """Mark the resident's address as refused, unless it has changed, and publish that.

        If that fails, the next refusal marks it.
        """

        def transaction(db: Connection) -> Publication | None:
            unit = UnitOfWork.start(self.hub, db, outgoing.claimed.resident_id, today)
            assert unit is not None  # residents are never deleted
            refused = run(db, residents.refuse_email(outgoing.claimed.resident_id, outgoing.notice.address))
            if refused is None:
                run(db, reminders.try_again(outgoing.claimed.resident_id))  # the address may have changed
                return None
            unit.remind_by(refused)
            unit.tell(EventType.EMAIL_REFUSED)
            return unit.finish()

        try:
            publication = transact(self.hub.engine, transaction)
            if publication is not None:
                publish(self.hub, [publication], today)
        except (*UNAVAILABLE, SQLAlchemyError) as error:
            log.warning(
                "reminder.address_not_marked", reminder=str(outgoing.notice.reminder_id), error=type(error).__name__
            )


def note_channel(hub: Hub, channel: str, problem: str | None) -> None:
    """Record why a channel cannot send, for `status`; None: nothing is wrong."""
    transact(hub.engine, lambda db: reminders.note_channel(db, channel, problem))


def _settled_after(outgoing: Outgoing, error: ChannelError) -> Settled:
    match error:
        case UnavailableError():
            return _later(outgoing, error.code, UNAVAILABLE_WAIT)
        case LaterError():
            return _later(outgoing, error.code, again_in(outgoing.claimed.failures, random()), failed=1)  # noqa: S311 - spreads
        case AddressRefusedError():
            return Settled.of(
                outgoing.claimed, State.UNREACHABLE, error.code, maybe_sent=outgoing.claimed.maybe_sent - 1
            )
        case NoticeRefusedError():
            return Settled.of(outgoing.claimed, State.REFUSED, error.code, maybe_sent=outgoing.claimed.maybe_sent - 1)
        case _:
            return _unclear(outgoing, error.code)


def _later(outgoing: Outgoing, code: str, wait: timedelta, *, failed: int = 0) -> Settled:
    """Return a reminder that surely was not sent; the attempt does not count as maybe sent."""
    claimed = outgoing.claimed
    return Settled(
        claimed.reminder.reminder_id, State.DUE, code, claimed.failures + failed, claimed.maybe_sent - 1, wait
    )


def _unclear(outgoing: Outgoing, code: str, wait: timedelta = UNCLEAR_WAIT) -> Settled:
    """Return a reminder that may have been sent: it is sent once more at most."""
    claimed = outgoing.claimed
    state = State.DUE if claimed.maybe_sent < MOST_MAYBE_SENT else State.UNCLEAR
    return Settled(claimed.reminder.reminder_id, state, code, claimed.failures, claimed.maybe_sent, wait)


def _warn(outgoing: Outgoing, error: ChannelError) -> None:
    log.warning(
        "reminder.not_sent",
        reminder=str(outgoing.notice.reminder_id),
        channel=error.channel,
        code=error.code,
        status=error.status,
        failures=outgoing.claimed.failures + 1,
    )
