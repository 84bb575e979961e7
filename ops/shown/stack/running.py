"""Where a running stack, or its sandboxes alone, can be reached."""

import shlex
from collections.abc import Mapping
from pathlib import Path

import typer
from personal_space.stand_ins.accounts import Account
from rich.table import Table

from integrations.sandbox.access import Access
from integrations.sandbox.listening import Addresses
from ops.shown.terminal import messages, print_json, say


def stack_document(addresses: Mapping[str, str], processes: Mapping[str, int], account: Account) -> dict[str, object]:
    """Return a running stack as one JSON object."""
    return {
        "addresses": addresses,
        "processes": processes,
        "account": {"email": account.email, "password": account.password},
    }


def print_stack(addresses: Mapping[str, str], account: Account, broker_file: Path, mailbox_options: str) -> None:
    """Print a running stack on standard error: its addresses, the account to sign in with, and where secrets are."""
    table = Table("what", "where", title="permit-hub is running; Ctrl-C stops it", title_justify="left")
    for name, address in addresses.items():
        table.add_row(name, address)
    messages.print(table)
    say(f"Sign in at {addresses['personal_space']} as {account.email}, password {account.password}.")
    say(f"Web apps reach the hub by the URL in {broker_file}, password included, and sign with the key beside it.")
    say(f"What is sent to residents by e-mail stays here: permit-hub mailbox{mailbox_options}")


def print_sandboxes_as_json(access: Access, addresses: Addresses) -> None:
    """Print running sandboxes as one JSON object: their addresses, and the settings that lead a hub to them."""
    places = {"sandbox": addresses.plain, "sandbox_tls": addresses.tls, "secrets": str(access.folder)}
    print_json({"addresses": places, "environment": access.environment(*addresses)})


def print_sandboxes(access: Access, addresses: Addresses) -> None:
    """Print the settings that lead a hub to running sandboxes, as a shell reads them, and what they are."""
    for name, value in access.environment(*addresses).items():
        typer.echo(f"export {name}={shlex.quote(value)}")
    say(
        f"The sandboxes of {', '.join(access.servers)} are at {addresses.plain}, "
        f"those behind HTTPS at {addresses.tls}.\n"
        f"Their secrets and certificates are in {access.folder}. The settings above lead a hub here. Ctrl-C stops it."
    )
