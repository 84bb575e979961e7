"""`permit-hub sandbox`: the stand-ins for the providers alone, for a hub or an adapter that runs elsewhere."""

import asyncio
from typing import Annotated

import typer

from integrations.sandbox import server
from integrations.sandbox.listening import Addresses, serve
from ops.commands.options import DEFAULT_DATA, AsJson, Data
from ops.embedded.folders import UnusableFolderError, data_folder
from ops.embedded.sandboxes import access
from ops.shown.stack.running import print_sandboxes, print_sandboxes_as_json
from ops.shown.terminal import complain


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
        (print_sandboxes_as_json if as_json else print_sandboxes)(made, addresses)

    try:
        asyncio.run(serve(running, made, ready, port=port, tls_port=tls_port))
    except OSError as error:
        complain(f"The ports {port} and {tls_port} cannot be listened on: {error.strerror}.")
        raise typer.Exit(1) from None
