"""What a worker checks before it takes a message: its settings, and those of its lanes.

Celery logs what a signal's receiver raises and continues; only a SystemExit ends the process.
"""

import os
from collections.abc import Collection
from pathlib import Path

import structlog
from celery import signals
from celery.worker import WorkController

from integrations import registry
from integrations.settings import SettingError
from worker.db import hash_key
from worker.db.engine import UNAVAILABLE, make_engine, transact
from worker.domain import sources, tariffs
from worker.domain.keys import AnotherHashKeyError, HashKeys
from worker.domain.sources import SourcesError
from worker.domain.tariffs import TariffsError
from worker.queues import provider_of
from worker.services.sharing.lane import note_configuration
from worker.settings import Settings, SettingsError, settings

JOURNALS = frozenset({"consent", "calendar"})
"""The queues whose workers write the journal, and compare the database with it."""

log = structlog.get_logger()


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _check_settings(sender: WorkController, **_: object) -> None:
    check(settings(), sender.app.amqp.queues.consume_from)


def check(configured: Settings, queues: Collection[str]) -> None:
    """Check that a worker can start on these queues.

    A provider whose settings are missing or wrong is named, and recorded for `status`; its shares wait, the other
    lanes run. Only a provider's own lane needs its address and key.

    Raises:
        SettingsError: the hub's own settings are missing or wrong, its hash key is not the database's, or decisions
            could not be kept.
    """
    try:
        tariffs.load(configured.tariffs)
    except TariffsError as error:
        raise SettingsError(f"PERMIT_HUB_TARIFFS is wrong: {error}") from None
    try:
        if configured.sources is not None:
            sources.load(configured.sources)
    except SourcesError as error:
        raise SettingsError(f"PERMIT_HUB_SOURCES is wrong: {error}") from None
    if not JOURNALS.isdisjoint(queues) and configured.journal is not None:
        _check_journal(configured.journal)
    lanes = [provider for queue in sorted(queues) if (provider := provider_of(queue)) is not None]
    keys = HashKeys.of(configured.hash_key)
    engine = make_engine(configured, keys)  # its own: a fork must not inherit a connection
    try:
        try:
            transact(engine, lambda db: hash_key.adopt(db, keys))
        except AnotherHashKeyError as error:
            raise SettingsError(str(error)) from None
        except UNAVAILABLE as error:  # no connection does anything before it has found the right key
            log.warning("hash_key.not_checked", error=type(error).__name__)
        for provider in lanes:
            problem = _problem(provider)
            if problem is not None:
                log.error("provider.unconfigured", provider=provider, problem=problem)
            try:
                note_configuration(engine, provider, problem)
            except UNAVAILABLE as error:
                log.warning("provider.configuration_not_noted", provider=provider, error=type(error).__name__)
    finally:
        engine.dispose()


def _check_journal(folder: Path) -> None:
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise SettingsError("PERMIT_HUB_JOURNAL is wrong: not a folder that this process may write to")


def _problem(provider: str) -> str | None:
    try:
        registry.access(provider)
    except SettingError as error:
        return str(error)
    return None
