"""All that a process of the hub works with, wired once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import redis
import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from sqlalchemy import Engine

from integrations import registry
from integrations.base import Capabilities, LegalBasis
from worker.db.engine import UNAVAILABLE as DATABASE_UNAVAILABLE
from worker.db.engine import make_engine
from worker.domain import sources, tariffs
from worker.domain.keys import HashKeys
from worker.domain.reminders import Schedule
from worker.domain.sources import Sources
from worker.domain.tariffs import Tariffs
from worker.journal import FolderJournal, Journal
from worker.live.keyspace import UNAVAILABLE as REDIS_UNAVAILABLE
from worker.live.live import Live
from worker.live.wake_ups import URGENT
from worker.right_of_way import RightOfWay
from worker.settings import Settings

log = structlog.get_logger()

UNAVAILABLE = (*DATABASE_UNAVAILABLE, *REDIS_UNAVAILABLE)
"""The errors while the database or Redis is unavailable; a retry may succeed."""
TASK_ENDING = (*UNAVAILABLE, SoftTimeLimitExceeded)
"""The errors that end a task at any point. They do not mean that a resident's data is at fault."""


@dataclass(frozen=True, slots=True)
class Hub:
    """The database, Redis, the rules' data and the providers of this installation."""

    settings: Settings
    engine: Engine
    live: Live
    right_of_way: RightOfWay
    tariffs: Tariffs
    sources: Sources | None  # None: jobs are not signed
    journal: Journal | None  # None: decisions are in the database alone
    zone: ZoneInfo
    keys: HashKeys
    capabilities: Mapping[str, Capabilities]
    send_wake_up: Callable[[str], None]  # raises ConnectionError when the broker is unavailable

    @property
    def public_task(self) -> frozenset[str]:
        """Return the providers that need no consent."""
        basis = LegalBasis.PUBLIC_TASK
        return frozenset(name for name, declared in self.capabilities.items() if declared.legal_basis is basis)

    @property
    def on_consent(self) -> frozenset[str]:
        """Return the providers that hold data only with the resident's consent."""
        return frozenset(self.capabilities) - self.public_task

    @property
    def schedule(self) -> Schedule:
        """Return how many days ahead residents are reminded."""
        return Schedule(self.settings.reminder_days, self.settings.payment_reminder_days)

    def today(self) -> date:
        """Return the civil day in the city. Only entry points call it; all else takes the day as an argument."""
        return datetime.now(self.zone).date()

    def wake(self, lanes: Iterable[str]) -> None:
        """Wake the lanes of these providers, or `URGENT`, unless they are being woken.

        Providers without a lane are skipped.
        """
        known = [name for name in lanes if name in self.capabilities or name == URGENT]
        for lane in self.live.wake_ups.begin(known) if known else ():
            try:
                self.send_wake_up(lane)
            except ConnectionError:  # the commit stands; the sweep wakes the lane
                self.live.wake_ups.end(lane)
                log.warning("wake_up.not_sent", lane=lane)


def make_hub(configured: Settings, send_wake_up: Callable[[str], None]) -> Hub:
    """Wire a hub; connections open at their first use.

    Raises:
        integrations.registry.UnknownProviderError: a configured provider has no adapter.
        worker.domain.tariffs.TariffsError: the tariffs cannot be read.
        worker.domain.sources.SourcesError: the sources cannot be read.
    """
    client = redis.Redis.from_url(
        configured.redis_address,
        socket_timeout=2,
        socket_connect_timeout=2,
        socket_keepalive=True,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.01), 2),
    )
    keys = HashKeys.of(configured.hash_key)
    return Hub(
        settings=configured,
        engine=make_engine(configured, keys),
        live=Live.over(client, configured.redis_prefix, configured.zone),
        right_of_way=RightOfWay(configured.redis_address, configured.redis_prefix),
        tariffs=tariffs.load(configured.tariffs),
        sources=None if configured.sources is None else sources.load(configured.sources),
        journal=None if configured.journal is None else FolderJournal(configured.journal),
        zone=configured.zone,
        keys=keys,
        capabilities={name: registry.capabilities(name) for name in configured.providers},
        send_wake_up=send_wake_up,
    )
