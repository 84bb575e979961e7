"""The whole stack as children of this process."""

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from permit_hub_client import Hub

from ops import running
from ops.canary import Canary
from ops.embedded import consent_texts, folders, mailbox, postgres, programs, sandboxes, sources, valkey, web_app
from ops.embedded.servers import PROVIDERS, Servers, free_port
from ops.source_rights import OPERATOR, PERSONAL_SPACE, PORTAL
from worker.settings import Settings

REDIS_PREFIX: str = Settings.model_fields["redis_prefix"].default

Report = Callable[[str], None]


class Stack:
    """Servers, migrated database, stand-ins, workers, beat, Flower and the residents' web app, while the context lasts.

    Ports are free ones unless given. A child that dies is reported and started again. All children end with this
    process, also after `kill -9`.
    """

    def __init__(
        self,
        data: Path,
        *,
        redis_port: int | None = None,
        sandbox_port: int | None = None,
        sandbox_tls_port: int | None = None,
        smtp_port: int | None = None,
        flower_port: int | None = None,
        personal_space_port: int | None = None,
        stand_ins_port: int | None = None,
        with_web_app: bool = True,
        fresh: bool = False,
        report: Report | None = None,
    ) -> None:
        """Set the data folder; `report` is called from another thread for each child that died.

        A caller that is the web app itself sets `with_web_app=False`, for a quicker start.
        `fresh` empties the database, the journal, Valkey and the mailbox of an earlier run.
        """
        self.servers = Servers(data, redis_port=redis_port, redis_prefix=REDIS_PREFIX, fresh=fresh)
        self._sandbox_port, self._sandbox_tls_port = sandbox_port, sandbox_tls_port
        self._smtp_port, self._flower_port, self._fresh = smtp_port, flower_port, fresh
        self._personal_space_port, self._stand_ins_port = personal_space_port, stand_ins_port
        self._with_web_app = with_web_app
        self._report: Report = report or (lambda _: None)

    def start(self, progress: Report = lambda _: None) -> None:
        """Start everything and wait until each worker answers; `progress` is called with each step.

        Raises:
            ops.embedded.servers.AlreadyRunningError: another stack uses the data folder.
            ops.embedded.children.start.ChildFailedError: a process did not start; the message shows the end of its log.
            ops.embedded.folders.UnusableFolderError: the data folder cannot be used.
        """
        progress("starting PostgreSQL and Valkey")
        self.servers.start()
        self._flower_port = self._flower_port or free_port()
        try:
            self.sandboxes = sandboxes.prepare(
                self.servers.data, port=self._sandbox_port, tls_port=self._sandbox_tls_port
            )
            self.mailbox = mailbox.prepare(self.servers.data, port=self._smtp_port, fresh=self._fresh)
            self.sources = sources.prepare(self.servers.data, self.servers.secrets.sources_secret)
            self.journal = folders.journal(self.servers.data, fresh=self._fresh)
            self.web_app = web_app.prepare(
                self.servers.secrets,
                redis_url=self.servers.valkey.url_of(valkey.PERSONAL_SPACE),
                redis_prefix=REDIS_PREFIX,
                hub_key=self.sources.keys[PERSONAL_SPACE],
                port=self._personal_space_port,
                stand_ins_port=self._stand_ins_port,
            )
            self._start_hub(progress)
        except BaseException:
            self.stop()
            raise

    def _start_hub(self, progress: Report) -> None:
        assert self._flower_port is not None
        environment = os.environ | self.environment | {"PYTHONUNBUFFERED": "1"}
        supervisor = self.servers.supervisor
        supervisor.launch(
            self.sandboxes.program(environment),
            self.mailbox.program(environment),
            *(self.web_app.programs() if self._with_web_app else ()),
        )
        progress("migrating the database")
        supervisor.run_to_its_end(programs.migration(environment))
        consent_texts.put_all(self.servers.postgres.url(postgres.OWNER))
        progress("starting workers, beat and Flower")
        canary = Canary(self.environment["PERMIT_HUB_REDIS_URL"], REDIS_PREFIX)
        supervisor.launch(
            *programs.workers(environment, PROVIDERS, canary),
            programs.beat(environment),
            programs.flower(
                environment | {"PERMIT_HUB_REDIS_URL": self.servers.valkey.url_of(valkey.FLOWER)}, self._flower_port
            ),
        )
        supervisor.wait_until_ready()
        canary.close()
        supervisor.watch(self._report)
        running.announce(
            self.servers.data,
            pid=os.getpid(),
            addresses=self.addresses,
            environment=self.environment | self.web_app.environment,
            broker_url=self.broker_url,
            broker_key=self.broker_key,
        )

    def stop(self) -> None:
        """End everything: workers first, then the sandboxes, the mailbox and the web app, then the servers."""
        running.withdraw(self.servers.data)
        self.servers.stop()

    @property
    def environment(self) -> dict[str, str]:
        """Return the `PERMIT_HUB_…` variables that the hub's processes and its clients need."""
        return {
            "PERMIT_HUB_REDIS_PREFIX": REDIS_PREFIX,
            programs.LANES_DATABASE: self.servers.postgres.url(postgres.LANE),
            "PERMIT_HUB_JOURNAL": str(self.journal),
            "PERMIT_HUB_SOURCES": str(self.sources.file),
            "PERMIT_HUB_SOURCE_KEY": self.sources.keys[OPERATOR],
            **self.servers.environment,
            **self.sandboxes.environment,
            **self.mailbox.environment(self.web_app.url),
        }

    @property
    def broker_url(self) -> str:
        """Return the URL of Redis for a web app, password included."""
        return self.servers.valkey.url_of(valkey.WEB_APP)

    @property
    def broker_key(self) -> str:
        """Return the key with which a web app signs its jobs, as the source `PORTAL`."""
        return self.sources.keys[PORTAL]

    def client(self) -> Hub:
        """Return a client that may send every kind of job, as the operator."""
        return Hub(self.broker_url, source=OPERATOR, key=self.sources.keys[OPERATOR], prefix=REDIS_PREFIX)

    @property
    def addresses(self) -> dict[str, str]:
        """Return the addresses and folders of all parts, without secrets."""
        web_app = {"personal_space": self.web_app.url, "monparis": self.web_app.issuer}
        return (web_app if self._with_web_app else {}) | {
            "flower": f"http://127.0.0.1:{self._flower_port}",
            "sandbox": self.sandboxes.url,
            "sandbox_tls": self.sandboxes.tls_url,
            "mailbox": self.mailbox.address,
            "valkey": f"127.0.0.1:{self.servers.valkey.port}",
            "postgresql": str(self.servers.postgres.sockets),
            "logs": str(self.servers.logs),
            "journal": str(self.journal),
        }

    @property
    def process_ids(self) -> dict[str, int]:
        """Return the children's process ids by name."""
        return {child.program.name: child.pid for child in self.servers.supervisor.children}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
