"""What a worker makes sure of before it takes a message: its settings are there and right, those of its lanes too.

Celery logs what a signal's receiver raises and goes on; only a SystemExit gets through and ends the process.
"""

from collections.abc import Iterable

from celery import signals
from celery.worker import WorkController

import integrations.settings
from integrations.settings import SettingError
from worker.domain import tariffs
from worker.domain.tariffs import TariffsError
from worker.settings import Settings, SettingsError, settings

LANE = "deliver."


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _check_settings(sender: WorkController, **_: object) -> None:
    check(settings(), sender.app.amqp.queues.consume_from)


def check(configured: Settings, queues: Iterable[str]) -> None:
    """Make sure that a worker can start on these queues; where a provider is and its key only its own lane must know.

    Raises:
        SettingsError: settings are missing or wrong.
    """
    problems: list[str] = []
    try:
        tariffs.load(configured.tariffs)
    except TariffsError as error:
        problems.append(f"PERMIT_HUB_TARIFFS is wrong: {error}")
    for queue in sorted(queues):
        if queue.startswith(LANE):
            try:
                integrations.settings.read(queue.removeprefix(LANE))
            except SettingError as error:
                problems.append(str(error))
    if problems:
        raise SettingsError("\n".join(problems))
