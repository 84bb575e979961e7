"""`permit-hub sandbox`: the stand-ins for the providers alone, for a hub or an adapter that runs elsewhere."""

import asyncio
import json
import shlex
from typing import Annotated

import typer

from integrations.sandbox import server
from integrations.sandbox.access import Access
from integrations.sandbox.listening import Addresses, serve
from ops.commands.options import DEFAULT_DATA, AsJson, Data, complain, messages
from ops.embedded.folders import UnusableFolderError, data_folder
from ops.embedded.sandboxes import access


def sandbox(
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port for HTTP (0: a free one).")] = 0,
    tls_port: Annotated[int, typer.Option(min=0, max=65_535, help="The port for HTTPS (0: a free one).")] = 0,
) -> None:
    """Run the providers' sandboxes until Ctrl-C, and print the settings that lead a hub to them."""
    try:
        made = access(data_folder(data))
        running = server.Sandbox(made, server.city_zone())
    except (UnusableFolderError, OSError, ValueError) as error:
        complain(str(error))
        raise typer.Exit(1) from None

    def ready(addresses: Addresses) -> None:
        _show(made, addresses, as_json)

    try:
        asyncio.run(serve(running, made, ready, port=port, tls_port=tls_port))
    except OSError as error:
        complain(f"The ports {port} and {tls_port} cannot be listened on: {error.strerror}.")
        raise typer.Exit(1) from None


def _show(made: Access, addresses: Addresses, as_json: bool) -> None:
    environment = made.environment(*addresses)
    if as_json:
        places = {"sandbox": addresses.plain, "sandbox_tls": addresses.tls, "secrets": str(made.folder)}
        print(json.dumps({"addresses": places, "environment": environment}), flush=True)
        return
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}", flush=True)
    messages.print(
        f"The sandboxes of {', '.join(made.servers)} are at {addresses.plain}, "
        f"those behind HTTPS at {addresses.tls}.\n"
        f"Their secrets and certificates are in {made.folder}. The settings above lead a hub here. Ctrl-C stops it.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
