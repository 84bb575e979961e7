"""`permit-hub requests list | show | approve | reject | decided`: what city agents decide on, permits and changes."""

import getpass
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, NoReturn
from uuid import UUID

import typer
from permit_hub_client import HubFailed, ReceiptTimeout
from sqlalchemy import Connection

from ops.commands.operated import operated
from ops.commands.options import AsJson
from ops.commands.reach import RunningOn, asking, hub_client, reach
from ops.shown import receipts
from ops.shown.requests import SHORTEST, document, looked_at, print_decided, print_list, print_one
from ops.shown.terminal import complain, print_json, results
from schemas.jobs import Decision
from schemas.validation import InvalidJobError, parse_job
from worker.db.engine import snapshot, transact
from worker.db.jobs import agent_decisions
from worker.db.jobs import requests as rows
from worker.domain.permit import Permit, Status
from worker.hub import Hub
from worker.settings import settings

LISTED = 100
_DIGITS = re.compile(r"[0-9a-f]{1,32}")

app = typer.Typer(
    name="requests",
    help="Requests for a permit, and changes of one, that an agent is to decide on.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

PermitId = Annotated[
    str,
    typer.Argument(metavar="PERMIT", help=f"The permit's id, or how it begins: {SHORTEST} characters or more."),
]
DecidedBy = Annotated[
    str | None,
    typer.Option("--by", metavar="AGENT", help="Who decides, as it is kept with the decision (default: this user)."),
]
Wait = Annotated[float, typer.Option(help="Seconds to wait for the receipt.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(help="The most to list.", min=1, max=100_000)] = LISTED,
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """List those under review, the longest first, with what is in doubt."""

    def read(db: Connection) -> tuple[list[Permit], int]:
        snapshot(db)
        return rows.under_review(db, limit), rows.count(db)

    reach(data)
    with asking(), operated() as hub:
        found, count = transact(hub.engine, read)
    if as_json:
        print_json({"requests": [document(permit) for permit in found], "count": count})
        return
    print_list(found, count)


@app.command()
def show(permit: PermitId, data: RunningOn = None, as_json: AsJson = False) -> None:
    """Show one in full."""
    first, last = _span(permit, as_json=as_json)
    reach(data)
    with asking(), operated() as hub:
        found = _under_review(hub, first, last, as_json=as_json)
    if as_json:
        print_json(document(found))
        return
    print_one(found)


@app.command()
def decided(
    limit: Annotated[int, typer.Option(help="The most to list.", min=1, max=100_000)] = LISTED,
    data: RunningOn = None,
    as_json: AsJson = False,
) -> None:
    """List what agents decided, and who did, the latest first."""
    reach(data)
    with asking(), operated() as hub:
        found = transact(hub.engine, lambda db: agent_decisions.latest(db, limit))
    if as_json:
        print_json({"decisions": list(map(asdict, found))})
    else:
        print_decided(found, hub.zone)


@app.command()
def approve(
    permit: PermitId,
    decided_by: DecidedBy = None,
    data: RunningOn = None,
    as_json: AsJson = False,
    wait: Wait = 30.0,
) -> None:
    """Approve one, and print the receipt; the resident can then pay, or has it at once if it costs nothing."""
    _decide(permit, Decision.APPROVE, None, decided_by, data=data, as_json=as_json, wait=wait)


@app.command()
def reject(
    permit: PermitId,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, in words that the resident reads.")],
    decided_by: DecidedBy = None,
    data: RunningOn = None,
    as_json: AsJson = False,
    wait: Wait = 30.0,
) -> None:
    """Reject one, and print the receipt; the resident reads why."""
    if not reason.strip():
        _fail("reason_required", "Say why: the resident reads it.", as_json=as_json, exit_code=2)
    _decide(permit, Decision.REJECT, reason, decided_by, data=data, as_json=as_json, wait=wait)


def _decide(
    permit: str,
    decision: Decision,
    reason: str | None,
    decided_by: str | None,
    *,
    data: RunningOn,
    as_json: bool,
    wait: float,
) -> None:
    agent = decided_by or _user()
    if agent is None:
        _fail("agent_required", "Say who decides: --by AGENT.", as_json=as_json, exit_code=2)
    first, last = _span(permit, as_json=as_json)
    reach(data)
    configured = settings()
    with asking():
        with operated() as hub:
            found = _under_review(hub, first, last, as_json=as_json)
        with hub_client(configured) as client:
            about = {
                "resident_id": found.resident_id,
                "permit_id": found.permit_id,
                "debt_id": looked_at(found).debt_id,
            }
            decided = {"decision": decision.value, "decided_by": agent, "reason": reason}
            job = client.job("permit.decide", **about, **decided)
            try:
                parse_job(job.kind, job.text)  # a job that is surely wrong is not sent
                receipt = client.submit(job, wait=wait)
            except InvalidJobError as invalid:
                words = f"Not sent: {receipts.reason(invalid.code.value, invalid.field)}."
                _fail(invalid.code.value, words, as_json=as_json, exit_code=2)
            except (ReceiptTimeout, HubFailed) as error:
                _fail("no_receipt", f"{error}; it may still take effect.", as_json=as_json)
    if as_json:
        print_json(receipts.document(receipt))
    else:
        results().print(receipts.line(receipt), soft_wrap=True)
    if receipt.refused:
        raise typer.Exit(1)


def _user() -> str | None:
    """Return the name of the user at this machine; a container's has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def _span(typed: str, *, as_json: bool) -> tuple[UUID, UUID]:
    """Return the first and the last id with the typed beginning.

    Raises:
        typer.Exit: no id can begin so, or it is too short.
    """
    digits = typed.strip().lower().replace("-", "")
    if not _DIGITS.fullmatch(digits):
        _fail("not_an_id", f"{typed!r} is not a permit's id.", as_json=as_json, exit_code=2)
    if len(digits) < SHORTEST:
        words = f"{typed!r} is too short: type at least {SHORTEST} characters of the id."
        _fail("too_short", words, as_json=as_json, exit_code=2)
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _under_review(hub: Hub, first: UUID, last: UUID, *, as_json: bool) -> Permit:
    """Return the one permit with an id in this range.

    Raises:
        typer.Exit: there is none, nothing of it is under review, or there are several.
    """

    def read(db: Connection) -> tuple[Sequence[tuple[UUID, Status]], Permit | None]:
        snapshot(db)
        named = rows.named(db, first, last)
        return named, rows.find(db, named[0][0]) if len(named) == 1 else None

    named, found = transact(hub.engine, read)
    if not named:
        _fail("unknown_permit", "There is no such permit.", as_json=as_json)
    if len(named) > 1:
        _fail("ambiguous", "More than one permit's id begins so: type more of it.", as_json=as_json, exit_code=2)
    if found is None:
        ((permit_id, status),) = named
        words = f"{permit_id} is not under review: it is {status.value.replace('_', ' ')}."
        _fail("not_under_review", words, as_json=as_json)
    return found


def _fail(code: str, words: str, *, as_json: bool, exit_code: int = 1) -> NoReturn:
    """Print an error, as JSON or in one line, and exit."""
    if as_json:
        print_json({"error": code, "message": words})
    else:
        complain(words)
    raise typer.Exit(exit_code)
