"""`permit-hub up`: run the whole stack until Ctrl-C."""

import os
import shlex
import threading
from datetime import datetime
from typing import Annotated, Any

import typer
from permit_hub_client import HubError
from personal_space.stand_ins.accounts import Account

from ops import running
from ops.commands.options import DEFAULT_DATA, AsJson, Data
from ops.demo.account import existing_permits
from ops.embedded.children.start import ChildFailedError
from ops.embedded.folders import UnusableFolderError
from ops.embedded.servers import AlreadyRunningError
from ops.embedded.signals import end_when_asked
from ops.embedded.stack import Stack
from ops.embedded.web_app import demo_account
from ops.shown.stack.running import print_stack, stack_document
from ops.shown.terminal import complain, messages, print_json, say
from worker.settings import settings


def _port(whose: str) -> Any:
    return typer.Option(min=1, max=65_535, help=f"{whose} (default: a free one).")


def up(
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
    redis_port: Annotated[int | None, _port("Valkey's port")] = None,
    sandbox_port: Annotated[int | None, _port("The sandboxes' port")] = None,
    sandbox_tls_port: Annotated[int | None, _port("The port of those behind HTTPS")] = None,
    smtp_port: Annotated[int | None, _port("The mailbox's port")] = None,
    flower_port: Annotated[int | None, _port("Flower's port")] = None,
    personal_space_port: Annotated[int | None, _port("The port of the residents' web app")] = None,
    stand_ins_port: Annotated[int | None, _port("The port of MonParis and the payment service")] = None,
) -> None:
    """Run the embedded stack, print its addresses, and stop everything on Ctrl-C."""
    stack = Stack(
        data,
        redis_port=redis_port,
        sandbox_port=sandbox_port,
        sandbox_tls_port=sandbox_tls_port,
        smtp_port=smtp_port,
        flower_port=flower_port,
        personal_space_port=personal_space_port,
        stand_ins_port=stand_ins_port,
        report=say,
    )
    try:
        end_when_asked()
        with messages.status("starting") as status:
            stack.start(status.update)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except (AlreadyRunningError, ChildFailedError, UnusableFolderError) as error:
        complain(str(error))
        raise typer.Exit(1) from None
    try:
        account = demo_account()
        _give_permits(stack, account.sub)
        _show(stack, account, as_json=as_json)
        threading.Event().wait()
    except KeyboardInterrupt:
        messages.print("stopping")
    finally:
        stack.stop()


def _give_permits(stack: Stack, resident_id: str) -> None:
    """Import the three permits of the residents' guide, unless the hub knows the resident already."""
    os.environ.update(stack.environment)
    configured = settings()
    try:
        with stack.client() as hub:
            if hub.space(resident_id) is None:
                today = datetime.now(configured.zone).date()
                hub.submit("permit.import", permits=existing_permits(today, resident_id))
    except HubError as error:
        complain(f"The demo account has no permits yet: {error}.")


def _show(stack: Stack, account: Account, *, as_json: bool) -> None:
    if as_json:
        print_json(stack_document(stack.addresses, stack.process_ids, account))
        return
    data = stack.servers.data
    options = "" if data == DEFAULT_DATA.resolve() else f" --data {shlex.quote(str(data))}"
    print_stack(stack.addresses, account, running.broker_file(data), options)
