"""`permit-hub up`: run the whole stack until Ctrl-C."""

import json
import signal
import threading
from typing import Annotated

import typer
from rich.table import Table

from ops.commands.options import DEFAULT_DATA, AsJson, Data, messages
from ops.embedded.child import ChildFailedError
from ops.embedded.folders import UnusableFolderError
from ops.embedded.servers import AlreadyRunningError
from ops.embedded.stack import Stack


def up(
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
    redis_port: Annotated[int | None, typer.Option(help="Valkey's port (default: a free one).")] = None,
    sandbox_port: Annotated[int | None, typer.Option(help="The sandboxes' port (default: a free one).")] = None,
    sandbox_tls_port: Annotated[
        int | None, typer.Option(help="The port of those behind HTTPS (default: a free one).")
    ] = None,
    flower_port: Annotated[int | None, typer.Option(help="Flower's port (default: a free one).")] = None,
) -> None:
    """Run the embedded stack, print its addresses, and stop everything on Ctrl-C."""
    stack = Stack(
        data,
        redis_port=redis_port,
        sandbox_port=sandbox_port,
        sandbox_tls_port=sandbox_tls_port,
        flower_port=flower_port,
        report=lambda line: messages.print(line, markup=False, highlight=False, soft_wrap=True),
    )
    for asked_to_end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked_to_end, signal.default_int_handler)
    try:
        with messages.status("starting") as status:
            stack.start(status.update)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except (AlreadyRunningError, ChildFailedError, UnusableFolderError) as error:
        messages.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    try:
        _show(stack, as_json)
        threading.Event().wait()
    except KeyboardInterrupt:
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_IGN)  # it is stopping already
    finally:
        messages.print("stopping")
        stack.stop()


def _show(stack: Stack, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"addresses": stack.addresses, "processes": stack.process_ids}), flush=True)
        return
    table = Table("what", "where", title="permit-hub is running; Ctrl-C stops it", title_justify="left")
    for name, address in stack.addresses.items():
        table.add_row(name, address)
    messages.print(table)
