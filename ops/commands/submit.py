"""`permit-hub submit FILE`: send jobs from a file, one after the other, and print the receipts."""

import json
from typing import Annotated, Any

import typer
from permit_hub_client import Hub, HubFailed, InvalidJob, Receipt, ReceiptTimeout
from rich.console import Console

from ops import receipts
from ops.commands.options import AsJson, complain
from ops.commands.reach import RunningOn, asking, hub_client, reach
from worker.settings import settings


class UnreadableError(Exception):
    """A file does not hold jobs; the message says where."""


def submit(
    file: Annotated[
        typer.FileText,
        typer.Argument(
            metavar="FILE",
            encoding="utf-8",
            help="A job (its kind, and its fields), a list of jobs, or a job a line; - reads standard input.",
        ),
    ],
    data: RunningOn = None,
    as_json: AsJson = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for each receipt.")] = 30.0,
) -> None:
    """Send jobs in the order of the file, each after the receipt of the one before, and print the receipts.

    job_id, submitted_at and source are filled in unless given; with a job_id of its own a job can be sent again.
    Exit code 1 if any job, or any row of an import, was not applied.
    """
    try:
        jobs = read_jobs(file.read())
    except (UnreadableError, UnicodeDecodeError) as error:
        complain(f"{file.name}: {error if isinstance(error, UnreadableError) else 'it is not UTF-8'}")
        raise typer.Exit(2) from None
    reach(data)
    configured, console = settings(), Console(soft_wrap=True)
    applied = True
    documents: list[dict[str, object]] = []
    with asking(), hub_client(configured) as hub:
        for number, job in enumerate(jobs, 1):
            try:
                receipt = _send(hub, job, wait)
            except (InvalidJob, ReceiptTimeout, HubFailed) as error:
                applied = False
                complain(f"Job {number}: {error}.")
                documents.append({"outcome": "unknown" if error.job else "not_sent", "error": str(error)})
                continue
            applied = applied and receipts.fully_applied(receipt)
            documents.append(receipts.document(receipt))
            if not as_json:
                console.print(receipts.line(receipt), highlight=False)
    if as_json:
        typer.echo(json.dumps({"receipts": documents}))
    if not applied:
        raise typer.Exit(1)


def read_jobs(text: str) -> list[dict[str, Any]]:
    """Return the jobs that a text holds.

    Raises:
        UnreadableError: it holds something else.
    """
    try:
        whole = json.loads(text)
        jobs = whole if isinstance(whole, list) else [whole]
    except ValueError:
        jobs = [_read_line(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    for number, job in enumerate(jobs, 1):
        if not isinstance(job, dict) or not isinstance(job.get("kind"), str):
            raise UnreadableError(f"job {number} is not an object with a kind")
    return jobs


def _read_line(number: int, line: str) -> object:
    try:
        return json.loads(line)
    except ValueError as error:
        raise UnreadableError(f"line {number} is not JSON") from error


def _send(hub: Hub, job: dict[str, Any], wait: float) -> Receipt:
    fields = {name: value for name, value in job.items() if name != "kind"}
    return hub.submit(hub.job(job["kind"], **fields), wait=wait)
